# The files and settings of the rules in ../raw.smk.


def catalog_of(wildcards):
    """Where a site's scenes are listed: a path or a URL."""
    site = SITES[wildcards.site]
    made = f"results/simulated/{site['name']}/catalog.json"
    return site["catalog"].format(data=config["data"]) if "catalog" in site else made


def local_catalog(wildcards):
    """The catalogue as a file, where it is one."""
    where = catalog_of(wildcards)
    return [] if "://" in where else where


def simulated_catalog(wildcards):
    """The catalogue of a simulated world, whose scenes do change when it is made anew."""
    return local_catalog(wildcards) if "simulated" in SITES[wildcards.site] else []


def site_sensors(wildcards):
    """The configurations of a site's sensors by name."""
    return {name: SENSORS[name] for name in SITES[wildcards.site]["sensors"]}
