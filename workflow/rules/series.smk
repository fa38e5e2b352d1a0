# results/series/{experiment}/{site}: the dense NDVI series, of a method's predictions and the observed dates,
# or of one sensor alone to compare with.


def sensor_images(experiment, site, sensor):
    """A sensor's images that are clear enough and not hidden by the experiment."""
    hides = plan.hidden(experiment, days(site)).get(sensor, set())
    known = days(site).get(sensor, {}).values()
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


def series_sources(experiment):
    """Every (source, seed) with a series in a product experiment."""
    alone = [(sensor, 0) for sensor in (experiment["fine"], experiment["coarse"])]
    return [(m, s) for m in experiment["methods"] for s in seeds(m)] + alone


def series_files(experiment, site):
    """Every series of a product experiment at a site, by source."""
    folder = f"results/series/{experiment['name']}/{site}"
    return {source: f"{folder}/{source}/seed{seed}.nc" for source, seed in reversed(series_sources(experiment))}


rule assemble:
    """The dense NDVI series of {wildcards.source} at {wildcards.site}."""
    input:
        fused=series_fused,
        observed=series_observed,
        code=code("series"),
    output:
        "results/series/{experiment}/{site}/{source}/seed{seed}.nc",
    params:
        labels=labels,
        bands=experiment_bands,
        variable=variable,
        site=site_entry,
    log:
        "results/logs/series/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/series/{experiment}/{site}/{source}/seed{seed}.tsv"
    threads: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/series.py"
