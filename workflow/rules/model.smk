# results/model/{experiment}/{trainset}: what each method learned, with its training curve.


include: "inputs/model.smk"


rule train:
    """Let {wildcards.method} learn for {wildcards.experiment} with seed {wildcards.seed}."""
    input:
        samples=training_files,
    output:
        state="results/model/{experiment}/{trainset}/{method}/seed{seed}.npz",
        curve="results/model/{experiment}/{trainset}/{method}/seed{seed}.csv",
    log:
        "results/logs/model/{experiment}/{trainset}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/model/{experiment}/{trainset}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        mem_mb=training_memory,
        runtime=training_runtime,
        gpu=gpus,
        checkpoint=checkpoint_minutes,
    params:
        code=code_with_method("model"),
        samples=training_samples,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        seed=seed_of,
    script:
        "../scripts/model.py"


rule train_for_date:
    """Let {wildcards.method} learn for {wildcards.date} from what that date is predicted from."""
    input:
        samples=target_files,
    output:
        state="results/model/{experiment}/{trainset}/{method}/seed{seed}/{date}.npz",
        curve="results/model/{experiment}/{trainset}/{method}/seed{seed}/{date}.csv",
    log:
        "results/logs/model/{experiment}/{trainset}/{method}/seed{seed}/{date}.log",
    benchmark:
        "results/benchmarks/model/{experiment}/{trainset}/{method}/seed{seed}/{date}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        mem_mb=training_memory,
        runtime=training_runtime,
        gpu=gpus,
        checkpoint=checkpoint_minutes,
    params:
        code=code_with_method("model"),
        samples=target_samples,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        seed=seed_of,
    script:
        "../scripts/model.py"


include: "model_filling.smk"
