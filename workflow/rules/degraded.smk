# results/degraded/{experiment}/{site}: images degraded by the ratio, so that what is predicted was observed (Wald).


include: "inputs/degraded.smk"


rule degrade:
    """Degrade {wildcards.sensor} of {wildcards.date} by the ratio of {wildcards.experiment}."""
    input:
        image="results/ard/{site}/{sensor}/{date}.tif",
    output:
        "results/degraded/{experiment}/{site}/{sensor}/{date}.tif",
    log:
        "results/logs/degraded/{experiment}/{site}/{sensor}/{date}.log",
    benchmark:
        "results/benchmarks/degraded/{experiment}/{site}/{sensor}/{date}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("degraded"),
        site=site_keys(),
        resolution=degraded_resolution,
    script:
        "../scripts/degraded.py"
