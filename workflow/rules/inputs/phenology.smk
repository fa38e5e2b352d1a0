# The files and settings of the rules in ../phenology.smk.


def phenology_settings(wildcards):
    """The settings of the curve fit."""
    return config["phenology"]


def source_phenology(wildcards):
    """The field tables of every source of an experiment at a site."""
    found = series_files(EXPERIMENTS[wildcards.experiment], wildcards.site).values()
    return [f.replace("results/series", "results/phenology").replace(".nc", ".csv") for f in found]
