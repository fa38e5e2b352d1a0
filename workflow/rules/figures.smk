# results/figures, results/tables and the report: what a person looks at.


def known_sites_phenology(wildcards):
    """The true transition dates of a simulated world; nothing for a real place."""
    made = f"results/simulated/{wildcards.site}/phenology.csv"
    return [made] if "simulated" in SITES[wildcards.site] else []


def figure_title(wildcards):
    """What a figure is of; simulated pixels are always called so."""
    site = SITES[wildcards.site]
    of = EXPERIMENTS[wildcards.experiment]["title"] if "experiment" in wildcards.keys() else ""
    simulated = "simulated" if "simulated" in site else ""
    return " | ".join(word for word in (of, site["title"] or wildcards.site, simulated) if word)


def prediction_runs(wildcards):
    """Method -> its case, for the methods that predict a date (first seed)."""
    experiment, found = EXPERIMENTS[wildcards.experiment], {}
    for method in experiment["methods"]:
        for case in method_cases(experiment, wildcards.site, method):
            if case.target == wildcards.date:
                found[method] = case
    return found


def prediction_methods(wildcards):
    """The methods in a prediction figure."""
    return list(prediction_runs(wildcards))


def prediction_images(wildcards):
    """Their predictions."""
    folder = f"results/fused/{wildcards.experiment}/{wildcards.site}"
    return [f"{folder}/{m}/seed{seeds(m)[0]}/{wildcards.date}.tif" for m in prediction_runs(wildcards)]


def prediction_observed(wildcards):
    """What was observed on that date, where the protocol has a truth."""
    experiment = EXPERIMENTS[wildcards.experiment]
    sensor = experiment["coarse"] if experiment["protocol"] == "reduced" else experiment["fine"]
    has = experiment["protocol"] != "product"
    return [f"results/ard/{wildcards.site}/{sensor}/{wildcards.date}.tif"] if has else []


def prediction_samples(wildcards):
    """The inputs of every method in a prediction figure."""
    experiment = EXPERIMENTS[wildcards.experiment]
    wald = experiment["protocol"] == "reduced"
    return [sample(experiment, wildcards.site, m, case, wald) for m, case in prediction_runs(wildcards).items()]


def prediction_coarse(wildcards):
    """The coarse image of the date."""
    return [f for one in prediction_samples(wildcards) for f in one["coarse"]][:1]


def prediction_references(wildcards):
    """The fine references of the method that has most of them."""
    return max((one["fine"] for one in prediction_samples(wildcards)), key=len)


rule draw_prediction:
    """Predictions of {wildcards.date} beside the truth, with their errors."""
    input:
        fused=prediction_images,
        observed=prediction_observed,
        coarse=prediction_coarse,
        references=prediction_references,
        code=code("figures_prediction"),
    output:
        "results/figures/{experiment}/{site}/prediction_{date}.png",
    params:
        methods=prediction_methods,
        bands=experiment_bands,
        variable=variable,
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/prediction_{date}.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_prediction.py"


def scatter_dates(wildcards):
    """The dates that every method predicts."""
    experiment = EXPERIMENTS[wildcards.experiment]
    by_method = [{c.target for c in method_cases(experiment, wildcards.site, m)} for m in experiment["methods"]]
    return sorted(set.intersection(*by_method))


def scatter_images(wildcards):
    """The predictions of those dates, method by method (first seed)."""
    folder = f"results/fused/{wildcards.experiment}/{wildcards.site}"
    methods = EXPERIMENTS[wildcards.experiment]["methods"]
    return [f"{folder}/{m}/seed{seeds(m)[0]}/{date}.tif" for m in methods for date in scatter_dates(wildcards)]


def scatter_observed(wildcards):
    """What was observed on those dates."""
    experiment = EXPERIMENTS[wildcards.experiment]
    sensor = experiment["coarse"] if experiment["protocol"] == "reduced" else experiment["fine"]
    return [f"results/ard/{wildcards.site}/{sensor}/{date}.tif" for date in scatter_dates(wildcards)]


def experiment_methods(wildcards):
    """The methods of an experiment."""
    return EXPERIMENTS[wildcards.experiment]["methods"]


rule draw_scatter:
    """Predicted against observed NDVI, and the residuals."""
    input:
        fused=scatter_images,
        observed=scatter_observed,
        code=code("figures_scatter"),
    output:
        "results/figures/{experiment}/{site}/scatter.png",
    params:
        methods=experiment_methods,
        band="ndvi",
        bands=experiment_bands,
        variable=variable,
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/scatter.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_scatter.py"


def experiment_scores(wildcards):
    """The scores of every method of an experiment at a site."""
    experiment = EXPERIMENTS[wildcards.experiment]
    folder = f"results/scores/{wildcards.experiment}/{wildcards.site}"
    return [f"{folder}/{m}/seed{seed}.csv" for m in experiment["methods"] for seed in seeds(m)]


rule tabulate:
    """The table of scores of {wildcards.experiment}, over all dates and date by date."""
    input:
        summary="results/scores/summary.csv",
        rows=experiment_scores,
        code=code("figures_table"),
    output:
        scores="results/tables/{experiment}/{site}/scores.csv",
        dates="results/tables/{experiment}/{site}/dates.csv",
    log:
        "results/logs/figures/{experiment}/{site}/table.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_table.py"


rule draw_scores:
    """Every method's scores beside the baselines."""
    input:
        table="results/tables/{experiment}/{site}/scores.csv",
        scores=experiment_scores,
        code=code("figures_scores"),
    output:
        "results/figures/{experiment}/{site}/scores.png",
    params:
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/scores.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_scores.py"


def learned(experiment):
    """Every (method, seed) of an experiment that learns."""
    return [(m, seed) for m in experiment["methods"] if NEEDS[m].samples != "none" for seed in seeds(m)]


def training_runs(wildcards):
    """Names of the training runs of an experiment."""
    return [f"{m} (seed {seed})" for m, seed in learned(EXPERIMENTS[wildcards.experiment])]


def training_curves(wildcards):
    """Their curves."""
    experiment = EXPERIMENTS[wildcards.experiment]
    folder = f"results/model/{wildcards.experiment}/{trainset(experiment, wildcards.site)}"
    return [f"{folder}/{m}/seed{seed}.csv" for m, seed in learned(experiment)]


rule draw_training:
    """How the losses fell."""
    input:
        curves=training_curves,
        code=code("figures_training"),
    output:
        "results/figures/{experiment}/{site}/training.png",
    params:
        runs=training_runs,
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/training.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_training.py"


def source_names(wildcards):
    """The sources of an experiment's series: methods (first seed), then each sensor alone."""
    return list(series_files(EXPERIMENTS[wildcards.experiment], wildcards.site))


def source_series(wildcards):
    """Their series."""
    return list(series_files(EXPERIMENTS[wildcards.experiment], wildcards.site).values())


def source_images(wildcards):
    """Their transition dates per pixel."""
    return [f.replace("results/series", "results/phenology").replace(".nc", ".tif") for f in source_series(wildcards)]


def source_words(wildcards):
    """What a series is made of, by source."""
    sensors = {s: "observed alone" for s in SENSORS}
    return {s: sensors.get(s, "observed and fused") for s in source_names(wildcards)}


def fields_shown(wildcards):
    """How many fields the profiles show."""
    return SITES[wildcards.site]["fields_shown"]


def first_year(wildcards):
    """The year from whose first of January days are counted."""
    return int(SITES[wildcards.site]["period"][0][:4])


rule draw_profiles:
    """NDVI of chosen fields: one sensor alone, the other alone, and fused."""
    input:
        series=source_series,
        tables=source_phenology,
        fields="results/ard/{site}/fields.tif",
        known=known_truth,
        phenology=known_sites_phenology,
        code=code("figures_profiles"),
    output:
        "results/figures/{experiment}/{site}/profiles.png",
    params:
        sources=source_names,
        bands=experiment_bands,
        shown=fields_shown,
        words=source_words,
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/profiles.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_profiles.py"


def phenology_known(wildcards):
    """The errors of the transition dates, where the truth is known."""
    made = f"results/phenology/{wildcards.experiment}/{wildcards.site}/errors.csv"
    return [made] if "simulated" in SITES[wildcards.site] else []


rule draw_phenology:
    """Maps of the season's dates by source, and their errors where the truth is known."""
    input:
        images=source_images,
        tables=source_phenology,
        known=phenology_known,
        code=code("figures_phenology"),
    output:
        "results/figures/{experiment}/{site}/phenology.png",
    params:
        sources=source_names,
        year=first_year,
        title=figure_title,
    log:
        "results/logs/figures/{experiment}/{site}/phenology.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_phenology.py"


def site_min_clear(wildcards):
    """The clear share below which scenes are not fetched."""
    return SITES[wildcards.site]["min_clear"]


rule draw_scenes:
    """Which scenes {wildcards.site} has, and which are kept."""
    input:
        scenes="results/raw/{site}/scenes.csv",
        code=code("figures_scenes"),
    output:
        "results/figures/{site}/scenes.png",
    params:
        min_clear=site_min_clear,
        title=figure_title,
    log:
        "results/logs/figures/{site}/scenes.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_scenes.py"


rule draw_quality:
    """What was done to every scene of {wildcards.site}."""
    input:
        quality="results/ard/{site}/quality.csv",
        code=code("figures_quality"),
    output:
        "results/figures/{site}/quality.png",
    params:
        title=figure_title,
    log:
        "results/logs/figures/{site}/quality.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/figures_quality.py"
