# The files and settings of the rules in ../degraded.smk.


def resolution(sensor):
    """Pixel size of a sensor's images in metres."""
    return SENSORS[sensor]["resolution"]


def ratio(experiment):
    """Coarse pixel over fine pixel of an experiment."""
    return resolution(experiment["coarse"]) / resolution(experiment["fine"])


def degraded_resolution(wildcards):
    """The pixel size to degrade to."""
    return resolution(wildcards.sensor) * ratio(EXPERIMENTS[wildcards.experiment])


def grid(site, sensor, factor):
    """A grid of a site as plain values."""
    return {k: SITES[site][k] for k in ("crs", "bounds")} | {"resolution": resolution(sensor) * factor}


def aux_of(experiment, method):
    """The auxiliary sensors of an experiment that a method takes of the target date, by name."""
    wanted = (*NEEDS[method].aux, *NEEDS[method].uses)
    return {name: sensor for name, sensor in experiment["aux"].items() if name in wanted}


def beside_of(experiment, site, method, case):
    """Those that it takes of the reference dates, by name: all of them where every date has them, else none."""
    if experiment["protocol"] == "reduced":
        return {}  # what is predicted has larger pixels than they
    wanted = {name: s for name, s in experiment["aux"].items() if name in NEEDS[method].beside}
    known = experiment_days(experiment, site)
    there = all(date in known.get(sensor, {}) for sensor in wanted.values() for date in case.fine)
    return wanted if there and case.fine else {}


def with_aux(experiment, site, method, found):
    """The cases for which the method's auxiliary images exist as well."""
    sensors = aux_of(experiment, method).values()
    return [c for c in found if all(c.at_target in experiment_days(experiment, site).get(s, {}) for s in sensors)]


def sample(experiment, site, method, case, wald):
    """The files and grids of a case: at full resolution, or one step of the ratio down (Wald)."""
    fine, coarse, aux = experiment["fine"], experiment["coarse"], aux_of(experiment, method)
    beside = beside_of(experiment, site, method, case)
    factor = ratio(experiment) if wald else 1
    ard = f"results/ard/{site}"
    folder = f"results/degraded/{experiment['name']}/{site}" if wald else ard
    return {
        "date": case.target,
        "fine": [f"{folder}/{fine}/{date}.tif" for date in case.fine],
        "coarse": [f"{folder}/{coarse}/{date}.tif" for date in case.coarse],
        "aux": {name: [f"{folder}/{sensor}/{case.at_target}.tif"] for name, sensor in aux.items()}
        | {name: [f"{ard}/{sensor}/{date}.tif" for date in case.fine] for name, sensor in beside.items()},
        "aux_bands": {name: list(SENSORS[sensor]["bands"]) for name, sensor in (aux | beside).items()},
        "truth": f"{ard}/{coarse if wald else fine}/{case.truth}.tif" if case.truth else None,
        "grids": {
            "fine": grid(site, fine, factor),
            "coarse": grid(site, coarse, factor),
            "aux": {name: grid(site, sensor, factor) for name, sensor in aux.items()}
            | {name: grid(site, sensor, 1) for name, sensor in beside.items()},
        },
    }


def inputs_of(one):
    """The files a prediction reads."""
    return [*one["fine"], *one["coarse"], *(f for files in one["aux"].values() for f in files)]
