# The files and settings of the rules in ../figures.smk.


def known_sites_phenology(wildcards):
    """The true transition dates of a simulated world; nothing for a real place."""
    made = f"results/simulated/{wildcards.site}/phenology.csv"
    return [made] if "simulated" in SITES[wildcards.site] else []


def phenology_files(wildcards):
    """The dates of every source, as maps and by field, and the true ones."""
    parts = {"images": source_images, "tables": source_phenology, "known": known_sites_phenology}
    return {name: of_job(wildcards) for name, of_job in parts.items()}


def figure_title(wildcards):
    """What a figure is of; simulated pixels are always called so."""
    site = SITES[wildcards.site]
    of = ASKED[wildcards.experiment]["title"] if "experiment" in wildcards.keys() else ""
    simulated = "simulated" if "simulated" in site else ""
    return " | ".join(word for word in (of, site["title"] or wildcards.site, simulated) if word)


def prediction_runs(wildcards):
    """Method -> its case, for the methods that predict a date (first seed)."""
    experiment, found = EXPERIMENTS[wildcards.experiment], {}
    for method in methods_at(experiment, wildcards.site):
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
    """The coarse image that stands for the date."""
    at_target = {case.at_target for case in prediction_runs(wildcards).values()} - {""}
    used = [f for one in prediction_samples(wildcards) for f in one["coarse"]]
    return [f for f in used if Path(f).stem in at_target][:1]


def prediction_references(wildcards):
    """The fine references of the method that has most of them."""
    return max((one["fine"] for one in prediction_samples(wildcards)), key=len)


def prediction_files(wildcards):
    """The files of a prediction figure."""
    parts = {"fused": prediction_images, "observed": prediction_observed}
    parts |= {"coarse": prediction_coarse, "references": prediction_references}
    return {name: of_job(wildcards) for name, of_job in parts.items()}


def scatter_dates(wildcards):
    """The dates that every method predicts."""
    experiment = EXPERIMENTS[wildcards.experiment]
    site = wildcards.site
    by_method = [{c.target for c in method_cases(experiment, site, m)} for m in methods_at(experiment, site)]
    return sorted(set.intersection(*by_method))


def scatter_images(wildcards):
    """The predictions of those dates, method by method (first seed)."""
    folder = f"results/fused/{wildcards.experiment}/{wildcards.site}"
    methods = experiment_methods(wildcards)
    return [f"{folder}/{m}/seed{seeds(m)[0]}/{date}.tif" for m in methods for date in scatter_dates(wildcards)]


def scatter_observed(wildcards):
    """What was observed on those dates."""
    experiment = EXPERIMENTS[wildcards.experiment]
    sensor = experiment["coarse"] if experiment["protocol"] == "reduced" else experiment["fine"]
    return [f"results/ard/{wildcards.site}/{sensor}/{date}.tif" for date in scatter_dates(wildcards)]


def experiment_methods(wildcards):
    """The methods of an experiment at a site."""
    return methods_at(EXPERIMENTS[wildcards.experiment], wildcards.site)


def experiment_scores(wildcards):
    """The scores of every method of an experiment at a site."""
    folder = f"results/scores/{wildcards.experiment}/{wildcards.site}"
    return [f"{folder}/{m}/seed{seed}.csv" for m in experiment_methods(wildcards) for seed in seeds(m)]


def ensemble_files(wildcards):
    """The scores of an ensemble, and the images of the date in the middle."""
    of_job = {"mean": ensemble_means, "spread": ensemble_spreads, "observed": observed_images}
    images = {name: found(wildcards) for name, found in of_job.items()}
    middle = len(images["mean"]) // 2
    shown = {name: paths[middle : middle + 1] for name, paths in images.items()}
    scores = f"results/scores/{wildcards.experiment}/{wildcards.site}/{wildcards.method}/ensemble.csv"
    return shown | {"known": known_truth(wildcards), "scores": scores}


def learned(experiment, site):
    """Every (method, seed) of an experiment at a site that learns."""
    return [(m, seed) for m in methods_at(experiment, site) if NEEDS[m].samples != "none" for seed in seeds(m)]


def trainings(wildcards):
    """Name -> curve of every training of an experiment at a site; some methods learn for each date anew."""
    experiment, site, found = EXPERIMENTS[wildcards.experiment], wildcards.site, {}
    for m, seed in learned(experiment, site):
        anew = NEEDS[m].samples == "target"
        for case in method_cases(experiment, site, m)[: None if anew else 1]:
            name = f"{m} {case.target} (seed {seed})" if anew else f"{m} (seed {seed})"
            found[name] = learned_by(experiment, site, m, seed, case.target).replace(".npz", ".csv")
    return found


def training_runs(wildcards):
    """Names of the trainings of an experiment at a site."""
    return list(trainings(wildcards))


def training_curves(wildcards):
    """Their curves."""
    return list(trainings(wildcards).values())


def source_names(wildcards):
    """The sources of an experiment's series: methods (first seed), then each sensor alone."""
    return list(series_files(EXPERIMENTS[wildcards.experiment], wildcards.site))


def source_images(wildcards):
    """Their transition dates per pixel."""
    return [f.replace("results/series", "results/phenology").replace(".nc", ".tif") for f in source_series(wildcards)]


def profile_files(wildcards):
    """The files of a figure of profiles."""
    parts = {"series": source_series, "tables": source_phenology, "known": known_truth}
    parts |= {"phenology": known_sites_phenology}
    parts |= {"events": source_events}
    found = {name: of_job(wildcards) for name, of_job in parts.items()}
    fields = f"results/ard/{wildcards.site}/fields"
    return found | {"fields": f"{fields}.tif", "classes": f"{fields}.csv"}


def source_words(wildcards):
    """What a series is made of, by source."""
    said = {}
    for source in source_names(wildcards):
        base = base_of(source)
        more = ([] if base in SENSORS else ["fused"]) + ([] if base == source else ["filled"])
        said[source] = f"{', '.join(['observed', *more[:-1]])} and {more[-1]}" if more else "observed alone"
    return said


def fields_shown(wildcards):
    """How many fields the profiles show."""
    return SITES[wildcards.site]["fields_shown"]


def first_year(wildcards):
    """The year from whose first of January days are counted."""
    return int(SITES[wildcards.site]["period"][0][:4])


def figures_of(experiment, site):
    """The names of the figures of an experiment at a site."""
    protocol = experiment["protocol"]
    dates = sorted({c.target for m in methods_at(experiment, site) for c in method_cases(experiment, site, m)})
    if protocol == "product":
        # A series has many dates: its first, middle and last say how they look.
        dates = sorted({dates[0], dates[len(dates) // 2], dates[-1]})
    names = [f"prediction_{date}" for date in dates]
    names += ["scatter"] if protocol != "product" else []
    if has_series(experiment):
        names += ["profiles", "phenology", f"seasons_{richest_source(experiment, site)}"]
    if is_scored(experiment, site):
        names += ["scores", *(f"ensemble_{method}" for method in ensembles_at(experiment, site))]
    return names + (["training"] if learned(experiment, site) else [])


def scatter_band(wildcards):
    """NDVI where it can be made, else the first band."""
    return "ndvi" if vegetation_bands(wildcards) else EXPERIMENTS[wildcards.experiment]["bands"][0]
