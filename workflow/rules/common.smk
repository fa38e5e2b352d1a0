# Configuration, wildcard constraints and the functions that turn dates into paths.
# No mathematics and no pixels: which dates serve what is decided in stfuse/cases.py,
# of which only the standard library's share is imported here.

import json
import sys
from functools import partial
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from stfuse import cases as plan
from stfuse.checks import check_experiment, check_site, methods_of
from stfuse.errors import InputError
from stfuse.filling.checks import check_filled, check_filling
from stfuse.learning.plan import Plan
from stfuse.needs import Needs, read_defaults, read_needs, read_params, with_references, with_settings
from stfuse.products.sensors import map_settings, merged, require_map, require_series
from stfuse.sources import digest


def entry_of(kind, name):
    """The content of the config file of one of the sites, sensors, archives, experiments or studies."""
    folders = [Path(base) / f for f in config["folders"] for base in (".", workflow.basedir)]
    folders.append(Path(workflow.basedir) / "config")
    found = [f / kind / f"{name}.yaml" for f in folders if (f / kind / f"{name}.yaml").exists()]
    if not found:
        raise WorkflowError(
            f"There is no {name} among the {kind}: expected {folders[-1]}/{kind}/{name}.yaml. Cure: add it or correct the name."
        )
    return yaml.safe_load(found[0].read_text())


def checked(kind, name=None):
    """The same, validated, with its name; None = the main config."""
    schema = f"{workflow.basedir}/config/schemas/{kind}.schema.yaml"
    if name is None:
        validate(config, schema)
        return config
    # What a sensor leaves out stands in the file of the sensor that it is like.
    entry = merged(name, partial(entry_of, kind)) if kind == "sensors" else entry_of(kind, name)
    validate(entry, schema)
    return entry | {"name": name}


def method_file(name):
    """Path of the file that makes a configured method."""
    return SCRIPTS / "stfuse" / "methods" / f"{METHODS[name].get('file', name)}.py"


# What an entry says of how often and from what a method runs; the rest are the settings of its file.
ABOUT_RUNS = {"file", "seeds", "references", "layers", "checkpoint"}


def method_needs(name):
    """What a configured method needs; also refuses a missing file, misspelt settings and references it cannot use."""
    path = method_file(name)
    if not path.exists():
        raise WorkflowError(
            f"Method {name}: there is no {path}. Cure: add the file or correct `methods:` in the config."
        )
    unknown = set(METHODS[name]) - ABOUT_RUNS - read_params(path)
    if unknown:
        raise WorkflowError(
            f"Method {name} has no setting {sorted(unknown)}. Cure: use {sorted(read_params(path))} in `methods:`."
        )
    needs = with_references(read_needs(path), METHODS[name].get("references"), name)
    needs = with_settings(needs, read_defaults(path) | METHODS[name])
    if METHODS[name].get("layers") and not needs.layers:
        raise WorkflowError(f"Method {name} has no layers to show. Cure: leave the line `layers:` out.")
    return needs


checked("config")
METHODS = {name: entry or {} for name, entry in config["methods"].items()}
NEEDS = {name: method_needs(name) for name in METHODS}
STUDIES = {name: checked("studies", name) for name in config["studies"]}
ASKED = {name: checked("experiments", name) for s in STUDIES.values() for name in s["experiments"]}
for experiment in ASKED.values():
    experiment.setdefault("train_sites", experiment["sites"])
# Experiments on images and those on the gaps of series are made by rules of their own.
EXPERIMENTS = {name: e for name, e in ASKED.items() if e["protocol"] != "gaps"}
FILLINGS = {name: e for name, e in ASKED.items() if e["protocol"] == "gaps"}
SITES = {name: checked("sites", name) for e in ASKED.values() for name in (*e["sites"], *e["train_sites"])}
MAPS = {name: settings for name, site in SITES.items() if (settings := map_settings(site))}
USED = [*(name for s in SITES.values() for name in s["sensors"]), *(settings["sensor"] for settings in MAPS.values())]
SENSORS = {name: checked("sensors", name) for name in dict.fromkeys(USED)}
TAKES_ALL = {name for name, e in EXPERIMENTS.items() if e["methods"] == "all"}
for site in SITES.values():
    check_site(site)
for name, settings in MAPS.items():
    require_map(SITES[name], SENSORS[settings["sensor"]])
for experiment in EXPERIMENTS.values():
    require_series(experiment, SENSORS)
    check_experiment(experiment, SITES, SENSORS)
    # What the coarse sensor measures decides which of its dates are predicted.
    experiment["coarse_quantity"] = SENSORS[experiment["coarse"]].get("quantity", "reflectance")
    experiment["methods"] = methods_of(experiment, NEEDS)
for filling in FILLINGS.values():
    require_series(filling, SENSORS)
    check_filling(filling, SITES, SENSORS, EXPERIMENTS, NEEDS)
    filling["methods"] = methods_of(filling, NEEDS)


def any_of(names):
    """A wildcard constraint: one of these names, nothing where there are none."""
    return "|".join(sorted(names, key=len, reverse=True)) or "(?!)"


wildcard_constraints:
    site=any_of(SITES),
    sensor=any_of(SENSORS),
    experiment=any_of(ASKED),
    trainset=any_of([*SITES, "pooled"]),
    method=any_of(METHODS),
    source=any_of([*METHODS, *SENSORS, *(f"{name}_sar" for name in (*METHODS, *SENSORS))]),
    seed=r"\d+",
    date=r"\d{4}-\d{2}-\d{2}",
    scene=r"[^/]+",


include: "inputs/common.smk"


for experiment in EXPERIMENTS.values():
    check_filled(experiment, FILLINGS, {name: seeds(name) for name in METHODS})
