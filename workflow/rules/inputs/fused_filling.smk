# The files and settings of the rules in ../fused_filling.smk.


def filling_state(wildcards):
    """What the method learned for the site."""
    filling = FILLINGS[wildcards.experiment]
    place = trainset(filling, wildcards.site)
    return f"results/model/{filling['name']}/{place}/{wildcards.method}/seed{wildcards.seed}.npz"


def filling_errors(wildcards):
    """How wrong it was on ground that it did not learn from."""
    return filling_state(wildcards).replace(".npz", "_errors.csv")


def filled_from(wildcards):
    """What the series of a job's site are filled from."""
    return filling_sample(FILLINGS[wildcards.experiment], wildcards.site)


def filled_from_files(wildcards):
    """Its files."""
    return filling_files(FILLINGS[wildcards.experiment], wildcards.site)


def shown(wildcards):
    """What the figures of a gap experiment show."""
    return FILLINGS[wildcards.experiment].get("show", {})


def filling_runs(filling):
    """Every (site, method, seed) of a gap experiment."""
    return [(s, m, seed) for s in filling["sites"] for m in filling["methods"] for seed in seeds(m)]


def all_filled(wildcards):
    """The filled series of every gap experiment, and what is shown of dates left out."""
    found = []
    for name, filling in FILLINGS.items():
        for site, method, seed in filling_runs(filling):
            cube = f"results/fused/{name}/{site}/{method}/seed{seed}"
            found += [f"{cube}{ending}.nc" for ending in ("", "_left_out", "_strip")]
    return found


def filling_memory(wildcards, threads, attempt):
    """Megabytes: windows worked on at a time, each of all dates, whatever the site's size."""
    at_a_time = 1 if NEEDS[wildcards.method].gpu else threads
    return attempt * int(2000 + 100 * NEEDS[wildcards.method].cost + 1500 * at_a_time)


def filling_runtime(wildcards, attempt):
    """Minutes, generous for one old core: by the site's area and what a series costs the method."""
    return attempt * int(20 + 120 * megapixels(wildcards) * max(1, NEEDS[wildcards.method].cost))
