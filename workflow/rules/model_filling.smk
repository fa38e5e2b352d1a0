# results/model/{experiment}/{trainset} of gap experiments: what is learned of series, and how wrong it is.


include: "inputs/model_filling.smk"


rule train_filling:
    """Let {wildcards.method} learn for {wildcards.experiment} with seed {wildcards.seed}, and see how wrong it is."""
    input:
        stores=learning_stores,
    output:
        state="results/model/{experiment}/{trainset}/{method}/seed{seed}.npz",
        curve="results/model/{experiment}/{trainset}/{method}/seed{seed}.csv",
        errors="results/model/{experiment}/{trainset}/{method}/seed{seed}_errors.csv",
    log:
        "results/logs/model/{experiment}/{trainset}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/model/{experiment}/{trainset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        mem_mb=series_memory_of,
        runtime=learning_runtime,
        gpu=gpus,
        checkpoint=checkpoint_minutes,
    params:
        code=code_with_method("model_filling"),
        places=learning_places,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        until=last_learned,
        hidden=hidden_share,
        seed=seed_of,
    script:
        "../scripts/model_filling.py"
