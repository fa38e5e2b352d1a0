"""Thin-plate splines through the centres of coarse cells, in moving windows. Compiled.

A spline through all cells of a scene is out of reach (its cost grows with the cube of their number), and one
spline per block of cells makes borders. But what a cell contributes dies away exponentially with the distance,
by a factor of 4.6 per cell. So each cell has a spline of its own through the cells of a window around it.

Largest difference to one spline through all of 30 x 30 cells (``scipy.interpolate.RBFInterpolator``), as share of
the cells' range, where windows are not cut by the edge, and anywhere:

======  ===========  ============  ===============  ================
radius  white noise  smooth field  noise, anywhere  smooth, anywhere
======  ===========  ============  ===============  ================
2       2.9e-2       2.1e-3        7.3e-2           1.0e-2
3       5.9e-3       3.8e-4        6.1e-2           7.7e-3
4       1.4e-3       8.6e-5        3.1e-2           8.2e-3
5       2.9e-4       2.0e-5        3.5e-2           7.2e-3
6       6.5e-5       3.5e-6        1.6e-2           5.6e-3
======  ===========  ============  ===============  ================

Along the edge, half a cell outside all centres, a spline extrapolates, and what is far away counts for more.

The system of a window is the same everywhere, so it is inverted once. Cells that are not observed, or
lie outside the grid, are given the values that leave the spline through the others as it is (their coefficients are
zero), which is a small system of the unobserved cells alone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FARTHEST = 6
"""Largest radius: a tile sees eight coarse pixels beyond its halo, two of them perhaps cut."""


@lru_cache(maxsize=FARTHEST)
def inverse(radius: int) -> Floats:
    """What gives a window's spline from its values: coefficients of the cells, then of 1, y and x.

    Returns
    -------
    ndarray, shape (cells + 3, cells), read-only
        Cells in reading order. The first `cells` rows are the bending energy: symmetric, not negative.
    """
    step = np.arange(-radius, radius + 1.0)
    y, x = (part.ravel() for part in np.meshgrid(step, step, indexing="ij"))
    square = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    plane = np.stack([np.ones_like(y), y, x])
    corner = np.zeros((3, 3))
    # r^2 log r = r^2 log(r^2) / 2, and 0 at the centre.
    system = np.block([[square * np.log(np.maximum(square, 1)) / 2, plane.T], [plane, corner]])
    out = np.linalg.inv(system)[:, : len(y)]
    out.flags.writeable = False
    return np.asarray(out)


def thin_plate(
    values: FloatArray, rows: Ints, row_offsets: Floats, columns: Ints, column_offsets: Floats, radius: int = 5
) -> FloatArray:
    """Evaluate the spline through cell centres at points on a grid finer than the cells'.

    Parameters
    ----------
    values : ndarray, shape (band, cell y, cell x), float32
        NaN = not observed.
    rows, columns : ndarray of int64, shapes (y,) and (x,)
        The cell each point lies in, ascending.
    row_offsets, column_offsets : ndarray, shapes (y,) and (x,)
        Of the points from that cell's centre, in cells.
    radius : int
        Cells on each side of the point's own that its spline goes through, 1..6.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN in cells that are not observed. The cell's own value where the observed cells of its window lie
        on one line, so that no plane goes through them.
    """
    out = np.full((len(values), len(rows), len(columns)), np.nan, np.float32)
    padded = np.pad(values, ((0, 0), (radius, radius), (radius, radius)), constant_values=np.float32(np.nan))
    phases, phase = np.unique(column_offsets, return_inverse=True)
    if out.size:
        _evaluate(padded, rows, row_offsets, columns, phases, phase, inverse(radius), radius, out)
    return out


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})  # type: ignore[untyped-decorator]
def _evaluate(
    padded: FloatArray,
    rows: Ints,
    row_offsets: Floats,
    columns: Ints,
    phases: Floats,
    phase: Ints,
    inverse: Floats,
    radius: int,
    out: FloatArray,
) -> None:
    """One row of cells after the other: their splines, then the points in them."""
    bands, height, width = padded.shape[0], padded.shape[1] - 2 * radius, padded.shape[2] - 2 * radius
    low, high = max(columns[0], 0), min(columns[-1] + 1, width)
    size = inverse.shape[0]
    splines = np.empty((bands, max(high - low, 0), size))
    basis = np.empty((len(phases), size))
    done, offset = -1, np.nan
    for i in range(len(rows)):
        if rows[i] < 0 or rows[i] >= height:
            continue
        if rows[i] != done:
            _splines(padded, rows[i], low, inverse, radius, splines)
            done = rows[i]
        if row_offsets[i] != offset:
            offset = row_offsets[i]
            _basis(offset, phases, radius, basis)
        for b in range(bands):
            for j in range(len(columns)):
                x = columns[j]
                if x < 0 or x >= width:
                    continue
                total = 0.0
                for k in range(size):
                    total += splines[b, x - low, k] * basis[phase[j], k]
                out[b, i, j] = padded[b, rows[i] + radius, x + radius] + total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _basis(offset: float, phases: Floats, radius: int, out: Floats) -> None:
    """r^2 log r to each cell of the window, then 1, y, x, for the points at `offset` and each phase."""
    for p in range(len(phases)):
        k = 0
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                square = (offset - dy) ** 2 + (phases[p] - dx) ** 2
                out[p, k] = 0.5 * square * np.log(square) if square > 0 else 0.0
                k += 1
        out[p, k], out[p, k + 1], out[p, k + 2] = 1.0, offset, phases[p]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})  # type: ignore[untyped-decorator]
def _splines(padded: FloatArray, y: int, low: int, inverse: Floats, radius: int, out: Floats) -> None:
    """Coefficients of a row of cells, of the differences to each cell's own value."""
    n, side = inverse.shape[1], 2 * radius + 1
    window, before, seen = np.zeros(n + 2), np.zeros(n, np.bool_), np.empty(n, np.bool_)
    factor, missing = np.empty((n, n)), np.empty(n + 1, np.int64)
    columns = np.zeros((n + 2, inverse.shape[0]))
    columns[:n] = inverse.T
    for x in range(out.shape[1]):
        for b in range(out.shape[0]):
            centre = np.float64(padded[b, y + radius, low + x + radius])
            if not np.isfinite(centre):
                out[b, x] = np.nan
                continue
            gaps = 0
            for i in range(side):
                for j in range(side):
                    k, value = i * side + j, np.float64(padded[b, y + i, low + x + j])
                    seen[k] = np.isfinite(value)
                    window[k] = value - centre if seen[k] else 0.0
                    missing[gaps] = k
                    gaps += 0 if seen[k] else 1
            if gaps > 0:
                if not _spread(seen, side):
                    window[:n] = 0.0
                else:
                    if (seen != before).any():
                        _factorise(inverse, missing[:gaps], factor)
                        before[:] = seen
                    _fill(inverse, missing[:gaps], seen, factor, window[:n])
            spline = out[b, x]
            spline[:] = 0.0
            # Column by column, so that the inner loop is one of vectors; three at a time, to store less often.
            for k in range(0, n, 3):
                one, two, three = window[k], window[k + 1], window[k + 2]
                for r in range(len(spline)):
                    spline[r] += columns[k, r] * one + columns[k + 1, r] * two + columns[k + 2, r] * three


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _spread(seen: NDArray[np.bool_], side: int) -> bool:
    """Whether the observed cells do not lie on one line: the determinant of their moments, in whole numbers."""
    n = sy = sx = syy = sxx = sxy = 0
    for k in range(len(seen)):
        if seen[k]:
            y, x = k // side, k % side
            n, sy, sx = n + 1, sy + y, sx + x
            syy, sxx, sxy = syy + y * y, sxx + x * x, sxy + x * y
    return (n * syy - sy * sy) * (n * sxx - sx * sx) > (n * sxy - sy * sx) ** 2


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _factorise(bending: Floats, missing: Ints, factor: Floats) -> None:
    """Cholesky factor of the bending energy of the unobserved cells."""
    for i in range(len(missing)):
        for j in range(i + 1):
            total = bending[missing[i], missing[j]]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(total) if i == j else total / factor[j, j]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _fill(bending: Floats, missing: Ints, seen: NDArray[np.bool_], factor: Floats, window: Floats) -> None:
    """Give unobserved cells the values with which their coefficients are zero."""
    m = len(missing)
    solution = np.empty(m)
    for i in range(m):
        total = 0.0
        for k in range(len(window)):
            if seen[k]:
                total -= bending[missing[i], k] * window[k]
        for k in range(i):
            total -= factor[i, k] * solution[k]
        solution[i] = total / factor[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            solution[i] -= factor[k, i] * solution[k]
        solution[i] /= factor[i, i]
    for i in range(m):
        window[missing[i]] = solution[i]
