# The files and settings of the rule in ../simulated.smk.


def simulated_collections(wildcards):
    """The STAC collections of the site's sensors: what the archive must hold, and nothing else."""
    return sorted({name for sensor in SITES[wildcards.site]["sensors"] for name in SENSORS[sensor]["collections"]})


def land_map(wildcards):
    """The real land-cover map under a synthetic world, where it has one."""
    entry = SITES[wildcards.site].get("simulated", {}).get("map")
    return [located(entry["path"], f"Land-cover map of site {wildcards.site}")] if entry else []


def simulated_memory(wildcards, attempt):
    """Megabytes: the world on the truth's pixels, and what each process makes of it."""
    pixels = megapixels(wildcards) * (SENSORS[SITES[wildcards.site]["reference"]]["resolution"] / 5) ** 2
    return attempt * int(2000 + 1500 * pixels)
