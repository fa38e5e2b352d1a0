"""Lessons in blocks, so that none need fit into memory: reading them, and what patches they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stfuse.errors import InputError
from stfuse.learning.lattice import mirrored
from stfuse.learning.lessons import Lesson
from stfuse.learning.patches import Moments, window_sums
from stfuse.task import FloatArray, Window
from stfuse.threads import in_order

R = TypeVar("R")

__all__ = ["Block", "Blocks", "Cut", "Limits", "Piece", "origins", "read"]


@dataclass(frozen=True)
class Limits:
    """What bounds the memory of a training's data.

    Attributes
    ----------
    block : int
        Pixels a side of a block without its surroundings.
    memory : int
        Bytes of blocks that are kept. If all fit, each is read once; else their set changes from epoch to epoch.
    places : int
        Training patches to choose from, listed by their first pixels. Of more, as many are drawn once.
    held : int
        Held-out cells at most, over all dates.
    """

    block: int = 512
    memory: int = 2**30
    places: int = 8_000_000
    held: int = 1024


@dataclass(frozen=True)
class Cut:
    """How patches are cut.

    Attributes
    ----------
    size : int
        Pixels a side.
    halo : int
        Pixels around it that the network sees.
    align : int
        Their first rows and columns are multiples of it, as `size` is.
    cell : int
        Pixels a side of what is held out as one: a multiple of `size`. For single pixels it is larger, because a
        neighbour tells what a pixel is.
    min_valid : float
        Share of a patch that must be observed.
    """

    size: int
    halo: int
    align: int
    cell: int
    min_valid: float

    @property
    def need(self) -> float:
        """Pixels of a patch that must be observed."""
        return max(1.0, self.min_valid * self.size**2)


@dataclass(frozen=True)
class Piece:
    """A window of a lesson.

    Attributes
    ----------
    inputs : ndarray, shape (channel, y + 2 halo, x + 2 halo), float32
        Mirrored at the lesson's edges.
    goal : ndarray, shape (band, y, x), float32
    row, column : int
        Of the goal's first pixel, in the lesson.
    """

    inputs: FloatArray
    goal: FloatArray
    row: int
    column: int

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Pixels (y, x) of which all bands of the goal are known."""
        return np.asarray(np.isfinite(self.goal).all(axis=0))

    def part(self, window: Window) -> Piece:
        """A window, in the lesson's pixels, of this one."""
        rows, columns = window
        row, column = rows.start - self.row, columns.start - self.column
        height, width = rows.stop - rows.start, columns.stop - columns.start
        halo = self.inputs.shape[1] - self.goal.shape[1]
        return Piece(
            np.ascontiguousarray(self.inputs[:, row : row + height + halo, column : column + width + halo]),
            np.ascontiguousarray(self.goal[:, row : row + height, column : column + width]),
            rows.start,
            columns.start,
        )


def read(lesson: Lesson, window: Window, halo: int, align: int = 1) -> Piece:
    """See a window of a lesson with `halo` pixels around, mirrored at the lesson's edges and nowhere else.

    Cells of `align` pixels are mirrored whole, as where the network is used (`stfuse.learning.lattice.mirrored`).
    """
    outer, index = [], []
    for part, n in zip(window, lesson.shape, strict=True):
        around = halo + lesson.context
        first = max(part.start - around, 0) // align * align
        outer.append(slice(first, min(-(-(part.stop + around) // align) * align, n)))
        index.append(mirrored(part.start - halo, part.stop + halo, n, align) - first)
    example = lesson.see((outer[0], outer[1]))
    rows, columns = (slice(w.start - o.start, w.stop - o.start) for w, o in zip(window, outer, strict=True))
    return Piece(
        np.ascontiguousarray(example.inputs[:, index[0][:, None], index[1][None, :]], np.float32),
        np.array(example.goal[:, rows, columns], np.float32, order="C"),
        window[0].start,
        window[1].start,
    )


@dataclass(frozen=True)
class Block:
    """A part of a lesson: `core` is its own, `extent` holds the patches that begin there."""

    lesson: int
    core: Window
    extent: Window


def _blocks(lesson: int, shape: tuple[int, int], cut: Cut, side: int) -> Iterator[Block]:
    """The blocks of a lesson; their cores consist of whole cells, so that a cell lies in one block."""
    step = cut.cell * max(1, side // cut.cell)
    for row in range(0, shape[0], step):
        for column in range(0, shape[1], step):
            ends = [(first, min(first + step, n), n) for first, n in zip((row, column), shape, strict=True)]
            core, extent = (
                tuple(slice(first, min(stop + more, n)) for first, stop, n in ends) for more in (0, cut.size - 1)
            )
            yield Block(lesson, (core[0], core[1]), (extent[0], extent[1]))


class Blocks:
    """The blocks of all lessons; those that fit into memory together are read when it is made and kept.

    Raises
    ------
    InputError
        If the lessons differ in the number of channels or bands.
    """

    def __init__(self, lessons: Sequence[Lesson], cut: Cut, limits: Limits, threads: int) -> None:
        self.lessons, self.cut, self.threads = lessons, cut, threads
        self.all = [b for i, lesson in enumerate(lessons) for b in _blocks(i, lesson.shape, cut, limits.block)]
        self._of = {(b.lesson, b.core[0].start, b.core[1].start): i for i, b in enumerate(self.all)}
        self._step = cut.cell * max(1, limits.block // cut.cell)
        self.pixels = [_area(block.core) for block in self.all]
        first = read(lessons[0], self.all[0].extent, cut.halo, cut.align)
        self.channels, self.bands = len(first.inputs), len(first.goal)
        self._bytes = [self._size(block.extent) for block in self.all]
        self.kept: list[Piece] = []
        if sum(self._bytes) <= limits.memory:
            self.kept = [first, *self._each(range(1, len(self.all)), self._read)]

    def _size(self, window: Window) -> int:
        (rows, columns), around = window, 2 * self.cut.halo
        wide = (rows.stop - rows.start + around) * (columns.stop - columns.start + around)
        return int(4 * (self.channels * wide + self.bands * _area(window)))

    def room(self, memory: int) -> int:
        """How many of the largest blocks fit into so many bytes."""
        return memory // max(self._bytes)

    def most_cells(self, limits: Limits) -> int:
        """How many held-out cells are kept: a quarter of the memory at most."""
        cell = slice(0, self.cut.cell)
        return max(1, min(limits.held, limits.memory // 4 // self._size((cell, cell))))

    def _read(self, index: int) -> Piece:
        block = self.all[index]
        piece = read(self.lessons[block.lesson], block.extent, self.cut.halo, self.cut.align)
        if (len(piece.inputs), len(piece.goal)) != (self.channels, self.bands):
            raise InputError(
                f"Training images have {len(piece.inputs)} channels and {len(piece.goal)} bands, "
                f"others {self.channels} and {self.bands}",
                "train on samples that have the same bands and auxiliary series",
            )
        return piece

    def piece(self, index: int) -> Piece:
        """A block, from memory or read anew."""
        return self.kept[index] if self.kept else self._read(index)

    def look(self, lesson: int, cell: Window) -> Piece:
        """One cell of a lesson."""
        if not self.kept:
            return read(self.lessons[lesson], cell, self.cut.halo, self.cut.align)
        corner = (part.start // self._step * self._step for part in cell)
        return self.kept[self._of[(lesson, *corner)]].part(cell)

    def survey(self, taken: Sequence[Sequence[Window]]) -> Iterator[tuple[Moments, NDArray[np.int64]]]:
        """Of each block, in order: the moments of its core, and the first pixels of its training patches.

        Parameters
        ----------
        taken : sequence of sequence of window
            Held-out windows of each lesson; they take no part.

        Yields
        ------
        Moments
        ndarray, shape (n, 2), int64
            Rows and columns in the block.
        """

        def look(index: int) -> tuple[Moments, NDArray[np.int64]]:
            block, piece = self.all[index], self.piece(index)
            free = _free(block.extent, taken[block.lesson])
            height, width = (part.stop - part.start for part in block.core)
            halo = self.cut.halo
            inner = piece.inputs[:, halo : halo + height, halo : halo + width]
            images = [*inner, *piece.goal[:, :height, :width]]
            return Moments.of(images, free[:height, :width]), origins(piece.seen, free, self.cut, (height, width))

        if self.kept:
            yield from map(look, range(len(self.all)))
        else:
            yield from self._each(range(len(self.all)), look)

    def _each(self, items: range, work: Callable[[int], R]) -> Iterator[R]:
        # disable=None: no bar where nobody watches.
        bar = tqdm(total=sum(self.pixels), unit="px", unit_scale=True, desc="training data", disable=None)
        with closing(bar), closing(in_order(work, items, self.threads)) as done:
            for i, result in zip(items, done, strict=True):
                bar.update(self.pixels[i])
                yield result


def _area(window: Window) -> int:
    rows, columns = window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _free(extent: Window, taken: Sequence[Window]) -> NDArray[np.bool_]:
    """Pixels (y, x) of a block that no held-out window covers."""
    rows, columns = extent
    free = np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
    for down, across in taken:
        top, left = max(down.start - rows.start, 0), max(across.start - columns.start, 0)
        free[top : max(down.stop - rows.start, 0), left : max(across.stop - columns.start, 0)] = False
    return free


def origins(seen: NDArray[np.bool_], free: NDArray[np.bool_], cut: Cut, within: tuple[int, int]) -> NDArray[np.int64]:
    """First pixels (n, 2) of the patches that begin `within` (y, x), are free all over and observed well enough."""
    good = (window_sums(seen, cut.size) >= cut.need) & (window_sums(~free, cut.size) == 0)
    good = good[: within[0] : cut.align, : within[1] : cut.align]
    return np.argwhere(good) * cut.align
