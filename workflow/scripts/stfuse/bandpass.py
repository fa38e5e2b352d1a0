"""Bringing one sensor's reflectance to another's bandpass: ``reference = slope * observed + offset`` per band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import degrade
from stfuse.task import FloatArray

Pair = tuple[FloatArray, FloatArray, FloatArray]
"""Observed, reference and the reference's spread within each coarse pixel, each (band, y, x), NaN = unknown."""

MIN_DATES = 3  # fewer are a matter of those days' haze and of what grew between the two images
MIN_PAIRS = 60  # pixels
LEAST = 10  # pixels of one date
MIN_R = 0.8
SLOPES = (0.7, 1.3)
MAX_OFFSET = 0.03  # reflectance; published adjustments of these sensors stay below a fifth of it
OUTLIER = 3.0  # median absolute deviations
HOMOGENEOUS = 0.5  # share of the pixels, the most even ones, that the fit prefers


@dataclass(frozen=True)
class Line:
    """One band's adjustment.

    Attributes
    ----------
    slope, offset : float
        ``reference = slope * observed + offset``, reflectance.
    rule : {"fit", "published", "identity"}
        Where it comes from.
    n : int
        Pixel pairs looked at.
    r : float or None
        Their correlation.
    why : str
        Why the fit was not taken, if it was tried, and which dates were left out of it.
    """

    slope: float
    offset: float
    rule: str
    n: int = 0
    r: float | None = None
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def published(sensor: Mapping[str, Any], band: str, why: str = "", n: int = 0, r: float | None = None) -> Line:
    """The sensor file's line of a band, or the identity where it has none."""
    line = (sensor.get("bandpass") or {}).get(band)
    if line is None:
        return Line(1.0, 0.0, "identity", n, r, why)
    return Line(float(line[0]), float(line[1]), "published", n, r, why)


def reduced_major_axis(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Slope and offset of the reduced major axis: both sensors carry noise, so neither is the error-free one.

    Chastain et al. (2019, RSE 221, 274-285) use it for the same reason. The slope is the ratio of the spreads.
    """
    slope = float(np.std(y) / np.std(x))
    return slope, float(np.mean(y) - slope * np.mean(x))


def robust_line(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float, float, int]:
    """Reduced major axis without outliers beyond 3 median absolute deviations, found in three rounds.

    Returns
    -------
    slope, offset, r : float
        Correlation r of the pixels kept; NaN if there are too few or they do not vary.
    n : int
        Pixels kept.
    """
    keep = np.ones(len(x), bool)
    slope, offset, r = 1.0, 0.0, math.nan
    for _ in range(3):
        if keep.sum() < LEAST or not np.std(x[keep]) > 1e-6 or not np.std(y[keep]) > 1e-6:
            return 1.0, 0.0, math.nan, int(keep.sum())
        slope, offset = reduced_major_axis(x[keep], y[keep])
        r = float(np.corrcoef(x[keep], y[keep])[0, 1])
        left = y - slope * x - offset
        centre = np.median(left[keep])
        # 1.4826 makes the median absolute deviation a standard deviation.
        spread = 1.4826 * np.median(np.abs(left[keep] - centre))
        keep = np.abs(left - centre) <= max(OUTLIER * spread, 1e-6)
    return slope, offset, r, int(keep.sum())


def choose_pixels(pair: Pair, band: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Observed and reference reflectance of the pixels to fit a band with, shape (n,) each.

    The more even half of the clear pixels, where misregistration and point spread matter least;
    all where that leaves too few.
    """
    x, y, spread = (part[band].ravel() for part in pair)
    clear = np.isfinite(x) & np.isfinite(y) & np.isfinite(spread)
    x, y, spread = x[clear], y[clear], spread[clear]
    if HOMOGENEOUS * len(x) >= MIN_PAIRS:
        even = spread <= np.quantile(spread, HOMOGENEOUS)
        x, y = x[even], y[even]
    return x.astype(np.float64), y.astype(np.float64)


def fit_bands(pairs: Sequence[Pair], names: Sequence[str], fallbacks: Sequence[Line]) -> list[Line]:
    """Fit every band over coincident images, or fall back.

    A date counts for all bands or for none, so that their lines rest on the same images: one on which half of the
    bands or more give alone too poor a correlation or too odd a slope (haze, a change between the days) is left out. A
    band's fit is taken from three dates on, within plain limits of correlation, slope and offset.

    Parameters
    ----------
    pairs : sequence of Pair
        One per date; a band that is unknown throughout a pair has no say on it.
    names : sequence of str
        The pairs' dates, ISO.
    fallbacks : sequence of Line
        Per band: taken where the fit is refused, with the reason in `why`.
    """
    chosen = [[choose_pixels(pair, band) for band in range(len(fallbacks))] for pair in pairs]
    kept, left_out = [], []
    for pixels, name in zip(chosen, names, strict=True):
        fault = _fault(pixels)
        if fault:
            left_out.append(f"{name} ({fault})")
        else:
            kept.append(pixels)
    note = f"left out {', '.join(left_out)}" if left_out else ""
    return [_fit_band([pixels[band] for pixels in kept], line, note) for band, line in enumerate(fallbacks)]


def _fault(pixels: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> str:
    """Why a date is left out, empty if it is kept."""
    known = [(x, y) for x, y in pixels if len(x)]
    odd = []
    for x, y in known:
        slope, _, r, n = robust_line(x, y)
        if not (n >= LEAST and r >= MIN_R and SLOPES[0] <= slope <= SLOPES[1]):
            odd.append(f"slope {slope:.2f}, r {r:.2f}, n {n}")
    if not known:
        return "no common clear pixel"
    return f"{len(odd)} of {len(known)} bands odd: {'; '.join(odd)}" if 2 * len(odd) >= len(known) else ""


def _fit_band(dates: Sequence[tuple[NDArray[Any], NDArray[Any]]], fallback: Line, note: str) -> Line:
    dates = [(x, y) for x, y in dates if len(x) >= LEAST]

    def refused(why: str, n: int = 0, r: float | None = None) -> Line:
        return Line(fallback.slope, fallback.offset, fallback.rule, n, r, f"{why}; {note}".rstrip("; "))

    if len(dates) < MIN_DATES:
        return refused(f"fit refused: too few dates ({len(dates)}, {MIN_DATES} are needed)")
    slope, offset, r, n = robust_line(*(np.concatenate(part) for part in zip(*dates, strict=True)))
    good = n >= MIN_PAIRS and r >= MIN_R and SLOPES[0] <= slope <= SLOPES[1] and abs(offset) <= MAX_OFFSET
    if not good:
        found = f"fit refused: slope {slope:.2f}, offset {offset:.3f}, r {r:.2f}, n {n}"
        return refused(found, n, r if math.isfinite(r) else None)
    return Line(slope, offset, "fit", n, r, note)


def apply_lines(values: FloatArray, bands: Sequence[str], lines: Mapping[str, Mapping[str, Any]]) -> FloatArray:
    """Adjust an image of shape (band, y, x), float32.

    Raises
    ------
    InputError
        If a band has no line.
    """
    missing = [band for band in bands if band not in lines]
    if missing:
        raise InputError(f"The bandpass adjustment lacks {missing}", "delete its JSON file so that it is made anew")
    slopes = np.array([lines[band]["slope"] for band in bands], np.float32)[:, None, None]
    offsets = np.array([lines[band]["offset"] for band in bands], np.float32)[:, None, None]
    return np.asarray(values * slopes + offsets, np.float32)


def spread_within(values: FloatArray, fine: GeoBox, grid: GeoBox) -> FloatArray:
    """Standard deviation of the fine pixels within each coarse pixel, shape (band, y, x)."""
    mean = degrade(values, fine, grid).astype(np.float64)
    square = degrade(values * values, fine, grid).astype(np.float64)
    return np.sqrt(np.maximum(square - mean * mean, 0.0)).astype(np.float32)
