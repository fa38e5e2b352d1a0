# The files and settings of the rules in ../scores.smk.


def scored_images(wildcards):
    """The predictions of one method in one experiment."""
    return fused_images(EXPERIMENTS[wildcards.experiment], wildcards.site, wildcards.method, wildcards.seed)


def ensemble_means(wildcards):
    """The mean predictions of a method's seeds."""
    return ensemble_images(EXPERIMENTS[wildcards.experiment], wildcards.site, wildcards.method)


def ensemble_spreads(wildcards):
    """How much its seeds differ."""
    return ensemble_images(EXPERIMENTS[wildcards.experiment], wildcards.site, wildcards.method, "_spread.tif")


def ensemble_members(wildcards):
    """Their predictions, date by date."""
    experiment = EXPERIMENTS[wildcards.experiment]
    by_seed = [fused_images(experiment, wildcards.site, wildcards.method, seed) for seed in member_seeds(wildcards)]
    return [image for of_date in zip(*by_seed) for image in of_date]


def observed_images(wildcards):
    """What was observed where they were predicted; nothing in the product protocol."""
    experiment = EXPERIMENTS[wildcards.experiment]
    sensor = experiment["coarse"] if experiment["protocol"] == "reduced" else experiment["fine"]
    found = method_cases(experiment, wildcards.site, wildcards.method)
    return [f"results/ard/{wildcards.site}/{sensor}/{case.truth}.tif" for case in found if case.truth]


def known_truth(wildcards):
    """The truth of a simulated world; nothing for a real place, nor where a degraded image is predicted."""
    # The reduced protocol predicts what the coarse sensor saw, blur and all: no truth of the ground.
    known = "simulated" in SITES[wildcards.site] and EXPERIMENTS[wildcards.experiment]["protocol"] != "reduced"
    return [f"results/simulated/{wildcards.site}/truth.nc"] if known else []


def baseline_images(wildcards, name):
    """The predictions of a baseline on the same dates; nothing where there is none to compare with."""
    experiment = EXPERIMENTS[wildcards.experiment]
    other = name in methods_at(experiment, wildcards.site) and name != wildcards.method
    return fused_images(experiment, wildcards.site, name, 0) if other else []


def bilinear_images(wildcards):
    """The coarse image interpolated."""
    return baseline_images(wildcards, "bilinear")


def nearest_images(wildcards):
    """The nearest fine image."""
    return baseline_images(wildcards, "nearest")


def score_ratio(wildcards):
    """Coarse pixel over fine pixel."""
    return ratio(EXPERIMENTS[wildcards.experiment])


def runs(experiment):
    """Every (site, method, seed) of an experiment."""
    return [(s, m, seed) for s in experiment["sites"] for m in methods_at(experiment, s) for seed in seeds(m)]


def is_scored(experiment, site):
    """Whether there is a truth to score against."""
    return experiment["protocol"] != "product" or "simulated" in SITES[site]


def anything_scored():
    """Whether any experiment has a truth to score against."""
    return bool(FILLINGS) or any(is_scored(e, site) for e in EXPERIMENTS.values() for site in e["sites"])


def scores_of(name):
    """The scores of every run of an experiment at sites where there is a truth."""
    if name in FILLINGS:
        return filling_scores(FILLINGS[name])
    experiment = EXPERIMENTS[name]
    used = [run for run in runs(experiment) if is_scored(experiment, run[0])]
    return [f"results/scores/{name}/{site}/{method}/seed{seed}.csv" for site, method, seed in used]


def all_of_experiment(wildcards):
    """The scores of one experiment."""
    return scores_of(wildcards.experiment)


def all_scores(wildcards):
    """The scores of every experiment."""
    return [row for name in ASKED for row in scores_of(name)]
