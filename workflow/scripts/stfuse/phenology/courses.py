"""The courses of fields, gathered while a series is read window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray, Window

MIN_SHARE = 0.5
"""A date on which a smaller share of the field is known is left out: the rest may be another corner."""


@dataclass(frozen=True)
class Courses:
    """The series of fields.

    Attributes
    ----------
    numbers : ndarray of int64, shape (field,)
        Ascending.
    pixels : ndarray of int64, shape (field,)
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
        self._fields = fields
        self._numbers, self._pixels = np.unique(fields[fields > 0], return_counts=True)
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
            if sum(part[0].shape[1] for part in self._waiting[number]) == self._pixels[i]:
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
