"""Area-to-point kriging: fine residuals from coarse ones, with weights solved once for each place in a cell. Compiled.

Source: Kyriakidis 2004, area-to-point ordinary kriging.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.fusion.cells import Axis
from stfuse.fusion.semivariogram import Model, semivariance
from stfuse.task import FloatArray

__all__ = ["Kernels", "kernels", "krige"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLOCK = 128
"""Cells whose fine pixels are computed together."""

_FAST = {"contract"}


@dataclass(frozen=True)
class Kernels:
    """What kriging needs for each range and each phase of a cell on the fine grid; n = window^2 cells.

    Attributes
    ----------
    weights : ndarray, shape (range, phase y, phase x, n, sub y * sub x), float32
        Of the window's cells for each fine pixel of the middle cell, where all of them are observed.
    between : ndarray, shape (range, phase y, phase x, n, n), float64
        Covariances of the cells, sill 1.
    towards : ndarray, shape (range, phase y, phase x, n, sub y * sub x), float64
        Covariances of cells and fine pixels.
    """

    weights: FloatArray
    between: Floats
    towards: Floats


def _shares(axis: Axis, phase: float, window: int) -> tuple[Floats, int]:
    """Share of each fine pixel in each cell of the window, shape (window, pixels), and the place of sub-pixel 0."""
    edges = phase + axis.ratio * (np.arange(window + 1) - window // 2)
    first = int(np.floor(edges[0] + 1e-6))
    pixels = first + np.arange(max(int(np.ceil(edges[-1] - 1e-6)), axis.subs) - first)
    low, high = edges[:-1, None], edges[1:, None]
    overlap = np.minimum(high, pixels + 1) - np.maximum(low, pixels)
    return np.clip(overlap, 0, None) / axis.ratio, -first


def _distances(axis: Axis, window: int, length: int) -> tuple[Floats, Floats]:
    """How often each distance (fine pixels) occurs on one axis, shape (phase, cell, cell or sub-pixel, distance)."""
    cells = np.empty((len(axis.phases), window, window, length))
    subs = np.empty((len(axis.phases), window, axis.subs, length))
    for p, phase in enumerate(axis.phases):
        shares, zero = _shares(axis, float(phase), window)
        place = np.arange(shares.shape[1])
        away = np.abs(place[:, None] - place[None, :]).ravel()
        for c, share in enumerate(shares):
            for s in range(axis.subs):
                subs[p, c, s] = np.bincount(np.abs(place - zero - s), share, length)
            for d, other in enumerate(shares):
                cells[p, c, d] = np.bincount(away, np.outer(share, other).ravel(), length)
    return cells, subs


def kernels(rows: Axis, columns: Axis, ranges: Floats, model: Model, window: int) -> Kernels:
    """Solve the kriging systems, once for each range, phase and fine pixel inside a cell.

    A cell is the fine pixels in it, weighted by their shares: averaged with these shares, the weights of a
    cell's fine pixels are 1 for the cell itself and 0 for the others, which makes the result coherent. Distances
    on the two axes occur independently, so mean covariances are products of matrices.

    Parameters
    ----------
    rows, columns : Axis
    ranges : ndarray, shape (range,), float64
        Coarse pixels.
    model : {"exponential", "spherical"}
    window : int
        Cells a side, odd.
    """
    length_y, length_x = (int(np.ceil(axis.ratio * window)) + axis.subs + 2 for axis in (rows, columns))
    cells_y, subs_y = _distances(rows, window, length_y)
    cells_x, subs_x = _distances(columns, window, length_x)
    distance = np.hypot(np.arange(length_y)[:, None] / rows.ratio, np.arange(length_x)[None, :] / columns.ratio)
    covariances = [1.0 - semivariance(distance, float(reach), model) for reach in ranges]
    between = np.stack([_products(cells_y, covariance, cells_x) for covariance in covariances])
    towards = np.stack([_products(subs_y, covariance, subs_x) for covariance in covariances])
    simple = np.linalg.solve(between, np.concatenate([towards, np.ones((*between.shape[:-1], 1))], axis=-1))
    simple, ones = simple[..., :-1], simple[..., -1:]
    # Ordinary kriging: what simple kriging lacks to a sum of 1 goes to the mean, by its own weights.
    lacking = 1.0 - simple.sum(axis=-2, keepdims=True)
    weights = simple + ones / ones.sum(axis=-2, keepdims=True) * lacking
    return Kernels(weights.astype(np.float32), between, towards)


def _products(of_rows: Floats, covariance: Floats, of_columns: Floats) -> Floats:
    """Mean covariances from the distances (phase, a, b, distance) of both axes.

    Returns
    -------
    ndarray, shape (phase y, phase x, a_y * a_x, b_y * b_x), float64
    """
    p, a, b, _ = of_rows.shape
    q, c, d, _ = of_columns.shape
    flat = of_rows.reshape(p * a * b, -1) @ covariance @ of_columns.reshape(q * c * d, -1).T
    return flat.reshape(p, a, b, q, c, d).transpose(0, 3, 1, 4, 2, 5).reshape(p, q, a * c, b * d)


def krige(
    residual: FloatArray,
    asked: Bools,
    chosen: Ints,
    tables: Kernels,
    rows: Axis,
    columns: Axis,
    trend: FloatArray,
) -> FloatArray:
    """Add kriged residuals to a trend, in the fine pixels of the cells that are asked for.

    Neighbours that were not observed take no part: the weights of the others are solved anew for that cell.

    Parameters
    ----------
    residual : ndarray, shape (band, cell y, cell x), float32
        NaN = unknown.
    asked : ndarray, shape (band, cell y, cell x), bool
        Cells to answer for. Where no residual of the window is known, the trend stands alone.
    chosen : ndarray, shape (band,), int64
        Which of the tables' ranges each band has.
    tables : Kernels
    rows, columns : Axis
    trend : ndarray, shape (band, y, x), float32

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN outside the cells that are asked for, and where the trend is.
    """
    out = np.full(trend.shape, np.nan, np.float32)
    geometry = (*rows.places(), rows.starts, *columns.places(), columns.starts, columns.subs)
    _krige(residual, asked, chosen, tables.weights, tables.between, tables.towards, *geometry, trend, out)
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _krige(
    residual: FloatArray,
    asked: Bools,
    chosen: Ints,
    weights: FloatArray,
    between: Floats,
    towards: Floats,
    phase_y: Ints,
    base_y: Ints,
    starts_y: Ints,
    phase_x: Ints,
    base_x: Ints,
    starts_x: Ints,
    subs_x: int,
    trend: FloatArray,
    out: FloatArray,
) -> None:
    """Cells of one phase have the same weights: they are gathered and worked on BLOCK at a time."""
    n = weights.shape[3]
    side = int(np.sqrt(n))
    seen, added = np.empty((n, BLOCK), np.float32), np.empty((weights.shape[4], BLOCK), np.float32)
    at = np.empty((2, BLOCK), np.int64)
    for b in range(len(residual)):
        for p in range(weights.shape[1]):
            for q in range(weights.shape[2]):
                count = 0
                of_phase = weights[chosen[b], p, q]
                for i in np.flatnonzero(phase_y == p):
                    for j in np.flatnonzero(phase_x == q):
                        if not asked[b, i, j]:
                            continue
                        at[0, count], at[1, count] = i, j
                        if _gather(residual[b], i, j, side, seen[:, count]):
                            count += 1
                        else:
                            _solve(between[chosen[b], p, q], towards[chosen[b], p, q], seen[:, count], added[:, count])
                            where = at[:, count : count + 1]
                            _place(
                                added[:, count:], where, base_y, starts_y, base_x, starts_x, subs_x, trend[b], out[b]
                            )
                        if count == BLOCK:
                            _weigh(of_phase, seen, count, added)
                            _place(added, at, base_y, starts_y, base_x, starts_x, subs_x, trend[b], out[b])
                            count = 0
                _weigh(of_phase, seen, count, added)
                _place(added, at[:, :count], base_y, starts_y, base_x, starts_x, subs_x, trend[b], out[b])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _gather(residual: FloatArray, i: int, j: int, side: int, seen: FloatArray) -> bool:
    """Write the residuals of a window, NaN beyond the image; whether all are known."""
    height, width = residual.shape
    whole = True
    for c in range(side * side):
        y, x = i + c // side - side // 2, j + c % side - side // 2
        seen[c] = residual[y, x] if 0 <= y < height and 0 <= x < width else np.nan
        whole &= seen[c] == seen[c]
    return whole


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _weigh(weights: FloatArray, seen: FloatArray, count: int, added: FloatArray) -> None:
    """Weighted sums of the windows (cell, block) for every sub-pixel: (sub, block)."""
    for s in range(len(added)):
        total = added[s, :count]
        total[:] = 0.0
        for c in range(len(seen)):
            weight, value = weights[c, s], seen[c, :count]
            for k in range(count):
                total[k] += weight * value[k]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _place(
    added: FloatArray,
    at: Ints,
    base_y: Ints,
    starts_y: Ints,
    base_x: Ints,
    starts_x: Ints,
    subs_x: int,
    trend: FloatArray,
    out: FloatArray,
) -> None:
    """Write trend and residual to the fine pixels of cells `at`."""
    for k in range(at.shape[1]):
        i, j = at[0, k], at[1, k]
        for y in range(starts_y[i], starts_y[i + 1]):
            for x in range(starts_x[j], starts_x[j + 1]):
                out[y, x] = trend[y, x] + added[(y - base_y[i]) * subs_x + x - base_x[j], k]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _solve(between: Floats, towards: Floats, seen: FloatArray, added: FloatArray) -> None:
    """Ordinary kriging from the known cells alone, in its dual form: one system for all fine pixels of the cell."""
    known = np.flatnonzero(seen == seen)
    n = len(known)
    if n == 0:
        added[:] = 0.0
        return
    # Cholesky's factor with the right-hand sides (residuals and ones) as last two rows: solved as they are factored.
    factor = np.empty((n + 2, n))
    for i in range(n + 2):
        for j in range(min(i + 1, n)):
            total = np.float64(seen[known[j]]) if i == n else 1.0
            if i < n:
                total = between[known[i], known[j]]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(total) if i == j else total / factor[j, j]
    # The weighted mean that the residuals vary about, then the dual weights of what is left.
    mean = (factor[n] * factor[n + 1]).sum() / (factor[n + 1] ** 2).sum()
    dual = factor[n] - mean * factor[n + 1]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            dual[i] -= factor[k, i] * dual[k]
        dual[i] /= factor[i, i]
    for s in range(len(added)):
        total = mean
        for i in range(n):
            total += dual[i] * towards[known[i], s]
        added[s] = total
