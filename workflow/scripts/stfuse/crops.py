"""Windows of scenes: what of every series belongs to a window of the fine grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.task import FloatArray, Scene, Series, Task, Window

__all__ = ["MARGIN", "Known", "Whole", "covering", "crop", "reach"]

MARGIN = 4
"""Coarse pixels read around a tile beyond the method's halo.

Lanczos reaches 3 coarse pixels, and a degraded reference needs the whole coarse pixel at its end. Whatever
a method does with coarse images within this reach is therefore right where its own halo begins.
"""


def covering(grid: GeoBox, part: GeoBox) -> Window:
    """The window of a coarse grid that covers `part` with MARGIN pixels around; all of it if the two are turned."""
    to_grid = ~grid.affine @ part.affine
    if grid.crs != part.crs or abs(to_grid.b) + abs(to_grid.d) > 1e-9:
        return slice(0, grid.height), slice(0, grid.width)

    def cover(scale: float, start: float, count: int, limit: int) -> slice:
        ends = sorted((start, start + scale * count))
        first, last = math.floor(ends[0] + 1e-6) - MARGIN, math.ceil(ends[1] - 1e-6) + MARGIN
        first = min(max(first, 0), limit)
        return slice(first, min(max(last, first), limit))

    return (
        cover(to_grid.e, to_grid.f, part.height, grid.height),
        cover(to_grid.a, to_grid.c, part.width, grid.width),
    )


def _cut(series: Series, window: Window) -> Series:
    """A view of the series' window; nothing is copied."""
    return Series(series.values[..., *window], series.dates, series.bands, series.grid[window])


def crop(task: Task, window: Window) -> Task:
    """The task for a window of its fine grid: what lies on that grid by pixels, the others by what covers them."""
    fine = _cut(task.fine, window)

    def part(series: Series) -> Series:
        return _cut(series, window if series.grid == task.fine.grid else covering(series.grid, fine.grid))

    return Task(fine, part(task.coarse), task.ratio, task.dates, {name: part(s) for name, s in task.aux.items()})


def reach(scene: Scene) -> int:
    """Fine pixels around a window that resampling on the scene's coarsest grid may look at."""
    own = abs(scene.grid.affine.a)
    coarsest = max((abs(grid.affine.a) / own for grid in scene.grids), default=1.0)
    return math.ceil(MARGIN * max(coarsest, 1.0))


class _InMemory:
    """What a task that is in memory shows of itself."""

    task: Task

    @property
    def grid(self) -> GeoBox:
        """The fine grid."""
        return self.task.fine.grid

    @property
    def grids(self) -> Iterable[GeoBox]:
        """The grids of the coarse and the auxiliary series."""
        return [self.task.coarse.grid, *(series.grid for series in self.task.aux.values())]

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the prediction."""
        return self.task.fine.bands

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Dates to predict."""
        return self.task.dates

    def crop(self, window: Window) -> Task:
        """The task for a window of the fine grid; nothing is copied."""
        return crop(self.task, window)


@dataclass(frozen=True)
class Whole(_InMemory):
    """A scene that is in memory; see `Scene`."""

    task: Task


@dataclass(frozen=True)
class Known(_InMemory):
    """A sample that is in memory, its truth of shape (time, band, y, x); see `Sample`."""

    task: Task
    values: FloatArray

    def __iter__(self) -> Iterator[Any]:
        """Task and truth, to be taken apart as a pair."""
        return iter((self.task, self.values))

    def truth(self, window: Window) -> FloatArray:
        """The truth of a window; nothing is copied."""
        return self.values[..., *window]
