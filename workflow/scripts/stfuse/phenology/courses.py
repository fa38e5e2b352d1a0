"""The courses of fields, gathered while a series is read window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray, Window

MIN_SHARE = 0.5
"""A date on which a smaller share of the field is known is left out: the rest may be another corner."""

MOST_PIXELS = 10_000
"""Of larger fields the pixels of a lattice are taken, about so many: the median of more is no better, memory is."""


@dataclass(frozen=True)
class Courses:
    """The series of fields.

    Attributes
    ----------
    numbers : ndarray of int64, shape (field,)
        Ascending.
    pixels : ndarray of int64, shape (field,)
        Of the whole field, whether all were taken or not.
    medians : ndarray, shape (time, field), float32
        Median NDVI of the field's known pixels; NaN where too few are.
    weights, seen : ndarray, shape (time, field), float32
        Mean weight over all pixels of the field, unknown ones counting 0; in `seen` those, too, that were not
        seen on the day.
    """

    numbers: NDArray[np.int64]
    pixels: NDArray[np.int64]
    medians: FloatArray
    weights: FloatArray
    seen: FloatArray


class FieldCourses:
    """Gathers the course of every field: the median of its pixels on each date.

    Curves are fitted to this, not averaged afterwards: the mean of the pixels' dates is drawn by the
    pixels on the field's edge and by those without a date. Held are the pixels of fields of which windows are still
    to come; whoever reads window by window in rows holds about one row of windows.

    Parameters
    ----------
    fields : ndarray of int, shape (y, x)
        Field numbers, 0 = none.
    dates : int
        Length of the series.
    """

    def __init__(self, fields: NDArray[np.integer], dates: int) -> None:
        self._numbers, self._pixels = np.unique(fields[fields > 0], return_counts=True)
        self._fields = _thinned(fields, self._numbers, self._pixels)
        self._taken = np.unique(self._fields[self._fields > 0], return_counts=True)[1]
        self._found = np.full((3, dates, len(self._numbers)), np.nan, np.float32)
        self._found[1:] = 0
        self._waiting: dict[int, list[list[NDArray[Any]]]] = {}

    def add(self, window: Window, values: FloatArray, weights: FloatArray, seen: NDArray[np.bool_]) -> None:
        """Take a window's pixels; every pixel is to be given once.

        Parameters
        ----------
        window : (slice, slice)
        values, weights : ndarray, shape (time, y, x)
            NDVI with NaN, and weights with 0 = not used.
        seen : ndarray of bool, shape (time, y, x)
            Whether a value was observed or fused on its day, not filled.
        """
        here = self._fields[window].ravel()
        inside = np.flatnonzero(here > 0)
        order = inside[np.argsort(here[inside], kind="stable")]
        numbers, starts = np.unique(here[order], return_index=True)
        flat = [a.reshape(len(a), -1) for a in (values, weights, seen)]
        for number, places in zip(numbers.tolist(), np.split(order, starts)[1:], strict=True):
            self._waiting.setdefault(number, []).append([a[:, places] for a in flat])
            i = int(np.searchsorted(self._numbers, number))
            if sum(part[0].shape[1] for part in self._waiting[number]) == self._taken[i]:
                self._finish(i, number)

    def _finish(self, i: int, number: int) -> None:
        parts = self._waiting.pop(number)
        values, weights, seen = (np.concatenate(layer, axis=1) for layer in zip(*parts, strict=True))
        known = np.isfinite(values) & (weights > 0)
        enough = known.mean(axis=1) >= MIN_SHARE
        if enough.any():
            self._found[0, enough, i] = np.nanmedian(np.where(known, values, np.nan)[enough], axis=1)
        for layer, counted in ((1, known), (2, known & seen)):
            # Each by itself: on a day seen over a corner only, what was filled elsewhere tells of no event.
            whole = enough & (counted.mean(axis=1) >= MIN_SHARE)
            self._found[layer, whole, i] = np.where(counted, weights, 0).mean(axis=1)[whole]

    def courses(self) -> Courses:
        """What was gathered.

        Raises
        ------
        ValueError
            If pixels of a field were never given.
        """
        if self._waiting:
            raise ValueError(f"Fields {sorted(self._waiting)[:5]} were given in part only.")
        numbers, pixels = self._numbers.astype(np.int64), self._pixels.astype(np.int64)
        return Courses(numbers, pixels, *self._found)


def _thinned(
    fields: NDArray[np.integer], numbers: NDArray[np.integer], pixels: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Field numbers, 0 also where a pixel of a field of more than `MOST_PIXELS` is not on the field's lattice."""
    if not (pixels > MOST_PIXELS).any():
        return fields
    steps = np.ceil(np.sqrt(pixels / MOST_PIXELS)).astype(np.int64)
    out, columns = np.zeros_like(fields), np.arange(fields.shape[1])
    for row, line in enumerate(fields):
        step = steps[np.minimum(np.searchsorted(numbers, line), len(numbers) - 1)]
        out[row] = np.where((row % step == 0) & (columns % step == 0), line, 0)
    # A line of pixels may run beside every point of its lattice.
    lost = np.setdiff1d(numbers, out)
    if len(lost):
        out = np.where(np.isin(fields, lost), fields, out)
    return out
