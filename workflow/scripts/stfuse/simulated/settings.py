"""What of the synthetic world can be chosen in a site's `simulated:` entry."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from stfuse.errors import InputError


@dataclass(frozen=True)
class Settings:
    """The site's `simulated:` entry. Strengths: 1 = realistic, 0 or false = off, 2 = twice as strong.

    Attributes
    ----------
    seed : int
        Everything drawn comes from it; each nuisance of each scene has its own stream, so switching one off
        leaves all others as they were.
    texture : float
        Strength of soil, vigour and pixel texture within fields. Part of the truth.
    wetness : float
        Strength of the soil's darkening after rain. Part of the truth.
    events : bool
        Harvest, tillage and cuts. Part of the truth.
    clouds : bool
        Clouds with their shadows, in the pixels and in the masks.
    clear_share : float
        Share of days, 0..1, with hardly a cloud.
    mask_error : bool
        False: the masks mark every pixel that the faintest cloud or shadow touches and no other.
    gaps : bool
        Scenes that end within the site, as at the edge of a swath.
    noise : float
        Strength of each sensor's noise.
    misregistration : float
        Strength of Landsat's shift against the truth: a constant one and a jitter per scene, 6 m at most.
    bandpass : float
        Strength of the difference of Landsat's bands to Sentinel-2's, in which the truth is given.
    psf : float
        Width of Landsat's blur beyond its pixel's own area; 0 = area mean.
    atmosphere : float
        Strength of what atmospheric correction leaves behind, and of the haze in level-1 pan.
    landsat8_phase, sentinel2_phase : int
        Days from 1 January 2023 to an overpass.
    """

    seed: int
    texture: float = 1.0
    wetness: float = 1.0
    events: bool = True
    clouds: bool = True
    clear_share: float = 0.58
    mask_error: bool = True
    gaps: bool = True
    noise: float = 1.0
    misregistration: float = 1.0
    bandpass: float = 1.0
    psf: float = 1.0
    atmosphere: float = 1.0
    landsat8_phase: int = 0
    sentinel2_phase: int = 2


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
        If a setting is unknown, missing, no number or negative.
    """
    where = f"config/sites/{site}.yaml"
    known = [f.name for f in fields(Settings)]
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise InputError(f"`simulated:` in {where} has unknown settings {unknown}", f"the settings are {known}")
    if "seed" not in entry:
        raise InputError(f"`simulated:` in {where} has no seed", "write seed: 1")
    wrong = [k for k, v in entry.items() if not isinstance(v, (int, float)) or v < 0]
    if wrong:
        raise InputError(
            f"`simulated:` in {where}: {wrong} must be numbers from 0 on, or true and false", "correct them"
        )
    settings = Settings(**entry)
    if not settings.clear_share <= 1:
        raise InputError(f"`simulated:` in {where}: clear_share is {settings.clear_share}", "give a share 0..1")
    return settings


def stream(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for everything that has a name: no draw can change another's."""
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
