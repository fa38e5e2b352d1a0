# results/raw/{site}: what the catalogue has, and the site's window of the scenes that are needed, as delivered.
# These rules take no code as input: an edited module must not fetch an archive again.


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


checkpoint find_scenes:
    """Search the catalogue of {wildcards.site} and look at the masks over the site."""
    input:
        catalog=local_catalog,
    output:
        scenes="results/raw/{site}/scenes.csv",
        index="results/raw/{site}/items.json",
    params:
        catalog=catalog_of,
        site=site_entry,
        sensors=site_sensors,
    log:
        "results/logs/raw/{site}/scenes.log",
    benchmark:
        "results/benchmarks/raw/{site}/scenes.tsv"
    retries: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/raw_scenes.py"


rule fetch:
    """Fetch the site's window of {wildcards.scene}."""
    input:
        # A scene never changes once delivered, so a new search fetches only what is new.
        index=ancient("results/raw/{site}/items.json"),
        catalog=simulated_catalog,
    output:
        scene=directory("results/raw/{site}/{sensor}/{scene}"),
    params:
        site=site_entry,
        sensor=sensor_entry,
        bands=sensor_bands,
    log:
        "results/logs/raw/{site}/{sensor}/{scene}.log",
    benchmark:
        "results/benchmarks/raw/{site}/{sensor}/{scene}.tsv"
    retries: 2
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/raw.py"
