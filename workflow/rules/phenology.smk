# results/phenology/{experiment}/{site}: seasons, their dates, and events, per pixel and per field.


include: "inputs/phenology.smk"


rule find_phenology:
    """Find the seasons and events of every pixel and field in the series of {wildcards.source}."""
    input:
        series="results/series/{experiment}/{site}/{source}/seed{seed}.nc",
        fields="results/ard/{site}/fields.tif",
    output:
        main="results/phenology/{experiment}/{site}/{source}/seed{seed}.tif",
        seasons=expand(
            "results/phenology/{{experiment}}/{{site}}/{{source}}/seed{{seed}}_season{k}.tif",
            k=range(1, config["phenology"].get("max_seasons", 4) + 1),
        ),
        events="results/phenology/{experiment}/{site}/{source}/seed{seed}_events.tif",
        table="results/phenology/{experiment}/{site}/{source}/seed{seed}.csv",
        event_table="results/phenology/{experiment}/{site}/{source}/seed{seed}_events.csv",
    log:
        "results/logs/phenology/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/phenology/{experiment}/{site}/{source}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    threads: phenology_threads
    resources:
        mem_mb=phenology_memory,
        runtime=runtime,
    params:
        code=code("phenology"),
        labels=labels,
        params=phenology_settings,
    script:
        "../scripts/phenology.py"


rule score_phenology:
    """How far each source's transition dates and events are from the known ones of a simulated world."""
    input:
        tables=source_phenology,
        event_tables=source_events,
        series=source_series,
        seasons="results/simulated/{site}/phenology.csv",
        events="results/simulated/{site}/events.csv",
        truth="results/simulated/{site}/truth.nc",
        fields="results/ard/{site}/fields.tif",
    output:
        errors="results/phenology/{experiment}/{site}/errors.csv",
        events="results/phenology/{experiment}/{site}/event_scores.csv",
    log:
        "results/logs/phenology/{experiment}/{site}/errors.log",
    benchmark:
        "results/benchmarks/phenology/{experiment}/{site}/errors.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("phenology_scores"),
        bands=vegetation_bands,
        site=site_keys("period"),
        settings=phenology_settings,
    script:
        "../scripts/phenology_scores.py"
