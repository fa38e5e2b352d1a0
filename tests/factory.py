"""Small seeded tasks for tests: parcels of a few classes that change in time, seen fine and coarse.

Everything is drawn from the seed, so two calls with the same arguments give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.crops import Known
from stfuse.grid import coarser, degrade, site_grid
from stfuse.task import FloatArray, Series, Task
from stfuse.truth import write_truth

CRS = "EPSG:32631"
CORNER = (501360.0, 5629680.0)
RESOLUTION = 10.0
PARCEL = 7
CLASSES = 5


def days(*dates: str) -> NDArray[np.datetime64]:
    """Dates as arrays have them."""
    return np.array(dates, dtype="datetime64[D]")


def make_grid(shape: tuple[int, int], resolution: float = RESOLUTION) -> GeoBox:
    """A grid of (y, x) pixels with a fixed top left corner."""
    left, top = CORNER
    return site_grid(CRS, (left, top - shape[0] * resolution, left + shape[1] * resolution, top), resolution)


def make_scene(shape: tuple[int, int], bands: int, date: str, change: float = 0.1, seed: int = 0) -> FloatArray:
    """The true fine image of one date, shape (band, y, x).

    Parameters
    ----------
    change : float
        Largest change of a class in 100 days; 0 = a world that stands still.
    """
    rng = np.random.default_rng(seed)
    parcels = rng.integers(CLASSES, size=(shape[0] // PARCEL + 1, shape[1] // PARCEL + 1))
    classes = np.kron(parcels, np.ones((PARCEL, PARCEL), int))[: shape[0], : shape[1]]
    level = rng.uniform(0.1, 0.5, (bands, CLASSES))
    rate = rng.uniform(-change, change, (bands, CLASSES))
    texture = rng.normal(0, 0.005, (bands, *shape))
    time = (np.datetime64(date) - np.datetime64("2018-01-01")).astype(float) / 100
    return ((level + rate * time)[:, classes] + texture).astype(np.float32)


def punch(values: FloatArray, share: float, seed: int) -> FloatArray:
    """A copy with a square of NaN of about that share of the area, at a place of its own for each image."""
    values, rng = values.copy(), np.random.default_rng(seed)
    height, width = values.shape[-2:]
    side = int(np.sqrt(share * height * width))
    for image in values if side else []:
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        image[:, y : y + side, x : x + side] = np.nan
    return values


def make_task(
    shape: tuple[int, int] = (48, 42),
    ratio: float = 3.0,
    bands: Sequence[str] = ("red", "nir08"),
    references: Sequence[str] = ("2018-05-01", "2018-06-30"),
    date: str = "2018-05-20",
    change: float = 0.1,
    gaps: float = 0.0,
    aux: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> Task:
    """A task whose coarse images are exact area means, at the target and at every reference date.

    Parameters
    ----------
    gaps : float
        Share of every image that is NaN.
    aux : mapping
        Name -> bands of auxiliary series; each is the mean scene of the target date at half the ratio.
    """
    grid = make_grid(shape)
    coarse_grid = coarser(grid, ratio)

    def scenes(dates: Sequence[str]) -> FloatArray:
        images = [make_scene(shape, len(bands), d, change, seed) for d in dates]
        return np.stack(images) if images else np.empty((0, len(bands), *shape), np.float32)

    def means(values: FloatArray, target: GeoBox) -> FloatArray:
        return degrade(values, grid, target, min_valid=0.01)

    seen = sorted({*references, date})
    fine = punch(scenes(sorted(references)), gaps, seed + 1)
    coarse = punch(means(scenes(seen), coarse_grid), gaps, seed + 2)
    series = {}
    for name, names in (aux or {}).items():
        half = coarser(grid, max(ratio / 2, 1.0))
        image = means(scenes([date]).mean(axis=1, keepdims=True), half)
        series[name] = Series(np.repeat(image, len(names), axis=1), days(date), tuple(names), half)
    return Task(
        Series(fine, days(*sorted(references)), tuple(bands), grid),
        Series(coarse, days(*seen), tuple(bands), coarse_grid),
        ratio,
        days(date),
        series,
    )


TURNS = [lambda a: a[..., ::-1, :], lambda a: a[..., ::-1], lambda a: a.swapaxes(-1, -2)]
"""Upside down, left to right, and rows for columns."""


def turned(task: Task, turn: Callable[[FloatArray], FloatArray]) -> Task:
    """The task with its fine and coarse images turned, on the grids it has."""
    fine, coarse = (replace(series, values=turn(series.values)) for series in (task.fine, task.coarse))
    return replace(task, fine=fine, coarse=coarse)


def make_sample(**settings: object) -> Known:
    """A task as `make_task` makes it, and the truth of its target date, shape (1, band, y, x)."""
    task = make_task(**settings)  # type: ignore[arg-type]
    change, seed = float(settings.get("change", 0.1)), int(settings.get("seed", 0))  # type: ignore[call-overload]
    shape = (task.fine.grid.height, task.fine.grid.width)
    return Known(task, make_scene(shape, len(task.fine.bands), str(task.dates[0]), change, seed)[None])


def write_images_as_truth(
    path: Path, grid: GeoBox, dates: Sequence[date], bands: Sequence[str], of_day: Callable[[int], FloatArray]
) -> None:
    """The truth file of a world in which every pixel is an object of its own: any images, shape (band, y, x)."""
    pixels = int(grid.height * grid.width)
    labels = np.arange(pixels, dtype=np.int32).reshape(grid.shape)
    spectra = np.stack([of_day(i).reshape(len(bands), pixels).T[:, None] for i in range(len(dates))])
    write_truth(path, grid, dates, bands, labels, np.ones((1, *grid.shape), np.float32), spectra)
