"""The fine images alone, interpolated in time: what can be had without any coarse image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray, Needs, Series, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="bracketing", also=("nearest", "all"), coarse=False, fills=True)
DAY = np.timedelta64(1, "D")


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


def _last_seen(series: Series, date: np.datetime64, order: range) -> tuple[FloatArray, FloatArray]:
    """Per pixel the last observed value in the given order, and its distance from `date` in days (inf = none)."""
    value = np.full(series.values.shape[1:], np.nan, np.float32)
    days = np.full(series.values.shape[1:], np.inf, np.float32)
    for i in order:
        seen = np.isfinite(series.values[i])
        value[seen] = series.values[i][seen]
        days[seen] = np.float32(abs((series.dates[i] - date) / DAY))
    return value, days


def _interpolate(series: Series, date: np.datetime64, mode: str) -> FloatArray:
    """One image for `date`, shape (band, y, x)."""
    past: NDArray[np.bool_] = series.dates <= date
    split = int(past.sum())
    before, since = _last_seen(series, date, range(split))
    after, until = _last_seen(series, date, range(len(series.dates) - 1, split - 1, -1))
    nearer = np.where(since <= until, before, after)
    if mode == "nearest":
        return nearer
    between = np.isfinite(since) & np.isfinite(until)
    with np.errstate(invalid="ignore"):
        share = np.where(between, since / (since + until), 0)
        return np.where(between, before + share * (after - before), nearer).astype(np.float32)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Interpolate each pixel between its nearest observations; beyond them the nearest observation holds."""
    images = [_interpolate(task.fine, date, params.mode) for date in task.dates]
    return np.stack(images) if images else np.empty((0, *task.fine.values.shape[1:]), np.float32)
