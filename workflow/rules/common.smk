# Configuration, wildcard constraints and the functions that turn dates into paths.
# No mathematics and no pixels: which dates serve what is decided in stfuse/cases.py,
# of which only the standard library's share is imported here.

import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from stfuse import cases as plan
from stfuse.errors import InputError
from stfuse.needs import Needs, read_needs, read_params
from stfuse.sources import digest


def checked(kind, name=None):
    """The config file of one of the sites, sensors, experiments or studies, validated; None = the main config."""
    schema = f"{workflow.basedir}/config/schemas/{kind}.schema.yaml"
    if name is None:
        validate(config, schema)
        return config
    folders = [Path(base) / f for f in config["folders"] for base in (".", workflow.basedir)]
    folders.append(Path(workflow.basedir) / "config")
    found = [f / kind / f"{name}.yaml" for f in folders if (f / kind / f"{name}.yaml").exists()]
    if not found:
        raise WorkflowError(
            f"There is no {name} among the {kind}: expected {folders[-1]}/{kind}/{name}.yaml. Cure: add it or correct the name."
        )
    entry = yaml.safe_load(found[0].read_text())
    validate(entry, schema)
    return entry | {"name": name}


def method_file(name):
    """Path of the file that makes a configured method."""
    return SCRIPTS / "stfuse" / "methods" / f"{METHODS[name].get('file', name)}.py"


def method_needs(name):
    """What a configured method needs; also refuses a missing file and misspelt settings."""
    path = method_file(name)
    if not path.exists():
        raise WorkflowError(
            f"Method {name}: there is no {path}. Cure: add the file or correct `methods:` in the config."
        )
    unknown = set(METHODS[name]) - {"file", "seeds"} - read_params(path)
    if unknown:
        raise WorkflowError(
            f"Method {name} has no setting {sorted(unknown)}. Cure: use {sorted(read_params(path))} in `methods:`."
        )
    return read_needs(path)


checked("config")
METHODS = {name: entry or {} for name, entry in config["methods"].items()}
NEEDS = {name: method_needs(name) for name in METHODS}
STUDIES = {name: checked("studies", name) for name in config["studies"]}
EXPERIMENTS = {name: checked("experiments", name) for s in STUDIES.values() for name in s["experiments"]}
SITES = {name: checked("sites", name) for e in EXPERIMENTS.values() for name in e["sites"]}
SENSORS = {name: checked("sensors", name) for s in SITES.values() for name in s["sensors"]}
for experiment in EXPERIMENTS.values():
    asked = experiment["methods"] if experiment["methods"] != "all" else list(METHODS)
    unknown = [m for m in asked if m not in METHODS]
    if unknown:
        raise WorkflowError(
            f"Experiment {experiment['name']} names the methods {unknown}. Cure: add a line for each to `methods:`."
        )
    experiment["methods"] = [m for m in asked if set(NEEDS[m].aux) <= set(experiment["aux"])]
    for site in experiment["sites"]:
        absent = {experiment["fine"], experiment["coarse"], *experiment["aux"].values()} - set(SITES[site]["sensors"])
        if absent:
            raise WorkflowError(
                f"Site {site} has no sensor {sorted(absent)}, which experiment {experiment['name']} needs. Cure: add it to `sensors:`."
            )


def any_of(names):
    """A wildcard constraint: one of these names."""
    return "|".join(sorted(names, key=len, reverse=True))


wildcard_constraints:
    site=any_of(SITES),
    sensor=any_of(SENSORS),
    experiment=any_of(EXPERIMENTS),
    trainset=any_of([*SITES, "pooled"]),
    method=any_of(METHODS),
    source=any_of([*METHODS, *SENSORS]),
    seed=r"\d+",
    date=r"\d{4}-\d{2}-\d{2}",
    scene=r"[^/]+",


def seeds(method):
    """The seeds a method runs with: those of the config where it learns, else 0."""
    return METHODS[method].get("seeds", [0]) if NEEDS[method].samples != "none" else [0]


def method_entry(wildcards):
    """A method's own settings, so that changing one reruns only that method."""
    settings = {k: v for k, v in METHODS[wildcards.method].items() if k not in ("file", "seeds")}
    return {"name": wildcards.method, "file": method_file(wildcards.method).stem, "settings": settings}


def site_keys(*keys):
    """The named settings of a job's site, and no others: changing a remark must not fetch an archive again."""

    def of_job(wildcards):
        site = SITES[wildcards.site]
        return {key: site[key] for key in ("name", "crs", "bounds", *keys) if key in site}

    return of_job


def sensor_entry(wildcards):
    """The configuration of a job's sensor."""
    return SENSORS[wildcards.sensor]


def sensor_bands(wildcards):
    """The bands a job brings of its sensor."""
    return bands_of(wildcards.site, wildcards.sensor)


def code(script):
    """A digest of all that a script is made of, as a parameter: editing a module reruns the jobs that use it."""
    return digest(SCRIPTS / f"{script}.py")


def code_with_method(script):
    """The same, with the job's method file."""

    def of_job(wildcards):
        return digest(SCRIPTS / f"{script}.py", method_file(wildcards.method))

    return of_job


def days(site):
    """The kept scenes of a site by sensor and date, known once its catalogue was searched."""
    return plan.read_days(checkpoints.find_scenes.get(site=site).output.scenes)


def experiment_days(experiment, site):
    """Those of them that take part in an experiment."""
    return plan.taking_part(experiment, days(site))


def experiments_at(site):
    """The experiments that use a site."""
    return [e for e in EXPERIMENTS.values() if site in e["sites"]]


def bands_of(site, sensor):
    """The bands of a sensor that any experiment asks for at a site, in the sensor's order."""
    asked = {b for e in experiments_at(site) for b in e["bands"] if sensor in (e["fine"], e["coarse"])}
    asked |= {b for e in experiments_at(site) if sensor in e["aux"].values() for b in SENSORS[sensor]["bands"]}
    if sensor == SITES[site]["reference"]:
        # Co-registration looks for the same bands in both sensors.
        asked |= {b for e in experiments_at(site) for b in e["bands"]}
    return [b for b in SENSORS[sensor]["bands"] if b in asked]


def memory(wildcards, attempt):
    """Megabytes: what the libraries take, and the site's pixels; more at each attempt."""
    return attempt * int(1500 + 600 * megapixels(wildcards))


def runtime(wildcards, attempt):
    """Minutes: generous for a laptop-sized site, growing with its area; more at each attempt."""
    return attempt * int(10 + 20 * megapixels(wildcards))


def megapixels(wildcards):
    """Fine pixels of the largest site a job touches, in millions."""
    site = getattr(wildcards, "site", getattr(wildcards, "trainset", None))
    touched = [SITES[site]] if site in SITES else list(SITES.values())
    areas = ((s["bounds"][2] - s["bounds"][0]) * (s["bounds"][3] - s["bounds"][1]) for s in touched)
    return max(areas) / SENSORS[touched[0]["reference"]]["resolution"] ** 2 / 1e6


def gpus(wildcards):
    """One GPU for methods that gain from one; ignored where there is none."""
    return int(NEEDS[wildcards.method].gpu)
