# results/figures and results/tables: what a person looks at.


include: "inputs/figures.smk"


rule draw_prediction:
    """Predictions of {wildcards.date} beside the truth, with their errors."""
    input:
        unpack(prediction_files),
    output:
        "results/figures/{experiment}/{site}/prediction_{date}.png",
    log:
        "results/logs/figures/{experiment}/{site}/prediction_{date}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/prediction_{date}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_prediction"),
        methods=prediction_methods,
        bands=experiment_bands,
        variable=variable,
        title=figure_title,
    script:
        "../scripts/figures_prediction.py"


rule draw_scatter:
    """Predicted against observed NDVI, and the residuals."""
    input:
        fused=scatter_images,
        observed=scatter_observed,
    output:
        "results/figures/{experiment}/{site}/scatter.png",
    log:
        "results/logs/figures/{experiment}/{site}/scatter.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/scatter.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_scatter"),
        methods=experiment_methods,
        band=scatter_band,
        bands=experiment_bands,
        variable=variable,
        title=figure_title,
    script:
        "../scripts/figures_scatter.py"


rule tabulate:
    """The table of scores of {wildcards.experiment}, over all dates and date by date."""
    input:
        summary="results/scores/{experiment}/summary.csv",
        rows=experiment_scores,
    output:
        scores="results/tables/{experiment}/{site}/scores.csv",
        dates="results/tables/{experiment}/{site}/dates.csv",
    log:
        "results/logs/figures/{experiment}/{site}/table.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/table.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_table"),
    script:
        "../scripts/figures_table.py"


rule draw_scores:
    """Every method's scores beside the baselines."""
    input:
        table="results/tables/{experiment}/{site}/scores.csv",
        scores=experiment_scores,
    output:
        "results/figures/{experiment}/{site}/scores.png",
    log:
        "results/logs/figures/{experiment}/{site}/scores.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/scores.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_scores"),
        title=figure_title,
    script:
        "../scripts/figures_scores.py"


rule draw_ensemble:
    """What the spread of {wildcards.method}'s seeds is worth."""
    input:
        unpack(ensemble_files),
    output:
        figure="results/figures/{experiment}/{site}/ensemble_{method}.png",
        table="results/tables/{experiment}/{site}/ensemble_{method}.csv",
    log:
        "results/logs/figures/{experiment}/{site}/ensemble_{method}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/ensemble_{method}.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_ensemble"),
        bands=experiment_bands,
        variable=variable,
        title=figure_title,
    script:
        "../scripts/figures_ensemble.py"


rule draw_training:
    """How the losses fell."""
    input:
        curves=training_curves,
    output:
        "results/figures/{experiment}/{site}/training.png",
    log:
        "results/logs/figures/{experiment}/{site}/training.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/training.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_training"),
        runs=training_runs,
        title=figure_title,
    script:
        "../scripts/figures_training.py"


rule draw_profiles:
    """NDVI of chosen fields: one sensor alone, the other alone, and fused."""
    input:
        unpack(profile_files),
    output:
        "results/figures/{experiment}/{site}/profiles.png",
    log:
        "results/logs/figures/{experiment}/{site}/profiles.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/profiles.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_profiles"),
        sources=source_names,
        bands=vegetation_bands,
        shown=fields_shown,
        words=source_words,
        title=figure_title,
    script:
        "../scripts/figures_profiles.py"


rule draw_phenology:
    """Maps of the season's dates by source, and their errors where the truth is known."""
    input:
        unpack(phenology_files),
    output:
        "results/figures/{experiment}/{site}/phenology.png",
    log:
        "results/logs/figures/{experiment}/{site}/phenology.log",
    benchmark:
        "results/benchmarks/figures/{experiment}/{site}/phenology.tsv"
    wildcard_constraints:
        experiment=any_of(EXPERIMENTS),
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("figures_phenology"),
        sources=source_names,
        year=first_year,
        title=figure_title,
    script:
        "../scripts/figures_phenology.py"


include: "figures_sites.smk"
include: "figures_filling.smk"
include: "figures_series.smk"
