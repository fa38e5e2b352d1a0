"""Predicting a scene piece by piece, with the bits of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.methods import Method
from stfuse.task import FloatArray, Series, State, Task

__all__ = ["SIZE", "Tile", "crop", "plan", "predict"]

SIZE = 1024
"""Fine pixels on each side of a tile without its surroundings."""

MARGIN = 4
"""Coarse pixels read around a tile beyond the method's halo.

Lanczos reaches 3 coarse pixels, and a degraded reference needs the whole coarse pixel at its end. Whatever
a method does with coarse images by these kernels is therefore right where its own halo begins.
"""

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One piece of a scene, as windows (rows, columns) of the fine grid.

    Attributes
    ----------
    core : (slice, slice)
        What is predicted.
    outer : (slice, slice)
        What the method is given for it, cut off at the scene's edge.
    """

    core: Window
    outer: Window

    @property
    def inner(self) -> Window:
        """The core, counted from the corner of `outer`."""
        rows, columns = (slice(c.start - o.start, c.stop - o.start) for c, o in zip(self.core, self.outer, strict=True))
        return rows, columns


def plan(shape: tuple[int, int], size: int, context: int) -> Iterator[Tile]:
    """Tiles of at most `size` pixels a side that cover a scene, each with `context` pixels around.

    Parameters
    ----------
    shape : (y, x)
        Of the fine grid.
    size, context : int
        Fine pixels.
    """

    def pieces(length: int) -> list[tuple[slice, slice]]:
        cores = [slice(start, min(start + size, length)) for start in range(0, length, size)]
        return [(core, slice(max(core.start - context, 0), min(core.stop + context, length))) for core in cores]

    for rows, outer_rows in pieces(shape[0]):
        for columns, outer_columns in pieces(shape[1]):
            yield Tile((rows, columns), (outer_rows, outer_columns))


def _covering(grid: GeoBox, part: GeoBox) -> Window:
    """The window of `grid` that covers `part` with MARGIN pixels around; all of it if the two are turned."""
    to_grid = ~grid.affine * part.affine
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
    """The task for a window of its fine grid: fine images by pixels, the others by what covers them."""
    fine = _cut(task.fine, window)
    coarse = _cut(task.coarse, _covering(task.coarse.grid, fine.grid))
    aux = {name: _cut(series, _covering(series.grid, fine.grid)) for name, series in task.aux.items()}
    return Task(fine, coarse, task.ratio, task.dates, aux)


def _context(task: Task, halo: int) -> int:
    """Fine pixels around a tile: the method's halo and the reach of resampling on the coarsest grid."""
    own = abs(task.fine.grid.affine.a)
    grids = [task.coarse.grid, *(series.grid for series in task.aux.values())]
    coarsest = max(abs(grid.affine.a) / own for grid in grids)
    return halo + math.ceil(MARGIN * max(coarsest, 1.0))


def _predict_once(name: str, method: Method, task: Task, state: State, params: Any) -> FloatArray:
    """One call of the method, its answer checked."""
    values = method.predict(task, state, params)
    expected = (len(task.dates), *task.fine.values.shape[1:])
    if values.shape != expected or values.dtype != np.float32:
        raise InputError(
            f"Method {name} predicted shape {values.shape} of {values.dtype}, expected {expected} of float32",
            f"correct `predict` of {name}: (time, band, y, x) on the task's fine grid",
        )
    return values


def predict(name: str, method: Method, task: Task, state: State, params: Any, size: int = SIZE) -> FloatArray:
    """Predict a task in tiles as large as `size`, with the bits that one call for the whole gives.

    A method may define ``prepare(task, state, params) -> State`` for what it must know of the whole
    scene (image statistics); it is called once, before the tiles.

    Parameters
    ----------
    name : str
        The method's name, for messages.
    size : int
        Fine pixels a side; scenes no larger, and methods whose halo is None, are predicted in one piece.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32

    Raises
    ------
    InputError
        If the method's answer has the wrong shape or type.
    """
    prepare = getattr(method, "prepare", None)
    state = cast(State, prepare(task, state, params)) if prepare else state
    halo, shape = method.halo(params), task.fine.values.shape[2:]
    if halo is None or max(shape) <= size:
        return _predict_once(name, method, task, state, params)
    out = np.empty((len(task.dates), *task.fine.values.shape[1:]), np.float32)
    for tile in plan((shape[0], shape[1]), size, _context(task, halo)):
        values = _predict_once(name, method, crop(task, tile.outer), state, params)
        out[..., *tile.core] = values[..., *tile.inner]
    return out
