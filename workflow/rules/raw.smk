# results/raw/{site}: what the catalogue has, and the site's window of the scenes that are needed, as delivered.
# Of the code only the reading of masks and encodings counts: other edits must not fetch an archive again.


include: "inputs/raw.smk"


checkpoint find_scenes:
    """Search the archives of {wildcards.site} and look at the masks over the site."""
    input:
        catalogs=local_catalogs,
    output:
        scenes="results/raw/{site}/scenes.csv",
        index="results/raw/{site}/items.json",
    log:
        "results/logs/raw/{site}/scenes.log",
    benchmark:
        "results/benchmarks/raw/{site}/scenes.tsv"
    retries: 2
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=search_runtime,
        downloads=downloads,
    params:
        code=code("stfuse/harmonisation/scenemask"),
        sources=sources_of,
        site=site_keys("period", "min_clear", "max_cloud", "cloud_masks", "snow", "mask_dilation_m", "exclude"),
        sensors=site_sensors,
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
    log:
        "results/logs/raw/{site}/{sensor}/{scene}.log",
    benchmark:
        "results/benchmarks/raw/{site}/{sensor}/{scene}.tsv"
    retries: 2
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
        downloads=downloads,
        # Not a parameter: how fast it is fetched changes nothing in it.
        reads=reads_at_once,
    params:
        code=code("stfuse/products/encodings"),
        site=site_keys("sentinel2_offset", "cloud_masks"),
        sensor=fetched_sensor,
        bands=sensor_bands,
    script:
        "../scripts/raw.py"


checkpoint find_map:
    """Search the archives for the pieces of the land-cover map of {wildcards.site}."""
    input:
        catalogs=local_map_catalogs,
    output:
        scenes="results/raw/{site}/maps.csv",
        index="results/raw/{site}/maps.json",
    log:
        "results/logs/raw/{site}/maps.log",
    benchmark:
        "results/benchmarks/raw/{site}/maps.tsv"
    retries: 2
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
        downloads=1,
    params:
        code=code("stfuse/harmonisation/scenemask"),
        sources=map_sources,
        site=map_site,
        sensors=map_sensors,
    script:
        "../scripts/raw_scenes.py"


rule fetch_map:
    """Fetch the site's window of the piece {wildcards.scene} of the land-cover map."""
    input:
        index=ancient("results/raw/{site}/maps.json"),
    output:
        scene=directory("results/raw/{site}/maps/{scene}"),
    log:
        "results/logs/raw/{site}/maps/{scene}.log",
    benchmark:
        "results/benchmarks/raw/{site}/maps/{scene}.tsv"
    retries: 2
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
        downloads=1,
    params:
        code=code("stfuse/products/encodings"),
        site=site_keys(),
        sensor=map_sensor,
        bands=map_bands,
    script:
        "../scripts/raw.py"
