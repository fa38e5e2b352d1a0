# The files and settings of the rules in ../ard.smk.

from stfuse.checks import unregistered


def raw_scenes(wildcards):
    """All raw scenes of one sensor and day."""
    day = days(wildcards.site)[wildcards.sensor][wildcards.date]
    return [f"results/raw/{wildcards.site}/{wildcards.sensor}/{scene}" for scene in day.scenes]


def hidden_at(site, sensor):
    """Dates of a sensor that some experiment hides: nothing may be fitted to them."""
    hides = [planned("hidden", e, site).get(sensor, set()) for e in experiments_at(site)]
    return set().union(*hides)


def open_references(site):
    """Dates of the reference sensor that may serve co-registration and bandpass."""
    reference = SITES[site]["reference"]
    known, hides = days(site).get(reference, {}), hidden_at(site, reference)
    return [d for d, day in known.items() if day.clear >= 0.8 and d not in hides]


def alone(wildcards):
    """Why a sensor's images are not compared with the reference sensor's; empty for those that are."""
    return unregistered(SENSORS[wildcards.sensor], SENSORS[SITES[wildcards.site]["reference"]])


def reference_image(wildcards):
    """The reference sensor's image nearest in time, to register another sensor's to."""
    site, reference = wildcards.site, SITES[wildcards.site]["reference"]
    compared = wildcards.sensor != reference and not alone(wildcards)
    found = plan.nearest(wildcards.date, open_references(site)) if compared else None
    return [f"results/ard/{site}/{reference}/{found}.tif"] if found else []


def bandpass_of(wildcards):
    """The band coefficients of a sensor that has bands in common with the reference, fitted or published."""
    site, sensor = SITES[wildcards.site], wildcards.sensor
    common = set(SENSORS[sensor]["bands"]) & set(SENSORS[site["reference"]]["bands"])
    known = not alone(wildcards) or SENSORS[sensor].get("bandpass")
    fits = sensor != site["reference"] and common and known
    return [f"results/ard/{site['name']}/{sensor}/bandpass.json"] if fits else []


def bandpass_pairs(wildcards):
    """Coincident days of a sensor and the reference, none of them hidden by an experiment."""
    site, sensor = wildcards.site, wildcards.sensor
    if SITES[site]["bandpass"] != "fit" or alone(wildcards):
        return []
    references, hides, pairs = open_references(site), hidden_at(site, sensor), []
    for date, day in days(site)[sensor].items():
        found = plan.nearest(date, references)
        near = found and plan.days_between(date, found) <= SITES[site]["bandpass_days"]
        if near and day.clear >= 0.8 and date not in hides:
            scenes = [f"results/raw/{site}/{sensor}/{scene}" for scene in day.scenes]
            image = f"results/ard/{site}/{SITES[site]['reference']}/{found}.tif"
            pairs.append({"scenes": scenes, "reference": image})
    return pairs


def bandpass_files(wildcards):
    """The files of the coincident days."""
    return [f for pair in bandpass_pairs(wildcards) for f in [*pair["scenes"], pair["reference"]]]


def field_map(wildcards):
    """The site's field map, where the user has one."""
    site = SITES[wildcards.site]
    where = site.get("fields", "")
    if where == "simulated":
        return [f"results/simulated/{site['name']}/fields.tif"]
    return [located(where, f"Field map of site {site['name']}")] if where else []


def field_images(wildcards):
    """Without a field map: up to eight clear images over the period to find fields in."""
    site = SITES[wildcards.site]
    if site.get("fields"):
        return []
    dates = plan.spread(sorted(open_references(site["name"])), 8)
    return [f"results/ard/{site['name']}/{site['reference']}/{date}.tif" for date in dates]


def quality_rows(wildcards):
    """The quality row of every image that the site's experiments use."""
    return sorted(f.replace(".tif", ".csv") for f in ard_images(wildcards.site))


def reference_resolution(wildcards):
    """Pixel size of the reference sensor's images in metres."""
    return resolution(SITES[wildcards.site]["reference"])


def every_scene(wildcards):
    """The raw scenes of every image that the experiments use."""
    found = []
    for site in SITES:
        for image in sorted(ard_images(site)):
            sensor, date = Path(image).parent.name, Path(image).stem
            found += [f"results/raw/{site}/{sensor}/{scene}" for scene in days(site)[sensor][date].scenes]
    return found
