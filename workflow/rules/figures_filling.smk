# results/figures/{experiment} and results/tables/{experiment}: what experiments on the gaps of series found.


include: "inputs/figures_filling.smk"


rule tabulate_gaps:
    """How well {wildcards.experiment} fills its gaps, over all of them and by their length."""
    input:
        rows=tabulated_scores,
    output:
        overall="results/tables/{experiment}/overall.csv",
        gaps="results/tables/{experiment}/gaps.csv",
    log:
        "results/logs/figures/{experiment}/gap_tables.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/gap_tables.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_gap_tables"),
        methods=filling_methods,
        without=coarse_in_time,
    script:
        "../scripts/figures_gap_tables.py"


rule compare_splits:
    """What the gap experiments of {wildcards.study} found, side by side."""
    input:
        tables=split_tables,
    output:
        "results/tables/{study}/splits.csv",
    log:
        "results/logs/figures/{study}/splits.log",
    benchmark:
        "results/benchmarks/figures/{study}/splits.tsv"
    wildcard_constraints:
        study=any_of(study for study in STUDIES if fillings_of(study)),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_splits"),
        titles=split_titles,
    script:
        "../scripts/figures_splits.py"


rule draw_gaps:
    """Errors by the length of the gaps, and how long they are."""
    input:
        table="results/tables/{experiment}/gaps.csv",
        lengths=gap_lengths,
    output:
        errors="results/figures/{experiment}/gaps.png",
        lengths="results/figures/{experiment}/lengths.png",
    log:
        "results/logs/figures/{experiment}/gaps.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/gaps.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_gaps"),
        without=coarse_in_time,
        title=filling_title,
    script:
        "../scripts/figures_gaps.py"


rule draw_filled:
    """Pixels, a row and a strip of images of {wildcards.site}, observed and filled by {wildcards.method}."""
    input:
        unpack(filled_files),
    output:
        pixel="results/figures/{experiment}/{site}/pixel_{method}.png",
        row="results/figures/{experiment}/{site}/row_{method}.png",
        strip="results/figures/{experiment}/{site}/strip_{method}.png",
    log:
        "results/logs/figures/{experiment}/{site}/filled_{method}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/filled_{method}.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_filled"),
        sample=pictured_sample,
        bands=experiment_bands,
        colours=pictured_bands,
        title=figure_title,
    script:
        "../scripts/figures_filled.py"
