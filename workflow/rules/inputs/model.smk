# The files and settings of the rules in ../model.smk.


def trainset(experiment, site):
    """The training that serves a site: its own, or one pooled over the experiment's sites."""
    return site if experiment["train"] == "site" else experiment["train"]


def trained_on(wildcards):
    """The sites of a training set."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return experiment["sites"] if wildcards.trainset == "pooled" else [wildcards.trainset]


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


def training_files(wildcards):
    """The files of the training samples."""
    return sorted({f for one in training_samples(wildcards) for f in [*inputs_of(one), one["truth"]]})


def variable(wildcards):
    """What an experiment predicts: reflectance or ndvi."""
    return EXPERIMENTS[wildcards.experiment]["variable"]


def experiment_bands(wildcards):
    """The bands of an experiment."""
    return EXPERIMENTS[wildcards.experiment]["bands"]


def seed_of(wildcards):
    """The seed of every random draw of a training."""
    return int(wildcards.seed)


def training_threads(wildcards):
    """Two threads for what learns: beyond, small networks gain little."""
    return 2 if NEEDS[wildcards.method].samples != "none" else 1
