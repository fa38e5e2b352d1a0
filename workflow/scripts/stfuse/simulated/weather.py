"""Day by day: how cloudy it is and how wet the soil, the same for every sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.settings import stream

Float64Array = NDArray[np.float64]

DAYS = 0.55, 0.85
"""Correlation from one day to the next of passing fronts, and of the settled and unsettled spells they come in."""
WINTER = 0.5  # standard deviations by which January is cloudier than April and October, and July clearer
DRYING = 4.0  # days in which the soil dries to 1/e


@dataclass(frozen=True)
class Weather:
    """One value a day.

    Attributes
    ----------
    cloud : ndarray, shape (day,)
        Share of the sky, 0..1.
    wetness : ndarray, shape (day,)
        0 dry soil, 1 after heavy rain.
    """

    cloud: Float64Array
    wetness: Float64Array


def make_weather(dates: Sequence[date], clear_share: float, seed: int) -> Weather:
    """Spells of clear and cloudy weather.

    Parameters
    ----------
    dates : sequence of date
        Day after day.
    clear_share : float
        Share of the days, 0..1, with hardly a cloud.
    seed : int
    """
    rng, days = stream(seed, "weather"), len(dates)
    fronts, spells = (_autoregressive(days, r, rng) for r in DAYS)
    turn = 2 * np.pi * np.array([day.timetuple().tm_yday for day in dates]) / 365.25
    unsettled = np.argsort(np.argsort(0.85 * fronts + 0.53 * spells + WINTER * np.cos(turn))) / max(days - 1, 1)
    # By rank, so that the share of clear days is that asked for in every world.
    hardly = 0.75 * clear_share
    broken = clear_share + 0.55 * (1 - clear_share)
    cloud = np.interp(unsettled, [0, hardly, clear_share, broken, 1], [0, 0, 0.06, 1, 1])
    rain = (unsettled > 0.5 * (1 + clear_share)) * (rng.random(days) < 0.55) * rng.uniform(0.3, 1.2, days)
    wet = np.zeros(days)
    for i in range(days):
        before = wet[i - 1] if i else 0.5
        wet[i] = min(1.0, before * np.exp(-1 / DRYING) + rain[i])
    return Weather(cloud, wet)


def _autoregressive(count: int, correlation: float, rng: np.random.Generator) -> Float64Array:
    noise = rng.normal(size=count)
    out = np.empty(count)
    out[:1] = noise[:1]
    for i in range(1, count):
        out[i] = correlation * out[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return out
