"""Whittaker: each pixel's series on the daily grid, as smooth as a penalty on its second differences makes it.

Eilers 2003 (A perfect smoother), in the weighted form that today's gap filling of NDVI uses: days without an
observation weigh 0, ``(W + lam D'D) z = W y`` with the second differences D of days. Kind: closed form, optical
values alone. The solver is that of `pybaselines`.

Between a series' first and last observation the curve has a value on every day; long gaps are bridged by a cubic.
Beyond them it would go on as a straight line and soon leave the range of NDVI: there its value of that first or last
day holds, as in `temporal`. One observation is a constant; none says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pybaselines.utils import whittaker_smooth

from stfuse.bands import clip_to_valid
from stfuse.filling.drawing import columns_of
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="all", coarse=False, fills=True)
ORDER = 2
"""Of the differences that are penalised; order 2 leaves straight lines as they are."""


@dataclass(frozen=True)
class Params:
    """Settings.

    Attributes
    ----------
    lam : float
        Weight of the sum of squared second differences of days, above 0. A step of h days instead of one is as smooth
        with ``lam / h ** 3``. Of the powers of ten, with two thirds of the values hidden, 100 was best for series
        without haze (simulated, and a Spanish field), 10,000 for those with (ten-day composites of Flanders, dates of
        Slovenia), and 1000 close to the best everywhere.
    """

    lam: float = 1000.0

    def __post_init__(self) -> None:
        if not self.lam > 0:
            raise ValueError(f"lam must be above 0, found {self.lam}.")


def halo(params: Params) -> int:
    """None: each pixel is its own series."""
    return 0


def smooth(days: NDArray[np.int64], values: FloatArray, wanted: NDArray[np.int64], lam: float) -> NDArray[np.float64]:
    """The smooth curve of one series on the days that are asked for.

    Parameters
    ----------
    days : ndarray, shape (time,)
        Days of the observations, ascending; several of one day count as their mean with as much weight.
    values : ndarray, shape (time,)
        Without NaN, one at least.
    wanted : ndarray, shape (target,)
    lam : float

    Returns
    -------
    ndarray, shape (target,)
    """
    first, last = int(days[0]), int(days[-1])
    if first == last:
        return np.full(len(wanted), values.mean(dtype=np.float64))
    length = last - first + 1
    weight = np.bincount(days - first, minlength=length).astype(np.float64)
    total = np.bincount(days - first, values, length)
    if length == ORDER:  # two days: the line through both
        curve = total / weight
    else:
        mean = total / np.maximum(weight, 1)
        curve = whittaker_smooth(mean, lam, ORDER, weight, check_finite=False)
    return np.asarray(curve[np.clip(wanted, first, last) - first], np.float64)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """The curve of each pixel and band on the dates asked for; NaN where a series has no value at all."""
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not out.size:
        return out
    days, wanted = (dates.astype("datetime64[D]").astype(np.int64) for dates in (task.fine.dates, task.dates))
    columns, curves = columns_of(task.fine), out.reshape(len(wanted), -1)
    seen = np.isfinite(columns)
    for i in np.flatnonzero(seen.any(axis=0)):
        own = seen[:, i]
        curves[:, i] = smooth(days[own], columns[own, i], wanted, params.lam)
    return clip_to_valid(out, task.fine.bands)
