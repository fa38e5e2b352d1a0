"""Series of weeks: means of what was observed in each, and windows of them as rows of features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stfuse.filling.labels import doy_features
from stfuse.filling.stack import on_grid
from stfuse.task import FloatArray, Task

__all__ = ["WINDOW", "Weeks", "features", "weekly_mean", "weeks_of"]

WINDOW = 26
"""Weeks of half a year, the predicted one among them (Rossberg and Schmitt 2024, section IV)."""


def weeks_of(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """The week of each date, counted from 1970-01-01 (a Thursday): the same weeks for any part of a series."""
    return dates.astype("datetime64[D]").astype(np.int64) // 7


def weekly_mean(values: FloatArray, weeks: NDArray[np.int64], first: int, count: int) -> FloatArray:
    """Mean of the values of each week, NaN where none was observed.

    Parameters
    ----------
    values : ndarray, shape (time, series), float32
    weeks : ndarray, shape (time,)
        Week of each row; rows of weeks outside ``first .. first + count - 1`` are left out.
    first, count : int
        The first week of the answer, and how many there are.

    Returns
    -------
    ndarray, shape (count, series), float32
    """
    total, number = np.zeros((count, values.shape[1]), np.float32), np.zeros((count, values.shape[1]), np.float32)
    for week, row in zip(weeks - first, values, strict=True):
        if 0 <= week < count:
            seen = np.isfinite(row)
            total[week] += np.where(seen, row, 0)
            number[week] += seen
    with np.errstate(invalid="ignore"):
        return np.asarray(total / number, np.float32)


class Weeks(NamedTuple):
    """Weekly means of a task's series, the first `WINDOW` - 1 weeks before any date.

    Attributes
    ----------
    first : int
        The first week.
    optical, guide : ndarray, shape (week, series), float32
        NaN where nothing was observed, or where there is no guide.
    """

    first: int
    optical: FloatArray
    guide: FloatArray

    @classmethod
    def of(cls, task: Task, optical: FloatArray) -> Weeks:
        """Those of a task's guide and of optical values, shape (time, series), in place of its own.

        The task's coarse series is the guide if it has the same bands; it is brought to the fine grid.
        """
        every = np.concatenate([weeks_of(task.fine.dates), weeks_of(task.dates)])
        first = int(every.min()) - WINDOW + 1
        count = int(every.max()) - first + 1
        seen = weekly_mean(optical, weeks_of(task.fine.dates), first, count)
        coarse = task.coarse
        if not len(coarse.dates) or coarse.bands != task.fine.bands:
            return cls(first, seen, np.full_like(seen, np.nan))
        guide = on_grid(coarse, task.fine.grid).reshape(len(coarse.dates), -1)
        return cls(first, seen, weekly_mean(guide, weeks_of(coarse.dates), first, count))


def features(weeks: Weeks, week: int, series: NDArray[np.intp] | slice = slice(None)) -> FloatArray:
    """What one week is predicted from.

    Parameters
    ----------
    weeks : Weeks
    week : int
        Counted from 1970-01-01, like `weeks_of`; at least ``weeks.first + WINDOW - 1``.
    series : indices
        Which series.

    Returns
    -------
    ndarray, shape (series, 2 * WINDOW + 1), float32
        Optical values of the `WINDOW` - 1 weeks before, the guide's of these and of the week itself, each oldest
        first, and sine and cosine of the day of the year in the middle of the week. NaN where nothing was observed.
    """
    end = week - weeks.first + 1
    optical, guide = weeks.optical[end - WINDOW : end - 1, series], weeks.guide[end - WINDOW : end, series]
    middle = np.array([7 * week + 3]).astype("datetime64[D]")
    season = np.repeat(doy_features(middle).T, optical.shape[1], axis=1)
    return np.ascontiguousarray(np.concatenate([optical, guide, season]).T, np.float32)
