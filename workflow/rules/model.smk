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
    conda:
        "../../envs/torch.yaml"
    threads: training_threads
    resources:
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
    params:
        code=code_with_method("model"),
        samples=training_samples,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        seed=seed_of,
    script:
        "../scripts/model.py"
