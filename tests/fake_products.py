"""Small made-up products of every stage, seeded, for drawing figures before (and without) running the road."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.cube import Layer, write_cube
from stfuse.grid import degrade, ndvi, regrid, site_grid
from stfuse.phenology.logistic import CURVE_NAMES, double_logistic, season_peaks, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.phenology.transitions import season_table
from stfuse.raster import write_image
from stfuse.raster_stored import write_stored

BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
METHODS = ("bilinear", "nearest", "temporal", "starfm_si", "srcnn", "esrcnn")
SOURCES = ("landsat8", "sentinel2", "starfm_si")
TARGETS = ("2023-05-10", "2023-07-09")
BLUR = {"bilinear": 1.0, "nearest": 0.0, "temporal": 0.1, "starfm_si": 0.3, "srcnn": 0.5, "esrcnn": 0.2}
NOISE = {"bilinear": 0.004, "nearest": 0.03, "temporal": 0.02, "starfm_si": 0.012, "srcnn": 0.01, "esrcnn": 0.008}
SITE = {
    "name": "mosaic",
    "title": "Simulated field mosaic",
    "crs": "EPSG:32631",
    "period": ["2023-01-01", "2023-12-31"],
    "simulated": {"seed": 1},
    "min_clear": 0.5,
}


@dataclass(frozen=True)
class World:
    """Blocks of fields with seasons of their own, and their grids."""

    grid: GeoBox
    coarse: GeoBox
    fields: NDArray[np.int32]
    curves: NDArray[np.float64]


def make_world(pixels: int = 36, seed: int = 0, block: int = 12) -> World:
    """A square world of `pixels` x `pixels`; each field `block` wide, cut by paths."""
    rng = np.random.default_rng(seed)
    grid = site_grid("EPSG:32631", (500010.0, 5629080.0, 500010.0 + 10 * pixels, 5629080.0 + 10 * pixels), 10.0)
    rows, columns = np.indices((pixels, pixels)) // block
    # Every third block is as large as two, so that "the largest fields" means something.
    columns = columns - (columns % 3 == 2)
    fields = (1 + rows * (columns.max() + 1) + columns).astype(np.int32)
    fields[::block] = 0
    curves = np.zeros((fields.max() + 1, 6))
    for number in range(1, len(curves)):
        early = rng.uniform(95, 125) if number % 2 else rng.uniform(150, 175)
        curves[number] = (0.2, rng.uniform(0.4, 0.6), 0.12, early, 0.09, early + rng.uniform(70, 120))
    return World(grid, grid.zoom_out(3), fields, curves)


def ndvi_on(world: World, day: float) -> NDArray[np.float32]:
    """Noise-free NDVI of a day of the year, shape (y, x)."""
    values = np.array([double_logistic(day, c) for c in world.curves])
    values[0] = 0.15
    return values[world.fields].astype(np.float32)


def image_on(world: World, day: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Reflectance in `BANDS` of a day, shape (band, y, x)."""
    index = ndvi_on(world, day)
    nir = 0.2 + 0.25 * index
    red = nir * (1 - index) / (1 + index)
    stack = np.stack([0.6 * red, 0.05 + 0.5 * red, red, nir, 0.15 + 0.4 * red, 0.08 + 0.4 * red])
    return (stack + rng.normal(0, 0.004, stack.shape)).astype(np.float32)


def day_of(date: str) -> int:
    """Day of the year 2023, 1 = 1 January."""
    return int((np.datetime64(date) - np.datetime64("2023-01-01")) / np.timedelta64(1, "D")) + 1


def write_images(world: World, root: Path, seed: int = 0) -> dict[str, list[Path]]:
    """Observed, coarse, reference and fused images of `TARGETS`; a cloud hides a corner of the truth."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Path]] = {name: [] for name in ("observed", "coarse", "references", *METHODS)}
    for date in TARGETS:
        truth = image_on(world, day_of(date), rng)
        coarse = degrade(truth, world.grid, world.coarse) + rng.normal(0, 0.003, (len(BANDS), *world.coarse.shape))
        coarse = coarse.astype(np.float32)
        soft = regrid(coarse, world.coarse, world.grid, "bilinear")
        before = image_on(world, day_of(date) - 25, rng)
        found["coarse"].append(_write(root / "ard/mosaic/landsat8", date, coarse, world.coarse))
        past = str(np.datetime64(date) - 25)
        found["references"].append(_write(root / "ard/mosaic/sentinel2", past, before, world.grid))
        for method in METHODS:
            made = BLUR[method] * soft + (1 - BLUR[method]) * (before if method == "nearest" else truth)
            made = made + rng.normal(0, NOISE[method], made.shape)
            path = root / f"fused/mosaic_withheld/mosaic/{method}/seed0"
            found[method].append(_write(path, date, made.astype(np.float32), world.grid))
        truth[:, : world.grid.shape[0] // 6, -world.grid.shape[1] // 5 :] = np.nan
        found["observed"].append(_write(root / "ard/mosaic/sentinel2", date, truth, world.grid))
    return found


def _write(folder: Path, date: str, values: NDArray[np.float32], grid: GeoBox) -> Path:
    write_image(folder / f"{date}.tif", values, BANDS, grid)
    return folder / f"{date}.tif"


def write_ndvi(source: Path, target: Path) -> Path:
    """An image of `BANDS` as one band ``ndvi``, as predictions of NDVI experiments are."""
    from stfuse.raster import read_image

    values, names, grid = read_image(source)
    write_image(target, ndvi(values[names.index("red")], values[names.index("nir08")])[None], ("ndvi",), grid)
    return target


def write_series(world: World, root: Path, seed: int = 0) -> dict[str, Path]:
    """One NDVI series per source of `SOURCES`; the last one holds fused dates."""
    rng = np.random.default_rng(seed)
    steps = np.arange("2023-01-01", "2024-01-01", 5, dtype="datetime64[D]")
    found = {}
    for source, every, noise in zip(SOURCES, (32, 22, 8), (0.06, 0.015, 0.025), strict=True):
        days = np.arange(5, 365, every)
        dates = np.datetime64("2023-01-01") + days - 1
        values = np.stack([ndvi_on(world, d) for d in days])
        values += rng.normal(0, noise, (len(days), 1, 1)) + rng.normal(0, noise, values.shape)
        smooth = np.stack([np.interp(_days(steps), days, column) for column in values.reshape(len(days), -1).T])
        smooth = smooth.T.reshape(len(steps), *world.grid.shape)
        origin = (np.arange(len(days)) % 3 > 0).astype(np.int8) * (source == SOURCES[-1])
        flags = np.broadcast_to((1 + origin)[:, None, None], values.shape).astype(np.uint8)
        layers = {
            "ndvi": Layer(values.astype(np.float32), "time", "NDVI", packed=True),
            "flags": Layer(flags, "time", "flags"),
            "origin": Layer(origin.astype(np.int8), "time", "origin"),
            "ndvi_smooth": Layer(smooth.astype(np.float32), "step", "NDVI", packed=True),
            "uncertainty_smooth": Layer(np.full(smooth.shape, noise, np.float32), "step", "1 sigma", packed=True),
        }
        found[source] = root / f"series/mosaic_product/mosaic/{source}/seed0.nc"
        write_cube(
            found[source], layers, {"time": dates, "step": steps}, world.grid, {"period": "2023-01-01/2023-12-31"}
        )
    return found


def _days(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    return (dates - np.datetime64("2023-01-01")) / np.timedelta64(1, "D") + 1


def write_phenology(world: World, root: Path, seed: int = 0) -> dict[str, dict[str, Path]]:
    """Images and tables of transition dates per source, the field map and the true dates."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(1, len(world.curves))
    true = transition_dates(world.curves[1:])
    found: dict[str, dict[str, Path]] = {"images": {}, "tables": {}}
    for source, error in zip(SOURCES, (12.0, 7.0, 3.0), strict=True):
        seasons = np.full((len(SEASON_NAMES), len(world.curves)), np.nan)
        seasons[:6, 1:] = world.curves[1:].T
        seasons[6:12, 1:] = true.T + rng.normal(0, error, true.T.shape)
        seasons[12:, 1:] = 0.02
        seasons[SEASON_NAMES.index("peak"), 1:] = season_peaks(world.curves[1:])
        image = seasons[:, world.fields] + rng.normal(0, error / 2, (len(SEASON_NAMES), *world.fields.shape))
        base = root / f"phenology/mosaic_product/mosaic/{source}"
        found["images"][source], found["tables"][source] = base / "seed0.tif", base / "seed0.csv"
        write_image(found["images"][source], image.astype(np.float32), SEASON_NAMES, world.grid, packed=False)
        sizes = np.bincount(world.fields.ravel())[1:]
        labels = {"experiment": "mosaic_product", "site": "mosaic", "source": source, "seed": "0"}
        season_table(numbers, sizes, seasons[:, None, 1:], 2023, labels).to_csv(found["tables"][source], index=False)
    found["known"] = {"table": root / "simulated/mosaic/phenology.csv", "fields": root / "ard/mosaic/fields.tif"}
    write_stored(found["known"]["fields"], world.fields, world.grid, 0)
    rows = [[n, f"crop {n % 2}", *curve] for n, curve in zip(numbers.tolist(), world.curves[1:].tolist(), strict=True)]
    _table(found["known"]["table"], ["field", "class", *CURVE_NAMES], rows)
    return found


def _table(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def write_scenes(root: Path, seed: int = 0) -> Path:
    """A table of scenes of two sensors over a year, some of them left out."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = []
    for sensor, every in (("sentinel2", 5), ("landsat8", 16)):
        for day in range(3, 365, every):
            date = str(np.datetime64("2023-01-01") + day)
            clear = float(np.clip(rng.beta(0.5, 0.5), 0, 1))
            reason = "" if clear >= 0.5 else f"clear over {clear:.0%} of the site, min_clear is 50%"
            reason = "no data over the site" if day % 60 == 3 else reason
            clear = 0.0 if reason == "no data over the site" else clear
            rows.append(
                [sensor, f"{sensor}_{date}", date, f"{date}T10:40:00Z", "x", "c", 1.0, clear, int(not reason), reason]
            )
    header = ["sensor", "scene", "date", "datetime", "platform", "collection", "covered", "clear", "kept", "reason"]
    return _table(root / "raw/mosaic/scenes.csv", header, rows)


def write_quality(root: Path, seed: int = 0) -> Path:
    """Quality rows: Landsat moved by about 3 m, one match rejected, Sentinel-2 the reference."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = []
    for sensor, every in (("sentinel2", 12), ("landsat8", 25)):
        for day in range(3, 365, every):
            date = str(np.datetime64("2023-01-01") + day)
            taken = day != 53
            shift = [round(float(v), 2) * taken for v in rng.normal((2.1, -2.6), 0.6)]
            before = rng.uniform(0.7, 0.85)
            match = [*shift, int(taken), before, before + 0.05 * taken] if sensor == "landsat8" else [""] * 5
            rows.append(
                ["mosaic", sensor, date, f"{sensor}_{date}", round(float(rng.uniform(0.5, 1)), 3), *match, 0.12]
            )
    header = [
        "site",
        "sensor",
        "date",
        "scenes",
        "clear",
        "shift_x_m",
        "shift_y_m",
        "shift_accepted",
        "match_before",
        "match_after",
    ]
    return _table(root / "ard/mosaic/quality.csv", [*header, "brightness"], rows)


def write_lines(root: Path) -> Path:
    """Landsat's bandpass lines: one fitted, one published."""
    fitted = {
        "slope": 0.98,
        "slope_error": 0.004,
        "offset": 0.002,
        "offset_error": 0.0003,
        "rule": "fit",
        "n": 90,
        "r": 0.97,
    }
    published = {"slope": 1.02407, "offset": -0.00092, "rule": "published", "n": 0, "r": None, "why": "too few dates"}
    path = root / "ard/mosaic/landsat8/bandpass.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"blue": fitted, "red": published}))
    return path


def write_curves(root: Path, seed: int = 0) -> dict[str, Path]:
    """Loss curves of two networks, and the empty one of a closed-form method."""
    from stfuse.learning.curves import CURVE

    rng = np.random.default_rng(seed)
    found = {}
    for method, epochs in (("bilinear", 0), ("srcnn", 40), ("esrcnn", 80)):
        rows: list[list[object]] = []
        for epoch in range(1, epochs + 1):
            loss = 0.02 * np.exp(-epoch / 12) + 0.001
            losses = [loss * rng.uniform(0.95, 1.05), loss * rng.uniform(1.1, 1.3) + epoch * 5e-6]
            rows.append([1, epoch, *losses, 1e-3, epoch * 1.3, 0.01])
        path = root / f"model/mosaic_withheld/mosaic/{method}/seed0.csv"
        found[method] = _table(path, list(CURVE), rows)
    return found


def write_scores(images: dict[str, list[Path]], root: Path) -> dict[str, Path]:
    """Scores of the fused images by the road's own stages: tidy rows, summary and table for reading."""
    from scripts.figures_table import make_date_table, make_table
    from scripts.scores import score
    from scripts.scores_all import collect

    rows = []
    for method in METHODS:
        out = root / f"scores/mosaic_withheld/mosaic/{method}/seed0.csv"
        labels = {"experiment": "mosaic_withheld", "site": "mosaic", "method": method, "seed": "0"}
        baselines = {b: images[b] for b in ("bilinear", "nearest")}
        score(images[method], images["observed"], None, labels, BANDS, "reflectance", 3.0, out, baselines)
        rows.append(out)
    everything, summary = root / "scores/all.csv", root / "scores/summary.csv"
    collect(rows, everything, summary)
    tables = root / "tables/mosaic_withheld/mosaic"
    make_table(summary, "mosaic_withheld", "mosaic", tables / "scores.csv")
    make_date_table([everything], "mosaic_withheld", "mosaic", tables / "dates.csv")
    return {"all": everything, "summary": summary, "scores": tables / "scores.csv", "dates": tables / "dates.csv"}
