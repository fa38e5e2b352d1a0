# results/scores: how good every prediction is, in one tidy table.


include: "inputs/scores.smk"


rule score:
    """Score {wildcards.method} in {wildcards.experiment} at {wildcards.site}."""
    input:
        fused=scored_images,
        observed=observed_images,
        known=known_truth,
        bilinear=bilinear_images,
        nearest=nearest_images,
    output:
        "results/scores/{experiment}/{site}/{method}/seed{seed}.csv",
    log:
        "results/logs/scores/{experiment}/{site}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/scores/{experiment}/{site}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("scores"),
        labels=labels,
        bands=experiment_bands,
        variable=variable,
        ratio=score_ratio,
    script:
        "../scripts/scores.py"


rule score_ensemble:
    """Hold the intervals of {wildcards.method}'s seeds in {wildcards.experiment} at {wildcards.site} against the truth."""
    input:
        mean=ensemble_means,
        spread=ensemble_spreads,
        members=ensemble_members,
        observed=observed_images,
        known=known_truth,
    output:
        "results/scores/{experiment}/{site}/{method}/ensemble.csv",
    log:
        "results/logs/scores/{experiment}/{site}/{method}/ensemble.log",
    benchmark:
        "results/benchmarks/scores/{experiment}/{site}/{method}/ensemble.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("scores_ensemble"),
        labels=labels,
        seeds=member_seeds,
        bands=experiment_bands,
        variable=variable,
    script:
        "../scripts/scores_ensemble.py"


rule summarise:
    """Every score of {wildcards.experiment} in one table, and a summary of it."""
    input:
        rows=all_of_experiment,
    output:
        everything="results/scores/{experiment}/all.csv",
        summary="results/scores/{experiment}/summary.csv",
    log:
        "results/logs/scores/{experiment}/all.log",
    benchmark:
        "results/benchmarks/scores/{experiment}/all.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("scores_all"),
    script:
        "../scripts/scores_all.py"


rule collect_scores:
    """Every score in one table, and a summary of it."""
    input:
        rows=all_scores,
    output:
        everything="results/scores/all.csv",
        summary="results/scores/summary.csv",
    log:
        "results/logs/scores/all.log",
    benchmark:
        "results/benchmarks/scores/all.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("scores_all"),
    script:
        "../scripts/scores_all.py"


include: "scores_filling.smk"
