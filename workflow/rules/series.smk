# results/series/{experiment}/{site}: the dense NDVI series, of a method's predictions and the observed dates,
# or of one sensor alone to compare with,
# each with and without the values that a gap experiment filled.


include: "inputs/series.smk"


rule assemble:
    """The dense NDVI series of {wildcards.source} at {wildcards.site}."""
    input:
        fused=series_fused,
        observed=series_observed,
        filled=series_filled,
    output:
        "results/series/{experiment}/{site}/{source}/seed{seed}.nc",
    log:
        "results/logs/series/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/series/{experiment}/{site}/{source}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    threads: series_threads
    resources:
        mem_mb=series_memory,
        runtime=series_runtime,
    params:
        code=code("series"),
        labels=labels,
        bands=vegetation_bands,
        variable=variable,
        site=site_keys("period"),
        settings=series_settings,
        resolution=fine_resolution,
    script:
        "../scripts/series.py"
