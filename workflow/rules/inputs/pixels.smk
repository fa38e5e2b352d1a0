# The files and settings of the rules in ../pixels.smk, and of whatever fills series.


def clear_images(filling, site, sensor):
    """A sensor's images at a site that are clear enough for a gap experiment."""
    known = experiment_days(filling, site).get(sensor, {}).values()
    return [f"results/ard/{site}/{sensor}/{day.date}.tif" for day in known if day.clear >= filling["min_clear"]]


def filling_images(filling, site):
    """Every analysis-ready image that a gap experiment uses at a site."""
    sensors = [filling["fine"], *filling["aux"].values()]
    return [image for sensor in sensors for image in clear_images(filling, site, sensor)]


def filling_dates(filling, site):
    """Every date on which a sensor of a gap experiment saw a site."""
    return sorted({Path(image).stem for image in filling_images(filling, site)})


def guide_cubes(filling, site):
    """The series that guide a gap experiment, by name: one cube for each seed."""
    found = {}
    for name, guide in filling["guides"].items():
        folder = f"results/fused/{guide['experiment']}/{site}/{guide['method']}"
        found[name] = [f"{folder}/seed{seed}.nc" for seed in seeds(guide["method"])]
    return found


def filling_sample(filling, site, dates=None):
    """What series are filled from at a site, as stfuse/filling/files.py reads it."""
    sensors = filling["aux"]
    return {
        "dates": filling_dates(filling, site) if dates is None else dates,
        "fine": clear_images(filling, site, filling["fine"]),
        "guides": guide_cubes(filling, site),
        "aux": {name: clear_images(filling, site, sensor) for name, sensor in sensors.items()},
        "aux_bands": {name: list(SENSORS[sensor]["bands"]) for name, sensor in sensors.items()},
        "grids": {
            "fine": grid(site, filling["fine"], 1),
            "aux": {name: grid(site, sensor, 1) for name, sensor in sensors.items()},
        },
    }


def filling_files(filling, site):
    """The files that it is read from."""
    cubes = guide_cubes(filling, site).values()
    return [*filling_images(filling, site), *(cube for seeds_of_guide in cubes for cube in seeds_of_guide)]


def pixel_store(name, site):
    """The data set of a gap experiment at a site."""
    return f"results/pixels/{name}/{site}.zarr"


def gathered(wildcards):
    """What a job's data set is gathered from."""
    return filling_sample(FILLINGS[wildcards.experiment], wildcards.site)


def require_tested(filling, site):
    """Refuse a site of whose images none is later than the last day that is learned from: nothing could be scored."""
    until = filling.get("train_until")
    images = clear_images(filling, site, filling["fine"])
    if until and site in filling["sites"] and not any(Path(image).stem > until for image in images):
        last = max((Path(image).stem for image in images), default="none")
        raise InputError(
            f"Experiment {filling['name']} learns until {until}, and no {filling['fine']} image of site {site} is later"
            f" that is clear enough (the last: {last})",
            "choose an earlier `train_until:`, lower min_clear or widen the site's period",
        )


def gathered_files(wildcards):
    """Its files."""
    filling = FILLINGS[wildcards.experiment]
    require_tested(filling, wildcards.site)
    return filling_files(filling, wildcards.site)


def lattice(wildcards):
    """Rows and columns from one pixel of a data set to the next."""
    return FILLINGS[wildcards.experiment]["lattice"]


def gathering_memory(wildcards, attempt):
    """Megabytes: strips of all images are held, half a gigabyte at most. Before the scenes are known."""
    return attempt * 3000
