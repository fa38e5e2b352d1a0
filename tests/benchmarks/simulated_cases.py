"""The cases of Wu et al. 2022 and Yang et al. 2021 on simulated places, as `method_runs.Scene`s.

Chosen by rule, before any score: of Wu et al. all 20 tests of section 4 (each Landsat-8 date of table 2's validation
part that has Sentinel-2 dates on both sides, with the nearer one on each side as its only reference); of Yang et al.
the 17 combinations of config/combinations/yang2021.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import product

import numpy as np
import yaml
from odc.geo.geobox import GeoBox

from benchmarks import ROOT
from benchmarks.method_runs import Scene, pick
from factory import days
from preset_sites import PERIODS, SETTINGS, SITES, sensor
from stfuse.grid import coarser, degrade, regrid, site_grid
from stfuse.simulated.covers import BANDS as TRUE_BANDS
from stfuse.simulated.instruments import gather
from stfuse.simulated.sensors.landsat8 import OLI_OF_MSI
from stfuse.simulated.surface import World, make_world
from stfuse.task import FloatArray, Series

BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
WU_RATIO, YANG_RATIO, YANG_PIXEL = 3, 16, 30.0
REACH = 480.0
"""Metres around a site that its sensors may see."""
SITE, PATCH = 4500.0, 1500.0
"""Metres: sides of the sites of Wu et al. in config/sites/, and of the part of them for pixels of 10 m."""
YANG_SIDE = 5760.0
"""Metres: 12 x 12 coarse pixels."""
WU_DATES = {
    "hailar": (
        ("2019-01-07", "2019-02-08", "2019-04-13", "2019-06-16", "2019-10-06"),
        ("2019-01-07", "2019-01-27", "2019-02-26", "2019-03-13", "2019-04-02", "2019-09-29", "2019-10-19"),
    ),
    "dezhou": (
        ("2018-02-12", "2018-03-16", "2018-06-20", "2018-09-24", "2018-10-10", "2018-12-13"),
        ("2018-02-04", "2018-03-16", "2018-03-31", "2018-07-19", "2018-09-22", "2018-10-17", "2018-12-16"),
    ),
}
"""Table 2, validation: dates of Landsat-8 and of Sentinel-2."""
NAMED = {
    ("hailar", "2019-10-06", "2019-09-29"): "slight",
    ("hailar", "2019-06-16", "2019-04-02"): "dramatic",
    ("dezhou", "2018-02-12", "2018-02-04"): "slight",
    ("dezhou", "2018-06-20", "2018-03-31"): "dramatic",
}
"""The tests whose numbers the paper prints, by their gaps of 7, 75 and 8 days (sections 4.1 and 4.2). It does not say
which is the fourth, dramatic at Dezhou; this one has Hailar's seasons, and the longest gap to a reference before."""
QUIET = {"clouds": False, "mask_error": False, "gaps": False, "brdf": 0.0}
"""What preprocessing takes away is off; noise, blur, displacement, bands and atmosphere stay."""


@dataclass(frozen=True)
class SimulatedCase:
    """A target date at a simulated place.

    Attributes
    ----------
    study, site : str
    setting : str
        How the images came about.
    target : str
        ISO date.
    strength : str
        What the study calls its change; empty where it says nothing.
    scene : Scene
    """

    study: str
    site: str
    setting: str
    target: str
    strength: str
    scene: Scene


def wu_tests(site: str) -> list[tuple[str, str]]:
    """Target and reference dates of the paper's tests at a site."""
    targets, references = WU_DATES[site]
    found = []
    for target in targets:
        before, after = [d for d in references if d < target], [d for d in references if d > target]
        if before and after:
            found += [(target, before[-1]), (target, after[0])]
    return found


@lru_cache(maxsize=1)
def world_of(name: str, side: float, resolution: float) -> World:
    """The world of a site of config/sites/ on a square of this side in its middle, metres, in whole Landsat pixels.

    It does not snow, as at the places of Wu et al.: masks would drop what is white.
    """
    left, bottom, right, top = SITES[name]["bounds"]
    x, y = (low + 30 * round((high - low - side) / 60) for low, high in ((left, right), (bottom, top)))
    grid = site_grid(SITES[name]["crs"], (x, y, x + side, y + side), resolution)
    return make_world(grid, PERIODS[name], REACH, replace(SETTINGS[name], resolution=resolution, snow=0.0))


def fine_grid(world: World, pixel: float) -> GeoBox:
    """The site's grid of pixels of this size, metres."""
    return site_grid(str(world.site.crs), world.site.extent.boundingbox.bbox, pixel)


def true_images(world: World, grid: GeoBox, dates: Sequence[str]) -> FloatArray:
    """Area means of the truth, shape (time, band, y, x)."""
    bands = [TRUE_BANDS.index(b) for b in BANDS]
    return np.stack([gather(world.reflectance(_index(world, d))[bands], world.grid, grid) for d in dates])


def _index(world: World, day: str) -> int:
    return world.index(date.fromisoformat(day))


def ideal_scene(
    world: World, pixel: float, ratio: int, target: str, references: Sequence[str], pairs: bool = True
) -> Scene:
    """Truth of all dates on pixels of this size; coarse images are its area means, with `pairs` of all dates."""
    grid, dates = fine_grid(world, pixel), sorted({target, *references})
    fine = true_images(world, grid, dates)
    small = coarser(grid, ratio)
    coarse = Series(degrade(fine, grid, small), days(*dates), BANDS, small)
    coarse = coarse if pairs else pick(coarse, [target])
    return Scene("", Series(fine, days(*dates), BANDS, grid), coarse, ratio, references)


def observed_scene(name: str, world: World, target: str, reference: str) -> Scene:
    """The paper's tests at reduced resolution: Landsat-8's image of 30 m is the truth, its mean over 90 m the coarse
    image, Sentinel-2's mean over 30 m the reference; Landsat's bands are brought to Sentinel-2's by published lines.
    """
    grid = fine_grid(world, 30)
    landsat = _observed(name, "landsat8", world, target, grid)
    sentinel = _observed(name, "sentinel2", world, reference, grid)
    slopes, offsets = np.array([OLI_OF_MSI[b] for b in BANDS], np.float32).T[:, :, None, None]
    seen = np.stack([(landsat - offsets) / slopes, sentinel])
    order = np.argsort([target, reference])
    fine = Series(seen[order], days(*sorted((target, reference))), BANDS, grid)
    small = coarser(grid, WU_RATIO)
    coarse = Series(degrade(seen[:1], grid, small), days(target), BANDS, small)
    return Scene("", fine, coarse, WU_RATIO, (reference,))


def _observed(name: str, instrument: str, world: World, day: str, grid: GeoBox) -> FloatArray:
    """What an instrument measures of a cloudless day, on a grid, shape (band, y, x)."""
    settings = replace(SETTINGS[name], resolution=world.pixel, **QUIET)
    scene = sensor(instrument).observer(world, settings).optics.acquire(date.fromisoformat(day))  # type: ignore[attr-defined]
    kernel = "average" if instrument == "sentinel2" else "cubic"
    return np.stack([regrid(*scene.measured[b], grid, kernel) for b in BANDS])


def wu_cases() -> Iterator[SimulatedCase]:
    """The 20 tests in three settings."""
    ways: dict[str, tuple[float, Callable[[str, World, str, str], Scene]]] = {
        "truth, 10 m from 30 m": (PATCH, lambda n, w, t, r: ideal_scene(w, 10, WU_RATIO, t, (r,), False)),
        "truth, 30 m from 90 m": (SITE, lambda n, w, t, r: ideal_scene(w, 30, WU_RATIO, t, (r,), False)),
        "sensors, 30 m from 90 m": (SITE, observed_scene),
    }
    for site, (setting, (side, make)) in product(WU_DATES, ways.items()):
        for target, reference in wu_tests(site):
            world = world_of(site, side, 5.0)
            strength = NAMED.get((site, target, reference), "")
            yield SimulatedCase("Wu 2022", site, setting, target, strength, make(site, world, target, reference))


def yang_combinations() -> list[tuple[str, tuple[str, str, str]]]:
    """Scenario and (before, target, after) as ISO dates."""
    entries = yaml.safe_load((ROOT / "config/combinations/yang2021.yaml").read_text())["combinations"]
    return [(entry["scenario"], tuple(entry["dates"])) for entry in entries]


def yang_cases(side: float = YANG_SIDE) -> Iterator[SimulatedCase]:
    """The 17 combinations in the paper's world of class means, and in one of the same place with all its texture."""
    worlds = {"class means, 30 m from 480 m": ("champaign_simulation", 30.0)}
    worlds["truth, 30 m from 480 m"] = ("champaign", 15.0)
    for setting, (name, resolution) in worlds.items():
        for scenario, (before, target, after) in yang_combinations():
            world = world_of(name, side, resolution)
            scene = ideal_scene(world, YANG_PIXEL, YANG_RATIO, target, (before, after))
            yield SimulatedCase("Yang 2021", name, setting, target, scenario, scene)
