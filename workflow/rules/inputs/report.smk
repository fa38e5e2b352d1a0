# The files and settings of the rule in ../report.smk.

from types import SimpleNamespace


def comparisons(site):
    """What a site's images can be compared with: one another, where two sensors saw it on a day, and a known truth."""
    agreement = ["agreement"] if compared_pairs(SimpleNamespace(site=site)) else []
    return agreement + (["accuracy"] if "simulated" in SITES[site] else [])


def report_figures(wildcards):
    """Every figure of the report."""
    found = [f"results/figures/{site}/{name}.png" for site in SITES for name in ("scenes", *comparisons(site))]
    made = [site for site in SITES if "simulated" in SITES[site]]
    found += [f"results/figures/{site}/{name}.png" for site in made for name in ("year", "sensors")]
    found += [f"results/figures/{site}/likeness_{real}.png" for site, real in LIKENESSES]
    found += filling_figures()
    for name, experiment in EXPERIMENTS.items():
        for site in experiment["sites"]:
            found += [f"results/figures/{name}/{site}/{figure}.png" for figure in figures_of(experiment, site)]
    return found


def report_tables(wildcards):
    """Every table of the report."""
    found = [f"results/tables/{site}/{name}.csv" for site in SITES for name in ("scenes", "bandpass")]
    found += [f"results/ard/{site}/{name}.csv" for site in SITES for name in comparisons(site)]
    found += [
        f"results/tables/{site}/{name}_{real}.csv" for site, real in LIKENESSES for name in ("likeness", "unlike")
    ]
    found += filling_tables()
    for name, experiment in EXPERIMENTS.items():
        for site in experiment["sites"]:
            folder = f"results/tables/{name}/{site}"
            if is_scored(experiment, site):
                found += [f"{folder}/scores.csv", f"{folder}/dates.csv"]
                found += [f"{folder}/ensemble_{method}.csv" for method in ensembles_at(experiment, site)]
            if has_series(experiment) and "simulated" in SITES[site]:
                found += [f"results/phenology/{name}/{site}/{table}.csv" for table in ("errors", "event_scores")]
    return [*found, *(["results/scores/summary.csv"] if anything_scored() else [])]


def report_experiments(wildcards):
    """The experiments, and which of their methods find nothing to predict from at which site."""
    left_out = {
        name: {site: [m for m in e["methods"] if m not in methods_at(e, site)] for site in e["sites"]}
        for name, e in EXPERIMENTS.items()
    }
    return {name: e | {"left_out": left_out.get(name, {})} for name, e in ASKED.items()}
