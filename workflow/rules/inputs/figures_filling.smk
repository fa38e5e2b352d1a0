# The files and settings of the rules in ../figures_filling.smk.


def filling_methods(wildcards):
    """The methods of a gap experiment."""
    return FILLINGS[wildcards.experiment]["methods"]


def coarse_in_time(wildcards):
    """Those of them that see means over several days, which have no gap lengths."""
    return [method for method in filling_methods(wildcards) if NEEDS[method].step_days > 1]


def tabulated_scores(wildcards):
    """The scores of every run of a gap experiment."""
    return filling_scores(FILLINGS[wildcards.experiment])


def gap_lengths(wildcards):
    """How long the gaps are at each site: the same for every method, so those of the first that sees single days."""
    filling = FILLINGS[wildcards.experiment]
    method = next((m for m in filling["methods"] if NEEDS[m].step_days == 1), filling["methods"][0])
    folder = f"results/scores/{filling['name']}"
    return [f"{folder}/{site}/{method}/seed{seeds(method)[0]}_gaps.csv" for site in filling["sites"]]


def fillings_of(study):
    """The gap experiments of a study."""
    return [name for name in STUDIES[study]["experiments"] if name in FILLINGS]


def split_tables(wildcards):
    """What each gap experiment of a study found."""
    return [f"results/tables/{name}/overall.csv" for name in fillings_of(wildcards.study)]


def split_titles(wildcards):
    """Their titles."""
    return {name: FILLINGS[name]["title"] or name for name in fillings_of(wildcards.study)}


def filling_title(wildcards):
    """What a figure over all sites of a gap experiment is of; simulated pixels are always called so."""
    filling = FILLINGS[wildcards.experiment]
    made = ["simulated" in SITES[site] for site in filling["sites"]]
    kind = "simulated" if all(made) else "partly simulated" if any(made) else ""
    first, *others = filling["sites"]
    places = f"{1 + len(others)} places" if others else SITES[first]["title"] or first
    return " | ".join(word for word in (filling["title"] or filling["name"], places, kind) if word)


def pictured_method(filling):
    """The method whose pictures are drawn: the first that looks at more than the optical series, day by day."""
    daily = [method for method in filling["methods"] if NEEDS[method].step_days == 1]
    return next((m for m in daily if NEEDS[m].uses or NEEDS[m].coarse), filling["methods"][-1])


def filled_files(wildcards):
    """The cubes that a method filled, and what it filled them from."""
    folder = f"results/fused/{wildcards.experiment}/{wildcards.site}/{wildcards.method}"
    seed = f"{folder}/seed{seeds(wildcards.method)[0]}"
    made = {"filled": f"{seed}.nc", "left_out": f"{seed}_left_out.nc", "strip": f"{seed}_strip.nc"}
    return made | {"given": filling_files(FILLINGS[wildcards.experiment], wildcards.site)}


def pictured_sample(wildcards):
    """What the series are filled from, without backscatter, which is not pictured."""
    return filling_sample(FILLINGS[wildcards.experiment], wildcards.site, []) | {"aux": {}}


def pictured_bands(wildcards):
    """Red, green and blue; nothing where the fine sensor lacks one."""
    has = SENSORS[FILLINGS[wildcards.experiment]["fine"]]["bands"]
    colours = ["red", "green", "blue"]
    return colours if all(band in has for band in colours) else []


def filling_figures():
    """Every figure of the gap experiments."""
    found = []
    for name, filling in FILLINGS.items():
        method = pictured_method(filling)
        found += [f"results/figures/{name}/{figure}.png" for figure in ("lengths", "gaps")]
        for site in filling["sites"]:
            found += [f"results/figures/{name}/{site}/{what}_{method}.png" for what in ("pixel", "row", "strip")]
    return found


def filling_tables():
    """Every table of the gap experiments; one over all of a study where it has several."""
    found = [f"results/tables/{name}/{table}.csv" for name in FILLINGS for table in ("overall", "gaps")]
    return found + [f"results/tables/{study}/splits.csv" for study in STUDIES if len(fillings_of(study)) > 1]
