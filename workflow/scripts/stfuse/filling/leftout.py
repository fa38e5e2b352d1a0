"""One optical date after the other predicted as if it had not been seen, from what lies around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stfuse.filling.calibration import Errors, uncertainty
from stfuse.filling.trials import Fill, between, gaps_of
from stfuse.task import FloatArray, Series, Task, Window

__all__ = ["consecutive", "later", "leave_out", "row_window", "strip_window"]

AROUND: Final = 90
"""Days before and after a date that a method is shown: half a year, the longest sequence of the GRU."""

SIDE, DATES = 64, 15
PARTLY: Final = (0.05, 0.95)
"""Clear shares of a window that is partly clear: there is something to fill, and something to see."""


def row_window(shape: tuple[int, int], show: Mapping[str, Any]) -> Window:
    """The row of a site (y, x) that is shown over time: the middle one, or ``row`` as a share of its height."""
    row = min(int(show.get("row", 0.5) * shape[0]), shape[0] - 1)
    return slice(row, row + 1), slice(0, shape[1])


def strip_window(shape: tuple[int, int], show: Mapping[str, Any]) -> Window:
    """The window of a site (y, x) that is shown on several dates, inside the site.

    Parameters
    ----------
    show : mapping
        ``strip`` with ``row`` and ``column`` of its centre (shares of the site, 0.5 by default) and ``side`` (pixels,
        64 by default, less where the site is smaller).
    """
    strip = show.get("strip", {})

    def part(length: int, centre: float) -> slice:
        side = min(strip.get("side", SIDE), length)
        first = min(max(round(centre * length - side / 2), 0), length - side)
        return slice(first, first + side)

    return part(shape[0], strip.get("row", 0.5)), part(shape[1], strip.get("column", 0.5))


def consecutive(fine: Series, show: Mapping[str, Any]) -> NDArray[np.intp]:
    """Indices of the consecutive dates (15, or ``strip: dates``), of which most are partly clear; the first such run.

    Dates without any value are passed over.
    """
    clear = np.isfinite(fine.values[:, 0]).mean(axis=(1, 2))
    usable = np.flatnonzero(clear > 0)
    if not usable.size:
        return usable
    count = min(show.get("strip", {}).get("dates", DATES), usable.size)
    partly = (clear[usable] >= PARTLY[0]) & (clear[usable] <= PARTLY[1])
    first = int(np.argmax(np.convolve(partly, np.ones(count), "valid")))
    return usable[first : first + count]


def later(task: Task, after: str | None) -> Task:
    """The images of a task that were taken after a date (ISO), as `stfuse.filling.pixels.PixelStore` shows series."""
    if after is None:
        return task
    day = np.datetime64(after)

    def cut(series: Series) -> Series:
        new = series.dates > day
        return Series(series.values[new], series.dates[new], series.bands, series.grid)

    aux = {name: cut(series) for name, series in task.aux.items()}
    return replace(task, fine=cut(task.fine), coarse=cut(task.coarse), aux=aux)


def leave_out(task: Task, chosen: NDArray[np.intp], fill: Fill, errors: Errors) -> tuple[FloatArray, FloatArray]:
    """Predict dates of a task from all others within 90 days.

    Only these are shown to the method, so that the work does not grow with the length of the series.

    Parameters
    ----------
    chosen : ndarray, shape (n,)
        Indices of the optical dates. All values of the day are hidden, whatever scene they are of.

    Returns
    -------
    ndvi, sigma : ndarray, shape (n, y, x), float32
        Prediction and its uncertainty; NaN where the method says nothing.
    """
    ndvi = np.empty((len(chosen), *task.fine.values.shape[2:]), np.float32)
    sigma = np.empty_like(ndvi)
    for i, k in enumerate(tqdm(chosen, unit="date", desc="dates left out", disable=None)):
        date = task.fine.dates[k]
        near = replace(between(task, date, AROUND), dates=task.fine.dates[[k]])
        values = near.fine.values.copy()
        values[near.fine.dates == date] = np.nan
        near = replace(near, fine=replace(near.fine, values=values))
        ndvi[i] = fill(near)[0, 0]
        sigma[i] = np.where(np.isfinite(ndvi[i]), uncertainty(gaps_of(near)[0], errors), np.nan)
    return ndvi, sigma
