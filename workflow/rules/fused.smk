# results/fused/{experiment}/{site}: the predictions.


include: "inputs/fused.smk"


rule fuse:
    """Predict {wildcards.date} at {wildcards.site} with {wildcards.method}."""
    input:
        images=fused_inputs,
        state=state_of,
    output:
        "results/fused/{experiment}/{site}/{method}/seed{seed}/{date}.tif",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/seed{seed}/{date}.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/seed{seed}/{date}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/torch.yaml"
    threads: fusing_threads
    resources:
        mem_mb=fusing_memory,
        runtime=fusing_runtime,
        gpu=gpus,
    params:
        code=code_with_method("fused"),
        sample=fused_sample,
        truth=truth_name,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
    script:
        "../scripts/fused.py"


rule show_layers:
    """What {wildcards.method} shows of how it predicts {wildcards.date} at {wildcards.site}."""
    input:
        images=fused_inputs,
        state=state_of,
    output:
        "results/fused/{experiment}/{site}/{method}/seed{seed}/{date}_layers.tif",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/seed{seed}/{date}_layers.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/seed{seed}/{date}_layers.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/torch.yaml"
    threads: fusing_threads
    resources:
        mem_mb=fusing_memory,
        runtime=fusing_runtime,
        gpu=gpus,
    params:
        code=code_with_method("fused_layers"),
        sample=fused_sample,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
    script:
        "../scripts/fused_layers.py"


rule combine_seeds:
    """Mean and spread of what the seeds of {wildcards.method} predict of {wildcards.date} at {wildcards.site}."""
    input:
        members=members,
    output:
        mean="results/fused/{experiment}/{site}/{method}/ensemble/{date}.tif",
        spread="results/fused/{experiment}/{site}/{method}/ensemble/{date}_spread.tif",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/ensemble/{date}.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/ensemble/{date}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=combining_memory,
        runtime=runtime,
    params:
        code=code("fused_ensemble"),
        seeds=member_seeds,
        tags=ensemble_tags,
    script:
        "../scripts/fused_ensemble.py"


include: "fused_series.smk"
include: "fused_filling.smk"
