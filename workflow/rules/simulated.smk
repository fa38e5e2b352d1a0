# results/simulated/{site}: a synthetic world with truth on every day, delivered like an archive.


rule simulate:
    """Make the world of {wildcards.site} and the archive that observes it."""
    output:
        catalog="results/simulated/{site}/catalog.json",
        truth="results/simulated/{site}/truth.nc",
        fields="results/simulated/{site}/fields.tif",
        phenology="results/simulated/{site}/phenology.csv",
        scenes=directory("results/simulated/{site}/scenes"),
    log:
        "results/logs/simulated/{site}.log",
    benchmark:
        "results/benchmarks/simulated/{site}.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("simulated"),
        site=site_keys("period", "simulated"),
    script:
        "../scripts/simulated.py"
