"""ESTARFM's sums over the similar pixels: spectral correlation, conversion coefficient, blending of pairs. Compiled.

Images lie in one stack, shape (y, x, part, band): the coarse image of the target date, then the fine and the coarse
image of each pair. So what is known of a pixel lies together, wherever in the window it is.

Source: Zhu et al. 2010 (RSE 114:2610), section 3.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from stfuse.fusion.similar import Similar
from stfuse.task import FloatArray

# Below this square sum of deviations (a spread of 1e-6 of reflectance) values are equal but for rounding.
_NOTHING = 1e-12


def stack_parts(now: FloatArray, fine: FloatArray, coarse: FloatArray) -> FloatArray:
    """The stack that the other functions take.

    Parameters
    ----------
    now : ndarray, shape (band, y, x), float32
        Coarse image of the target date on the fine grid.
    fine, coarse : ndarray, shape (pair, band, y, x), float32

    Returns
    -------
    ndarray, shape (y, x, 1 + 2 pair, band), float32
    """
    out = np.empty((*now.shape[1:], 1 + 2 * len(fine), len(now)), np.float32)
    out[:, :, 0] = now.transpose(1, 2, 0)
    for k in range(len(fine)):
        out[:, :, 1 + 2 * k] = fine[k].transpose(1, 2, 0)
        out[:, :, 2 + 2 * k] = coarse[k].transpose(1, 2, 0)
    return out


def unlikeness(stack: FloatArray) -> FloatArray:
    """1 - R, shape (y, x): R is the correlation of a pixel's fine with its coarse values, all bands and pairs.

    One where either does not vary: R = 0.5 (Zhu's code for what is not a number). One band has no spectrum:
    R = 1 - mean of |F - C| / |F + C| over the pairs. So it is done with two values too, whose correlation is
    always 1 or -1. |F| + |C| stands for |F + C|, which is the same where the signs are, and cannot vanish
    between an NDVI just above 0 and one just below.

    Parameters
    ----------
    stack : ndarray, shape (y, x, 1 + 2 pair, band), float32
    """
    out = np.empty(stack.shape[:2], np.float32)
    _unlikeness(stack, out)
    return out


def critical_r2(points: int, significance: float) -> NDArray[np.float64]:
    """Least r² of a straight line through 0, 1, .. `points` points that passes the F-test; 2 where none can.

    F = r² (n - 2) / (1 - r²) with 1 and n - 2 degrees of freedom, solved for r². A significance of 1 lets
    every line pass.
    """
    out = np.full(points + 1, 2.0)
    n = np.arange(3, points + 1)
    least = f_distribution.isf(significance, 1, n - 2)
    out[3:] = least / (least + n - 2)
    return out


def window_means(values: FloatArray, counts: NDArray[np.bool_], window: int) -> FloatArray:
    """Means over the window around each pixel, the same pixels for all images.

    Parameters
    ----------
    values : ndarray, shape (image, y, x), float32
        With half a window more on each side than the answer.
    counts : ndarray, shape (y, x), bool
        Which pixels count; there the values must be finite.

    Returns
    -------
    ndarray, shape (image, y - window + 1, x - window + 1), float32
        0 where no pixel counts.
    """
    shape = (values.shape[1] - window + 1, values.shape[2] - window + 1)
    total, number = np.empty((len(values), *shape)), np.empty((1, *shape))
    _window_sums(np.where(counts, values, np.float32(0)), window, total)
    _window_sums(counts[None].astype(np.float32), window, number)
    return (total / np.maximum(number, 1)).astype(np.float32)


def convert(
    stack: FloatArray,
    unlike: FloatArray,
    found: Similar,
    change: FloatArray,
    corner: tuple[int, int],
    half: int,
    least_similar: int,
    least_change: float,
    of_dates: bool,
    largest: float,
    critical: NDArray[np.float64],
    limits: NDArray[np.float64],
) -> FloatArray:
    """Predict a block of centres from their similar pixels (Zhu et al. 2010, equations 10 to 19).

    Parameters
    ----------
    stack : ndarray, shape (y, x, 1 + 2 pair, band), float32
    unlike : ndarray, shape (y, x), float32
        1 - R of the stack.
    found : Similar
        Of the block.
    change : ndarray, shape (pair, band, rows, columns), float32
        Window means of C_0 - C_k.
    corner : (row, column)
        Where in the stack the block begins.
    half : int
        Half the window, which distances are measured by.
    least_similar : int
        With fewer similar pixels the window's mean change is added instead.
    least_change, of_dates
        The coefficient is 1 unless the coarse change is as large: between the means of the dates, or as the
        spread of the sample.
    largest : float
        The coefficient is 1 if it is not positive or larger than this.
    critical : ndarray, shape (points + 1,)
        Least r² by number of points.
    limits : ndarray, shape (band, 2)
        Beyond these the weighted mean of the fine images is the answer.

    Returns
    -------
    ndarray, shape (band, rows, columns), float32
        NaN where no similar pixel was found.
    """
    out = np.full((stack.shape[3], *found.number.shape), np.nan, np.float32)
    offset = np.arange(half + 1)
    _convert(
        stack.reshape(-1, *stack.shape[2:]),
        unlike.ravel(),
        stack.shape[1],
        found.dy,
        found.dx,
        found.number,
        change,
        corner,
        1 + np.hypot(offset[:, None], offset) / max(half, 1),
        least_similar,
        (least_change, of_dates, largest),
        critical,
        limits,
        out,
    )
    return out


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _unlikeness(stack: FloatArray, out: FloatArray) -> None:
    pairs, bands = (stack.shape[2] - 1) // 2, stack.shape[3]
    n = pairs * bands
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            values = stack[y, x]
            fine, coarse, relative = 0.0, 0.0, 0.0
            for k in range(pairs):
                for b in range(bands):
                    f, c = np.float64(values[1 + 2 * k, b]), np.float64(values[2 + 2 * k, b])
                    fine += f
                    coarse += c
                    relative += abs(f - c) / max(abs(f) + abs(c), 1e-30)
            if bands == 1 or n < 3:
                out[y, x] = relative / n
                continue
            ff, cc, fc = 0.0, 0.0, 0.0
            for k in range(pairs):
                for b in range(bands):
                    f, c = values[1 + 2 * k, b] - fine / n, values[2 + 2 * k, b] - coarse / n
                    ff += f * f
                    cc += c * c
                    fc += f * c
            varies = ff > _NOTHING and cc > _NOTHING
            out[y, x] = max(1 - fc / np.sqrt(ff * cc), 0.0) if varies else 0.5


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _window_sums(values: FloatArray, window: int, out: NDArray[np.float64]) -> None:
    """Columns first, then rows: 2 w additions a pixel, in an order that no tiling changes."""
    of_columns = np.empty(values.shape[2])
    for image in range(out.shape[0]):
        for y in range(out.shape[1]):
            of_columns[:] = 0
            for i in range(y, y + window):
                for x in range(values.shape[2]):
                    of_columns[x] += values[image, i, x]
            out[image, y] = 0
            for dx in range(window):
                for x in range(out.shape[2]):
                    out[image, y, x] += of_columns[x + dx]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _convert(
    stack: FloatArray,
    unlike: FloatArray,
    width: int,
    dy: NDArray[np.int16],
    dx: NDArray[np.int16],
    number: NDArray[np.int32],
    change: FloatArray,
    corner: tuple[int, int],
    distance: NDArray[np.float64],
    least_similar: int,
    rules: tuple[float, bool, float],
    critical: NDArray[np.float64],
    limits: NDArray[np.float64],
    out: FloatArray,
) -> None:
    pairs, bands = change.shape[0], change.shape[1]
    weight, place = np.empty(dy.shape[2]), np.empty(dy.shape[2], np.int64)
    for y in range(number.shape[0]):
        for x in range(number.shape[1]):
            few = number[y, x] < least_similar
            n = min(int(number[y, x]), 1) if few else int(number[y, x])  # the first is the centre
            if n == 0:
                continue
            centre = (corner[0] + y) * width + corner[1] + x
            total = 0.0
            for i in range(n):
                place[i] = centre + dy[y, x, i] * np.int64(width) + dx[y, x, i]
                weight[i] = 1 / (unlike[place[i]] * distance[abs(dy[y, x, i]), abs(dx[y, x, i])] + 1e-7)
                total += weight[i]
            for b in range(bands):
                v = 1.0 if few or pairs == 1 else _coefficient(stack, place, n, b, rules, critical)
                value, plain, shares = 0.0, 0.0, 0.0
                for k in range(pairs):
                    share = 1 / (abs(np.float64(change[k, b, y, x])) + 1e-10)
                    step, fine = 0.0, 0.0
                    for i in range(n):
                        step += weight[i] * (stack[place[i], 0, b] - stack[place[i], 2 + 2 * k, b])
                        fine += weight[i] * stack[place[i], 1 + 2 * k, b]
                    step = np.float64(change[k, b, y, x]) if few else v * step / total
                    value += share * (stack[centre, 1 + 2 * k, b] + step)
                    plain += share * fine / total
                    shares += share
                value /= shares
                out[b, y, x] = value if limits[b, 0] <= value <= limits[b, 1] else plain / shares


@njit(inline="always")  # type: ignore[untyped-decorator]
def _coefficient(
    stack: FloatArray,
    place: NDArray[np.int64],
    n: int,
    band: int,
    rules: tuple[float, bool, float],
    critical: NDArray[np.float64],
) -> float:
    """Slope of the fine over the coarse values of the similar pixels at all dates; 1 where it means nothing."""
    least_change, of_dates, largest = rules
    pairs = (stack.shape[1] - 1) // 2
    points = n * pairs
    # Measured from the centre, so that little is lost in the sums of squares.
    fine, coarse = np.float64(stack[place[0], 1, band]), np.float64(stack[place[0], 2, band])
    sx, sy, sxx, sxy, syy, low, high = 0.0, 0.0, 0.0, 0.0, 0.0, np.inf, -np.inf
    for k in range(pairs):
        of_date = 0.0
        for i in range(n):
            f, c = stack[place[i], 1 + 2 * k, band] - fine, stack[place[i], 2 + 2 * k, band] - coarse
            of_date += c
            sy += f
            sxx += c * c
            sxy += c * f
            syy += f * f
        sx += of_date
        low, high = min(low, of_date / n), max(high, of_date / n)
    sxx, sxy, syy = sxx - sx * sx / points, sxy - sx * sy / points, syy - sy * sy / points
    change = high - low if of_dates else np.sqrt(max(sxx, 0.0) / points)
    if change < least_change or sxx < _NOTHING or syy < _NOTHING or sxy * sxy < critical[points] * sxx * syy:
        return 1.0
    v = sxy / sxx
    return v if 0 < v <= largest else 1.0
