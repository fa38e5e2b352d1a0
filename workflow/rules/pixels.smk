# results/pixels/{experiment}: the data set of a gap experiment, whole series of every so many pixels.


include: "inputs/pixels.smk"


rule gather_pixels:
    """Gather the pixel series of {wildcards.experiment} at {wildcards.site}."""
    input:
        files=gathered_files,
    output:
        directory("results/pixels/{experiment}/{site}.zarr"),
    log:
        "results/logs/pixels/{experiment}/{site}.log",
    benchmark:
        "results/benchmarks/pixels/{experiment}/{site}.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=gathering_memory,
        runtime=runtime,
    params:
        code=code("pixels"),
        sample=gathered,
        lattice=lattice,
        labels=labels,
        bands=experiment_bands,
    script:
        "../scripts/pixels.py"
