"""Which ground is held out of a training: the same on all dates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple, Self

import numpy as np

from stfuse.learning.blocks import Cut, Piece
from stfuse.learning.lessons import Lesson
from stfuse.task import Window
from stfuse.threads import in_order

__all__ = ["Ground", "hold_out"]


class Ground(NamedTuple):
    """Where the pixels of a lesson lie: coordinates of the first one's corner, and steps from one to the next."""

    name: str
    top: float
    down: float
    left: float
    across: float
    height: int
    width: int

    @classmethod
    def of(cls, lesson: Lesson) -> Self:
        """That of a lesson; without a grid, or with a turned one, counted in its own pixels."""
        height, width = lesson.shape
        if lesson.grid is None:
            return cls(f"{height} x {width}", 0.0, 1.0, 0.0, 1.0, height, width)
        crs, affine = str(lesson.grid.crs), lesson.grid.affine
        if affine.b or affine.d:
            return cls(f"{crs} {tuple(affine)}", 0.0, 1.0, 0.0, 1.0, height, width)
        return cls(crs, affine.f, affine.e, affine.c, affine.a, height, width)

    def place(self, window: Window) -> Place:
        """A window of its pixels on the ground."""
        rows, columns = window
        ys = sorted((self.top + self.down * rows.start, self.top + self.down * rows.stop))
        xs = sorted((self.left + self.across * columns.start, self.left + self.across * columns.stop))
        return Place(self.name, ys[0], ys[1], xs[0], xs[1])

    def window(self, place: Place) -> Window | None:
        """The pixels that a place touches; None if there are none."""
        ends = []
        for first, step, count, low, high in (
            (self.top, self.down, self.height, place.low_y, place.high_y),
            (self.left, self.across, self.width, place.low_x, place.high_x),
        ):
            start, stop = sorted(((low - first) / step, (high - first) / step))
            ends.append(slice(max(math.floor(start + 1e-6), 0), min(math.ceil(stop - 1e-6), count)))
        touches = self.name == place.name and all(part.start < part.stop for part in ends)
        return (ends[0], ends[1]) if touches else None


class Place(NamedTuple):
    """A rectangle of ground."""

    name: str
    low_y: float
    high_y: float
    low_x: float
    high_x: float


def _overlap(one: Window, other: Window) -> bool:
    return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in zip(one, other, strict=True))


def _inside(one: Window, other: Window) -> bool:
    return all(b.start <= a.start and a.stop <= b.stop for a, b in zip(one, other, strict=True))


def hold_out(
    lessons: Sequence[Lesson],
    cut: Cut,
    share: float,
    most: int,
    seed: int,
    look: Callable[[int, Window], Piece],
    threads: int = 1,
) -> tuple[list[list[Window]], list[tuple[int, Window]]]:
    """Choose cells of ground, each observed on some date, that no training patch touches on any date.

    Lessons of one grid have the same cells held out: the same field seen on another date would tell on it. Where
    grids overlap, what one holds out is held out of the other.

    Parameters
    ----------
    share : float
        Share of the observed cells to hold out, 0..1; 0 holds out nothing. One at least is left to train on.
    most : int
        Held-out cells at most over all lessons (one for each at least).
    look : callable
        (lesson, cell) -> `Piece`; called by several threads.

    Returns
    -------
    taken : list of list of window
        Of each lesson, the windows that are held out.
    cells : list of (lesson, window)
        Those of the lessons' own cells that are.
    """
    rng = np.random.default_rng([seed, 0])
    grounds = [Ground.of(lesson) for lesson in lessons]
    most = max(1, most // max(len(lessons), 1))
    places: list[Place] = []
    own: dict[Ground, list[Window]] = {}
    for ground in sorted(set(grounds)):
        alike = [i for i, g in enumerate(grounds) if g == ground]
        before = [w for w in map(ground.window, places) if w]
        own[ground] = _choose(ground, alike, before, cut, share, most, rng, look, threads) if share > 0 else []
        places += map(ground.place, own[ground])
    taken = {ground: [w for w in map(ground.window, places) if w] for ground in own}
    return [taken[g] for g in grounds], [(i, cell) for i, g in enumerate(grounds) for cell in own[g]]


def _choose(
    ground: Ground,
    alike: Sequence[int],
    before: Sequence[Window],
    cut: Cut,
    share: float,
    most: int,
    rng: np.random.Generator,
    look: Callable[[int, Window], Piece],
    threads: int,
) -> list[Window]:
    """Cells of one grid: those inside what other grids hold out, and as many more as the share asks for."""
    side, across = cut.cell, ground.width // cut.cell
    need = max(1.0, cut.min_valid * side * side)
    order = rng.permutation(ground.height // side * across)

    def cells() -> Iterator[Window]:  # one by one: there may be millions
        for row, column in (divmod(int(k), across) for k in order):
            yield slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)

    def observed(cell: Window) -> tuple[Window, bool]:
        return cell, any(look(i, cell).seen.sum() >= need for i in alike)

    inside = [cell for cell in cells() if any(_inside(cell, window) for window in before)] if before else []
    apart = (cell for cell in cells() if not any(_overlap(cell, window) for window in before))
    usable = []
    with closing(in_order(observed, apart, threads)) as seen:
        for cell, good in seen:
            if good:
                usable.append(cell)
            if round(share * len(usable)) >= most:
                break
    count = min(most, max(1, round(share * len(usable))), len(usable) - 1)
    return inside + usable[: max(0, count - len(inside))]
