"""Series of any length, predicted in sequences no longer than those of the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from stfuse.filling.labels import from_label
from stfuse.filling.sequences import MONTH, Form, cut, interpolated
from stfuse.filling.stack import Inputs, Stack, brought_together, stack
from stfuse.task import FloatArray, Task

__all__ = ["SeriesWindow", "fill_series", "series_windows"]

PIXELS: Final = 8192
"""Series that are looked at together: with 300 steps and three channels 30 MB."""

AT_ONCE: Final = 512
"""Sequences that go through the network together."""

ROUNDS: Final = 3
"""Into which the days asked for are dealt out, each round asked for on its own, with all that is known. What is asked
for is a step of every series, blank under a cloud, whereas a training drops steps with neither input nor label. Small
series asked for every fifth day have an MAE of 0.055 with one round, 0.044 with three, and 0.042 day by day."""

SPACING: Final = 15
"""Days between the steps of a round on which no series has an image, on average, at the least: as far apart as three
rounds leave images of every fifth day. With 5, a whole year asked for has an MAE of 0.067 there, with 15 of 0.047."""

DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class SeriesWindow:
    """A part of an axis of days, and what is predicted in it.

    Attributes
    ----------
    steps : slice
        Of the axis.
    wanted : ndarray of int64, shape (n,)
        Steps of the axis that are predicted here, each in the middle half of the window unless the axis ends before.
    """

    steps: slice
    wanted: NDArray[np.int64]


def series_windows(
    days: NDArray[np.datetime64], images: NDArray[np.bool_], wanted: NDArray[np.bool_], months: float
) -> list[SeriesWindow]:
    """Cut an axis of days into overlapping windows, and choose for each wanted day the one whose middle is nearest.

    Parameters
    ----------
    days : ndarray of datetime64[D], shape (step,)
        Ascending.
    images : ndarray of bool, shape (step,)
        Days on which some series has an image.
    wanted : ndarray of bool, shape (step,)
        Days to predict.
    months : float
        Length of a window; they overlap by half of it.

    Returns
    -------
    list of SeriesWindow
        Of one part of the axis several, among which the days that are wanted in it are dealt out.
    """
    if not wanted.any():
        return []
    length = max(2, round(months * MONTH))
    span = int((days[-1] - days[0]) / DAY) + 1
    count = 1 if span <= length else 1 + math.ceil((span - length) / (length // 2))
    # Evenly, so that the last window ends with the axis.
    first = np.rint(np.linspace(0, max(span - length, 0), count)).astype(np.int64)
    day = ((days - days[0]) / DAY).astype(np.int64)
    middle = first + (min(length, span) - 1) / 2
    nearest = np.abs(day[:, None] - middle).argmin(axis=1)
    asked, extra = np.flatnonzero(wanted), int((wanted & ~images).sum())
    rounds = min(len(asked), max(ROUNDS, math.ceil(extra * SPACING / span)))
    turn = np.zeros(len(days), np.int64)
    turn[asked] = np.arange(len(asked)) % rounds
    found = []
    for k, begin in enumerate(first):
        steps = slice(int(np.searchsorted(day, begin)), int(np.searchsorted(day, begin + length)))
        for n in range(rounds):
            mine = np.flatnonzero(wanted & (nearest == k) & (turn == n))
            if len(mine):
                found.append(SeriesWindow(steps, mine))
    return found


def fill_series(
    network: nn.Module, where: torch.device, task: Task, inputs: Inputs, form: Form, months: float
) -> FloatArray:
    """Predict any dates of all pixels of a task.

    Parameters
    ----------
    network : Module
        On the device `where`; takes what `stfuse.filling.sequences.Sequences.network_inputs` gives, says labels.
    months : float
        Longest sequence.

    Returns
    -------
    ndarray, shape (time, 1, y, x), float32
        NDVI -1..1. NaN for pixels of which nothing is known on any day, neither from optics nor from radar.
    """
    height, width = task.fine.grid.shape
    out = np.full((len(task.dates), 1, height, width), np.nan, np.float32)
    task = brought_together(task)
    seen = stack(task, inputs, rows=slice(0, 0)).days
    step = max(1, PIXELS // max(width, 1))
    # disable=None: no bar where nobody watches.
    bar = tqdm(total=height * width, unit="series", unit_scale=True, desc="series", disable=None, leave=False)
    with closing(bar), torch.inference_mode():
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            series = stack(task, inputs, task.dates, rows)
            steps = np.searchsorted(series.days, task.dates.astype("datetime64[D]"))
            wanted = np.isin(series.days, task.dates)
            windows = series_windows(series.days, np.isin(series.days, seen), wanted, months)
            said = _fill(network, where, series, windows, form)
            out[:, 0, rows] = said[steps].reshape(len(steps), rows.stop - top, width)
            bar.update(said.shape[1])
    return out


def _fill(
    network: nn.Module, where: torch.device, series: Stack, windows: list[SeriesWindow], form: Form
) -> FloatArray:
    """NDVI (step, pixel) on the wanted steps of all windows, NaN elsewhere and where nothing is known."""
    out = np.full(series.values.shape[1:], np.nan, np.float32)
    known = np.flatnonzero(np.isfinite(series.values).any(axis=(0, 1)))
    values = series.values[..., known]
    base = interpolated(series.days, values[0])
    for window in windows:
        part, days = values[:, window.steps], series.days[window.steps]
        wanted = np.zeros(len(days), bool)
        wanted[window.wanted - window.steps.start] = True
        said = np.full(part.shape[1:], np.nan, np.float32)
        # By length, so that little is padded. How many steps a series has is a matter of its own clouds.
        lengths = (np.isfinite(part).any(axis=0) | wanted[:, None]).sum(axis=0)
        for these in _batches(np.argsort(lengths, kind="stable")):
            none = np.full((len(days), len(these)), np.nan, np.float32)
            args = days, part[..., these], none, days[0], days[-1], wanted, base[window.steps, these]
            found = cut(*args)
            answer = network(torch.from_numpy(found.network_inputs(form)).to(where))
            ndvi = from_label(answer[:, 0, :, 0].T.cpu().numpy())
            there = np.arange(len(ndvi))[:, None] < found.lengths
            steps, columns = found.steps[there], np.broadcast_to(these, there.shape)[there]
            said[steps, columns] = ndvi[there]
        out[window.wanted[:, None], known] = said[wanted]
    return out


def _batches(order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(order), AT_ONCE):
        yield order[first : first + AT_ONCE]
