# results/phenology/{experiment}/{site}: transition dates per pixel and per field.


include: "inputs/phenology.smk"


rule find_phenology:
    """Fit the season of every pixel and field in the series of {wildcards.source}."""
    input:
        series="results/series/{experiment}/{site}/{source}/seed{seed}.nc",
        fields="results/ard/{site}/fields.tif",
    output:
        image="results/phenology/{experiment}/{site}/{source}/seed{seed}.tif",
        table="results/phenology/{experiment}/{site}/{source}/seed{seed}.csv",
    log:
        "results/logs/phenology/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/phenology/{experiment}/{site}/{source}/seed{seed}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("phenology"),
        labels=labels,
        params=phenology_settings,
    script:
        "../scripts/phenology.py"


rule score_phenology:
    """How far each source's transition dates are from the known ones of a simulated world."""
    input:
        tables=source_phenology,
        truth="results/simulated/{site}/phenology.csv",
    output:
        "results/phenology/{experiment}/{site}/errors.csv",
    log:
        "results/logs/phenology/{experiment}/{site}/errors.log",
    benchmark:
        "results/benchmarks/phenology/{experiment}/{site}/errors.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("phenology_scores"),
    script:
        "../scripts/phenology_scores.py"
