"""What networks see: images of one date brought to the fine grid and stacked as channels."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import regrid
from stfuse.learning.lessons import Example, Lesson
from stfuse.task import FloatArray, Sample, Series, Task, Window

__all__ = [
    "Nesting",
    "Repeated",
    "aligned",
    "alike",
    "bracket",
    "filled",
    "gaps",
    "has",
    "nesting",
    "repeated",
    "upsampled",
]

logger = logging.getLogger(__name__)

SAME = 1e-4
"""Fine pixels within which edges of the two grids count as one."""


MANY = 8
"""Fine pixels a coarse one from which on a ratio that does not nest is brought to a whole one."""


class Nesting(NamedTuple):
    """How coarse pixels lie in fine ones.

    Attributes
    ----------
    ratio : Fraction
        Coarse pixel / fine pixel, p/q with q of 1 or 2: after p fine pixels the edges of both meet again.
    row, column : int
        The fine pixel, 0..p-1, with which the first such cell begins.
    edges : (int, int)
        Top and left edge of the first coarse pixel in 1/q fine pixels from the fine corner.
    exact : bool
        Whether the coarse grid lies so itself. Else this is the nearest grid that does.
    """

    ratio: Fraction
    row: int
    column: int
    edges: tuple[int, int]
    exact: bool


class Repeated(NamedTuple):
    """A coarse image on the fine grid, every value repeated over its fine pixels.

    Attributes
    ----------
    values : ndarray, shape (band, y, x), float32
    ratio : Fraction
    row, column : int
        See `Nesting`.
    """

    values: FloatArray
    ratio: Fraction
    row: int
    column: int


def upsampled(series: Series, date: np.datetime64, grid: GeoBox) -> FloatArray:
    """The series' image nearest to `date`, on another grid by bicubic convolution.

    The kernel is laid out in source pixels, so the same network sees the same blur whether
    it stands at 90 -> 30 m in training or at 30 -> 10 m in use.

    Returns
    -------
    ndarray, shape (band, grid y, grid x), float32
    """
    return regrid(series.values[series.nearest(date)], series.grid, grid, "cubic")


def bracket(dates: NDArray[np.datetime64], date: np.datetime64) -> tuple[int, int]:
    """Indices of the nearest date before and the nearest after, in that order.

    Where one side is empty, the two nearest dates, still in order of time.

    Raises
    ------
    ValueError
        If there are fewer than two dates.
    """
    if len(dates) < 2:
        raise ValueError(f"Two reference dates are needed around {date}, found {len(dates)}.")
    after = int(np.clip(np.searchsorted(dates, date), 1, len(dates) - 1))
    return after - 1, after


def gaps(inputs: FloatArray) -> NDArray[np.bool_]:
    """Pixels (y, x) at which any channel of (channel, y, x) is unknown."""
    return np.asarray(~np.isfinite(inputs).all(axis=0))


def filled(coarse: FloatArray, fine: FloatArray, smooth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Images without the gaps that others know: a coarse gap shows the references' mean, a reference gap `smooth`.

    Nothing is predicted there, but the pixels around see it, and it is nearer to the truth than nothing.

    Parameters
    ----------
    coarse, smooth : ndarray, shape (band, y, x)
        The coarse image on the fine grid, as the network sees it, and as it shall stand in references.
    fine : ndarray, shape (time, band, y, x)
    """
    known = np.isfinite(fine)
    count = known.sum(axis=0)
    mean = np.where(known, fine, 0).sum(axis=0) / count.clip(min=1)
    between = np.where(count > 0, mean, np.nan).astype(np.float32)
    return np.where(np.isnan(coarse), between, coarse), np.where(known, fine, smooth)


def has(task: Task, name: str) -> bool:
    """Whether the task has images of an auxiliary series."""
    return name in task.aux and len(task.aux[name].dates) > 0


def alike(samples: Iterable[Sample], name: str) -> list[Sample]:
    """Those with an auxiliary series where some have it: the others cannot train the same network."""
    every = list(samples)
    kept = [sample for sample in every if has(sample.crop((slice(0, 1), slice(0, 1))), name)] or every
    if len(kept) < len(every):
        logger.warning(
            "%d of %d training dates have no %s image and are left out", len(every) - len(kept), len(every), name
        )
    return kept


def nesting(coarse: GeoBox, fine: GeoBox) -> Nesting:
    """How a coarse grid lies in a fine one, or how the nearest one does that lies in it with p/q, q of 1 or 2.

    A window of either grid has the same cells on the ground as the whole: where the coarse grid has another
    ratio, its stand-in is laid from the CRS's origin, where it is merely shifted, from its own edges.
    """
    to_fine = ~fine.affine @ coarse.affine
    size = abs(to_fine.a)
    ratio = min(
        (Fraction(max(round(size * q), q), q) for q in (1, 2)), key=lambda f: (round(abs(float(f) - size), 6), f)
    )
    if size > MANY and abs(float(ratio) - size) > SAME:
        ratio = Fraction(round(size))  # half a fine pixel is little here, and cells are half as large
    p, q = ratio.numerator, ratio.denominator
    upright = coarse.crs == fine.crs and abs(to_fine.b) + abs(to_fine.d) < SAME
    alike = upright and all(abs(s - p / q) * max(fine.shape) < SAME * size for s in (to_fine.a, to_fine.e))
    if alike:
        starts = to_fine.f * q, to_fine.c * q
        # A hair above a half, so that noise cannot move one window's cells and not another's.
        edges = math.floor(starts[0] + 0.5 + SAME), math.floor(starts[1] + 0.5 + SAME)
        exact = all(abs(start - edge) < SAME for start, edge in zip(starts, edges, strict=True))
    else:
        own = fine.affine
        top, left = math.floor(own.f / own.e + SAME), math.floor(own.c / own.a + SAME)
        edges, exact = (-top * q, -left * q), False
    turn = pow(q, -1, p) if p > 1 else 0
    return Nesting(ratio, edges[0] * turn % p, edges[1] * turn % p, edges, exact)


def repeated(series: Series, date: np.datetime64, grid: GeoBox) -> Repeated:
    """The series' image nearest to `date` on a finer grid, every value repeated over the pixels it covers.

    Fine column j holds the coarse column in which its middle lies, floor((j + 0.5) / ratio) from a common corner;
    a middle on an edge belongs to what follows. A network that knows the ratio finds every coarse value again,
    in windows too that begin with a cell. A grid that does not nest with p/q, q of 1 or 2, is first brought to the
    nearest one that does by bicubic convolution.

    Parameters
    ----------
    series : Series
        On a coarser grid.
    grid : GeoBox
        The fine grid.

    Returns
    -------
    Repeated
        NaN where the coarse image is, and outside it.
    """
    values, lie = series.values[series.nearest(date)], nesting(series.grid, grid)
    p, q = lie.ratio.numerator, lie.ratio.denominator
    # (j + 0.5 - edge / q) q / p, rounded down, in whole numbers.
    index = [((2 * np.arange(n) + 1) * q - 2 * edge) // (2 * p) for n, edge in zip(grid.shape, lie.edges, strict=True)]
    if not lie.exact:
        first = [int(i[0]) for i in index]
        corner = [(edge + p * k) / q for edge, k in zip(lie.edges, first, strict=True)]
        own = GeoBox(
            (int(index[0][-1]) - first[0] + 1, int(index[1][-1]) - first[1] + 1),
            grid.affine @ Affine.translation(corner[1], corner[0]) @ Affine.scale(p / q),
            grid.crs,
        )
        values = regrid(values, series.grid, own, "cubic")
        index = [i - k for i, k in zip(index, first, strict=True)]
    out = np.full((len(values), *grid.shape), np.nan, np.float32)
    rows, columns = ((i >= 0) & (i < n) for i, n in zip(index, values.shape[1:], strict=True))
    inside = np.ix_(np.arange(len(values)), rows, columns)
    out[inside] = values[:, index[0][rows][:, None], index[1][columns][None, :]]
    return Repeated(out, lie.ratio, lie.row, lie.column)


def aligned(lesson: Lesson, row: int, column: int) -> Lesson:
    """The lesson without its first rows and columns, so that it begins with a cell of `repeated`."""

    def see(window: Window) -> Example:
        rows, columns = window
        return lesson.see(
            (slice(rows.start + row, rows.stop + row), slice(columns.start + column, columns.stop + column))
        )

    if not (row or column):
        return lesson
    grid = None if lesson.grid is None else lesson.grid[row:, column:]
    return replace(lesson, shape=(lesson.shape[0] - row, lesson.shape[1] - column), see=see, grid=grid)
