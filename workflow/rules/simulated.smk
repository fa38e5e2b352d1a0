# results/simulated/{site}: a synthetic world with truth on every day, delivered like an archive.


include: "inputs/simulated.smk"


rule simulate:
    """Make the world of {wildcards.site} and the archive that observes it."""
    input:
        land_map=land_map,
    output:
        catalog="results/simulated/{site}/catalog.json",
        truth="results/simulated/{site}/truth.nc",
        fields="results/simulated/{site}/fields.tif",
        phenology="results/simulated/{site}/phenology.csv",
        events="results/simulated/{site}/events.csv",
        event_map="results/simulated/{site}/events.tif",
        scenes=directory("results/simulated/{site}/scenes"),
    log:
        "results/logs/simulated/{site}.log",
    benchmark:
        "results/benchmarks/simulated/{site}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 4
    resources:
        mem_mb=simulated_memory,
        runtime=runtime,
    params:
        code=code("simulated"),
        site=site_keys("period", "simulated"),
        collections=simulated_collections,
    script:
        "../scripts/simulated.py"
