# The files and settings of the rules in ../fused.smk.


def methods_at(experiment, site):
    """The methods of an experiment at a site; where it takes all, without those that find too few references there."""
    if experiment["name"] not in TAKES_ALL:
        return experiment["methods"]
    able = [m for m in experiment["methods"] if possible_cases(experiment, site, m)]
    return able or [m for m in experiment["methods"] if method_cases(experiment, site, m)]


def possible_cases(experiment, site, method):
    """What a method could predict in an experiment at a site."""
    return with_aux(experiment, site, method, planned("cases", experiment, site, NEEDS[method]))


def method_cases(experiment, site, method):
    """What a method predicts in an experiment at a site."""
    found = possible_cases(experiment, site, method)
    if not found:
        raise InputError(
            f"Method {method} can predict no date of experiment {experiment['name']} at site {site}: too few references",
            "leave it out of the experiment's `methods:`, lower min_clear or gap_days, or widen the site's period",
        )
    return found


def case_sample(name, site, method, date):
    """The files of one case, its truth among them."""
    experiment = EXPERIMENTS[name]
    found = [c for c in method_cases(experiment, site, method) if c.target == date]
    if not found:
        raise InputError(
            f"{date} is no target of {method} in {name} at {site}",
            "see results/raw/<site>/scenes.csv for the dates, or name it under `targets:`",
        )
    wald = experiment["protocol"] == "reduced"
    return sample(experiment, site, method, found[0], wald)


def predicted_from(name, site, method, date):
    """The inputs of one prediction; no truth among them."""
    return case_sample(name, site, method, date) | {"truth": None}


def truth_name(wildcards):
    """The name of what a prediction is compared with: a state that learned from it is refused."""
    return case_sample(wildcards.experiment, wildcards.site, wildcards.method, wildcards.date)["truth"]


def fused_sample(wildcards):
    """The inputs of a job's prediction."""
    return predicted_from(wildcards.experiment, wildcards.site, wildcards.method, wildcards.date)


def all_layers(wildcards):
    """What methods show of how they predict, where their entries ask for it."""
    found = []
    for name, experiment in EXPERIMENTS.items():
        for site, method, seed in runs(experiment):
            if METHODS[method].get("layers"):
                found += [f.replace(".tif", "_layers.tif") for f in fused_images(experiment, site, method, seed)]
    return found


def fused_inputs(wildcards):
    """The files of one prediction."""
    return inputs_of(fused_sample(wildcards))


def state_of(wildcards):
    """What the method learned for the site, or for just that date."""
    return learned_by(
        EXPERIMENTS[wildcards.experiment], wildcards.site, wildcards.method, wildcards.seed, wildcards.date
    )


def fused_images(experiment, site, method, seed):
    """All predictions of a method in an experiment at a site."""
    folder = f"results/fused/{experiment['name']}/{site}/{method}/seed{seed}"
    return [f"{folder}/{case.target}.tif" for case in method_cases(experiment, site, method)]


def ard_images(site):
    """All analysis-ready images that the site's experiments use."""
    found = set()
    for experiment in experiments_at(site):
        if experiment["name"] in FILLINGS:
            found.update(filling_images(experiment, site))
            continue
        here = site in experiment["sites"]
        for method in methods_at(experiment, site) if here else experiment["methods"]:
            learned = planned("training_cases", experiment, site, NEEDS[method])
            learned = learned if site in learned_at(experiment) else []
            wald = {True: plan.uses_wald(experiment, NEEDS[method]), False: experiment["protocol"] == "reduced"}
            predicted = method_cases(experiment, site, method) if here else []
            for training, used in ((True, with_aux(experiment, site, method, learned)), (False, predicted)):
                for case in used:
                    found.update(inputs_of(sample(experiment, site, method, case, False)))
                    truth = sample(experiment, site, method, case, wald[training])["truth"]
                    found.update([truth] if truth else [])
        found.update(series_images(experiment, site) if here else [])
    return found


def is_ensemble(method):
    """Whether a method runs with several seeds."""
    return len(seeds(method)) > 1


def member_seeds(wildcards):
    """The seeds of an ensemble's members."""
    if not is_ensemble(wildcards.method):
        raise InputError(
            f"Method {wildcards.method} has one seed, and one prediction has no spread",
            "write `seeds: [0, 1, 2]` into its entry under `methods:`",
        )
    return seeds(wildcards.method)


def members(wildcards):
    """The predictions of one date, one a seed."""
    folder = f"results/fused/{wildcards.experiment}/{wildcards.site}/{wildcards.method}"
    return [f"{folder}/seed{seed}/{wildcards.date}.tif" for seed in member_seeds(wildcards)]


def ensemble_tags(wildcards):
    """What the images of an ensemble say of where they come from."""
    entry, said = method_entry(wildcards), EXPERIMENTS[wildcards.experiment]["variable"]
    made = {"method": entry["name"], "file": entry["file"], "settings": json.dumps(entry["settings"], sort_keys=True)}
    return made | {"seed": "ensemble", "date": wildcards.date, "variable": said}


def combining_memory(wildcards, attempt):
    """Megabytes: one window of every member."""
    return attempt * (1000 + 150 * len(seeds(wildcards.method)))


def ensemble_images(experiment, site, method, ending=".tif"):
    """The mean predictions of a method's seeds, or their spreads (``_spread.tif``)."""
    folder = f"results/fused/{experiment['name']}/{site}/{method}/ensemble"
    return [f"{folder}/{case.target}{ending}" for case in method_cases(experiment, site, method)]


def ensembles_at(experiment, site):
    """The methods of an experiment at a site that run with several seeds."""
    return [method for method in methods_at(experiment, site) if is_ensemble(method)]


def all_ensembles(wildcards):
    """The mean and spread of every method with several seeds."""
    places = [(e, site, m) for e in EXPERIMENTS.values() for site in e["sites"] for m in ensembles_at(e, site)]
    return [
        image for place in places for ending in (".tif", "_spread.tif") for image in ensemble_images(*place, ending)
    ]
