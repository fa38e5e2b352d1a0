"""Reflectance of every object on every day, and what the patterns within objects change in it.

What lies on the ground of an object (soil, dead plants, water of a paddy) is seen between its green plants, whose share
gives the object the NDVI of its season. Floods, buildings and snow come on top of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.covers import BANDS, COVERS, NIR08, RED, Cover, material
from stfuse.simulated.land.landscape import Landscape
from stfuse.simulated.seasons import Growth
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.weather import Weather
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

ANSWERS = 5
"""Spectra of an object: its mean, and what grain, a brighter soil, a thicker stand and a later stand (days) add."""
DARKENING = 0.42  # share of its reflectance that soil loses when wet
DROWNED = 0.85  # share of an object, plants and all, that a flood hides
FASTEST = 0.1  # change of the green share in a day that is still growth, and no cut
SHARES = -0.25, 1.15  # of green plants
LOWEST, HIGHEST = 0.002, 0.95
OPEN_SOIL = ("soil", "desert")
TREES = ("broadleaf", "needle", "olive")
CATCH_GREEN = "mustard"
AT_A_TIME = 128  # objects


@dataclass(frozen=True)
class Base:
    """Materials of every object, each array (object, band): no two fields are quite alike."""

    ground: Float64Array
    green: Float64Array
    second: Float64Array
    catch: Float64Array
    dry: Float64Array
    built: Float64Array


def object_spectra(
    days: Float64Array, land: Landscape, growth: Growth, weather: Weather, settings: Settings
) -> tuple[FloatArray, FloatArray]:
    """Spectra of all objects on all days and what their textures change in them.

    The share of green plants is solved for so that an object's NDVI (of red and nir08) is its season's curve exactly,
    whatever dead plants, wet soil and paddies do; it is another after harvest, tillage and floods and under snow.

    Parameters
    ----------
    days : ndarray, shape (day,)
    land : Landscape
    growth : Growth
    weather : Weather
    settings : Settings
        `seed`, `spread` (differences of soil, brightness and lushness between objects) and `wetness`.

    Returns
    -------
    spectra : ndarray, shape (day, object, ANSWERS, band), float32
        The first answer, the mean, lies within `LOWEST` and `HIGHEST`.
    green : ndarray, shape (day, object), float32
        Share under green plants, floods and buildings taken off, snow not.
    """
    count = len(land.cover)
    base, wet = base_spectra(land, growth, settings), settings.wetness * weather.wetness
    spectra = np.empty((len(days), count, ANSWERS, len(BANDS)), np.float32)
    green = np.empty((len(days), count), np.float32)
    for start in range(0, count, AT_A_TIME):
        own = slice(start, start + AT_A_TIME)
        part = _part(growth, own)
        grown, share = _grown(days, land.cover[own], part, _part(base, own), wet)
        spectra[:, own], kept = _covered(grown, land.cover[own], part, base.built[own], weather.snow)
        green[:, own] = share * kept
    return spectra, green


def _part(whole: Growth | Base, own: slice) -> dict[str, Float64Array]:
    """Some of the objects, the object being the axis before the last of `Base` and the last of `Growth`."""
    at = (own,) if isinstance(whole, Base) else (Ellipsis, own)
    return {name: values[at] for name, values in vars(whole).items()}


def _grown(
    days: Float64Array,
    cover: NDArray[np.int64],
    growth: dict[str, Float64Array],
    base: dict[str, Float64Array],
    wetness: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Answers (day, object, ANSWERS, band) and share of green plants before floods, buildings and snow."""
    soil = np.array([COVERS[c].ground in OPEN_SOIL for c in cover])[None, :, None]
    below = base["ground"] * (1 - DARKENING * np.clip(wetness, 0, 1)[:, None, None] * soil)
    dead, paddy = growth["dead"][..., None], growth["paddy"][..., None]
    without = (1 - paddy) * ((1 - dead) * below + dead * base["dry"]) + paddy * material("paddy")
    second, catch = growth["second"][..., None], growth["catch"][..., None]
    plants = (1 - second - catch) * base["green"] + second * base["second"] + catch * base["catch"]
    share = green_share(growth["ndvi"], without, plants - without) * growth["standing"]
    seen, more = share[..., None], plants - without
    out = np.empty((*share.shape, ANSWERS, len(BANDS)))
    out[:, :, 0] = np.clip(without + seen * more, LOWEST, HIGHEST)
    seen, share = np.maximum(seen, 0), np.maximum(share, 0)
    out[:, :, 1] = out[:, :, 0] * np.array([COVERS[c].grain for c in cover])[:, None]
    out[:, :, 2] = np.maximum(1 - seen - dead, 0) * (1 - paddy) * below * soil
    out[:, :, 3] = seen * more
    out[:, :, 4] = -_pace(days, share)[..., None] * more
    return out, share


def _pace(days: Float64Array, share: Float64Array) -> Float64Array:
    """Change of the green share by day; 0 on days of a cut, which comes to no part of a field later."""
    pace = np.zeros_like(share)
    if len(days) > 1:
        pace[1:] = np.diff(share, axis=0) / np.diff(days)[:, None]
        pace[0] = pace[1]
    return np.where(np.abs(pace) < FASTEST, pace, 0)


def _covered(
    grown: Float64Array,
    cover: NDArray[np.int64],
    growth: dict[str, Float64Array],
    built: Float64Array,
    snow: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """The answers under floods, buildings and snow, and the share of the plants that floods and buildings leave."""
    hidden = DROWNED * growth["flood"]
    kept = (1 - hidden) * (1 - growth["built"])
    out = grown * kept[..., None, None]
    roofs = growth["built"][..., None] * built
    out[:, :, 0] += (hidden * (1 - growth["built"]))[..., None] * material("flood") + roofs
    out[:, :, 1] += roofs * np.array([COVERS[c].grain for c in growth["seen"]])[:, None]
    holds, roof_holds = (np.array([snow_share(COVERS[c]) for c in kinds]) for kinds in (cover, growth["seen"]))
    white = snow[:, None] * np.where(growth["built"] > 0, roof_holds, holds) * (1 - growth["flood"])
    out *= (1 - white)[..., None, None]
    out[:, :, 0] += white[..., None] * material("snow")
    return out, kept


def snow_share(cover: Cover) -> float:
    """Share of a class that is white where open ground is all white."""
    if cover.ground == "water":
        return 0.0
    if cover.green in TREES:
        return 0.35
    return 1.0 if cover.ground in (*OPEN_SOIL, "thatch") else 0.7


def green_share(curve: Float64Array, without: Float64Array, more: Float64Array) -> Float64Array:
    """Share of green plants that gives an NDVI: NDVI of (without + share * more), solved for the share.

    A share a little below 0 stands for ground less green than its material is: bleached grass, a paler soil.

    Parameters
    ----------
    curve : ndarray, shape (day, object)
        NaN where nothing grows: share 0.
    without, more : ndarray, shape (day, object, band)
        Spectrum without green plants, and what a full cover of them adds.
    """
    difference, total = (s * without[..., RED] + without[..., NIR08] for s in (-1, 1))
    rise, gain = (s * more[..., RED] + more[..., NIR08] for s in (-1, 1))
    known = np.isfinite(curve)
    target = np.where(known, curve, 0)
    denominator = np.where(known, target * gain - rise, 1)
    return np.where(known, np.clip((difference - target * total) / denominator, *SHARES), 0)


def base_spectra(land: Landscape, growth: Growth, settings: Settings) -> Base:
    """Materials of every object: its class's, with its own soil, brightness and lushness; pieces have the field's."""
    own = np.flatnonzero(land.parent == np.arange(len(land.parent)))
    place, rng, spread = np.searchsorted(own, land.parent), stream(settings.seed, "spectra"), settings.spread
    mixed = rng.beta(1.3, 2.0, len(own))
    clay = np.clip(1.3 / 3.3 + spread * (mixed - 1.3 / 3.3), 0, 1)[place, None]
    bright = np.exp(spread * 0.07 * np.clip(rng.normal(size=len(own)), -2, 2))[place, None]
    lush = spread * (np.clip(rng.normal(size=(len(own), 2)), -2, 2) * (0.05, 0.045))[place]
    visible = np.array([b in ("blue", "green", "red", "swir22") for b in BANDS])
    lushness = 1 + np.where(visible, lush[:, :1], lush[:, 1:])
    traits = [COVERS[c] for c in land.cover]
    soil = (1 - clay) * material("loam") + clay * material("clay")
    ground = np.stack([soil[i] if c.ground == "soil" else material(c.ground) for i, c in enumerate(traits)])
    ground *= np.where(np.array([c.ground in OPEN_SOIL for c in traits])[:, None], bright, 1)
    nothing = np.zeros(len(BANDS))
    green, second, dry = (
        np.stack([material(name) if name else nothing for name in names])
        for names in (
            [c.green for c in traits],
            [c.second_green or c.green for c in traits],
            [c.dry if c.green else "" for c in traits],
        )
    )
    roofs = np.stack([material(COVERS[c].ground) if COVERS[c].ground != "soil" else nothing for c in growth.seen])
    return Base(ground, green * lushness, second * lushness, material(CATCH_GREEN) * lushness, dry, roofs)
