import math
from dataclasses import replace
from datetime import date

import numpy as np

import small_world
from stfuse.grid import site_grid
from stfuse.simulated.backscatter import (
    CALM,
    FROST,
    LEVELS,
    POLARISATIONS,
    REFERENCE_ANGLE,
    ROUGHNESS,
    SETTLING,
    USUAL_WETNESS,
    object_power,
    plant_water,
    roughness,
    scatterers,
)
from stfuse.simulated.covers import CODES, COVERS
from stfuse.simulated.seasons import day_number
from stfuse.simulated.surface import make_world
from stfuse.truth import render

DAY = date(2023, 6, 16)


def power(decibels):
    return 10 ** (np.asarray(decibels) / 10)


def seen_as(world, settings, **changes):
    """Scatterers without differences between objects of a class, and with changes."""
    seen = scatterers(world, replace(settings, spread=0.0))
    return replace(seen, tillage=np.full_like(seen.tillage, np.nan), **changes)


def weather(world, **values):
    """The world with the same weather every day."""
    steady = {name: np.full(len(world.dates), float(v)) for name, v in values.items()}
    return replace(world, weather=replace(world.weather, **{"temperature": np.full(len(world.dates), 10.0), **steady}))


def dry_land(world):
    """Objects that are neither water, nor flooded or built upon in the first days."""
    growth = world.growth
    wet = np.array([c.ground == "water" for c in COVERS])[world.land.cover]
    return ~wet & (growth.water[0] == 0) & (growth.built[0] == 0)


def test_full_cover_over_usual_soil_has_the_class_its_backscatter():
    world = weather(small_world.world(), wetness=USUAL_WETNESS)
    settings = small_world.settings(brdf=0)
    seen = seen_as(world, settings, plants=np.ones_like(world.green))
    found, cover = object_power(world, settings, seen, 0)[:, 0], world.land.cover
    here = dry_land(world)
    # Where the soil below is much brighter than the class, the canopy's least share shows.
    expected = power(LEVELS[cover, :, 1])
    below = np.exp(-2 * np.array([0.7, 0.55]) / math.cos(math.radians(REFERENCE_ANGLE)))
    soil = below * power(LEVELS[cover, :, 0] + USUAL_WETNESS * seen.moist)
    np.testing.assert_allclose(found[here], np.maximum(expected, soil + 0.3 * expected)[here], rtol=1e-5)
    assert (np.abs(found - expected)[here] < 1e-5 * expected[here]).all(axis=1).mean() > 0.5


def test_bare_soil_brightens_as_it_gets_wet_and_darkens_when_it_freezes():
    settings, base = small_world.settings(), small_world.world()
    bare = {"plants": np.zeros_like(base.green)}
    for wetness, celsius, added in ((0, 10, 0), (1, 10, 1), (0, -5, 0)):
        world = weather(base, wetness=wetness, temperature=celsius)
        seen = seen_as(world, settings, **bare)
        expected = LEVELS[world.land.cover, :, 0] + added * seen.moist + (FROST if celsius < 0 else 0)
        here = dry_land(world)
        found = object_power(world, settings, seen, 0)[:, 0]
        np.testing.assert_allclose(10 * np.log10(found[here]), expected[here], atol=1e-4)


def test_wheat_darkens_in_vv_as_it_grows_and_maize_brightens_in_vh():
    period = (date(2023, 1, 1), date(2023, 12, 31))
    settings = small_world.settings(resolution=10, field_ha=1.0, land={"winter_wheat": 0.5, "maize": 0.5})
    left, bottom, _, top = small_world.BOUNDS
    world = make_world(site_grid(small_world.CRS, (left, bottom, left + 480, top), 10), period, 60, settings)
    seen = scatterers(world, settings)
    course = np.stack([object_power(world, settings, seen, i)[:, 0] for i in range(365)])
    months = np.array([day.month for day in world.dates])

    def level(name, month, polarisation):
        objects = (world.land.cover == CODES[name]) & (world.growth.built.max(axis=0) == 0)
        here = course[months == month][:, objects, POLARISATIONS.index(polarisation)]
        return 10 * math.log10(here.mean())

    assert level("winter_wheat", 5, "vv") < level("winter_wheat", 2, "vv") - 1.5
    assert level("winter_wheat", 8, "vv") > level("winter_wheat", 6, "vv") + 1.5
    assert level("maize", 8, "vh") > level("maize", 5, "vh") + 1.0


def test_plant_water_lags_outlives_the_green_and_falls_at_harvest():
    green = np.concatenate(
        [np.zeros(10), np.linspace(0, 0.9, 30), np.full(30, 0.9), np.linspace(0.9, 0, 20), np.zeros(40)]
    )
    dead = np.concatenate([np.zeros(70), np.linspace(0, 0.7, 20), np.full(15, 0.7), np.full(25, 0.1)])
    water = plant_water(green[:, None].astype(np.float32), dead[:, None].astype(np.float32))[:, 0]
    assert (water[11:40] < green[11:40]).all() and water[69] > 0.85
    assert water[95] > green[95] + 0.15
    assert water[104] > 0.2 > 0.07 > water[105]
    assert water.min() >= 0 and water.max() <= 1


def test_tillage_roughens_soil_and_rain_smooths_it():
    world = small_world.world()
    index = world.index(DAY)
    day = day_number(DAY, 2023)
    tillage = np.array([[np.nan, day, day - 30.0, day + 1.0], [np.nan, day - 90.0, day - 500.0, np.nan]])
    expected = [0, ROUGHNESS, ROUGHNESS * math.exp(-30 / SETTLING), 0]
    np.testing.assert_allclose(roughness(world, tillage, index), expected, atol=1e-9)


def test_water_is_dark_stems_in_it_bright_and_buildings_as_their_class():
    base, settings = weather(small_world.world(), wetness=0), small_world.settings()
    zeros = np.zeros_like(base.growth.water)
    roofs = np.full(len(base.land.cover), CODES["grey_roof"])
    field = int(np.flatnonzero(base.land.cover == CODES["maize"])[0])

    def level(plants, **growth):
        world = replace(base, growth=replace(base.growth, **{"water": zeros, "flood": zeros, "built": zeros, **growth}))
        seen = seen_as(world, settings, plants=np.full_like(zeros, plants))
        return 10 * np.log10(object_power(world, settings, seen, 3)[field, 0])

    ones = np.ones_like(zeros)
    bare, stand = level(0), level(1)
    assert (level(0, water=ones) < bare - 5).all()
    assert np.abs(level(0, water=ones) - CALM).max() < 3.1
    assert (level(1, water=ones) > stand).all()
    np.testing.assert_allclose(level(1, water=ones, flood=ones), level(0, water=ones), atol=1e-4)
    np.testing.assert_allclose(level(1, built=ones, seen=roofs), LEVELS[CODES["grey_roof"], :, 0], atol=1e-4)


def test_texture_off_leaves_the_means_of_objects():
    settings = small_world.settings(texture=0)
    world = replace(
        small_world.world(),
        textures=np.stack([t if i == 0 else 0 * t for i, t in enumerate(small_world.world().textures)]),
    )
    seen = scatterers(world, settings)
    powers = object_power(world, settings, seen, 0)
    np.testing.assert_allclose(
        render(world.land.labels, world.textures, powers), world.of_objects(powers[:, 0]), rtol=1e-4
    )


def test_only_brdf_knows_the_angle_of_incidence():
    world, settings = small_world.world(), small_world.settings(brdf=0)
    seen = scatterers(world, settings)
    low, high = (object_power(world, settings, seen, 0, angle) for angle in (36.0, 43.0))
    np.testing.assert_array_equal(low, high)
    steep, flat = (object_power(world, replace(settings, brdf=1.0), seen, 0, angle)[:, 0] for angle in (36.0, 43.0))
    assert (steep[dry_land(world)] >= flat[dry_land(world)] * 0.999).mean() > 0.8
    assert np.abs(10 * np.log10(steep / flat)).max() < 1.5
