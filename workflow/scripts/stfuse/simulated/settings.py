"""What of the synthetic world can be chosen in a site's `simulated:` entry."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np

from stfuse.errors import InputError
from stfuse.simulated.covers import FIELD_CLASSES, PLACE_CLASSES, check_land

GREEN_PARTS = ("verge", "garden", "tree")
"""What grows between fields and houses: it has seasons, but no share of its own."""
CURVE_KEYS = ("base", "amplitude", "k1", "t1", "k2", "t2", "second", "catch", "cuts")
SMALLEST_CELL = 2.5
"""Metres; the land is drawn on cells no smaller than this."""

EUROPE: Mapping[str, float] = {
    "winter_wheat": 0.25, "maize": 0.20, "sugar_beet": 0.10, "soybean": 0.07, "grassland": 0.13, "alfalfa": 0.07,
    "broadleaf_wood": 0.06, "needle_wood": 0.02, "built_up": 0.07, "water": 0.03,
}  # fmt: skip
"""A land-cover mix of western Europe."""


@dataclass(frozen=True)
class Settings:
    """The site's `simulated:` entry. Strengths: 1 = realistic, 0 or false = off, 2 = twice as strong.

    Everything from `clouds` on is a nuisance: it comes between the truth and what is delivered.

    Attributes
    ----------
    seed : int
        Everything drawn comes from it; each nuisance of each scene has its own stream, so switching one off
        leaves all others as they were.
    resolution : float
        Metres; pixel of the truth, finest that any sensor can see.
    land : mapping of class to share
        Land-cover mix, shares of the area, brought to a sum of 1.
    map : mapping or None
        A real land-cover map in place of the drawn land: `path`, and `classes`, from the map's codes to classes.
    field_ha : float
        Median size of the fields in hectares.
    mixed : bool
        False: every pixel of the truth belongs wholly to the class that fills most of it.
    seasons : mapping of class to mapping
        Crop calendar of the place: values of the class's curve (`t1: 170`, days of the year) in place of the default.
    spread : float
        Strength of the differences between fields of a class: sowing, vigour, soil, spectra. Part of the truth.
    texture : float
        Strength of soil, vigour and pixel texture within fields. Part of the truth.
    wetness : float
        Strength of the soil's darkening after rain. Part of the truth.
    events : bool
        Harvest, tillage, cuts, floods and new buildings. Part of the truth.
    snow : float
        Strength of the snow cover. Part of the truth.
    temperature : (mean, swing)
        Degrees Celsius: mean of the year, and by how much the warmest month is above it.
    clear_share : float
        Share of days, 0..1, with hardly a cloud.
    cloudiest : int
        Day of the year around which it is cloudiest; half a year from it, it is clearest.
    cloud_season : float
        Strength of that course of the year.
    calendar : mapping of sensor to mapping
        Overpasses in place of the sensor's own: `first` (ISO date) and `every` (days).
    clear : mapping of sensor to dates
        Days on which the sensor passes over in any case and no cloud is in its way.
    clouds : bool
        Clouds with their shadows, in the pixels and in the masks.
    mask_error : bool
        False: the masks mark every pixel that the faintest cloud or shadow touches and no other.
    gaps : bool
        Scenes that end within the site, as at the edge of a swath.
    noise : float
        Strength of each sensor's noise, and of the magnitude inversions of MODIS.
    speckle : float
        Strength of the radar's speckle.
    misregistration : float
        Strength of the shifts against the truth; Sentinel-2's have no bias.
    bandpass : float
        Strength of the difference of a sensor's bands to Sentinel-2's, in which the truth is given.
    psf : float
        Width of a sensor's blur beyond its pixel's own area; 0 = area mean.
    atmosphere : float
        Strength of what atmospheric correction leaves behind, and of the haze in level-1 pan.
    brdf : float
        Strength of what the directions of sun and view change; the truth is seen from the zenith.
    composite : bool
        False: MODIS delivers the day itself instead of its mean over the clear days of 16.
    modis_pixel : float
        Metres; 0 = the real sinusoidal grid, else a grid of such pixels from the site's top left corner.
    """

    seed: int
    resolution: float = 5.0
    land: Mapping[str, float] = field(default_factory=lambda: dict(EUROPE))
    map: Mapping[str, Any] | None = None
    field_ha: float = 4.2
    mixed: bool = True
    seasons: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    spread: float = 1.0
    texture: float = 1.0
    wetness: float = 1.0
    events: bool = True
    snow: float = 1.0
    temperature: tuple[float, float] = (11.0, 7.5)
    clear_share: float = 0.47
    cloudiest: int = 1
    cloud_season: float = 0.5
    calendar: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clear: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    clouds: bool = True
    mask_error: bool = True
    gaps: bool = True
    noise: float = 1.0
    speckle: float = 1.0
    misregistration: float = 1.0
    bandpass: float = 1.0
    psf: float = 1.0
    atmosphere: float = 1.0
    brdf: float = 1.0
    composite: bool = True
    modis_pixel: float = 0.0

    @property
    def cells(self) -> int:
        """Cells along a side of a pixel of the truth."""
        return min(4, max(1, round(self.resolution / SMALLEST_CELL))) if self.mixed else 1


NOT_NUMBERS = ("land", "map", "seasons", "temperature", "calendar", "clear")


def read_settings(entry: Mapping[str, Any], site: str) -> Settings:
    """The settings of a site.

    Parameters
    ----------
    entry : mapping
        The site's `simulated:` entry.
    site : str
        Its name, for messages.

    Raises
    ------
    InputError
        If a setting is unknown, missing, no number, negative or out of its range.
    """
    where = f"config/sites/{site}.yaml"
    known = [f.name for f in fields(Settings)]
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise InputError(f"`simulated:` in {where} has unknown settings {unknown}", f"the settings are {known}")
    if "seed" not in entry:
        raise InputError(f"`simulated:` in {where} has no seed", "write seed: 1")
    wrong = [k for k, v in entry.items() if k not in NOT_NUMBERS and (not isinstance(v, (int, float)) or not v >= 0)]
    wrong += ["seed"] if not isinstance(entry["seed"], int) and "seed" not in wrong else []
    if wrong:
        raise InputError(
            f"`simulated:` in {where}: {wrong} must be numbers from 0 on, or true and false", "correct them"
        )
    kinds = [k for k in ("land", "seasons", "calendar", "clear") if not isinstance(entry.get(k, {}), Mapping)]
    if kinds or not all(isinstance(v, Mapping) for v in entry.get("seasons", {}).values()):
        raise InputError(
            f"`simulated:` in {where}: {kinds or 'each class of seasons'} must have entries", "write `name: value`"
        )
    own = dict(entry)
    if "temperature" in own:
        own["temperature"] = tuple(own["temperature"])
    own["clear"] = {s: tuple(_day(d, where) for d in days) for s, days in own.get("clear", {}).items()}
    settings = Settings(**own)
    check_land(settings.land, f"`land:` of `simulated:` in {where}")
    for found, cure in _faults(settings):
        raise InputError(f"`simulated:` in {where}: {found}", cure)
    return settings


def _day(text: object, where: str) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise InputError(f"`simulated:` in {where}: {text} is no date", "write it as 2023-06-01") from error


def _faults(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with settings of the right kind, and the cures."""
    known = (*FIELD_CLASSES, *PLACE_CLASSES, *GREEN_PARTS)
    unknown = sorted(set(settings.seasons) - set(known))
    if unknown:
        yield f"`seasons:` has no classes {unknown}", f"the classes are {sorted(known)}"
    odd = sorted(f"{c}: {key}" for c, values in settings.seasons.items() for key in values if key not in CURVE_KEYS)
    if odd:
        yield f"`seasons:` has unknown settings {odd}", f"the settings are {list(CURVE_KEYS)}"
    degrees = settings.temperature
    if len(degrees) != 2 or not all(isinstance(v, (int, float)) for v in degrees):
        yield f"temperature is {list(degrees)}", "give the mean of the year and its swing, two numbers"
    if not settings.clear_share <= 1:
        yield f"clear_share is {settings.clear_share}", "give a share 0..1"
    if settings.resolution < SMALLEST_CELL:
        yield f"resolution is {settings.resolution} m", f"give {SMALLEST_CELL} m or more"
    for name, entry in settings.calendar.items():
        if set(entry) - {"first", "every"} or int(entry.get("every", 1)) < 1:
            yield f"`calendar:` of {name} is {dict(entry)}", "give `first` (ISO date) and `every` (days from 1 on)"
    if settings.map is not None and set(settings.map) != {"path", "classes"}:
        yield f"`map:` has {sorted(settings.map)}", "give `path` and `classes`"


def stream(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for everything that has a name: no draw can change another's."""
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
