# results/fused/{experiment}/{site} of gap experiments: series of every pixel, filled.


include: "inputs/fused_filling.smk"


rule fill:
    """Fill the NDVI series of {wildcards.site} with {wildcards.method}."""
    input:
        files=filled_from_files,
        state=filling_state,
        errors=filling_errors,
    output:
        "results/fused/{experiment}/{site}/{method}/seed{seed}.nc",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/torch.yaml"
    threads: fusing_threads
    resources:
        mem_mb=filling_memory,
        runtime=filling_runtime,
        gpu=gpus,
    params:
        code=code_with_method("fused_filling"),
        sample=filled_from,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
    script:
        "../scripts/fused_filling.py"


rule fill_left_out:
    """Predict dates of {wildcards.site} with {wildcards.method} as if they had not been seen."""
    input:
        files=filled_from_files,
        state=filling_state,
        errors=filling_errors,
    output:
        left_out="results/fused/{experiment}/{site}/{method}/seed{seed}_left_out.nc",
        strip="results/fused/{experiment}/{site}/{method}/seed{seed}_strip.nc",
    log:
        "results/logs/fused/{experiment}/{site}/{method}/seed{seed}_left_out.log",
    benchmark:
        "results/benchmarks/fused/{experiment}/{site}/{method}/seed{seed}_left_out.tsv"
    wildcard_constraints:
        experiment=any_of(FILLINGS),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=filling_memory,
        runtime=filling_runtime,
        gpu=gpus,
    params:
        code=code_with_method("fused_left_out"),
        sample=filled_from,
        show=shown,
        after=last_learned,
        method=method_entry,
        bands=experiment_bands,
        variable=variable,
    script:
        "../scripts/fused_left_out.py"
