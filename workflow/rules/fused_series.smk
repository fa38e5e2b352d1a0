# results/fused/{experiment}/{site} of image experiments: every date of a method in one cube.


include: "inputs/fused_series.smk"


rule fuse_series:
    """Predict every date at {wildcards.site} with {wildcards.method}, as one series."""
    input:
        images=series_inputs,
        states=series_states,
    output:
        "results/fused/{experiment}/{site}/{method}/seed{seed}.nc",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/torch.yaml"
    threads: fusing_threads
    resources:
        mem_mb=fused_series_memory,
        runtime=fused_series_runtime,
        gpu=gpus,
    params:
        code=code_with_method("fused_series"),
        samples=series_samples,
        learned=series_learned,
        truths=series_truths,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
        labels=labels,
    script:
        "../scripts/fused_series.py"
