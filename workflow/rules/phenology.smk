# results/phenology/{experiment}/{site}: transition dates per pixel and per field.


def phenology_settings(wildcards):
    """The settings of the curve fit."""
    return config["phenology"]


rule find_phenology:
    """Fit the season of every pixel and field in the series of {wildcards.source}."""
    input:
        series="results/series/{experiment}/{site}/{source}/seed{seed}.nc",
        fields="results/ard/{site}/fields.tif",
        code=code("phenology"),
    output:
        image="results/phenology/{experiment}/{site}/{source}/seed{seed}.tif",
        table="results/phenology/{experiment}/{site}/{source}/seed{seed}.csv",
    params:
        labels=labels,
        params=phenology_settings,
    log:
        "results/logs/phenology/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/phenology/{experiment}/{site}/{source}/seed{seed}.tsv"
    threads: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/phenology.py"


def source_phenology(wildcards):
    """The field tables of every source of an experiment at a site."""
    found = series_files(EXPERIMENTS[wildcards.experiment], wildcards.site).values()
    return [f.replace("results/series", "results/phenology").replace(".nc", ".csv") for f in found]


rule score_phenology:
    """How far each source's transition dates are from the known ones of a simulated world."""
    input:
        tables=source_phenology,
        truth="results/simulated/{site}/phenology.csv",
        code=code("phenology_scores"),
    output:
        "results/phenology/{experiment}/{site}/errors.csv",
    log:
        "results/logs/phenology/{experiment}/{site}/errors.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/phenology_scores.py"
