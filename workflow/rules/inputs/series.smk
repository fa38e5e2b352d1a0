# The files and settings of the rules in ../series.smk.

SAR = "_sar"  # what a source is called that values filled with the help of radar join


def measures_reflectance(sensor):
    """Whether NDVI can be made of what a sensor measures."""
    return SENSORS[sensor].get("quantity", "reflectance") == "reflectance"


def has_series(experiment):
    """Whether an experiment asks for dense series: a product of two optical sensors."""
    return experiment["protocol"] == "product" and measures_reflectance(experiment["coarse"])


def sensor_images(experiment, site, sensor):
    """A sensor's images that are clear enough and not hidden by the experiment."""
    hides = planned("hidden", experiment, site).get(sensor, set())
    known = experiment_days(experiment, site).get(sensor, {}).values()
    dates = sorted(d.date for d in known if d.clear >= experiment["min_clear"] and d.date not in hides)
    return [f"results/ard/{site}/{sensor}/{date}.tif" for date in dates]


def series_images(experiment, site):
    """The analysis-ready images of an experiment's series."""
    if not has_series(experiment):
        return []
    return [f for s in (experiment["fine"], experiment["coarse"]) for f in sensor_images(experiment, site, s)]


def base_of(source):
    """A source without the values that radar helped to fill: a method or a sensor."""
    return source if source in {*METHODS, *SENSORS} else source.removesuffix(SAR)


def series_fused(wildcards):
    """The predictions in a series; a sensor's own series has none."""
    source = base_of(wildcards.source)
    if source in SENSORS:
        return []
    return fused_images(EXPERIMENTS[wildcards.experiment], wildcards.site, source, wildcards.seed)


def series_observed(wildcards):
    """The observed images in a series: the fine sensor's, or those of the sensor that the series is of."""
    experiment, source = EXPERIMENTS[wildcards.experiment], base_of(wildcards.source)
    return sensor_images(experiment, wildcards.site, source if source in SENSORS else experiment["fine"])


def filled_cube(experiment, site):
    """The series that a gap experiment fills at a site, if the product experiment names it and it is one of its sites."""
    filled = experiment.get("filled")
    if not filled or site not in FILLINGS[filled["experiment"]]["sites"]:
        return []
    seed = filled.get("seed", seeds(filled["method"])[0])
    return [f"results/fused/{filled['experiment']}/{site}/{filled['method']}/seed{seed}.nc"]


def series_filled(wildcards):
    """The filled values in a series, for the sources that take them."""
    if base_of(wildcards.source) == wildcards.source:
        return []
    return filled_cube(EXPERIMENTS[wildcards.experiment], wildcards.site)


def series_sources(experiment, site):
    """Every (source, seed) with a series in a product experiment at a site."""
    if not has_series(experiment):
        return []
    fused = [(method, seed) for method in methods_at(experiment, site) for seed in seeds(method)]
    alone = [(experiment["fine"], 0)]
    both = [(source + SAR, seed) for source, seed in fused + alone] if filled_cube(experiment, site) else []
    return both + fused + alone + [(experiment["coarse"], 0)]


def series_files(experiment, site):
    """Every series of a product experiment at a site, by source."""
    folder = f"results/series/{experiment['name']}/{site}"
    return {source: f"{folder}/{source}/seed{seed}.nc" for source, seed in reversed(series_sources(experiment, site))}


def fine_resolution(wildcards):
    """Pixel size of the series in metres."""
    return resolution(EXPERIMENTS[wildcards.experiment]["fine"])


def vegetation_bands(wildcards):
    """Red and the near infrared of an experiment, the narrow one first; nothing without both."""
    bands = EXPERIMENTS[wildcards.experiment]["bands"]
    infrared = [band for band in ("nir08", "nir") if band in bands]
    return ["red", infrared[0]] if "red" in bands and infrared else []


def series_settings(wildcards):
    """The settings of smoothing and interpolation."""
    return config["series"]


def series_threads(wildcards):
    """Two threads on a small site; more on a large one."""
    return 2 if megapixels(wildcards) < 4 else 8


def series_memory(wildcards, input, threads, attempt):
    """Megabytes: libraries, and of every image a block of 512 x 512 pixels for each reader, of up to 3, and two more."""
    return attempt * int(2500 + 1.1 * (min(threads, 3) + 2) * len(input))


def series_runtime(wildcards, attempt):
    """Minutes: generous for one old core."""
    return attempt * int(10 + 4 * megapixels(wildcards))
