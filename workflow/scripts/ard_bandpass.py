"""One sensor's bandpass adjustment to the site's reference sensor: results/ard/{site}/{sensor}/bandpass.json."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.ard import merge_day
from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.bandpass import Line, Pair, day_lines, lines_of, published, spread_within
from stfuse.harmonisation.registration import register, shift_in_units
from stfuse.harmonisation.screening import without_missed_clouds
from stfuse.job import job, whole
from stfuse.raster import read_image
from stfuse.rawscene import read_native, scene_date

logger = logging.getLogger("stfuse.ard_bandpass")


def fit_bandpass(
    pairs: list[dict[str, Any]], sensor: dict[str, Any], site: dict[str, Any], bands: list[str], out: Path
) -> None:
    """Write ``{band: {slope, offset, rule, n, r, why, slope_error, offset_error, days, weight}}``, see `bandpass.Line`.

    Parameters
    ----------
    pairs : list of {"scenes": [raw folders], "reference": image}
        Days on which both sensors saw the site. Used by ``bandpass: fit`` only.
    sensor, site
        Contents of their config files, with `name`; ``site["bandpass"]`` is fit, published or none;
        ``site["reference"]`` is the sensor that the lines lead to.
    bands : list of str
    out : Path

    Raises
    ------
    InputError
        If the site's setting is unknown or a file cannot be read.
    """
    choice = site.get("bandpass", "none")
    if choice not in ("fit", "published", "none"):
        raise InputError(f"bandpass: {choice} is unknown", f"write fit, published or none in {site['name']}.yaml")
    lines = {band: Line(1.0, 0.0, "identity") for band in bands}
    if choice != "none":
        lines = {band: published(sensor, band, site["reference"]) for band in bands}
    if choice == "fit":
        # Line by line: all images of a full tile would not fit into memory.
        days = [day_lines(_read_pair(pair, sensor, site, bands)) for pair in pairs]
        names = [scene_date(Path(pair["scenes"][0])) for pair in pairs]
        lines = dict(zip(bands, lines_of(days, names, list(lines.values())), strict=True))
        for band, line in lines.items():
            told = (
                band,
                line.rule,
                line.slope,
                line.offset,
                line.slope_error,
                line.offset_error,
                line.weight,
                list(line.days),
                line.why,
            )
            logger.info("%s: %s, slope %.4f, offset %.4f, errors %s and %s, weight %s, dates %s; %s", *told)
    with whole(out) as part:
        part.write_text(json.dumps({band: line.as_dict() for band, line in lines.items()}, indent=1) + "\n")


def _read_pair(pair: dict[str, Any], sensor: dict[str, Any], site: dict[str, Any], bands: list[str]) -> Pair:
    """Both images of a pair on the coarser's grid, registered, without missed cloud; lacking bands are NaN."""
    grid = site_grid(site["crs"], tuple(site["bounds"]), sensor["resolution"])
    native = read_native([Path(p) for p in pair["scenes"]], bands, sensor, site)
    values, names, fine = reference = read_image(pair["reference"])
    image = merge_day(native, grid)
    match = register(image, bands, grid, reference, site.get("coregistration", "ecc"))
    shift = shift_in_units(match, grid)
    if shift != (0.0, 0.0):
        image = merge_day(native, grid, shift)
    date, known_date = scene_date(Path(pair["scenes"][0])), Path(pair["reference"]).stem
    # The test's limits are wide enough for reflectance that is not adjusted yet.
    image, missed = without_missed_clouds(image, bands, grid, reference, (date, known_date))
    # A date that the fit leaves out is moved by the stage's images all the same: the log tells by how much.
    why = match.reason if match else "no band to compare"
    logger.info("%s on %s: moved by %s m (%s), missed cloud %.3f", date, known_date, shift, why or "accepted", missed)
    known = np.full((len(bands), *fine.shape), np.nan, np.float32)
    for i, band in enumerate(bands):
        if band in names:
            known[i] = values[names.index(band)]
    if grid.resolution.x < fine.resolution.x:
        return degrade(image, grid, fine, min_valid=0.99), known, spread_within(image, grid, fine)
    return image, degrade(known, fine, grid, min_valid=0.99), spread_within(known, fine, grid)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        fit_bandpass(
            pairs=list(snakemake.params.pairs),
            sensor=snakemake.params.sensor,
            site=snakemake.params.site,
            bands=list(snakemake.params.bands),
            out=Path(snakemake.output[0]),
        )
