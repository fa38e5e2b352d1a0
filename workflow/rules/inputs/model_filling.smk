# The files and settings of the rules in ../model_filling.smk.


def shares_ground(filling, site):
    """Whether methods learn at a site from values of the very dates that are scored there: ground is then held out."""
    return site in filling["sites"] and site in learned_at(filling) and not filling.get("train_until")


def learning_places(wildcards):
    """The data sets of a training set of series."""
    filling = FILLINGS[wildcards.experiment]
    sites = learned_at(filling) if wildcards.trainset == "pooled" else [wildcards.trainset]
    return [{"store": pixel_store(filling["name"], s), "scored": shares_ground(filling, s)} for s in sites]


def learning_stores(wildcards):
    """Their files."""
    return [place["store"] for place in learning_places(wildcards)]


def last_learned(wildcards):
    """The last date that is learned from; None where all are."""
    return FILLINGS[wildcards.experiment].get("train_until")


def hidden_share(wildcards):
    """The share of the values that are hidden to be filled."""
    return FILLINGS[wildcards.experiment]["hidden"]


def series_memory_of(wildcards, attempt):
    """Megabytes: series are read window by window, whatever the number of sites."""
    return attempt * int(3000 + 150 * NEEDS[wildcards.method].cost)


def learning_runtime(wildcards, attempt):
    """Minutes: as for images, and for the errors that are looked at afterwards."""
    return training_runtime(wildcards, attempt) + attempt * 20
