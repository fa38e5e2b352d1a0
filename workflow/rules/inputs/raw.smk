# The files and settings of the rules in ../raw.smk.


def located(where, what):
    """A path or URL of the user's, "{data}" filled in; a relative path counts from here, else from the Snakefile."""
    where = where.format(data=config["data"])
    if "://" in where:
        return where
    found = [path for path in (Path(where), Path(workflow.basedir) / where) if path.exists()]
    if not found:
        raise InputError(f"{what} {where} was not found", "correct it in the site's file, or `data:` in the config")
    return str(found[0])


def catalog_of(wildcards):
    """Where a site's scenes are listed: a path or a URL."""
    site = SITES[wildcards.site]
    if "simulated" in site:
        return f"results/simulated/{site['name']}/catalog.json"
    return located(site["catalog"], f"Catalogue of site {site['name']}")


def local_catalog(wildcards):
    """The catalogue as a file, where it is one."""
    where = catalog_of(wildcards)
    return [] if "://" in where else where


def simulated_catalog(wildcards):
    """The catalogue of a simulated world, whose scenes do change when it is made anew."""
    return local_catalog(wildcards) if "simulated" in SITES[wildcards.site] else []


def site_sensors(wildcards):
    """The configurations of the sensors that some experiment uses at a site, by name."""
    used = {SITES[wildcards.site]["reference"]}
    for experiment in experiments_at(wildcards.site):
        used |= {experiment["fine"], experiment["coarse"], *experiment["aux"].values()}
    return {name: SENSORS[name] for name in SITES[wildcards.site]["sensors"] if name in used}
