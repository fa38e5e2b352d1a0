# results/raw/{site}: what the catalogue has, and the site's window of the scenes that are needed, as delivered.
# Of the code only the reading of masks and encodings counts: other edits must not fetch an archive again.


include: "inputs/raw.smk"


checkpoint find_scenes:
    """Search the catalogue of {wildcards.site} and look at the masks over the site."""
    input:
        catalog=local_catalog,
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
        runtime=runtime,
    params:
        code=code("stfuse/masks"),
        catalog=catalog_of,
        site=site_keys("period", "min_clear", "mask_dilation_m", "exclude"),
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
    params:
        code=code("stfuse/encodings"),
        site=site_keys("sentinel2_offset"),
        sensor=sensor_entry,
        bands=sensor_bands,
    script:
        "../scripts/raw.py"
