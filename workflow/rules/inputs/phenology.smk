# The files and settings of the rules in ../phenology.smk.


def phenology_settings(wildcards):
    """How seasons and events are found."""
    return config["phenology"]


def source_series(wildcards):
    """The series of every source of an experiment at a site."""
    return list(series_files(EXPERIMENTS[wildcards.experiment], wildcards.site).values())


def source_phenology(wildcards):
    """Their tables of fields."""
    found = source_series(wildcards)
    return [f.replace("results/series", "results/phenology").replace(".nc", ".csv") for f in found]


def source_events(wildcards):
    """Their tables of events."""
    return [f.replace(".csv", "_events.csv") for f in source_phenology(wildcards)]


def phenology_threads(wildcards):
    """Two threads on a small site; more on a large one."""
    return 2 if megapixels(wildcards) < 4 else 8


def phenology_memory(wildcards, attempt):
    """Megabytes: libraries, the field numbers, and the fields' pixels in a row of windows on every other day."""
    west, _, east, _ = SITES[wildcards.site]["bounds"]
    row = 128 * (east - west) / fine_resolution(wildcards) / 1e6
    return attempt * int(2000 + 12 * megapixels(wildcards) + 12 * row * period_days(wildcards.site) / 2)
