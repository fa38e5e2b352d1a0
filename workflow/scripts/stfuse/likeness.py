"""How like a real place a simulated one is: the same statistics of both archives' analysis-ready images.

Statistics of a patch depend on its extent, so the simulated site is cut into windows of the real patch's size. Their
spread says how much one such patch differs from the next, and the real patch is judged against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stfuse.grid import degrade, ndvi
from stfuse.metrics import common
from stfuse.task import FloatArray, Series

Vector = NDArray[np.float64]

SEASONS: Mapping[str, tuple[int, int, int]] = {
    "winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)
}  # fmt: skip
LAGS = (10, 20, 30, 50, 70, 100, 150, 200, 250, 300)
"""Metres between the pixels of a pair."""
EDGES = np.round(np.linspace(-0.2, 1.0, 25), 2)
"""Bins of the NDVI histograms."""
MIN_CLEAR = 0.8
"""Share of a window that an image must show to say something of the land's pattern."""
TRIPLE_DAYS = 20
"""Longest time between the first and the last of three images that tell noise from season."""


@dataclass(frozen=True)
class Archive:
    """What two sensors saw of one place.

    Attributes
    ----------
    fine : Series
        Sentinel-2 reflectance on the site's grid, NaN = cloud.
    coarse : Series
        Landsat reflectance of the same bands on its own grid, as delivered: no bandpass adjustment.
    """

    fine: Series
    coarse: Series


def unadjusted(series: Series, lines: Mapping[str, Mapping[str, float]]) -> Series:
    """A series as it was before its bands were adjusted by `harmonisation.bandpass`: (reflectance - offset) / slope."""
    slopes, offsets = (np.array([lines[b][key] for b in series.bands], np.float32) for key in ("slope", "offset"))
    values = (series.values - offsets[:, None, None]) / slopes[:, None, None]
    return replace(series, values=np.asarray(values, np.float32))


def cut(series: Series, left: float, top: float, size: tuple[float, float]) -> Series:
    """The part of a series that is (width, height) metres large, `left` and `top` metres from the upper left corner."""
    step = abs(series.grid.resolution.x)
    column, row = round(left / step), round(top / step)
    rows, columns = slice(row, row + round(size[1] / step)), slice(column, column + round(size[0] / step))
    return replace(series, values=series.values[..., rows, columns], grid=series.grid[rows, columns])


def windows(archive: Archive, size: tuple[float, float]) -> Iterator[Archive]:
    """Windows of (width, height) metres side by side, as many as fit; the whole where none does.

    They begin on edges of coarse pixels.
    """
    step = abs(archive.coarse.grid.resolution.x)
    across, down = (step * max(1, int(length // step)) for length in size)
    box = archive.fine.grid.extent.boundingbox
    columns, rows = int((box.right - box.left + 1e-6) // across), int((box.top - box.bottom + 1e-6) // down)
    if not columns or not rows:
        yield archive
    for row in range(rows):
        for column in range(columns):
            place = (column * across, row * down, (across, down))
            yield Archive(cut(archive.fine, *place), cut(archive.coarse, *place))


def band_of(series: Series, band: str) -> FloatArray:
    """One band, or NDVI, over time: shape (time, y, x)."""
    if band == "ndvi":
        infrared = "nir" if "nir" in series.bands else "nir08"
        return ndvi(band_of(series, "red"), band_of(series, infrared))
    found: FloatArray = series.values[:, series.bands.index(band)]
    return found


def months_of(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Month of the year, 1..12, shape (time,)."""
    return dates.astype("datetime64[M]").astype(np.int64) % 12 + 1


def seasons_of(dates: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """Name of the season of the northern year, shape (time,)."""
    names = {month: name for name, months in SEASONS.items() for month in months}
    return np.array([names[int(m)] for m in months_of(dates)], dtype=np.str_)


def is_clear(values: FloatArray) -> NDArray[np.bool_]:
    """Which images of (time, y, x) show at least `MIN_CLEAR` of the window, shape (time,)."""
    return np.asarray(np.isfinite(values).mean(axis=(1, 2)) >= MIN_CLEAR)


def histogram(values: FloatArray) -> Vector:
    """Share of the finite values in each bin of `EDGES`, shape (bin,), those beyond at the ends; NaN without any."""
    seen = values[np.isfinite(values)]
    counts = np.histogram(np.clip(seen, EDGES[0], EDGES[-1]), EDGES)[0]
    return counts / seen.size if seen.size else np.full(len(EDGES) - 1, np.nan)


def course(values: FloatArray) -> Vector:
    """10, 50 and 90 % quantile over the pixels of each image, shape (time, 3); NaN where less than half is clear."""
    enough = np.isfinite(values).mean(axis=(1, 2)) >= 0.5
    out = np.full((len(values), 3), np.nan)
    for i in np.flatnonzero(enough):
        out[i] = np.nanquantile(values[i], (0.1, 0.5, 0.9))
    return out


def semivariogram(image: FloatArray, steps: Sequence[int]) -> Vector:
    """Half the mean squared difference of pixels so many `steps` apart along rows and columns, shape (lag,).

    Matheron's estimator (Cressie 1993, Statistics for Spatial Data, eq. 2.4.2), over the finite pairs of an image
    (y, x); NaN where there is none.
    """
    out = np.full(len(steps), np.nan)
    for i, step in enumerate(steps):
        pairs = (image[step:] - image[:-step], image[:, step:] - image[:, :-step])
        squares = np.concatenate([p[np.isfinite(p)].astype(np.float64) for p in pairs]) ** 2
        out[i] = 0.5 * squares.mean() if squares.size else np.nan
    return out


def correlations(values: FloatArray) -> Vector:
    """Pearson correlation of every two bands over the pixels that all bands show.

    Parameters
    ----------
    values : ndarray, shape (band, ...)

    Returns
    -------
    ndarray, shape (band, band)
        NaN with fewer than three pixels and for a band that does not vary.
    """
    flat = values.reshape(len(values), -1).astype(np.float64)
    flat = flat[:, np.isfinite(flat).all(axis=0)]
    if flat.shape[1] < 3:
        return np.full((len(values), len(values)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.corrcoef(flat))


def departures(values: FloatArray, dates: NDArray[np.datetime64]) -> tuple[Vector, Vector]:
    """How far images lie off the line between the images before and after: as a whole, and pixel by pixel.

    Of every three images in a row that lie within `TRIPLE_DAYS`, the middle one at the pixels that all three show.
    The land changes little in that time, so what is left is atmosphere and view (as a whole), and noise and
    misregistration (pixel by pixel).

    Parameters
    ----------
    values : ndarray, shape (time, y, x)

    Returns
    -------
    whole : ndarray, shape (triple,)
        Size of the median departure.
    pixels : ndarray, shape (triple,)
        Spread of the pixels' departures around it, 1.4826 times the median absolute deviation.
    """
    days = dates.astype("datetime64[D]").astype(np.float64)
    found: list[tuple[float, float]] = []
    for i in range(1, len(values) - 1):
        before, here, after = days[i - 1 : i + 2]
        if after - before <= TRIPLE_DAYS:
            share = (here - before) / (after - before)
            gone = values[i] - (1 - share) * values[i - 1] - share * values[i + 1]
            seen = gone[np.isfinite(gone)].astype(np.float64)
            if seen.size:
                middle = float(np.median(seen))
                found.append((abs(middle), 1.4826 * float(np.median(np.abs(seen - middle)))))
    whole, pixels = np.array(found).reshape(-1, 2).T
    return whole, pixels


def same_day(archive: Archive, days: int = 0) -> dict[str, tuple[Vector, Vector]]:
    """Band -> (Sentinel-2, Landsat) of all pairs of images at most so many `days` apart, shape (n,) each.

    On Landsat's pixels, over which Sentinel-2 is averaged.
    """
    found: dict[str, list[tuple[Vector, Vector]]] = {band: [] for band in archive.fine.bands}
    apart = np.abs((archive.coarse.dates[:, None] - archive.fine.dates[None]).astype("timedelta64[D]").astype(int))
    for i, j in zip(*np.nonzero(apart <= days), strict=True):
        mean = degrade(archive.fine.values[j], archive.fine.grid, archive.coarse.grid, min_valid=0.99)
        for b, band in enumerate(archive.fine.bands):
            found[band].append(common(mean[b], archive.coarse.values[i, archive.coarse.bands.index(band)]))
    nothing = (np.zeros(0), np.zeros(0))
    return {b: (np.concatenate([f for f, _ in v]), np.concatenate([c for _, c in v])) if v else nothing
            for b, v in found.items()}  # fmt: skip


def line(x: Vector, y: Vector) -> dict[str, float]:
    """Pearson r, slope of the reduced major axis, mean and standard deviation of y - x; NaN for fewer than 20 pairs."""
    if len(x) < 20 or not x.std() or not y.std():
        return dict.fromkeys(("r", "slope", "bias", "sd"), float("nan"))
    r = float(np.corrcoef(x, y)[0, 1])
    slope, apart = float(np.sign(r) * y.std() / x.std()), y - x
    return {"r": r, "slope": slope, "bias": float(apart.mean()), "sd": float(apart.std())}
