"""Fine images of other dates as guides: their weights in time, their mixture, and the coarse image put back into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.fusion.cells import axes, on_pixels
from stfuse.grid import degrade_inside, regrid
from stfuse.task import FloatArray

__all__ = ["Spreading", "Weighting", "corrected", "mixed", "neighbours", "seen", "time_weights"]

Weighting = Literal["linear", "mean"]
Spreading = Literal["cubic", "nearest"]
Mask = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

DAY = np.timedelta64(1, "D")
ROUNDS = 40
"""Most repetitions of a correction by whole cells. Where they nest the first leaves nothing; at ratio 2.5 each leaves
about a third of the rest, at 1.5 more than half."""

EXACT = 1e-7
"""Rest of the coarse image below which it counts as put back; float32 has no finer reflectance."""


def seen(guides: FloatArray) -> Mask:
    """Where each guide (guide, band, y, x) is observed in all bands, shape (guide, y, x)."""
    return np.asarray(np.isfinite(guides).all(axis=1))


def _first(observed: Mask, order: Sequence[int]) -> NDArray[np.int16]:
    """Per pixel, the first guide in this order that is observed; -1 = none."""
    found = np.full(observed.shape[1:], -1, np.int16)
    for n in reversed(order):
        found[observed[n]] = n
    return found


def _distances(dates: Dates, chosen: NDArray[np.int16], date: np.datetime64) -> FloatArray:
    days = np.append(np.abs((dates - date) / DAY), np.nan).astype(np.float32)
    return np.asarray(days[chosen])  # -1 takes the last one


def neighbours(observed: Mask, dates: Dates, date: np.datetime64) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Per pixel the last guide observed up to a date and the first one after it, -1 = none; each of shape (y, x)."""
    split = int(np.searchsorted(dates, date, side="right"))
    return _first(observed, range(split)[::-1]), _first(observed, range(split, len(dates)))


def time_weights(
    observed: Mask, dates: Dates, date: np.datetime64, weighting: Weighting
) -> tuple[FloatArray, FloatArray]:
    """What time alone says of each guide's weight, per pixel.

    Parameters
    ----------
    observed : ndarray of bool, shape (guide, y, x)
    dates : ndarray of datetime64[D], shape (guide,)
        Ascending.
    weighting : {"linear", "mean"}
        Linear interpolation between the last observation up to the date and the first one after it (the only one
        there is, where one side is empty), or all observed guides alike.

    Returns
    -------
    weights : ndarray, shape (guide, y, x), float32
        They add up to 1 wherever a guide is observed; 0 for guides that are not.
    days : ndarray, shape (2, y, x), float32
        Days from the last observation, and to the next; NaN where there is none.
    """
    before, after = neighbours(observed, dates, date)
    days = np.stack([_distances(dates, chosen, date) for chosen in (before, after)])
    if weighting == "mean":
        return (observed / np.maximum(observed.sum(axis=0), 1)).astype(np.float32), days
    since, until = days
    with np.errstate(invalid="ignore"):
        later = since / (since + until)
    later = np.where(np.isfinite(later), later, before < 0).astype(np.float32)
    weights = np.zeros(observed.shape, np.float32)
    for n in range(len(dates)):
        weights[n] += np.where(before == n, 1 - later, 0)
        weights[n] += np.where(after == n, later, 0)
    return weights, days


def mixed(weights: FloatArray, guides: FloatArray) -> FloatArray:
    """The weighted sum of the guides, shape (band, y, x).

    Parameters
    ----------
    weights : ndarray, shape (guide, y, x) or (guide, band, y, x), float32
        0 where a guide is not observed.
    guides : ndarray, shape (guide, band, y, x), float32

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN where no guide is observed in all bands.
    """
    out = np.zeros(guides.shape[1:], np.float32)
    observed = seen(guides)
    for weight, guide, here in zip(weights, guides, observed, strict=True):
        out += np.where(here, weight * guide, np.float32(0))
    out[:, ~observed.any(axis=0)] = np.nan
    return out


def _put_back(rest: FloatArray, fine: GeoBox, coarse: GeoBox, spreading: Spreading) -> FloatArray:
    """A coarse correction on the fine grid, 0 where nothing is known of it."""
    if spreading == "nearest":
        rows, columns = axes(coarse, fine)
        return np.nan_to_num(on_pixels(rest, rows.cell, columns.cell))
    return np.nan_to_num(regrid(rest, coarse, fine, "cubic"))


def corrected(image: FloatArray, coarse: FloatArray, fine: GeoBox, cells: GeoBox, spreading: Spreading) -> FloatArray:
    """A fine image with what its area means lack of the coarse image: P + U(T - D(P)).

    Where the coarse image is not observed there is no correction, and towards there it fades.

    Parameters
    ----------
    image : ndarray, shape (band, y, x), float32
    coarse : ndarray, shape (band, cell y, cell x), float32
        NaN = not observed.
    fine, cells : GeoBox
        The grids of both.
    spreading : {"cubic", "nearest"}
        Cubic: once, smoothly; the means are then the coarse image's but for what a smooth surface
        cannot follow. Nearest: by whole cells, until they are the coarse image's.

    Returns
    -------
    ndarray, shape (band, y, x), float32
    """
    out = image
    for _ in range(ROUNDS if spreading == "nearest" else 1):
        means = degrade_inside(out, fine, cells)
        rest = coarse - means
        rest[np.isfinite(means) & np.isnan(coarse)] = 0
        if not np.any(np.abs(rest) > EXACT):
            break
        out = out + _put_back(rest, fine, cells, spreading)
    return out
