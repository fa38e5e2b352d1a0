"""What class changes leave unexplained: shared out within coarse cells, then smoothed over similar pixels. Compiled.

Source: Zhu et al. 2016 (RSE 172:165), residual distribution and use of the neighbourhood.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.fusion.cells import on_pixels
from stfuse.fusion.similar import Similar
from stfuse.task import FloatArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CHANGE = 1e-6
"""Mean coarse change below which pairs that are known count the same."""


def homogeneity(labels: NDArray[np.int8], classes: int, radius: int, edges: tuple[int, int, int, int]) -> FloatArray:
    """Share of the observed pixels around each pixel that are of its class.

    Parameters
    ----------
    radius : int
        Half the window, which is cut at the image's edge.
    edges : (top, bottom, left, right)
        The pixels asked for.

    Returns
    -------
    ndarray, shape (bottom - top, right - left), float32
        NaN where the pixel is not observed.
    """
    out = np.empty((edges[1] - edges[0], edges[3] - edges[2]), np.float32)
    if out.size:
        _homogeneity(labels, classes, radius, edges[0], edges[2], out)
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _homogeneity(labels: NDArray[np.int8], classes: int, radius: int, top: int, left: int, out: FloatArray) -> None:
    """Running counts: whole numbers, so that no tiling changes them."""
    height, width = labels.shape
    columns = np.zeros((classes, width + 2 * radius + 1), np.int32)  # column x at x + radius + 1
    same, total = np.empty(out.shape[1], np.int32), np.empty(out.shape[1], np.int32)
    for y in range(top - radius, top + out.shape[0] + radius):
        if 0 <= y < height:
            for x in range(width):
                if labels[y, x] >= 0:
                    columns[labels[y, x], x + radius + 1] += 1
        gone = y - 2 * radius - 1
        if 0 <= gone < height and gone >= top - radius:
            for x in range(width):
                if labels[gone, x] >= 0:
                    columns[labels[gone, x], x + radius + 1] -= 1
        row = y - radius - top
        if row < 0:
            continue
        same[:], total[:] = 0, 0
        for k in range(classes):
            count = np.int32(0)
            for x in range(left, left + 2 * radius + 1):
                count += columns[k, x]
            for x in range(out.shape[1]):
                count += columns[k, left + x + 2 * radius + 1] - columns[k, left + x]
                total[x] += count
                same[x] = count if labels[row + top, left + x] == k else same[x]
        for x in range(out.shape[1]):
            known = labels[row + top, left + x] >= 0
            out[row, x] = np.float32(same[x]) / np.float32(total[x]) if known else np.float32(np.nan)


def distribute(
    temporal: FloatArray,
    spatial: FloatArray,
    homogeneity: FloatArray,
    residual: FloatArray,
    rows: Ints,
    columns: Ints,
    cap: float,
    epsilon: float,
) -> FloatArray:
    """Share each cell's residual out among its pixels: more where the spatial prediction asks for it.

    Parameters
    ----------
    temporal, spatial : ndarray, shape (band, y, x), float32
        The predictions F_TP and F_SP.
    homogeneity : ndarray, shape (y, x), float32
    residual : ndarray, shape (band, cell y, cell x), float32
    rows, columns : ndarray of int64, shapes (cell y + 1,) and (cell x + 1,)
        Where the pixels of each cell begin; after the last number no cell follows.
    cap : float
        Largest weight, times the cell's mean; beyond it a pixel gets the mean.
    epsilon : float
        Added to the weights, in units of the band.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        Its mean over a cell's observed pixels is the residual; NaN where a pixel or a residual is not known.
    """
    out = np.full(temporal.shape, np.nan, np.float32)
    _distribute(temporal, spatial, homogeneity, residual, rows, columns, cap, epsilon, out)
    return out


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"})  # type: ignore[untyped-decorator]
def _distribute(
    temporal: FloatArray,
    spatial: FloatArray,
    homogeneity: FloatArray,
    residual: FloatArray,
    rows: Ints,
    columns: Ints,
    cap: float,
    epsilon: float,
    out: FloatArray,
) -> None:
    """Three rounds over each cell: weights, their cap, the residual."""
    for b in range(out.shape[0]):
        for i in range(len(rows) - 1):
            for j in range(len(columns) - 1):
                rest = np.float64(residual[b, i, j])
                if not np.isfinite(rest):
                    continue
                total, count = 0.0, 0
                for y in range(rows[i], rows[i + 1]):
                    for x in range(columns[j], columns[j + 1]):
                        change = np.float64(spatial[b, y, x]) - temporal[b, y, x]
                        share = np.float64(homogeneity[y, x])
                        # Where the spatial prediction contradicts the residual it says nothing.
                        change = abs(change) if change * rest > 0 else 0.0 * change
                        weight = change * share + abs(rest) * (1 - share) + epsilon
                        out[b, y, x] = weight
                        if np.isfinite(weight):
                            total += weight
                            count += 1
                if count == 0:
                    continue
                mean, total = total / count, 0.0
                for y in range(rows[i], rows[i + 1]):
                    for x in range(columns[j], columns[j + 1]):
                        weight = out[b, y, x] / mean
                        weight = 1.0 if weight > cap else weight
                        out[b, y, x] = weight
                        if np.isfinite(weight):
                            total += weight
                factor = rest * count / total
                for y in range(rows[i], rows[i + 1]):
                    for x in range(columns[j], columns[j + 1]):
                        out[b, y, x] *= factor


def smooth(change: FloatArray, similar: Similar, radius: float, top: int, left: int) -> FloatArray:
    """Mean change of the similar pixels around each centre, the nearer and the more alike weighing more.

    Parameters
    ----------
    change : ndarray, shape (band, y, x), float32
        NaN = not known; such pixels take no part.
    similar : Similar
        Similar pixels of a block of centres.
    radius : float
        Distance at which the weight is halved, half the window, fine pixels.
    top, left : int
        The block's first centre, as a pixel of `change`.

    Returns
    -------
    ndarray, shape (band, rows, columns), float32
        NaN where the centre's own change is not known.
    """
    out = np.full((len(change), *similar.number.shape), np.nan, np.float32)
    _smooth(change, similar.dy, similar.dx, similar.unlikeness, similar.number, float(radius), top, left, out)
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _smooth(
    change: FloatArray,
    dy: NDArray[np.int16],
    dx: NDArray[np.int16],
    unlikeness: FloatArray,
    number: NDArray[np.int32],
    radius: float,
    top: int,
    left: int,
    out: FloatArray,
) -> None:
    """Means of differences to the centre's own change, so that equal changes come back without rounding."""
    weight = np.empty(dy.shape[2])
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            for n in range(number[y, x]):
                distance = np.sqrt(np.float64(dy[y, x, n]) ** 2 + np.float64(dx[y, x, n]) ** 2)
                weight[n] = 1 / ((1 + distance / radius) * (1 + np.float64(unlikeness[y, x, n])))
            for b in range(out.shape[0]):
                own = np.float64(change[b, top + y, left + x])
                if number[y, x] == 0 or not np.isfinite(own):
                    continue
                total, weights = 0.0, 0.0
                for n in range(number[y, x]):
                    step = change[b, top + y + dy[y, x, n], left + x + dx[y, x, n]] - own
                    if np.isfinite(step):
                        total += weight[n] * step
                        weights += weight[n]
                out[b, y, x] = own + total / weights


def temporal_weights(
    changes: FloatArray, rows: Ints, columns: Ints, radius: int, edges: tuple[int, int, int, int]
) -> Floats:
    """What each pair counts for: the less the coarse images changed in the window around a pixel, the more.

    The weights of ESTARFM (Zhu et al. 2010, RSE 114:2610), which Zhu et al. 2016 name for two pairs.

    Parameters
    ----------
    changes : ndarray, shape (pair, cell y, cell x), float32
        C_0 - C_k; NaN = not known.
    rows, columns : ndarray of int64, shapes (y,) and (x,)
        The cell of each fine pixel; may lie outside.
    radius : int
        Half the window, which is cut at the image's edge.
    edges : (top, bottom, left, right)
        The fine pixels asked for.

    Returns
    -------
    ndarray, shape (pair, bottom - top, right - left)
        ``1 / |mean of the window|``, not normalised; 0 where nothing is known in the window.
    """
    top, bottom = max(edges[0] - radius, 0), min(edges[1] + radius, len(rows))
    left, right = max(edges[2] - radius, 0), min(edges[3] + radius, len(columns))
    here = on_pixels(changes, rows[top:bottom], columns[left:right]).astype(np.float64)
    above, below = (np.clip(np.arange(*edges[:2]) + step, top, bottom) - top for step in (-radius, radius + 1))
    before, after = (np.clip(np.arange(*edges[2:]) + step, left, right) - left for step in (-radius, radius + 1))

    def box(values: Floats) -> Floats:
        total = np.zeros((bottom - top + 1, right - left + 1))
        np.cumsum(np.cumsum(values, axis=0), axis=1, out=total[1:, 1:])
        column = total[below] - total[above]
        return np.asarray(column[:, after] - column[:, before])

    out = np.empty((len(changes), len(above), len(before)))
    for k, change in enumerate(here):
        # In steps of 2^-24 sums are exact, whatever their order: no tiling changes a bit.
        steps = np.round(np.nan_to_num(change) * 2.0**24) * 2.0**-24
        known = box(np.isfinite(change).astype(np.float64))
        mean = np.abs(box(steps)) / np.maximum(known, 1)
        # Of a pair that nothing is known of nobody can say that it did not change.
        out[k] = np.where(known > 0, 1 / np.maximum(mean, LEAST_CHANGE), 0)
    return out
