# results/ard/{site}: surface reflectance on the site's grid, one image per sensor and day.


def raw_scenes(wildcards):
    """All raw scenes of one sensor and day."""
    day = days(wildcards.site)[wildcards.sensor][wildcards.date]
    return [f"results/raw/{wildcards.site}/{wildcards.sensor}/{scene}" for scene in day.scenes]


def hidden_at(site):
    """Dates of the reference sensor that some experiment hides: nothing may be fitted to them."""
    sensor = SITES[site]["reference"]
    hides = [plan.hidden(e, days(site)).get(sensor, set()) for e in experiments_at(site)]
    return set().union(*hides)


def open_references(site):
    """Dates of the reference sensor that may serve co-registration and bandpass."""
    known = days(site).get(SITES[site]["reference"], {})
    return [d for d, day in known.items() if day.clear >= 0.8 and d not in hidden_at(site)]


def reference_image(wildcards):
    """The reference sensor's image nearest in time, to register another sensor's to."""
    site, reference = wildcards.site, SITES[wildcards.site]["reference"]
    found = plan.nearest(wildcards.date, open_references(site)) if wildcards.sensor != reference else None
    return [f"results/ard/{site}/{reference}/{found}.tif"] if found else []


def bandpass_of(wildcards):
    """The band coefficients of a sensor that has bands in common with the reference."""
    site, sensor = SITES[wildcards.site], wildcards.sensor
    common = set(SENSORS[sensor]["bands"]) & set(SENSORS[site["reference"]]["bands"])
    fits = sensor != site["reference"] and common
    return [f"results/ard/{site['name']}/{sensor}/bandpass.json"] if fits else []


def bandpass_pairs(wildcards):
    """Coincident days of a sensor and the reference, none of them hidden by an experiment."""
    site, sensor = wildcards.site, wildcards.sensor
    pairs = []
    for date, day in days(site)[sensor].items():
        found = plan.nearest(date, open_references(site))
        if found and day.clear >= 0.8 and plan.days_between(date, found) <= SITES[site]["bandpass_days"]:
            scenes = [f"results/raw/{site}/{sensor}/{scene}" for scene in day.scenes]
            image = f"results/ard/{site}/{SITES[site]['reference']}/{found}.tif"
            pairs.append({"scenes": scenes, "reference": image})
    return pairs if SITES[site]["bandpass"] == "fit" else []


def bandpass_files(wildcards):
    """The files of the coincident days."""
    return [f for pair in bandpass_pairs(wildcards) for f in [*pair["scenes"], pair["reference"]]]


rule fit_bandpass:
    """Bring the bands of {wildcards.sensor} to those of the reference sensor."""
    input:
        pairs=bandpass_files,
        code=code("ard_bandpass"),
    output:
        "results/ard/{site}/{sensor}/bandpass.json",
    params:
        pairs=bandpass_pairs,
        site=site_entry,
        sensor=sensor_entry,
        bands=sensor_bands,
    log:
        "results/logs/ard/{site}/{sensor}/bandpass.log",
    benchmark:
        "results/benchmarks/ard/{site}/{sensor}/bandpass.tsv"
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/ard_bandpass.py"


rule prepare:
    """Scale, mask, register and adjust the scenes of {wildcards.sensor} on {wildcards.date}."""
    input:
        scenes=raw_scenes,
        reference=reference_image,
        bandpass=bandpass_of,
        code=code("ard"),
    output:
        image="results/ard/{site}/{sensor}/{date}.tif",
        quality="results/ard/{site}/{sensor}/{date}.csv",
    params:
        site=site_entry,
        sensor=sensor_entry,
        bands=sensor_bands,
    log:
        "results/logs/ard/{site}/{sensor}/{date}.log",
    benchmark:
        "results/benchmarks/ard/{site}/{sensor}/{date}.tsv"
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/ard.py"


def field_map(wildcards):
    """The site's field map, where the user has one."""
    site = SITES[wildcards.site]
    where = site.get("fields", "")
    if where == "simulated":
        return [f"results/simulated/{site['name']}/fields.tif"]
    return [where.format(data=config["data"])] if where else []


def field_images(wildcards):
    """Without a field map: up to eight clear images over the period to find fields in."""
    site = SITES[wildcards.site]
    if site.get("fields"):
        return []
    dates = plan.spread(sorted(open_references(site["name"])), 8)
    return [f"results/ard/{site['name']}/{site['reference']}/{date}.tif" for date in dates]


rule map_fields:
    """The fields of {wildcards.site} on its grid."""
    input:
        map=field_map,
        images=field_images,
        code=code("ard_fields"),
    output:
        "results/ard/{site}/fields.tif",
    params:
        site=site_entry,
    log:
        "results/logs/ard/{site}/fields.log",
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/ard_fields.py"


def quality_rows(wildcards):
    """The quality row of every image that the site's experiments use."""
    return sorted(f.replace(".tif", ".csv") for f in ard_images(wildcards.site))


rule collect_quality:
    """One table of what was done to every scene of {wildcards.site}."""
    input:
        rows=quality_rows,
        code=code("ard_quality"),
    output:
        "results/ard/{site}/quality.csv",
    log:
        "results/logs/ard/{site}/quality.log",
    conda:
        "../../envs/geo.yaml"
    script:
        "../scripts/ard_quality.py"
