# The files and settings of the rules in ../series.smk.


def sensor_images(experiment, site, sensor):
    """A sensor's images that are clear enough and not hidden by the experiment."""
    hides = planned("hidden", experiment, site).get(sensor, set())
    known = experiment_days(experiment, site).get(sensor, {}).values()
    dates = sorted(d.date for d in known if d.clear >= experiment["min_clear"] and d.date not in hides)
    return [f"results/ard/{site}/{sensor}/{date}.tif" for date in dates]


def series_images(experiment, site):
    """The analysis-ready images of an experiment's series."""
    if experiment["protocol"] != "product":
        return []
    return [f for s in (experiment["fine"], experiment["coarse"]) for f in sensor_images(experiment, site, s)]


def series_fused(wildcards):
    """The predictions in a series; a sensor's own series has none."""
    experiment = EXPERIMENTS[wildcards.experiment]
    if wildcards.source in SENSORS:
        return []
    return fused_images(experiment, wildcards.site, wildcards.source, wildcards.seed)


def series_observed(wildcards):
    """The observed images in a series: the fine sensor's, or those of the sensor that the series is of."""
    experiment = EXPERIMENTS[wildcards.experiment]
    sensor = wildcards.source if wildcards.source in SENSORS else experiment["fine"]
    return sensor_images(experiment, wildcards.site, sensor)


def series_sources(experiment, site):
    """Every (source, seed) with a series in a product experiment at a site."""
    alone = [(sensor, 0) for sensor in (experiment["fine"], experiment["coarse"])]
    return [(m, s) for m in methods_at(experiment, site) for s in seeds(m)] + alone


def series_files(experiment, site):
    """Every series of a product experiment at a site, by source."""
    folder = f"results/series/{experiment['name']}/{site}"
    return {source: f"{folder}/{source}/seed{seed}.nc" for source, seed in reversed(series_sources(experiment, site))}


def fine_resolution(wildcards):
    """Pixel size of the series in metres."""
    return resolution(EXPERIMENTS[wildcards.experiment]["fine"])


def series_settings(wildcards):
    """The settings of smoothing and interpolation."""
    return config["series"]
