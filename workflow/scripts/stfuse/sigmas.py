"""How uncertain values of a series are, measured on the series itself."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.series import FUSED, NOISE, OBSERVED, Dense, day_numbers
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

CLOSE_DAYS = 12.0
"""A neighbour farther away proves nothing: in so many days vegetation leaves the line between two values."""
LEAST, LEAST_DATES = 200, 3
"""Departures and dates that a measurement needs; errors of one date hang together over its image."""
NARROWEST, WIDEST = 0.01, 0.2


@dataclass(frozen=True)
class Sigmas:
    """Standard deviations of single values, NDVI.

    The defaults serve where too few values have close neighbours: 0.03 is what Sentinel-2's atmospheric
    correction leaves in NDVI of fields, fusion about doubles it.
    """

    observed: float = 0.03
    fused: float = 0.05


def measure_sigmas(pieces: Iterable[Dense], default: Sigmas | None = None) -> Sigmas:
    """Measure how far values lie from the line between their close observed neighbours on both sides.

    The line is uncertain itself: of two neighbours' errors the shares a^2 + b^2 come in, a and b the weights of
    the interpolation. These are taken off, so that what is left is the value's own. Spread is the median absolute
    departure times 1.4826: single clouds and cuts do not count.

    Parameters
    ----------
    pieces : iterable of Dense
        Series of parts of a site, noise flagged.
    default : Sigmas, optional
        Where fewer than `LEAST` values of `LEAST_DATES` dates have such neighbours.
    """
    default = default or Sigmas()
    found: dict[int, list[tuple[Float64Array, Float64Array, NDArray[np.int64]]]] = {OBSERVED: [], FUSED: []}
    for dense in pieces:
        for bit, parts in found.items():
            parts.append(_piece(dense, bit))
    own = _joined(found[OBSERVED])
    observed = default.observed
    if own is not None:
        observed = _bounded(_spread(own[0] / np.sqrt(1.0 + own[1])) ** 2)
    fused, other = default.fused, _joined(found[FUSED])
    if other is not None:
        # No fused value is surer than those it is made of.
        fused = max(observed, _bounded(_spread(other[0]) ** 2 - float(np.median(other[1])) * observed**2))
    return Sigmas(observed, max(fused, observed))


def _piece(dense: Dense, bit: int) -> tuple[Float64Array, Float64Array, NDArray[np.int64]]:
    """Departures of a source's values, the share of their neighbours' variance in them, and their dates."""
    values = np.ascontiguousarray(dense.values.reshape(len(dense.values), -1).T, np.float64)
    flags = np.ascontiguousarray(dense.flags.reshape(len(dense.flags), -1).T)
    good = np.isfinite(values) & (flags & NOISE == 0)
    observed, asked = good & (flags & OBSERVED > 0), good & (flags & bit > 0)
    days = day_numbers(dense.dates, 1970)
    departure, share = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    _departures(values, observed, asked, days, CLOSE_DAYS, departure, share)
    known = np.isfinite(departure)
    dates = np.broadcast_to(days.astype(np.int64), values.shape)
    return departure[known], share[known], dates[known]


@njit(cache=True)
def _departures(values, observed, asked, days, reach, departure, share):  # type: ignore[no-untyped-def]
    """Pixels first."""
    for p in range(len(values)):
        before = -1
        for t in range(len(days)):
            if asked[p, t] and before >= 0 and days[t] - days[before] <= reach:
                after = t + 1
                while after < len(days) and not observed[p, after] and days[after] - days[t] <= reach:
                    after += 1
                if after < len(days) and observed[p, after] and days[after] - days[t] <= reach:
                    b = (days[t] - days[before]) / (days[after] - days[before])
                    departure[p, t] = values[p, t] - (1 - b) * values[p, before] - b * values[p, after]
                    share[p, t] = (1 - b) * (1 - b) + b * b
            if observed[p, t]:
                before = t


def _joined(
    parts: list[tuple[Float64Array, Float64Array, NDArray[np.int64]]],
) -> tuple[Float64Array, Float64Array] | None:
    if not parts:
        return None
    departures, shares, dates = (np.concatenate(column) for column in zip(*parts, strict=True))
    enough = len(departures) >= LEAST and len(np.unique(dates)) >= LEAST_DATES
    return (departures, shares) if enough else None


def _spread(departures: Float64Array) -> float:
    return float(1.4826 * np.median(np.abs(departures - np.median(departures))))


def _bounded(variance: float) -> float:
    return float(np.sqrt(np.clip(variance, NARROWEST**2, WIDEST**2)))


def value_sigmas(dense: Dense, sigmas: Sigmas) -> FloatArray:
    """The standard deviation of every value, shape of ``dense.values``: as measured, of filled ones their own.

    NaN where there is no value, or noise.
    """
    out = dense.own_sigmas.copy() if dense.own_sigmas is not None else np.full(dense.values.shape, np.nan, np.float32)
    out[dense.flags & OBSERVED > 0] = sigmas.observed
    out[dense.flags & FUSED > 0] = sigmas.fused
    out[dense.flags & NOISE > 0] = np.nan  # A cloud is no uncertain value of the field.
    return out
