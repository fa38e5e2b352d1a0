"""What cycles, cuts and paddies make of each object, day by day: the loops behind `seasons.grow`."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

REGROWTH = 13.0  # days in which a mown sward makes up 1 - 1/e of what it lost
CUT_DEPTH = 0.72  # share of the NDVI above its base that a cut takes
HAY, HAY_DAYS = 0.3, 5.0  # share of the ground under mown grass, and days in which it goes to 1/e
STUBBLE = 0.5  # share of the dead plants that the harvest leaves
STUBBLE_GREEN = 0.4  # share of the green plants that the harvest leaves
REGREENING = 20.0  # days in which volunteers, weeds and the next crop make up 1 - 1/e of what is gone
FADING = 6.0  # days; pace at which dead plants that nobody ploughs in are lost from sight
MOST_DEAD = 0.9  # share of the ground
PADDY, FILLING = 0.95, 4.0  # share of a paddy's ground under water; days in which it is filled and drained
HARDLY = 0.02  # NDVI above the base below which what is green counts as the main crop's


def add_up(
    days: Float64Array,
    curves: Float64Array,
    ends: Float64Array,
    cuts: Float64Array,
    most: Float64Array,
    flooded: Float64Array,
) -> FloatArray:
    """Add up the cycles of all objects.

    Parameters
    ----------
    days : ndarray, shape (day,)
    curves : ndarray, shape (season * 3, object, 6)
        Main, second and catch crop of each season; NaN = none.
    ends : ndarray, shape (3, season * 3, object)
        Harvest and tillage (NaN = none), and the day around which dead plants are lost from sight (inf = never).
    cuts : ndarray, shape (object, cut)
        NaN = none.
    most : ndarray, shape (object,)
        Share of the ground that ripe plants cover.
    flooded : ndarray, shape (object, 2)
        First and last day of the flooding after t1, NaN = never.

    Returns
    -------
    ndarray, shape (5, object, day), float32
        NDVI (NaN where nothing grows), shares of the second and the catch crop in what is green, shares of the ground
        under dead plants and under water.
    """
    out = np.zeros((5, curves.shape[1], len(days)), np.float32)
    _add_up(days, curves, ends, cuts, most, flooded, out)
    return out


@njit(cache=True, nogil=True)
def _logistic(x):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + np.exp(-min(max(x, -60.0), 60.0)))


@njit(cache=True, nogil=True)
def _add_up(days, curves, ends, cuts, most, flooded, out):  # type: ignore[no-untyped-def]
    parts = np.zeros(3)
    for i in range(curves.shape[1]):
        for d in range(len(days)):
            t, base, dead, water = days[d], np.nan, 0.0, 0.0
            parts[:] = 0.0
            for s in range(curves.shape[0]):
                if np.isnan(curves[s, i, 0]):
                    continue
                base, amplitude, k1, t1, k2, t2 = curves[s, i]
                if k1 * (t - t1) < -40.0:
                    continue
                rise, fall = _logistic(k1 * (t - t1)), _logistic(k2 * (t - t2))
                parts[s % 3] += amplitude * (rise - fall)
                if s % 3 < 2:
                    dead += most[i] * rise * fall * _left(t, ends[:, s, i])
                    # Filled from the first day on, drained by the last.
                    depth = min(t - t1 - flooded[i, 0], flooded[i, 1] - (t - t1))
                    if depth > 0.0:
                        water = max(water, PADDY * min(depth / FILLING, 1.0))
            total = parts.sum()
            if not np.isnan(base):
                for k in range(cuts.shape[1]):
                    since = t - cuts[i, k]
                    if since >= 0.0:
                        total *= 1.0 - CUT_DEPTH * np.exp(-since / REGROWTH)
                        dead += HAY * np.exp(-since / HAY_DAYS)
            out[0, i, d] = base + total
            for k in (1, 2):
                out[k, i, d] = parts[k] / max(parts.sum(), HARDLY)
            out[3, i, d] = min(dead, MOST_DEAD)
            out[4, i, d] = water


def standing(days: Float64Array, harvest: Float64Array, tillage: Float64Array) -> FloatArray:
    """Share of the green plants that harvest and tillage leave, and that comes up again.

    Parameters
    ----------
    days : ndarray, shape (day,)
    harvest, tillage : ndarray, shape (season, object)
        NaN = none.

    Returns
    -------
    ndarray, shape (object, day), float32
        1 before a harvest, `STUBBLE_GREEN` in the stubble, 0 on the day of the tillage.
    """
    out = np.ones((harvest.shape[1], len(days)), np.float32)
    _standing(days, harvest, tillage, out)
    return out


@njit(cache=True, nogil=True)
def _standing(days, harvest, tillage, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        for d in range(len(days)):
            for s in range(harvest.shape[0]):
                t, cut, plough = days[d], harvest[s, i], tillage[s, i]
                if t >= plough:
                    out[i, d] = min(out[i, d], 1.0 - np.exp(-(t - plough) / REGREENING))
                elif t >= cut:
                    # Volunteers and weeds come up where nobody ploughs.
                    since = 0.0 if plough > t else t - cut
                    out[i, d] = min(out[i, d], 1.0 - (1.0 - STUBBLE_GREEN) * np.exp(-since / REGREENING))


@njit(cache=True, nogil=True)
def _left(t, ends):  # type: ignore[no-untyped-def]
    """Share of the dead plants that is still seen."""
    if t >= ends[1]:
        return 0.0
    return (STUBBLE if t >= ends[0] else 1.0) * (1.0 - _logistic((t - ends[2]) / FADING))
