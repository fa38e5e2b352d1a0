"""Day by day: clouds, wet soil, temperature and snow, the same for every sensor and all over the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from stfuse.simulated.settings import Settings, stream

Float64Array = NDArray[np.float64]

DAYS = 0.55, 0.85
"""Correlation from one day to the next of passing fronts, and of the settled and unsettled spells they come in."""
DRYING, SLOWER = 4.0, 8.0
"""Days in which the soil dries to 1/e at 18 degrees, and degrees below that at which it takes twice as long."""
WARMEST = 200  # day of the year
WARM_SPELLS = 0.8, 3.0  # temperature: correlation from day to day, standard deviation (K)
SNOWFALL = 12.0  # mm of water in snow, where the same weather would wet a dry soil through as rain
MELT, MELTING = 3.0, -1.0  # mm of water a day and degree above a daily mean, whose noon is warmer
COVERED = 4.0  # mm of water in snow that covers all but 1/e of the ground
LONGEST = 366


@dataclass(frozen=True)
class Weather:
    """One value a day.

    Attributes
    ----------
    cloud : ndarray, shape (day,)
        Share of the sky, 0..1.
    wetness : ndarray, shape (day,)
        0 dry soil, 1 after heavy rain.
    temperature : ndarray, shape (day,)
        Daily mean, degrees Celsius.
    snow : ndarray, shape (day,)
        Share of open ground that snow covers, 0..1.
    """

    cloud: Float64Array
    wetness: Float64Array
    temperature: Float64Array
    snow: Float64Array


@dataclass(frozen=True)
class _Year:
    """What a calendar year brings by itself, one value a day."""

    cloud: Float64Array
    precipitation: Float64Array  # 1 wets a dry soil through
    temperature: Float64Array


def make_weather(dates: Sequence[date], settings: Settings) -> Weather:
    """Spells of clear and cloudy weather, rain, frost and snow.

    Each calendar year has draws of its own and, whatever the period, `settings.clear_share` of its days with hardly a
    cloud: a longer period changes no day of a shorter one, and a period within the cloudy season is cloudy.

    Parameters
    ----------
    dates : sequence of date
        Day after day.
    settings : Settings
        `seed`, `clear_share`, `cloudiest`, `cloud_season`, `temperature` and `snow`.

    References
    ----------
    Melt by degree-days: Hock 2003 (doi:10.1016/S0022-1694(03)00257-9), eq. 1.
    """
    numbers = sorted({day.year for day in dates})
    years = {y: _one_year(y, settings) for n in numbers for y in (n - 1, n)}
    found = {n: _ground(years[n - 1], years[n], settings.snow) for n in numbers}
    place = [(day.year, day.timetuple().tm_yday - 1) for day in dates]
    return Weather(
        cloud=np.array([years[y].cloud[i] for y, i in place]),
        wetness=np.array([found[y][0][i] for y, i in place]),
        temperature=np.array([years[y].temperature[i] for y, i in place]),
        snow=np.array([found[y][1][i] for y, i in place]),
    )


def _one_year(year: int, settings: Settings) -> _Year:
    rng, days = stream(settings.seed, "weather", year), days_of(year)
    day = np.arange(1, days + 1)
    fronts = _autoregressive(settings.seed, "fronts", year, DAYS[0])
    spells = _autoregressive(settings.seed, "spells", year, DAYS[1])
    course = settings.cloud_season * np.cos(2 * np.pi * (day - settings.cloudiest) / 365.25)
    # By rank, so that the share of clear days is that asked for in every year.
    unsettled = np.argsort(np.argsort(0.85 * fronts + 0.53 * spells + course)) / (days - 1)
    clear = settings.clear_share
    steps = [0, 0.75 * clear, clear, clear + 0.55 * (1 - clear), 1]
    cloud = np.interp(unsettled, steps, [0, 0, 0.06, 1, 1]) if clear < 1 else 0 * unsettled
    chance, amount = rng.random(LONGEST)[:days], rng.uniform(0.3, 1.2, LONGEST)[:days]
    precipitation = (unsettled > 0.5 * (1 + clear)) * (chance < 0.55) * amount
    mean, swing = settings.temperature
    spell = _autoregressive(settings.seed, "temperature", year, WARM_SPELLS[0])
    temperature = mean + swing * np.cos(2 * np.pi * (day - WARMEST) / 365) + WARM_SPELLS[1] * spell
    return _Year(cloud, precipitation, temperature)


def _ground(before: _Year, year: _Year, snow: float) -> tuple[Float64Array, Float64Array]:
    """Wetness of the soil and cover of snow of a year; the one before says how it begins."""
    fallen = np.concatenate([before.precipitation, year.precipitation])
    warm = np.concatenate([before.temperature, year.temperature])
    wetness, depth = np.empty((2, len(fallen)))
    wet, lying = 0.5, 0.0
    for i, (water, degrees) in enumerate(zip(fallen.tolist(), warm.tolist(), strict=True)):
        lying += SNOWFALL * water * (degrees < 0)
        melt = min(lying, MELT * max(degrees - MELTING, 0.0))
        lying -= melt
        wet = min(1.0, wet * np.exp(-1 / _drying(degrees)) + water * (degrees >= 0) + melt / SNOWFALL)
        wetness[i], depth[i] = wet, lying
    own = slice(-len(year.temperature), None)
    return wetness[own], np.clip(snow * (1 - np.exp(-depth[own] / COVERED)), 0, 1)


def _drying(degrees: float) -> float:
    """Days in which the soil dries to 1/e: a wet winter keeps it dark."""
    return float(DRYING * 2 ** np.clip((18 - degrees) / SLOWER, -1, 2))


def days_of(year: int) -> int:
    """Days of a calendar year."""
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def _autoregressive(seed: int, name: str, year: int, correlation: float) -> Float64Array:
    """Noise of mean 0 and standard deviation 1 over a year, going on from the year before."""
    parts = [stream(seed, "weather", name, y).normal(size=LONGEST)[: days_of(y)] for y in (year - 1, year)]
    noise = np.sqrt(1 - correlation**2) * np.concatenate(parts)
    noise[0] /= np.sqrt(1 - correlation**2)
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise)[-days_of(year) :], np.float64)
