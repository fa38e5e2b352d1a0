# The files and settings of the rules in ../scores_filling.smk.


def scored_store(wildcards):
    """The data set whose values are hidden and filled."""
    return pixel_store(wildcards.experiment, wildcards.site)


def known_series(wildcards):
    """The truth of a simulated world; nothing for a real place."""
    return [f"results/simulated/{wildcards.site}/truth.nc"] if "simulated" in SITES[wildcards.site] else []


def scored_apart(wildcards):
    """Whether only ground that was held out of learning is scored."""
    return shares_ground(FILLINGS[wildcards.experiment], wildcards.site)


def filling_scores(filling):
    """The scores of every run of a gap experiment."""
    folder = f"results/scores/{filling['name']}"
    return [f"{folder}/{site}/{method}/seed{seed}.csv" for site, method, seed in filling_runs(filling)]
