# The files and settings of the rules in ../figures_sites.smk.

from types import SimpleNamespace


def site_min_clear(wildcards):
    """The clear share below which scenes are not fetched."""
    return SITES[wildcards.site]["min_clear"]


def scene_files(wildcards):
    """What the search and the preparation say of a site's scenes, and the band adjustments of the sensors used."""
    site = wildcards.site
    asked = [SimpleNamespace(site=site, sensor=sensor) for sensor in images_by_sensor(site)]
    found = {"scenes": f"results/raw/{site}/scenes.csv", "quality": f"results/ard/{site}/quality.csv"}
    return found | {"bandpass": [line for one in asked for line in bandpass_of(one)]}


def pictured_sensors(wildcards):
    """The configurations of a site's sensors, the reference first."""
    site = SITES[wildcards.site]
    return [SENSORS[name] for name in sorted(site["sensors"], key=lambda name: name != site["reference"])]


def likenesses():
    """(simulated site, real site) -> the experiment whose images are compared, as the studies ask for it."""
    found = {}
    for study in STUDIES.values():
        for name in study["likeness"]:
            if name not in study["experiments"]:
                raise InputError(
                    f"config/studies/{study['name']}.yaml: `likeness:` names {name}, which is none of its experiments",
                    "add it to `experiments:`",
                )
            if name in FILLINGS:
                raise InputError(
                    f"config/studies/{study['name']}.yaml: `likeness:` names {name}, whose protocol is gaps: it has no "
                    "coarse images to compare",
                    "name an experiment with another protocol",
                )
            sites = EXPERIMENTS[name]["sites"]
            real = [site for site in sites if "simulated" not in SITES[site]]
            pairs = [(site, other) for site in sites if "simulated" in SITES[site] for other in real]
            if not pairs:
                raise InputError(
                    f"config/experiments/{name}.yaml: a likeness needs a simulated and a real site, found {sites}",
                    "add one to `sites:`",
                )
            found |= {pair: EXPERIMENTS[name] for pair in pairs}
    return found


LIKENESSES = likenesses()


def likeness_files(wildcards):
    """The images and tables of both sites."""
    experiment, found = LIKENESSES[wildcards.site, wildcards.real], {}
    for side, site in (("simulated", wildcards.site), ("real", wildcards.real)):
        found[f"{side}_fine"] = sensor_images(experiment, site, experiment["fine"])
        found[f"{side}_coarse"] = sensor_images(experiment, site, experiment["coarse"])
        found[f"{side}_bandpass"] = f"results/ard/{site}/{experiment['coarse']}/bandpass.json"
        found[f"{side}_scenes"] = f"results/raw/{site}/scenes.csv"
    return found


def likeness_settings(wildcards):
    """What is compared: titles of the sites, bands, and days within which two images are a pair."""
    experiment = LIKENESSES[wildcards.site, wildcards.real]
    titles = {"simulated": SITES[wildcards.site]["title"], "real": SITES[wildcards.real]["title"]}
    sensors = [experiment["fine"], experiment["coarse"]]
    return {"titles": titles, "bands": experiment["bands"], "days": experiment["pair_days"], "sensors": sensors}
