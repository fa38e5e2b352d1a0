"""Predicting a scene piece by piece, on several threads, with the bits of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
from tqdm import tqdm

from stfuse.crops import Whole, reach
from stfuse.errors import InputError
from stfuse.methods import Method
from stfuse.task import FloatArray, Scene, State, Task, Window
from stfuse.threads import in_order

__all__ = ["SIZE", "Tile", "answer", "each_tile", "pieces", "plan", "predict", "predict_dates", "predict_into"]

R = TypeVar("R")

SIZE = 1024
"""Most fine pixels on each side of a tile without its surroundings."""

SERIES = 64_000_000
"""Most values of a window in the images of all dates, where they are predicted together: a quarter of a gigabyte."""

LEAST = 128
"""Fewest of them, where a scene is cut so that every thread has work."""


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


def plan(shape: tuple[int, int], size: tuple[int, int], context: int) -> Iterator[Tile]:
    """Tiles that cover a scene, each with `context` pixels around.

    Parameters
    ----------
    shape : (y, x)
        Of the fine grid.
    size : (y, x)
        Most fine pixels of a tile.
    context : int
        Fine pixels.
    """

    def pieces(length: int, most: int) -> list[tuple[slice, slice]]:
        cores = [slice(start, min(start + most, length)) for start in range(0, length, most)]
        return [(core, slice(max(core.start - context, 0), min(core.stop + context, length))) for core in cores]

    for rows, outer_rows in pieces(shape[0], size[0]):
        for columns, outer_columns in pieces(shape[1], size[1]):
            yield Tile((rows, columns), (outer_rows, outer_columns))


@dataclass(frozen=True)
class _Pieces:
    """The scene's pieces, each read when it is its turn; to be gone through as often as one likes."""

    scene: Scene
    tiles: list[Tile]
    threads: int

    def __iter__(self) -> Iterator[Task]:
        return (_read(self.scene, tile) for tile in self.tiles)

    def each(self, work: Callable[[Task], R]) -> Iterator[R]:
        """What `work` makes of each piece, in their order; at most a piece a thread is in memory."""
        return in_order(lambda tile: work(_read(self.scene, tile)), self.tiles, self.threads)


def _read(scene: Scene, tile: Tile) -> Task:
    return replace(scene.crop(tile.outer), core=tile.inner)


def pieces(scene: Scene, halo: int | None, size: int = SIZE, threads: int = 1) -> Iterable[Task]:
    """The scene in pieces whose cores cover it once, one at a time: what `prepare` goes through.

    Each has `halo` fine pixels around its core beside what resampling needs; None = the scene as one piece.
    `stfuse.threads.each` works on so many at a time.
    """
    return _Pieces(scene, _tiles(scene, halo, size, 1), threads)


def answer(name: str, method: Method, task: Task, state: State, params: Any) -> FloatArray:
    """One call of the method, its answer checked: shape (time, band, y, x), float32.

    Raises
    ------
    InputError
        If the answer has another shape or type.
    """
    values = method.predict(task, state, params)
    expected = (len(task.dates), *task.fine.values.shape[1:])
    if values.shape != expected or values.dtype != np.float32:
        raise InputError(
            f"Method {name} predicted shape {values.shape} of {values.dtype}, expected {expected} of float32",
            f"correct `predict` of {name}: (time, band, y, x) on the task's fine grid",
        )
    return values


def _tiles(scene: Scene, halo: int | None, size: int, threads: int) -> list[Tile]:
    """Tiles of at most `size` a side, equally many for every thread and two at least where the scene allows it.

    No more than that: around each tile its context is looked at once more.
    """
    height, width = scene.grid.shape
    rows, columns, least = size, size, min(LEAST, size)
    if halo is None:
        rows, columns = height, width
    elif threads > 1:
        rows = max(least, math.ceil(height / (threads * math.ceil(height / (threads * size)))))
        columns = max(least, math.ceil(width / max(2, math.ceil(width / size))))
    return list(plan((height, width), (rows, columns), reach(scene) + (halo or 0)))


def each_tile(
    put: Callable[[Window, FloatArray], None],
    work: Callable[[Task], FloatArray],
    scene: Scene,
    halo: int | None,
    size: int = SIZE,
    threads: int = 1,
    name: str = "",
) -> None:
    """Give `put` what `work` makes of a scene, window by window.

    Parameters
    ----------
    put : function
        Takes the window (rows, columns) and values, shape (..., y, x), of each tile in turn.
    work : function
        Takes a task, its core and `halo` fine pixels around it, gives (..., y, x) for all of it.
    name : str
        For the progress bar.
    """
    tiles = _tiles(scene, halo, size, threads)

    def made(tile: Tile) -> FloatArray:
        return work(_read(scene, tile))[..., *tile.inner].copy()

    # disable=None: no bar where nobody watches.
    bar = tqdm(total=math.prod(scene.grid.shape), unit="px", unit_scale=True, desc=name, disable=None)
    # Put by the caller's own thread: what several threads write to one file, GDAL keeps in memory.
    with closing(bar), closing(in_order(made, tiles, threads)) as done:
        for tile, values in zip(tiles, done, strict=True):
            put(tile.core, values)
            bar.update(math.prod(values.shape[-2:]))


def predict_into(
    put: Callable[[Window, FloatArray], None],
    name: str,
    method: Method,
    scene: Scene,
    state: State,
    params: Any,
    size: int = SIZE,
    threads: int = 1,
) -> None:
    """Predict a scene of any size in tiles, with the bits that one call for the whole gives.

    A method may define ``prepare(pieces, state, params) -> State`` for what it must know of the whole
    scene (statistics of an image); it is called once, before the tiles, with `pieces`, whose size
    does not depend on that of the tiles.

    Parameters
    ----------
    put : function
        Takes the window (rows, columns) and values, shape (time, band, y, x), of each tile in turn.
    name : str
        The method's name, for messages.
    size : int
        Most fine pixels a side of a tile; methods whose halo is None are given the scene in one piece.
    threads : int
        Tiles worked on at a time. Methods with networks have threads of their own: one tile at a time.

    Raises
    ------
    InputError
        If the method's answer has the wrong shape or type.
    """
    prepare = getattr(method, "prepare", None)
    halo = method.halo(params)
    at_a_time = 1 if method.NEEDS.gpu or halo is None else threads
    state = cast(State, prepare(pieces(scene, halo, threads=at_a_time), state, params)) if prepare else state

    def work(task: Task) -> FloatArray:
        return answer(name, method, task, state, params)

    each_tile(put, work, scene, halo, size, at_a_time, name)


def predict(
    name: str, method: Method, task: Task, state: State, params: Any, size: int = SIZE, threads: int = 1
) -> FloatArray:
    """Predict a task that is in memory; see `predict_into`.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
    """
    out = np.empty((len(task.dates), *task.fine.values.shape[1:]), np.float32)

    def put(window: Window, values: FloatArray) -> None:
        out[..., *window] = values

    predict_into(put, name, method, Whole(task), state, params, size, threads)
    return out


def predict_dates(
    put: Callable[[Window, FloatArray], None],
    name: str,
    method: Method,
    scenes: Sequence[Scene],
    states: Sequence[State],
    params: Any,
    threads: int = 1,
    most: int = SERIES,
) -> None:
    """Predict scenes of one grid, a date each, so that what they say of a window comes together.

    The bits are those of `predict_into`, one scene at a time.

    Parameters
    ----------
    put : function
        Takes the window (rows, columns) and values, shape (scene, band, y, x), of each tile in turn.
    states : sequence of State
        What each is predicted with.
    threads : int
        Scenes worked on at a time; methods with networks have threads of their own.
    most : int
        Values that a window may have in all scenes; a window has 64 pixels a side at least.

    Raises
    ------
    InputError
        If the method's answer has the wrong shape or type.
    """
    prepare, halo = getattr(method, "prepare", None), method.halo(params)
    at_a_time = 1 if method.NEEDS.gpu or halo is None else threads
    if prepare:
        parts = (pieces(scene, halo, threads=at_a_time) for scene in scenes)
        states = [prepare(part, state, params) for part, state in zip(parts, states, strict=True)]
    side = math.isqrt(most // (len(scenes) * len(scenes[0].bands))) // 64 * 64
    tiles = _tiles(scenes[0], halo, min(SIZE, max(64, side)), 1)
    bar = tqdm(total=len(tiles) * len(scenes), unit="image", desc=name, disable=None)
    with closing(bar):
        for tile in tiles:
            made = _of_tile(name, method, tile, params)
            with closing(in_order(made, zip(scenes, states, strict=True), at_a_time)) as done:
                values = np.empty((len(scenes), *_shape(scenes[0], tile)), np.float32)
                for i, image in enumerate(done):
                    values[i] = image
                    bar.update()
            put(tile.core, values)


def _shape(scene: Scene, tile: Tile) -> tuple[int, int, int]:
    rows, columns = tile.core
    return len(scene.bands), rows.stop - rows.start, columns.stop - columns.start


def _of_tile(name: str, method: Method, tile: Tile, params: Any) -> Callable[[tuple[Scene, State]], FloatArray]:
    """How the image of a tile's core, shape (band, y, x), is made of a scene and the state for it."""

    def made(given: tuple[Scene, State]) -> FloatArray:
        scene, state = given
        image: FloatArray = answer(name, method, _read(scene, tile), state, params)[0]
        return np.array(image[..., *tile.inner])

    return made
