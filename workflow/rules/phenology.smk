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
