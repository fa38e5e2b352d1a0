# results/simulated/{site}: a synthetic world with truth on every day, delivered like an archive.


rule simulate:
    """Make the world of {wildcards.site} and the archive that observes it."""
    input:
        code=code("simulated"),
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
    threads: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        site=site_entry,
    script:
        "../scripts/simulated.py"
