"""Made-up scores and cubes of gap experiments, seeded, for tables, figures and the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from stfuse.cube import Layer, write_cube
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.grid import site_grid
from stfuse.metrics import mae, r2, rmse
from stfuse.raster import write_image
from stfuse.task import FloatArray

ERRORS = {
    "temporal": (0.035, 0.040, 0.047, 0.056, 0.088),
    "hgbrt": (0.050, 0.060, 0.070, 0.080, 0.090),
    "gru": (0.034, 0.041, 0.046, 0.054, 0.076),
    "gru_optical": (0.034, 0.040, 0.048, 0.058, 0.091),
}
"""Method -> standard deviation of its errors in each class of gap length."""
BANDS = ("blue", "green", "red", "nir")
FILLING = {
    "name": "gaps_space", "title": "Gaps at unseen places", "sites": ["mosaic", "patch"], "train_sites": ["other"],
    "protocol": "gaps", "fine": "sentinel2", "aux": {"sar": "sentinel1"}, "variable": "ndvi", "bands": ["red", "nir"],
    "hidden": 0.667, "lattice": 5, "methods": list(ERRORS),
}  # fmt: skip


def rows_of(
    predicted: FloatArray, truth: FloatArray, method: str, stratum: str = "all", site: str = "a", seed: int = 0
) -> list[dict[str, object]]:
    """The rows that the stage `scores` writes of one run and stratum."""
    values = {
        "mae": mae(predicted, truth), "rmse": rmse(predicted, truth), "r2": r2(predicted, truth),
        "bias": float(np.mean(predicted - truth)), "truth_mean": float(truth.mean()), "truth_sd": float(truth.std()),
        "n_series": 2.0,
    }  # fmt: skip
    words = {"experiment": "gaps_space", "site": site, "method": method, "seed": seed, "date": "", "truth": "observed"}
    words |= {"band": "ndvi", "stratum": stratum}
    return [words | {"metric": metric, "value": value, "n": truth.size} for metric, value in values.items()]


def write_scores(root: Path, sites: Mapping[str, int]) -> list[Path]:
    """Scores of `ERRORS` at sites with so many values in the shortest gaps, a file a run, its gaps beside."""
    made, rng = [], np.random.default_rng(0)
    for site, most in sites.items():
        counts = [most // 2**k for k in range(len(GAP_CLASSES))]
        for method, errors in ERRORS.items():
            rows, all_truth, all_predicted = [], [], []
            for name, sd, n in zip(GAP_CLASSES, errors, counts, strict=True):
                truth = rng.uniform(0, 1, n).astype(np.float32)
                predicted = truth + rng.normal(0, sd, n).astype(np.float32)
                rows += rows_of(predicted, truth, method, f"gap {name}", site)
                all_truth.append(truth)
                all_predicted.append(predicted)
            rows += rows_of(np.concatenate(all_predicted), np.concatenate(all_truth), method, "all", site)
            folder = root / "scores/gaps_space" / site / method
            folder.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_csv(folder / "seed0.csv", index=False)
            gaps = pd.DataFrame({"gap_days": [2, 5, 10, 15, 60], "n": counts})
            gaps.to_csv(folder / "seed0_gaps.csv", index=False)
            made.append(folder / "seed0.csv")
    return made


def write_site(root: Path, pixels: int = 24, dates: int = 20) -> dict[str, object]:
    """Images, a guide cube, and the cubes of a filled site: what figures of single sites are drawn from.

    Returns
    -------
    dict
        ``sample`` of `stfuse.filling.files.SeriesFiles`, ``filled``, ``left_out`` and ``strip``.
    """
    rng = np.random.default_rng(1)
    grid = site_grid("EPSG:32631", (500000.0, 5600000.0, 500000.0 + 10 * pixels, 5600000.0 + 10 * pixels), 10.0)
    days = np.datetime64("2020-01-03") + 5 * np.arange(dates)
    season = 0.5 + 0.3 * np.sin(np.arange(dates) / 3)[:, None, None] * np.linspace(0.2, 1, pixels)[None, None]
    truth = np.broadcast_to(season, (dates, pixels, pixels)).astype(np.float32)
    clear = rng.random((dates, pixels, pixels)) < 0.7
    clear[dates // 2] = False
    observed = np.where(clear, truth, np.nan).astype(np.float32)
    folder = root / "ard/site/sentinel2"
    fine = [_write_image(folder / f"{day}.tif", image, grid) for day, image in zip(days, observed, strict=True)]
    dense = np.datetime64("2020-01-01") + np.arange(0, 5 * dates, 3)
    shape = (len(dense), pixels, pixels)
    guide, filled = (root / name for name in ("guide.nc", "filled.nc"))
    write_layers(guide, dense, grid, ndvi=rng.uniform(0.2, 0.8, shape))
    write_layers(filled, dense, grid, ndvi=np.full(shape, 0.5), uncertainty=np.full(shape, 0.04))
    windows = {"left_out": np.s_[7:8, :], "strip": np.s_[4:20, 2:14]}
    for name, window in windows.items():
        seen, part = observed[:, *window], truth[:, *window] + np.float32(0.02)
        sigma = np.full(part.shape, 0.03)
        write_layers(root / f"{name}.nc", days, grid[window], observed=seen, ndvi=part, uncertainty=sigma)
    left, bottom, right, top = grid.extent.boundingbox
    of_grid = {"crs": "EPSG:32631", "bounds": [left, bottom, right, top], "resolution": 10}
    sample = {"dates": [], "fine": fine, "guides": {"sar": [str(guide)]}, "aux": {}, "aux_bands": {}}
    cubes = {name: root / f"{name}.nc" for name in windows}
    return {"sample": sample | {"grids": {"fine": of_grid, "aux": {}}}, "filled": filled, **cubes}


def _write_image(path: Path, values: FloatArray, grid: GeoBox) -> str:
    """Red and near infrared that give the NDVI, blue and green that are like red."""
    red = np.float32(0.1) * (1 - values)
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = np.stack([red, red + np.float32(0.02), red, red * (1 + values) / (1 - values)])
    write_image(path, bands, BANDS, grid)
    return str(path)


def write_layers(path: Path, days: np.ndarray, grid: GeoBox, **layers: np.ndarray) -> None:
    """A cube of layers on one time axis."""
    made = {name: Layer(values.astype(np.float32), "time", name) for name, values in layers.items()}
    write_cube(path, made, {"time": days}, grid, {})
