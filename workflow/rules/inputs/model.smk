# The files and settings of the rules in ../model.smk.


def trainset(experiment, site):
    """The training that serves a site: its own, or one pooled over the sites that the experiment learns at."""
    return site if experiment["train"] == "site" else experiment["train"]


def learned_by(experiment, site, method, seed, date):
    """The state that a date is predicted with."""
    if NEEDS[method].samples == "target":
        return f"results/model/{experiment['name']}/{site}/{method}/seed{seed}/{date}.npz"
    return f"results/model/{experiment['name']}/{trainset(experiment, site)}/{method}/seed{seed}.npz"


def trained_on(wildcards):
    """The sites of a training set."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return learned_at(experiment) if wildcards.trainset == "pooled" else [wildcards.trainset]


def training_samples(wildcards):
    """What a method learns from; never a test date (stfuse/cases.py)."""
    experiment, method = EXPERIMENTS[wildcards.experiment], wildcards.method
    wald = plan.uses_wald(experiment, NEEDS[method])
    found = []
    for site in trained_on(wildcards):
        usable = with_aux(experiment, site, method, planned("training_cases", experiment, site, NEEDS[method]))
        found += [sample(experiment, site, method, case, wald) for case in usable]
    if not found and NEEDS[method].samples != "none":
        raise InputError(
            f"Method {method} finds nothing to learn from in experiment {wildcards.experiment}",
            "lower min_clear, raise pair_days, name fewer targets or widen the site's period",
        )
    return found


def target_sample(wildcards):
    """What a date is predicted from, for methods that learn from just that; there is no truth in it."""
    return predicted_from(wildcards.experiment, wildcards.trainset, wildcards.method, wildcards.date)


def target_samples(wildcards):
    """The same, as the only one to learn from."""
    return [target_sample(wildcards)]


def target_files(wildcards):
    """The files of that sample."""
    return inputs_of(target_sample(wildcards))


def training_files(wildcards):
    """The files of the training samples."""
    return sorted({f for one in training_samples(wildcards) for f in [*inputs_of(one), one["truth"]]})


def variable(wildcards):
    """What an experiment predicts: reflectance or ndvi."""
    return ASKED[wildcards.experiment]["variable"]


def experiment_bands(wildcards):
    """The bands of an experiment."""
    return ASKED[wildcards.experiment]["bands"]


def seed_of(wildcards):
    """The seed of every random draw of a training."""
    return int(wildcards.seed)
