"""A simulated site as pictures: results/figures/{site}/year.png and sensors.png."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.acquisition.scenes import Scene, find_asset, make_scene
from stfuse.errors import InputError
from stfuse.grid import regrid, site_grid
from stfuse.harmonisation.masks import join, mask_bands, over_site
from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_year import View, sensors_figure, year_figure
from stfuse.products.encodings import decode, find_encoding
from stfuse.raster import REMAKE
from stfuse.raster_stored import read_stored
from stfuse.task import FloatArray
from stfuse.truth import read_truth

if TYPE_CHECKING:
    snakemake: Any

TRUE, FALSE = ("red", "green", "blue"), ("nir", "red", "green")
DATES = 12
CROP = 1020.0
"""Metres that the pictures of the sensors are wide: some pixels of the coarsest, and the single ones of the finest."""
CLEAR = 0.98
SNOW = 0.25
"""Blue reflectance that no land without snow has in its middle."""
Bounds = tuple[float, float, float, float]


def draw_year(truth: Path, bounds: Bounds, period: tuple[date, date], title: str, png: Path) -> None:
    """Draw dates spread over the period.

    Parameters
    ----------
    truth : Path
        See `stfuse.truth`.
    bounds : (left, bottom, right, top)
        The site's.
    period : (first, last) day

    Raises
    ------
    InputError
        If the truth cannot be read.
    """
    shown = spread_dates(truth, period)
    true, false = ([read_truth(truth, day, bands, "reflectance") for day in shown] for bands in (TRUE, FALSE))
    with whole(png) as part:
        part.write_bytes(to_png(year_figure(true, false, shown, bounds[2] - bounds[0], title)))


def spread_dates(truth: Path, period: tuple[date, date]) -> list[str]:
    """The middle of each twelfth of a period, or a day a third of it before or after where the land lies under snow."""
    days = (period[1] - period[0]).days + 1
    found = []
    for i in range(min(DATES, days)):
        moments = [period[0] + timedelta(days=int((i + share) * days / DATES)) for share in (1 / 2, 1 / 6, 5 / 6)]
        bare = (day for day in moments if np.median(read_truth(truth, str(day), ("blue",), "reflectance")) < SNOW)
        found.append(str(next(bare, moments[0])))
    return found


def draw_sensors(
    truth: Path,
    scenes: Path,
    site: Mapping[str, Any],
    sensors: Sequence[Mapping[str, Any]],
    title: str,
    png: Path,
) -> None:
    """Draw the truth of a summer day, and of each sensor the clear scene nearest to that day.

    Parameters
    ----------
    truth : Path
        See `stfuse.truth`.
    scenes : Path
        Folder of the simulated scenes, ``{collection}/{item}/{item}.json`` and GeoTIFFs.
    site : mapping
        Its `crs`, `bounds` and `period`.
    sensors : sequence of mapping
        Their configurations; the first decides the day.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    first, last = (date.fromisoformat(str(day)) for day in site["period"])
    middle = date(first.year, 7, 1)
    wanted = middle if first <= middle <= last else first + (last - first) / 2
    crs, bounds = str(site["crs"]), tuple(float(v) for v in site["bounds"])
    found: list[tuple[Mapping[str, Any], Scene, Path]] = []
    whole_truth = read_truth(truth, str(wanted), TRUE, "reflectance")
    pixel = (bounds[2] - bounds[0]) / whole_truth.shape[2]
    crop = middle_of(bounds, CROP, pixel)
    for sensor in sensors:
        scene = nearest_clear(scenes, sensor, wanted, crs, crop)
        if scene:
            found.append((sensor, *scene))
            # What others see is compared with the first one's day.
            wanted = date.fromisoformat(found[0][1].date)
    grid = site_grid(crs, crop, pixel)
    views = truth_views(truth, str(wanted), site_grid(crs, bounds, pixel), grid)
    # Like beside like: first what has colours, the finest first, then single bands.
    for sensor, scene, folder in sorted(
        found, key=lambda one: (not set(TRUE) <= set(one[0]["bands"]), one[0]["resolution"])
    ):
        views += sensor_views(scene, sensor, folder, grid)
    note = f"{crop[2] - crop[0]:.0f} m of the site, each sensor's clear scene nearest to {wanted} on its own pixels. "
    note += "Reflectance in true colour has one stretch in all views; other kinds have their own."
    with whole(png) as part:
        part.write_bytes(to_png(sensors_figure(views, crop[2] - crop[0], title, note)))


def middle_of(bounds: Bounds, width: float, pixel: float) -> Bounds:
    """The middle of a site, `width` metres wide or the whole of it, on edges of its pixels."""
    left, bottom, right, top = bounds
    across, down = (pixel * round(min(width, length) / pixel) for length in (right - left, top - bottom))
    left += pixel * round((right - left - across) / 2 / pixel)
    top -= pixel * round((top - bottom - down) / 2 / pixel)
    return left, top - down, left + across, top


def nearest_clear(
    scenes: Path, sensor: Mapping[str, Any], day: date, crs: str, bounds: Bounds
) -> tuple[Scene, Path] | None:
    """The scene nearest to a day that shows the place clear, and its folder; the clearest where none does."""
    listed: list[tuple[int, Scene, Path]] = []
    for name in sensor["collections"]:
        for path in sorted((scenes / name).glob("*/*.json")):
            if path.stem == path.parent.name:
                scene = make_scene(_read_item(path), sensor)
                if scene:
                    listed.append((abs((date.fromisoformat(scene.date) - day).days), scene, path.parent))
    best: tuple[float, Scene, Path] | None = None
    for _, scene, folder in sorted(listed, key=lambda one: (one[0], one[1].id)):
        share = clear_share(scene, sensor, folder, crs, bounds)
        if best is None or share > best[0]:
            best = share, scene, folder
        if share >= CLEAR:
            break
    return best[1:] if best else None


def clear_share(scene: Scene, sensor: Mapping[str, Any], folder: Path, crs: str, bounds: Bounds) -> float:
    """Share of a place, 0..1, that a scene shows clear; that it covers where the sensor has no mask."""
    bands = mask_bands(sensor)
    if not bands:
        values, grid = _band(scene, sensor, folder, next(iter(sensor["bands"])))
        seen = regrid(np.isfinite(values).astype(np.float32), grid, site_grid(crs, bounds, 10.0), "nearest")
        return float(np.nan_to_num(seen).mean())
    read = [read_stored(folder / find_asset(scene.item, sensor, band)["href"]) for band in bands]
    mask, grid = join([values for values, _ in read], sensor["mask"]["kind"]), read[0][1]
    return float(over_site(mask, grid, sensor["mask"]["kind"], crs, bounds, 0.0)[1].mean())


def truth_views(truth: Path, day: str, whole_grid: GeoBox, grid: GeoBox) -> list[View]:
    """The truth of a day in true and false colour."""
    views = []
    for kind, bands in (("true colour", TRUE), ("false colour", FALSE)):
        values = read_truth(truth, day, bands, "reflectance")
        detail = f"{day}, {abs(whole_grid.resolution.x):g} m, {kind}"
        views.append(View("truth", detail, regrid(values, whole_grid, grid, "nearest"), kind))
    return views


def sensor_views(scene: Scene, sensor: Mapping[str, Any], folder: Path, grid: GeoBox) -> list[View]:
    """What a sensor sees: true colour where it has it, else each of its bands in grey."""
    bands = set(sensor["bands"])
    groups = [TRUE] if set(TRUE) <= bands else [(band,) for band in sensor["bands"]]
    views = []
    for group in groups:
        read = [_band(scene, sensor, folder, band) for band in group]
        values = np.stack([regrid(v, own, grid, "nearest") for v, own in read])
        kind = "true colour" if group == TRUE else group[0]
        pixel = sensor["bands"][group[0]]
        views.append(View(str(sensor["name"]), f"{scene.date}, {pixel:g} m, {kind}", _in_decibels(values, kind), kind))
    return views


def _in_decibels(values: FloatArray, kind: str) -> FloatArray:
    """Backscatter is shown in dB."""
    if kind not in ("vv", "vh"):
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(10 * np.log10(values), np.float32)


def _band(scene: Scene, sensor: Mapping[str, Any], folder: Path, band: str) -> tuple[FloatArray, GeoBox]:
    asset = find_asset(scene.item, sensor, band)
    stored, grid = read_stored(folder / asset["href"])
    rule = sensor["collections"][scene.collection]["encoding"]
    return decode(stored, find_encoding(rule, scene.item, asset, {})), grid


def _read_item(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        site = snakemake.params.site
        start, end = (date.fromisoformat(str(day)) for day in site["period"])
        draw_year(
            truth=Path(snakemake.input.truth),
            bounds=tuple(site["bounds"]),
            period=(start, end),
            title=snakemake.params.title,
            png=Path(snakemake.output.year),
        )
        draw_sensors(
            truth=Path(snakemake.input.truth),
            scenes=Path(snakemake.input.scenes),
            site=site,
            sensors=list(snakemake.params.sensors),
            title=snakemake.params.title,
            png=Path(snakemake.output.sensors),
        )
