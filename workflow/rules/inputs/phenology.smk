# The files and settings of the rules in ../phenology.smk.


def phenology_settings(wildcards):
    """How seasons and events are found."""
    return config["phenology"]


def source_phenology(wildcards):
    """The field tables of every source of an experiment at a site."""
    found = series_files(EXPERIMENTS[wildcards.experiment], wildcards.site).values()
    return [f.replace("results/series", "results/phenology").replace(".nc", ".csv") for f in found]


def source_events(wildcards):
    """Their tables of events."""
    return [f.replace(".csv", "_events.csv") for f in source_phenology(wildcards)]


def vegetation_bands(wildcards):
    """Red and the near infrared of an experiment, the broad one first; nothing without both."""
    bands = EXPERIMENTS[wildcards.experiment]["bands"]
    infrared = [band for band in ("nir", "nir08") if band in bands]
    return ["red", infrared[0]] if "red" in bands and infrared else []
