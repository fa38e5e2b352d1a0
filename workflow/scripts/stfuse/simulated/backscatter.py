"""Radar backscatter of every object: soil seen through a canopy that scatters itself.

The water-cloud model (Attema & Ulaby 1978, Radio Science 13, 357-364, eqs 7-9), in linear power:

    backscatter = canopy (1 - T) + soil T,   T = exp(-2 b V / cos(incidence))

V, 0..1, stands for the water in the plants. It follows the green cover, lags behind it while plants grow, outlives it
while they ripen and stand, and falls at harvest, so that radar and NDVI are related but not the same. The canopy's own
part is such that a class under full cover (V = 1) has its `vv` and `vh` at the reference angle over soil of usual
moisture. Stems attenuate VV more than VH: wheat grows dark in spring while maize grows bright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.covers import CODES, COVERS
from stfuse.simulated.seasons import day_number
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.spectra import ANSWERS
from stfuse.simulated.surface import World
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

POLARISATIONS = ("vv", "vh")
REFERENCE_ANGLE = 39.0
TO_GAMMA = -10 * np.log10(np.cos(np.radians(REFERENCE_ANGLE)))
"""dB; classes have sigma0 at the reference angle, as most of the literature, the archive has gamma0."""
USUAL_WETNESS = 0.35
DEPTH = np.array([0.70, 0.55])
"""b of the canopy, VV and VH."""
LEAST_CANOPY = 0.3
"""Share of the full canopy's backscatter that is its own at least, however bright the soil."""
LAG = 10.0  # days by which plants' water follows their green
RIPE, STANDING = 0.3, 0.6
"""Water in dead plants against green ones: when they have dried, and at most."""
MOIST_VH = 0.6  # of what soil moisture does to VV, see `covers.Cover.moist`
ROUGHNESS, SETTLING = 2.0, 60.0
"""dB that ploughing adds to bare soil, and days in which rain smooths it to 1/e."""
SOIL_SLOPE = -0.06  # dB per degree of incidence
FROST, FROZEN = -2.5, 3.0
"""dB of frozen soil, and degrees below 0 Celsius at which it is frozen through."""
WET_SNOW = -3.0  # dB under melting snow; dry snow lets the radar through
DOUBLE_BOUNCE = np.array([2.0, 0.5])  # dB of stems that stand in water
GUSTS = 1.5  # dB, standard deviation of open water with the wind from day to day
FIELD_SOIL, FIELD_PLANTS = 0.7, 0.4
"""dB, standard deviations between objects of a class, with `settings.spread`."""
GRAIN_GAIN, SOIL_GAIN, STAND_GAIN = 2.0, -1.5, 2.0
"""How the textures show: grain of the reflectance, brighter (so drier) soil, and thicker stands."""
LEVELS = np.array([[c.vv, c.vh] for c in COVERS]) + TO_GAMMA
"""gamma0 in dB of each class, VV and VH, bare and under full cover: shape (class, 2, 2)."""
CALM = LEVELS[CODES["water"], :, 0]


@dataclass(frozen=True)
class Scatterers:
    """What of the world a radar sees, the same for all days and directions.

    Attributes
    ----------
    plants : ndarray, shape (day, object), float32
        V, 0..1.
    tillage : ndarray, shape (tillage, object)
        Days, counted from 1 January of the period's first year; NaN = none.
    soil, full : ndarray, shape (object, 2)
        gamma0 in dB of dry bare soil, and of full cover, VV and VH.
    moist : ndarray, shape (object, 2)
        dB that saturated soil adds.
    grain : ndarray, shape (object,)
    open_water : ndarray, shape (object,), bool
    """

    plants: FloatArray
    tillage: Float64Array
    soil: Float64Array
    full: Float64Array
    moist: Float64Array
    grain: Float64Array
    open_water: NDArray[np.bool_]


def scatterers(world: World, settings: Settings) -> Scatterers:
    """What a radar sees of a world."""
    cover, parent = world.land.cover, world.land.parent
    draws = settings.spread * stream(settings.seed, "backscatter").normal(size=(len(cover), 2))[parent]
    values = LEVELS[cover]
    return Scatterers(
        plants=plant_water(world.green, world.growth.dead),
        tillage=np.concatenate([season.tillage for season in world.seasons]),
        soil=values[:, :, 0] + FIELD_SOIL * draws[:, :1],
        full=values[:, :, 1] + FIELD_PLANTS * draws[:, 1:],
        moist=np.array([c.moist for c in COVERS])[cover][:, None] * np.array([1, MOIST_VH]),
        grain=np.array([c.grain for c in COVERS])[cover],
        open_water=np.array([c.ground == "water" for c in COVERS])[cover],
    )


def plant_water(green: FloatArray, dead: FloatArray) -> FloatArray:
    """V, 0..1, from the shares of the ground that green and dead plants cover; all of shape (day, object)."""
    wanted, most = (np.clip(green + share * dead, 0, 1) for share in (RIPE, STANDING))
    out = np.empty_like(most)
    out[0] = wanted[0]
    for day in range(1, len(out)):
        out[day] = np.minimum(out[day - 1] + (wanted[day] - out[day - 1]) / LAG, most[day])
    return np.asarray(out, np.float32)


def roughness(world: World, tillage: Float64Array, day: int) -> Float64Array:
    """What the last tillage adds to bare soil in dB, shape (object,).

    Parameters
    ----------
    world : World
    tillage : ndarray, shape (tillage, object)
        Days, NaN = none.
    day : int
        Index into the world's dates.
    """
    since = day_number(world.dates[day], world.dates[0].year) - tillage
    last = np.min(np.where(since >= 0, since, np.inf), axis=0)
    return np.asarray(ROUGHNESS * np.exp(-last / SETTLING))


def object_power(
    world: World, settings: Settings, seen: Scatterers, day: int, incidence: float = REFERENCE_ANGLE
) -> FloatArray:
    """Backscatter (gamma0) of every object and its answers to the textures, for `stfuse.truth.render`.

    Parameters
    ----------
    world : World
    settings : Settings
        `brdf` scales the difference of the incidence angle to the reference.
    seen : Scatterers
    day : int
        Index into the world's dates.
    incidence : float
        Degrees.

    Returns
    -------
    ndarray, shape (object, ANSWERS, 2), float32
        Linear power, VV and VH.
    """
    angle = REFERENCE_ANGLE + settings.brdf * (incidence - REFERENCE_ANGLE)
    weather, growth = world.weather, world.growth
    plants = seen.plants[day].astype(float)[:, None]
    frost = FROST * float(np.clip(-weather.temperature[day] / FROZEN, 0, 1))
    gust = GUSTS * float(np.clip(stream(settings.seed, "wind", world.dates[day]).normal(), -2, 2))
    wet = seen.soil + seen.moist * weather.wetness[day] + roughness(world, seen.tillage, day)[:, None]
    bare = np.where(seen.open_water[:, None], seen.soil + gust, wet + frost + SOIL_SLOPE * (angle - REFERENCE_ANGLE))
    depth = 2 * DEPTH / np.cos(np.radians(angle))
    through, soil, canopy = np.exp(-depth * plants), _power(bare), _canopy(seen) * _power(frost / 2)
    if weather.temperature[day] > 0:
        soil, canopy = (part * _power(WET_SNOW * weather.snow[day]) for part in (soil, canopy))
    land = canopy * (1 - through) + soil * through
    thicker = depth * plants * through * (canopy - soil)
    dry, stands = 1 - growth.water[day].astype(float)[:, None], 1 - growth.built[day].astype(float)[:, None]
    # Plants over standing water send the radar back by way of it; a flood stands over them.
    stems = plants * (1 - growth.flood[day].astype(float)[:, None])
    pond = _power(CALM + gust) * (1 - stems) + _power(seen.full + DOUBLE_BOUNCE) * stems
    power = dry * land + (1 - dry) * pond
    house = _power(LEVELS[growth.seen, :, 0])
    power = stands * power + (1 - stands) * house
    out = np.zeros((len(power), ANSWERS, 2))
    out[:, 0] = power
    out[:, 1] = GRAIN_GAIN * seen.grain[:, None] * power
    out[:, 2] = SOIL_GAIN * stands * dry * np.where(seen.open_water[:, None], 0, soil * through)
    out[:, 3] = STAND_GAIN * stands * dry * thicker
    return out.astype(np.float32)


def _canopy(seen: Scatterers) -> Float64Array:
    """Backscatter of an endlessly deep canopy of each object, shape (object, 2)."""
    through = np.exp(-2 * DEPTH / np.cos(np.radians(REFERENCE_ANGLE)))
    full = _power(seen.full)
    own = full - through * _power(seen.soil + USUAL_WETNESS * seen.moist)
    return np.asarray(np.maximum(own, LEAST_CANOPY * full) / (1 - through))


def _power(decibels: float | Float64Array) -> Float64Array:
    return np.asarray(10 ** (np.asarray(decibels) / 10))
