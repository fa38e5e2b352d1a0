"""A few small images with known relations, for tests of the networks."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from stfuse.crops import Known
from stfuse.grid import coarser, degrade, site_grid
from stfuse.task import FloatArray, Series, Task

SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
DAYS = np.datetime64("2023-04-01") + 20 * np.arange(12)


def grid_of(size: int):
    """A square grid of 10 m pixels."""
    return site_grid("EPSG:32631", (500000.0, 5600000.0, 500000.0 + 10 * size, 5600000.0 + 10 * size), 10.0)


def fields(size: int, bands: int, day: int, seed: int = 0) -> FloatArray:
    """Sharp-edged fields (band, y, x) that change with the day, about 0.1..0.5."""
    rng = np.random.default_rng(seed)
    patterns = [np.sign(gaussian_filter(rng.normal(size=(size, size)), 2.5, mode="wrap")) for _ in range(3)]
    season = np.sin(day / 3.0 + np.arange(3))
    cover = sum(p * s for p, s in zip(patterns, season, strict=True)) / 6 + 0.5
    level = rng.uniform(0.2, 0.6, bands)
    return (level[:, None, None] * (0.3 + 0.7 * cover) + 0.05).astype(np.float32)


def series(images: list[FloatArray], days: list[int], bands: tuple[str, ...], grid) -> Series:
    """Images of the given days, which may be none."""
    values = np.stack(images) if images else np.zeros((0, len(bands), *grid.shape), np.float32)
    return Series(values.astype(np.float32), DAYS[days], bands, grid)


def sample(size: int, day: int, bands: tuple[str, ...] = SIX, pan: bool = False, references: bool = True) -> Known:
    """A task at ratio 3 for one day, references the days before and after, and its truth."""
    fine_grid = grid_of(size)
    coarse_grid = coarser(fine_grid, 3.0)
    image = {d: fields(size, len(bands), d) for d in (day - 1, day, day + 1)}
    days = [day - 1, day + 1] if references else []
    aux = {}
    if pan:
        pan_grid = coarser(fine_grid, 1.5)
        aux["pan"] = series([degrade(image[day].mean(axis=0)[None], fine_grid, pan_grid)], [day], ("pan",), pan_grid)
    coarse = [degrade(image[d], fine_grid, coarse_grid) for d in sorted(image)]
    task = Task(
        series([image[d] for d in days], days, bands, fine_grid),
        series(coarse, sorted(image), bands, coarse_grid),
        3.0,
        DAYS[[day]],
        aux,
    )
    return Known(task, image[day][None])


def rmse(predicted: FloatArray, truth: FloatArray) -> float:
    """Root mean squared difference over what both know."""
    return float(np.sqrt(np.nanmean((predicted - truth) ** 2)))
