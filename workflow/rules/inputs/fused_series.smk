# The files and settings of the rule in ../fused_series.smk.


def asked_always(experiment):
    """An experiment that predicts every date that it can: nothing is hidden of a product, however few dates are shown
    of it as images and whatever its methods learned from."""
    every = {"targets": "all", "train_until": None}
    return experiment | every if experiment["protocol"] == "product" else experiment


def series_cases(experiment, site, method):
    """The dates of a method's series at a site."""
    found = with_aux(experiment, site, method, planned("cases", asked_always(experiment), site, NEEDS[method]))
    if not found:
        raise InputError(
            f"Method {method} can predict no date of experiment {experiment['name']} at site {site}",
            "lower min_clear or gap_days, or widen the site's period",
        )
    return found


def cases_of_job(wildcards):
    """The dates of a job."""
    return series_cases(EXPERIMENTS[wildcards.experiment], wildcards.site, wildcards.method)


def series_truths(wildcards):
    """The names of what the predictions are compared with: a state that learned from one is refused."""
    experiment, wald = EXPERIMENTS[wildcards.experiment], EXPERIMENTS[wildcards.experiment]["protocol"] == "reduced"
    found = cases_of_job(wildcards)
    return [sample(experiment, wildcards.site, wildcards.method, case, wald)["truth"] for case in found]


def series_samples(wildcards):
    """The inputs of every date; no truth among them."""
    experiment, wald = EXPERIMENTS[wildcards.experiment], EXPERIMENTS[wildcards.experiment]["protocol"] == "reduced"
    found = cases_of_job(wildcards)
    return [sample(experiment, wildcards.site, wildcards.method, case, wald) | {"truth": None} for case in found]


def series_inputs(wildcards):
    """Their files."""
    return sorted({file for one in series_samples(wildcards) for file in inputs_of(one)})


def series_learned(wildcards):
    """The state that each date is predicted with."""
    experiment, place = EXPERIMENTS[wildcards.experiment], (wildcards.site, wildcards.method, wildcards.seed)
    return [learned_by(experiment, *place, case.target) for case in cases_of_job(wildcards)]


def series_states(wildcards):
    """Those files, each once."""
    return sorted(set(series_learned(wildcards)))


def fused_series_memory(wildcards, threads, attempt):
    """Megabytes: a window of every date, and those that are worked on."""
    at_a_time = 1 if learns(wildcards) else threads
    return attempt * int(2500 + 100 * NEEDS[wildcards.method].cost + 350 * at_a_time)


def fused_series_runtime(wildcards, attempt):
    """Minutes, generous for one old core: a date's share of a single image's, which is mostly its beginning.

    A date every three days; how many there are is known only once the scenes were found, after resources are asked for.
    """
    dates, cost = period_days(wildcards.site) / 3, max(1, NEEDS[wildcards.method].cost / 2)
    return attempt * int(10 + dates * (0.5 + 20 * megapixels(wildcards) * cost))
