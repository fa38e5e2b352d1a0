# The files and settings of the rules in ../raw.smk.

from stfuse.acquisition.archives import SHEET, archive_names, catalogs_of, check_catalogs, check_collections
from stfuse.acquisition.archives import require_no_secret, with_own
from stfuse.redaction import redacted


def archives_there():
    """Names of the archives that have a file, in the folders of the config or in ours."""
    folders = [Path(base) / f for f in [*config["folders"], "config"] for base in (".", workflow.basedir)]
    return {path.stem for folder in folders for path in (folder / "archives").glob("*.yaml")}


def map_place(name, settings):
    """A site's land-cover map as a site of its own, where the map's sensor alone is searched for."""
    where = settings["catalog"]
    where = where.get(settings["sensor"]) if isinstance(where, dict) else where
    return {"name": name, "sensors": [settings["sensor"]], "catalog": {settings["sensor"]: where or []}}


MAP_PLACES = {name: map_place(name, settings) for name, settings in MAPS.items()}
PLACES = [*SITES.values(), *MAP_PLACES.values()]
for site in PLACES:
    check_catalogs(site, archives_there())
for sensor in SENSORS.values():
    check_collections(sensor)
ARCHIVES = {name: checked("archives", name) for name in archive_names(PLACES, archives_there())}
for name, archive in ARCHIVES.items():
    require_no_secret(archive["url"], f"config/archives/{name}.yaml: `url:`")
require_no_secret(config["scenes"], "`scenes:` of the main config")


def located(where, what):
    """A path or URL of the user's, "{data}" filled in; a relative path counts from here, else from the Snakefile."""
    where = where.replace("{data}", config["data"])
    if "://" in where:
        return where
    found = [path for path in (Path(where), Path(workflow.basedir) / where) if path.exists()]
    if not found:
        raise InputError(f"{what} {where} was not found", "correct it in the site's file, or `data:` in the config")
    return str(found[0])


def source_of(where, site):
    """One entry of a site's `catalog:` as the search takes it."""
    if where == SHEET:
        sheet = located(config["scenes"], "The sheet of scenes")
        return {"name": SHEET, "href": sheet, "kind": SHEET, "data": config["data"]}
    if where in ARCHIVES:
        facts = {key: value for key, value in ARCHIVES[where].items() if key not in ("title", "url")}
        return facts | {"href": located(ARCHIVES[where]["url"], f"Archive {where}")}
    return {"name": redacted(where), "href": located(where, f"Catalogue of site {site['name']}")}


def sources_at(site):
    """What the search of a site goes through, per sensor, in order."""
    if "simulated" in site:
        made = {"name": "simulated", "href": f"results/simulated/{site['name']}/catalog.json"}
        return {sensor: [made] for sensor in site["sensors"]}
    return {sensor: [source_of(where, site) for where in names] for sensor, names in catalogs_of(site).items()}


def sources_of(wildcards):
    """The same for a job's site, of the sensors that are searched for."""
    every = sources_at(SITES[wildcards.site])
    return {sensor: every[sensor] for sensor in site_sensors(wildcards)}


def local_catalogs(wildcards):
    """The catalogues and sheets that are files."""
    every = [source["href"] for sources in sources_of(wildcards).values() for source in sources]
    return sorted({href for href in every if "://" not in href})


def simulated_catalog(wildcards):
    """The catalogue of a simulated world, whose scenes do change when it is made anew."""
    return local_catalogs(wildcards) if "simulated" in SITES[wildcards.site] else []


def downloads(wildcards):
    """One of the downloads that the config allows at a time; none where the scenes are made here. Those of a catalogue
    on a disk may lie anywhere."""
    return int("simulated" not in SITES[wildcards.site])


def search_runtime(wildcards, attempt):
    """Minutes: a look at a scene takes seconds, and every sensor may have one on every day; more at each attempt. One
    that was stopped goes on where it was."""
    first, last = map(str, SITES[wildcards.site]["period"])
    looks = (plan.days_between(first, last) + 1) * len(site_sensors(wildcards))
    return runtime(wildcards, attempt) + attempt * looks // 10


def reads_at_once(wildcards):
    """Bands of a scene that are read at a time: what the site's archives bear, shared by the scenes fetched at a time.

    Those are the limit in force, which the command line may have set higher than the config.
    """
    sources = sources_at(SITES[wildcards.site])[wildcards.sensor]
    return max(1, min(source.get("at_once", 4) for source in sources) // workflow.global_resources["downloads"].value)


def fetched_sensor(wildcards):
    """The configuration of a job's sensor, with the collection of own scenes where a sheet may list some."""
    listed = catalogs_of(SITES[wildcards.site]).get(wildcards.sensor, [])
    return with_own(SENSORS[wildcards.sensor]) if SHEET in listed else SENSORS[wildcards.sensor]


def site_sensors(wildcards):
    """The configurations of the sensors that some experiment uses at a site, by name."""
    used = {SITES[wildcards.site]["reference"]}
    for experiment in experiments_at(wildcards.site):
        used |= {experiment["fine"], experiment.get("coarse"), *experiment["aux"].values()}
    return {name: SENSORS[name] for name in SITES[wildcards.site]["sensors"] if name in used}


def map_sources(wildcards):
    """What the search for a site's land-cover map goes through."""
    return sources_at(MAP_PLACES[wildcards.site])


def local_map_catalogs(wildcards):
    """The catalogues of a site's land-cover map that are files."""
    every = [source["href"] for sources in map_sources(wildcards).values() for source in sources]
    return sorted({href for href in every if "://" not in href})


def map_sensor(wildcards):
    """The configuration of the sensor that a site's land-cover map comes from."""
    return SENSORS[MAPS[wildcards.site]["sensor"]]


def map_sensors(wildcards):
    """The same, as the search takes it."""
    return {MAPS[wildcards.site]["sensor"]: map_sensor(wildcards)}


def map_bands(wildcards):
    """The bands of a land-cover map."""
    return list(map_sensor(wildcards)["bands"])


def map_site(wildcards):
    """A site's settings for the search of its map: the map's year, and every piece that has any of the site."""
    site = SITES[wildcards.site]
    place = {key: site[key] for key in ("name", "crs", "bounds")}
    return place | {"period": MAPS[wildcards.site]["period"], "min_clear": 0}


def map_scenes(wildcards):
    """The fetched pieces of a site's land-cover map."""
    found = plan.read_days(checkpoints.find_map.get(site=wildcards.site).output.scenes)
    pieces = (piece for day in found[MAPS[wildcards.site]["sensor"]].values() for piece in day.scenes)
    return [f"results/raw/{wildcards.site}/maps/{piece}" for piece in pieces]
