# results/series/{experiment}/{site}: the dense NDVI series, of a method's predictions and the observed dates,
# or of one sensor alone to compare with.


include: "inputs/series.smk"


rule assemble:
    """The dense NDVI series of {wildcards.source} at {wildcards.site}."""
    input:
        fused=series_fused,
        observed=series_observed,
    output:
        "results/series/{experiment}/{site}/{source}/seed{seed}.nc",
    log:
        "results/logs/series/{experiment}/{site}/{source}/seed{seed}.log",
    benchmark:
        "results/benchmarks/series/{experiment}/{site}/{source}/seed{seed}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("series"),
        labels=labels,
        bands=experiment_bands,
        variable=variable,
        site=site_keys("period"),
        settings=series_settings,
        resolution=fine_resolution,
    script:
        "../scripts/series.py"
