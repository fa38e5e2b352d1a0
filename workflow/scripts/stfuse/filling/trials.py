"""Values of series hidden on purpose, filled by a method, and held against what was observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from stfuse.filling.hiding import days_to_kept, hide
from stfuse.methods import Method
from stfuse.task import FloatArray, Sample, Series, State, Task, Window, days_of
from stfuse.threads import in_order
from stfuse.tiles import answer, plan

__all__ = ["SIDE", "Fill", "Masked", "Trial", "between", "chosen", "filler", "gaps_of", "trials"]

SIDE: Final = 64
"""Pixels a side of the windows that series are read in. It takes part in what is hidden: not to be changed lightly."""

Fill = Callable[[Task], FloatArray]
"""A method with its state and settings: the task's dates predicted, shape (time, 1, y, x)."""


class Trial(NamedTuple):
    """Hidden values, one element each; those that the method gave no value for have NaN in `predicted`.

    Attributes
    ----------
    predicted, observed : ndarray, shape (n,), float32
        NDVI.
    gap : ndarray, shape (n,), float32
        Days to the nearest value that was kept.
    when, row, column : ndarray, shape (n,), int
        Index of the date, and of the pixel in the sample's grid.
    """

    predicted: FloatArray
    observed: FloatArray
    gap: FloatArray
    when: NDArray[np.intp]
    row: NDArray[np.intp]
    column: NDArray[np.intp]


def filler(name: str, method: Method, state: State, params: Any) -> Fill:
    """A method with its state and settings, its answers checked; `name` is for the messages."""
    return lambda task: answer(name, method, task, state, params)


def gaps_of(task: Task) -> FloatArray:
    """Days from each date to predict to the nearest value that the task holds.

    Returns
    -------
    ndarray, shape (time, y, x), float32
        inf where a series has no value.
    """
    kept = np.isfinite(task.fine.values[:, 0])
    return days_to_kept(kept, days_of(task.fine.dates), days_of(task.dates))


def chosen(task: Task, where: NDArray[np.bool_]) -> Task:
    """Some pixels of a task side by side in one row, so that a method works on no others.

    Pixels of a lattice are no neighbours anyway: what fills series looks at each for itself.

    Parameters
    ----------
    where : ndarray of bool, shape (y, x)

    Returns
    -------
    Task
        All series of shape (time, band, 1, n), with n the number of pixels in `where`, row by row.
    """
    grid = task.fine.grid
    line = GeoBox((1, int(where.sum())), grid.affine, grid.crs)

    def cut(series: Series) -> Series:
        return Series(series.values[:, :, where][:, :, None], series.dates, series.bands, line)

    aux = {name: cut(series) for name, series in task.aux.items()}
    return Task(cut(task.fine), cut(task.coarse), task.ratio, task.dates, aux)


def between(task: Task, date: np.datetime64, days: int) -> Task:
    """The images of a task that lie within so many days of a date."""

    def cut(series: Series) -> Series:
        near = np.abs((series.dates - date).astype("timedelta64[D]").astype(int)) <= days
        return Series(series.values[near], series.dates[near], series.bands, series.grid)

    aux = {name: cut(series) for name, series in task.aux.items()}
    return replace(task, fine=cut(task.fine), coarse=cut(task.coarse), aux=aux)


def _one(task: Task, fill: Fill, share: float, where: NDArray[np.bool_], rng: np.random.Generator) -> Trial:
    """Hide values of a task and let a method fill them. What is hidden depends on no method and on no `where`."""
    values = task.fine.values[:, 0]
    hidden = hide(np.isfinite(values), share, rng) & where
    used = np.asarray(hidden.any(axis=0))
    rows, columns = np.nonzero(used)
    given = chosen(replace(task, dates=task.fine.dates), used)
    hidden, observed = hidden[:, used], values[:, used]
    # NaN before the method sees it: nothing of a hidden value is left to peek at.
    kept = np.where(hidden, np.float32(np.nan), observed)
    given = replace(given, fine=replace(given.fine, values=kept[:, None, None]))
    when, pixel = np.nonzero(hidden)
    filled = fill(given)[:, 0, 0] if used.any() else np.empty_like(kept)
    gap = gaps_of(given)[:, 0]
    return Trial(
        filled[when, pixel], observed[when, pixel], gap[when, pixel], when.astype(np.intp), rows[pixel], columns[pixel]
    )


class Placed(Protocol):
    """What of a sample tells its size."""

    @property
    def grid(self) -> GeoBox:
        """The lattice."""


def windows(sample: Placed) -> Iterator[Window]:
    """Windows that cover a sample, in order."""
    height, width = sample.grid.shape
    return (tile.core for tile in plan((height, width), (SIDE, SIDE), 0))


@dataclass(frozen=True)
class Masked:
    """A sample whose optical values are not known off some ground: what `fit` learns from.

    Attributes
    ----------
    sample : Sample
    ground : ndarray of bool, shape (y, x)
        Where values stay.
    """

    sample: Sample
    ground: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.ground.shape != self.sample.grid.shape:
            raise ValueError(f"The ground has shape {self.ground.shape}, the sample {self.sample.grid.shape}.")

    @property
    def grid(self) -> GeoBox:
        """The sample's."""
        return self.sample.grid

    @property
    def grids(self) -> list[GeoBox]:
        """The sample's."""
        return list(self.sample.grids)

    @property
    def bands(self) -> tuple[str, ...]:
        """The sample's."""
        return self.sample.bands

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The sample's."""
        return self.sample.dates

    def crop(self, window: Window) -> Task:
        """The sample's window without the values off the ground."""
        task = self.sample.crop(window)
        return replace(task, fine=replace(task.fine, values=self._only(task.fine.values, window)))

    def truth(self, window: Window) -> FloatArray:
        """The sample's truth without the values off the ground."""
        return self._only(self.sample.truth(window), window)

    def _only(self, values: FloatArray, window: Window) -> FloatArray:
        return np.where(self.ground[window], values, np.float32(np.nan))


def trials(
    sample: Sample, fill: Fill, share: float, ground: NDArray[np.bool_], seed: int, threads: int = 1
) -> Iterator[Trial]:
    """Hide values of a sample's series at random, let a method fill them, window by window.

    The same seed hides the same values whatever the method, so that methods are compared on the same ones.

    Parameters
    ----------
    share : float
        Of the observed values of each series, 0..1; one at least is kept.
    ground : ndarray of bool, shape (y, x)
        The pixels that take part.
    threads : int
        Windows worked on at a time; the trials come in the windows' order.

    Yields
    ------
    Trial
    """

    def work(window: Window) -> Trial:
        rows, columns = window
        rng = np.random.default_rng([seed, rows.start, columns.start])
        one = _one(sample.crop(window), fill, share, ground[window], rng)
        return one._replace(row=one.row + rows.start, column=one.column + columns.start)

    used = [window for window in windows(sample) if ground[window].any()]
    bar = tqdm(total=int(ground.sum()), unit="series", desc="hidden values", disable=None)
    with closing(bar), closing(in_order(work, used, threads)) as done:
        for window, one in zip(used, done, strict=True):
            yield one
            bar.update(int(ground[window].sum()))
