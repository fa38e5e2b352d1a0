"""The fine images alone, interpolated in time: what can be had without any coarse image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray, Needs, Series, State, Task, days_of
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="bracketing", also=("nearest", "all"), coarse=False, fills=True)


@dataclass(frozen=True)
class Params:
    """Settings.

    Attributes
    ----------
    mode : {"linear", "nearest"}
        Linear between the observations before and after, or the nearer one (the earlier of two equally near).
    """

    mode: Literal["linear", "nearest"] = "linear"

    def __post_init__(self) -> None:
        if self.mode not in ("linear", "nearest"):
            raise ValueError(f"mode must be linear or nearest, found {self.mode!r}")


def halo(params: Params) -> int:
    """None: each pixel is its own series."""
    return 0


def _last_seen(series: Series, dates: NDArray[np.datetime64], forward: bool) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Per date and pixel the last observed value and its distance in days (inf = none), in one pass over the images.

    Forward through ascending dates, with what was observed on the date itself; or backward through descending ones,
    without it. The arrays are overwritten by the next date's.
    """
    value = np.full(series.values.shape[1:], np.nan, np.float32)
    seen_on = np.full(series.values.shape[1:], -np.inf if forward else np.inf, np.float32)
    days, k = days_of(series.dates), 0 if forward else len(series.dates) - 1
    for day in days_of(dates):
        while (k < len(days) and days[k] <= day) if forward else (k >= 0 and days[k] > day):
            seen = np.isfinite(series.values[k])
            value[seen] = series.values[k][seen]
            seen_on[seen] = days[k]
            k += 1 if forward else -1
        yield value, np.abs(seen_on - np.float32(day))


def _between(before: FloatArray, since: FloatArray, after: FloatArray, until: FloatArray, mode: str) -> FloatArray:
    """One image, shape (band, y, x), from what was seen before and after it."""
    nearer = np.where(since <= until, before, after)
    if mode == "nearest":
        return nearer
    between = np.isfinite(since) & np.isfinite(until)
    with np.errstate(invalid="ignore"):
        share = np.where(between, since / (since + until), 0)
        return np.where(between, before + share * (after - before), nearer).astype(np.float32)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Interpolate each pixel between its nearest observations; beyond them the nearest observation holds."""
    out = np.empty((len(task.dates), *task.fine.values.shape[1:]), np.float32)
    order = np.argsort(task.dates, kind="stable")
    earlier = [(v.copy(), since) for v, since in _last_seen(task.fine, task.dates[order], True)]
    later = _last_seen(task.fine, task.dates[order[::-1]], False)
    for k, (after, until) in zip(order[::-1], later, strict=True):
        out[k] = _between(*earlier.pop(), after, until, params.mode)
    return out
