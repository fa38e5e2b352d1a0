# The files and settings of the rules in ../figures_series.smk.


def season_files(wildcards):
    """The seasons of a source, and the fields."""
    series = series_files(EXPERIMENTS[wildcards.experiment], wildcards.site)[wildcards.source]
    stem = series.replace("results/series", "results/phenology").removesuffix(".nc")
    most = config["phenology"].get("max_seasons", 4)
    found = {"main": f"{stem}.tif", "seasons": [f"{stem}_season{k}.tif" for k in range(1, most + 1)]}
    return found | {"fields": f"results/ard/{wildcards.site}/fields.tif"}


def richest_source(experiment, site):
    """The source that takes part in most: a method with what radar adds, else a method, else the fine sensor."""
    return series_sources(experiment, site)[0][0]
