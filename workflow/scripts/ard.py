"""One sensor's scenes of one day as an analysis-ready image and its row of quality: results/ard/{site}/{sensor}/."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.ard import merge_day, snow_of_day
from stfuse.bands import BACKSCATTER
from stfuse.grid import site_grid
from stfuse.harmonisation.bandpass import apply_lines
from stfuse.harmonisation.coregistration import Match
from stfuse.harmonisation.masks import site_share
from stfuse.harmonisation.registration import register, shift_in_units
from stfuse.harmonisation.screening import without_missed_clouds
from stfuse.job import job, whole
from stfuse.products.stored import to_decibels
from stfuse.raster import read_image, write_image
from stfuse.rawscene import read_native, tell
from stfuse.task import FloatArray

logger = logging.getLogger("stfuse.ard")

COLUMNS = (
    "site", "sensor", "date", "scenes", "platform", "clear", "masks", "nbar",
    "shift_x_m", "shift_y_m", "shift_accepted", "match_before", "match_after",
    "bandpass", "encoding", "invalid", "missed_cloud", "brightness", "notes",
)  # fmt: skip


def make_ard(
    scenes: list[Path],
    sensor: dict[str, Any],
    site: dict[str, Any],
    bands: list[str],
    image: Path,
    quality: Path,
    reference: Path | None,
    bandpass: Path | None,
    alone: str = "",
    frame: Path | None = None,
) -> None:
    """Write one day's image on the site's grid, reflectance or backscatter in dB, and its quality row.

    Parameters
    ----------
    scenes : list of Path
        Folders of the day's raw scenes.
    sensor, site
        Contents of their config files, with `name`.
    bands : list of str
        STAC common names.
    image, quality : Path
        The COG and the one-row CSV to write.
    reference : Path or None
        Image of the reference sensor nearest in time, named by its date; None for the reference sensor itself.
    bandpass : Path or None
        JSON with a line per band.
    alone : str
        Why the image is not compared with the reference, where it is not (see `checks.unregistered`).
    frame : Path or None
        What images of the reference sensor are laid on; None where they stay as delivered, and for other sensors.

    Raises
    ------
    InputError
        If a file is missing or damaged, or a scene lacks a band.
    """
    grid = site_grid(site["crs"], tuple(site["bounds"]), sensor["resolution"])
    native = read_native(scenes, bands, sensor, site)
    backscatter = sensor.get("quantity", "reflectance") == "backscatter"
    values = merge_day(native, grid)
    beside = reference or frame
    known = read_image(beside) if beside else None
    match = register(values, bands, grid, known, site.get("coregistration", "ecc")) if known else None
    shift = shift_in_units(match, grid)
    if shift != (0.0, 0.0):
        values = merge_day(native, grid, shift)
    lines = json.loads(bandpass.read_text()) if bandpass else {}
    if lines:
        values = apply_lines(values, bands, lines)
    date = image.stem
    missed = float("nan")
    if known and reference:
        snow = snow_of_day(native, grid, shift)
        values, missed = without_missed_clouds(values, bands, grid, known, (date, reference.stem), snow)
    if backscatter:
        values = to_decibels(values)
    row = {
        "site": site["name"], "sensor": sensor["name"], "date": date, "scenes": " ".join(s.told["id"] for s in native),
        "platform": tell(native, "platform"),
        "clear": f"{site_share(np.isfinite(values[0]), grid, site['crs'], tuple(site['bounds'])):.4f}",
        "masks": tell(native, "masks"), "nbar": tell(native, "nbar"), **_match_facts(match, shift),
        "bandpass": " ".join(f"{band}:{lines[band]['rule']}" for band in bands) if lines else "none",
        "encoding": tell(native, "encoding"),
        "invalid": f"{max(s.invalid for s in native):.4f}", "missed_cloud": _number(missed),
        "brightness": _brightness(values, bands), "notes": _unmoved(alone, known is not None, match),
    }  # fmt: skip
    tags = {"REFERENCE": reference.stem} if reference else {}
    if backscatter:
        tags["UNIT"] = "dB"
    tags |= {name.upper(): str(value) for name, value in row.items() if value != ""}
    write_image(image, values, bands, grid, tags, packed=not backscatter)
    _write_row(quality, row)


def _write_row(quality: Path, row: dict[str, Any]) -> None:
    with whole(quality) as part, part.open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerow(row)


def _unmoved(alone: str, compared: bool, match: Match | None) -> str:
    """Why an image lies where its archive put it; empty for one that was moved and for the reference's own."""
    if not compared:
        return f"not compared with the reference: {alone}" if alone else ""
    why = match.reason if match else "no band to compare"
    if why:
        logger.info("not moved: %s", why)
    return f"not moved: {why}" if why else ""


def _match_facts(match: Match | None, shift: tuple[float, float]) -> dict[str, Any]:
    if match is None:
        return dict.fromkeys(("shift_x_m", "shift_y_m", "shift_accepted", "match_before", "match_after"), "")
    return {
        "shift_x_m": f"{shift[0]:.2f}", "shift_y_m": f"{shift[1]:.2f}", "shift_accepted": int(match.accepted),
        "match_before": _number(match.before), "match_after": _number(match.after),
    }  # fmt: skip


def _number(value: float) -> str:
    """Empty where there is none."""
    return f"{value:.4f}" if np.isfinite(value) else ""


def _brightness(values: FloatArray, bands: list[str]) -> str:
    """Median reflectance of the shortest wavelength there is, where haze shows most; empty if there is none."""
    if not BACKSCATTER.isdisjoint(bands):
        return ""
    band = next((b for b in ("blue", "green", "red") if b in bands), bands[0])
    seen = values[bands.index(band)]
    return f"{np.nanmedian(seen):.4f}" if np.isfinite(seen).any() else ""


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_ard(
            scenes=[Path(p) for p in snakemake.input.scenes],
            sensor=snakemake.params.sensor,
            site=snakemake.params.site,
            bands=list(snakemake.params.bands),
            image=Path(snakemake.output.image),
            quality=Path(snakemake.output.quality),
            reference=Path(snakemake.input.reference[0]) if snakemake.input.reference else None,
            bandpass=Path(snakemake.input.bandpass[0]) if snakemake.input.bandpass else None,
            alone=snakemake.params.alone,
            frame=Path(snakemake.input.frame[0]) if snakemake.input.frame else None,
        )
