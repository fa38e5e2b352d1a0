# results/scores of gap experiments: how well hidden values are filled.


include: "inputs/scores_filling.smk"


rule score_filling:
    """Score how {wildcards.method} fills hidden values of {wildcards.experiment} at {wildcards.site}."""
    input:
        store=scored_store,
        state=filling_state,
        errors=filling_errors,
        known=known_series,
    output:
        rows="results/scores/{experiment}/{site}/{method}/seed{seed}.csv",
        gaps="results/scores/{experiment}/{site}/{method}/seed{seed}_gaps.csv",
    log:
        "results/logs/scores/{experiment}/{site}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/scores/{experiment}/{site}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/torch.yaml"
    threads: fusing_threads
    resources:
        mem_mb=series_memory_of,
        runtime=filling_runtime,
        gpu=gpus,
    params:
        code=code_with_method("scores_filling"),
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        labels=labels,
        hidden=hidden_share,
        after=last_learned,
        apart=scored_apart,
    script:
        "../scripts/scores_filling.py"
