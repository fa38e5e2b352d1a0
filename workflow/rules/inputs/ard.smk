# The files and settings of the rules in ../ard.smk.

from types import SimpleNamespace

from stfuse.checks import unregistered

# The settings of a site that decide how a raw scene is read.
READING = ("mask_dilation_m", "snow", "cloud_masks", "band_shifts_m", "nbar")


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


def reference_entry(wildcards):
    """The configuration of a site's reference sensor."""
    return SENSORS[SITES[wildcards.site]["reference"]]


def reference_bands(wildcards):
    """The bands that a job brings of it."""
    return bands_of(wildcards.site, SITES[wildcards.site]["reference"])


def frame_dates(site):
    """Up to sixteen clear dates of the reference sensor, none of them hidden."""
    return plan.spread(sorted(open_references(site)), 16)


def frame_scenes(wildcards):
    """Their raw scenes, by date."""
    site, reference = wildcards.site, SITES[wildcards.site]["reference"]
    asked = {date: SimpleNamespace(site=site, sensor=reference, date=date) for date in frame_dates(site)}
    return {date: raw_scenes(one) for date, one in asked.items()}


def frame_files(wildcards):
    """Their folders."""
    return [folder for folders in frame_scenes(wildcards).values() for folder in folders]


def frame_memory(wildcards, attempt):
    """Megabytes: two bands of one image and of the mean are held."""
    return attempt * int(1500 + 100 * megapixels(wildcards))


def frame_image(wildcards):
    """What images of the reference sensor are laid on, where their site asks for it and enough of them are clear."""
    site = SITES[wildcards.site]
    asked = site["frame"] == "mean" and site["coregistration"] != "none"
    if (
        not asked
        or wildcards.sensor != site["reference"]
        or not {"red", "nir", "nir08"} & set(reference_bands(wildcards))
    ):
        return []
    return [f"results/ard/{site['name']}/frame.tif"] if len(frame_dates(site["name"])) >= 3 else []


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


def images_by_sensor(site):
    """Dates of the images that a site's experiments use, by sensor."""
    found = {}
    for image in sorted(ard_images(site)):
        found.setdefault(Path(image).parent.name, []).append(Path(image).stem)
    return found


def common_bands(site, sensor):
    """The bands that images of a sensor share with the reference's; none where the two are not compared."""
    reference = SITES[site]["reference"]
    if sensor == reference or unregistered(SENSORS[sensor], SENSORS[reference]):
        return []
    return [band for band in bands_of(site, sensor) if band in bands_of(site, reference)]


def compared_pairs(wildcards):
    """Every coincident pair of images that experiments use. Hidden dates too: nothing is fitted to what they say."""
    site, reference = wildcards.site, SITES[wildcards.site]["reference"]
    known, used, pairs = days(site), images_by_sensor(site), []
    for sensor, dates in used.items():
        bands = common_bands(site, sensor)
        for date in dates if bands else []:
            found = plan.nearest(date, used.get(reference, []))
            if not found or plan.days_between(date, found) > SITES[site]["bandpass_days"]:
                continue
            asked = SimpleNamespace(site=site, sensor=sensor, date=date)
            other = SimpleNamespace(site=site, sensor=reference, date=found)
            pair = {"sensor": sensor, "bands": bands, "bandpass": "".join(bandpass_of(asked))}
            pair |= {"scenes": raw_scenes(asked), "reference_scenes": raw_scenes(other)}
            pair |= {"image": f"results/ard/{site}/{sensor}/{date}.tif"}
            pair |= {"registered_to": "".join(Path(image).stem for image in reference_image(asked))}
            pairs.append(pair | {"reference": f"results/ard/{site}/{reference}/{found}.tif"})
    return pairs


def compared_files(wildcards):
    """Their files."""
    found = set()
    for pair in compared_pairs(wildcards):
        found |= {*pair["scenes"], *pair["reference_scenes"], pair["image"], pair["reference"], pair["bandpass"]}
    return sorted(found - {""})


def compared_sensors(wildcards):
    """The configurations of a site's sensors."""
    return {sensor: SENSORS[sensor] for sensor in SITES[wildcards.site]["sensors"]}


def comparing_runtime(wildcards, input, attempt):
    """Minutes: every pair's scenes are read once more."""
    return attempt * int(10 + 2 * megapixels(wildcards) * len(input))


def reflectance_images(wildcards):
    """The images of reflectance that a site's experiments use."""
    used = images_by_sensor(wildcards.site)
    optical = [s for s in used if SENSORS[s].get("quantity", "reflectance") == "reflectance"]
    return [f"results/ard/{wildcards.site}/{sensor}/{date}.tif" for sensor in optical for date in used[sensor]]


def field_map(wildcards):
    """The site's field map, where the user has one: a raster, or the pieces of a map of crops from an archive."""
    site = SITES[wildcards.site]
    if wildcards.site in MAPS:
        return map_scenes(wildcards)
    where = site.get("fields", "")
    where = where if isinstance(where, str) else where["raster"]
    if where == "simulated":
        return [f"results/simulated/{site['name']}/fields.tif"]
    return [located(where, f"Field map of site {site['name']}")] if where else []


def field_names(wildcards):
    """What the codes of the site's own field map stand for, as far as its file says it."""
    fields = SITES[wildcards.site].get("fields", "")
    return {} if isinstance(fields, str) else {str(code): name for code, name in fields.get("names", {}).items()}


def field_images(wildcards):
    """Without a field map: up to eight clear images over the period to find fields in."""
    site = SITES[wildcards.site]
    if site.get("fields"):
        return []
    dates = plan.spread(sorted(open_references(site["name"])), 8)
    return [f"results/ard/{site['name']}/{site['reference']}/{date}.tif" for date in dates]


def quality_images(wildcards):
    """Every image that the site's experiments use."""
    return sorted(ard_images(wildcards.site))


def quality_rows(wildcards):
    """Their quality rows, in the same order."""
    return [image.removesuffix(".tif") + ".csv" for image in quality_images(wildcards)]


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
