import json
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pystac
import pytest

import small_world
from stfuse.grid import degrade
from stfuse.simulated.backscatter import (
    POLARISATIONS,
    object_power,
)
from stfuse.simulated.sensors.sentinel1 import (
    FIRST,
    FLOOR,
    LARGEST_SHIFT,
    LOOKS,
    PIXEL,
    RESOLUTION,
    SENSOR,
    Sentinel1,
    orbits,
    speckle,
)
from stfuse.truth import render

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "planetary-computer" / "sentinel-1-rtc"
LIVE = "S1A_IW_GRDH_1SDV_20240419T045749_20240419T045814_053498_067DF2_rtc.json"
DAY = date(2023, 6, 16)


def observer(**changes):
    """All nuisances off unless asked for."""
    return Sentinel1(small_world.world(), small_world.settings(**{**small_world.OFF, **changes}))


def image(day=DAY, **changes):
    (product,) = observer(**changes).observe(day)
    return np.stack([r.values for r in product.rasters.values()]), next(iter(product.rasters.values())).grid


def power(decibels):
    return 10 ** (np.asarray(decibels) / 10)


def test_with_every_nuisance_off_a_pixel_is_the_area_mean_of_the_power():
    own = observer()
    world = own.world
    powers = object_power(world, own.settings, own.seen, world.index(DAY))
    truth = render(world.land.labels, world.textures, powers)
    found, grid = image()
    # GDAL's area mean is a second opinion on other grids' offsets.
    np.testing.assert_allclose(found, degrade(truth, world.grid, grid), rtol=2e-3)


def test_speckle_has_the_looks_and_the_grain_of_the_archive():
    drawn = speckle((500, 500), np.random.default_rng(2))
    assert drawn.min() > 0 and drawn.mean() == pytest.approx(1, abs=0.01)
    assert drawn.mean() ** 2 / drawn.var() == pytest.approx(LOOKS, rel=0.03)
    # Power of a gamma distribution with so many looks.
    skewness = ((drawn - 1) ** 3).mean() / drawn.std() ** 3
    assert skewness == pytest.approx(2 / math.sqrt(LOOKS), rel=0.1)
    neighbours = np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]
    assert neighbours == pytest.approx(math.exp(-1 / (4 * RESOLUTION**2)), abs=0.03)
    assert abs(np.corrcoef(drawn[:, 6:].ravel(), drawn[:, :-6].ravel())[0, 1]) < 0.03


def test_speckle_multiplies_and_nothing_else():
    still, half, full = (image(speckle=s)[0] for s in (0, 0.5, 1))
    factor = full / still
    assert 1 / factor.var() == pytest.approx(LOOKS, rel=0.15) and factor.mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(half / still - 1, 0.5 * (factor - 1), atol=1e-5)
    assert abs(np.corrcoef(factor[0].ravel(), factor[1].ravel())[0, 1]) < 0.1
    assert image(speckle=2)[0].min() > 0


def test_noise_is_a_gain_and_a_floor():
    for day in (DAY, DAY + timedelta(days=3)):
        still, noisy = (image(day, noise=n)[0] for n in (0, 1))
        for before, after in zip(still, noisy, strict=True):
            gain = (after - power(FLOOR)) / before
            assert np.ptp(gain) < 1e-4 and 0 < abs(10 * math.log10(gain.mean())) < 1.5


def test_misregistration_shifts_by_metres():
    still, moved = observer(), observer(misregistration=1)
    days = SENSOR.days((date(2023, 1, 1), date(2023, 12, 31)), moved.settings)
    shifts = np.array([moved.shift(day, moved.orbit(day)) for day in days])
    assert 0.5 < shifts.std(axis=0).max() < 3 and np.abs(shifts).max() <= LARGEST_SHIFT
    assert still.shift(DAY, still.orbit(DAY)) == (0, 0)
    sharp, there = image()[0], image(misregistration=1)[0]
    assert not np.array_equal(sharp, there)
    np.testing.assert_allclose(there.mean(axis=(1, 2)), sharp.mean(axis=(1, 2)), rtol=0.02)


def test_the_response_blurs_beyond_the_pixel():
    sharp, soft, softer = (image(psf=p)[0] for p in (0, 1, 2))
    assert softer.std() < soft.std() < sharp.std()
    np.testing.assert_allclose(soft.mean(axis=(1, 2)), sharp.mean(axis=(1, 2)), rtol=0.02)


def test_two_orbits_take_turns_each_every_six_days():
    own = observer()
    days = SENSOR.days((date(2023, 1, 1), date(2023, 12, 31)), own.settings)
    assert 119 <= len(days) <= 123 and FIRST in days
    states = [own.orbit(day).state for day in days]
    assert set(states[::2]) == {"ascending"} and set(states[1::2]) == {"descending"}
    up, down = orbits(own.settings)
    assert 38 <= up.incidence <= 40 and 36 <= down.incidence <= 43 and up.number != down.number
    assert {orbits(small_world.settings(seed=s))[1].incidence for s in (1, 2)} != {down.incidence}


def test_each_orbit_has_pixel_edges_of_its_own_around_the_site():
    own = observer()
    for orbit in own.orbits:
        grid = own.grids[orbit.state]
        assert (grid.affine.c % PIXEL, grid.affine.f % PIXEL) == orbit.origin
        left, bottom, right, top = grid.extent.boundingbox.bbox
        site = small_world.BOUNDS
        assert min(site[0] - left, site[1] - bottom, right - site[2], top - site[3]) >= 180
        world = own.world.grid.extent.boundingbox
        assert left > world.left and top < world.top and right < world.right and bottom > world.bottom
    assert own.orbits[0].origin != own.orbits[1].origin


def test_scenes_are_those_of_the_day_that_is_meant():
    world = small_world.world()
    for longitude in (-170.0, -98.0, 3.0, 120.0, 175.0):
        own = observer()
        own.longitude = longitude
        for day in (DAY, DAY + timedelta(days=3)):
            (product,) = own.observe(day)
            assert product.item["properties"]["datetime"].startswith(str(day))
    assert world.dates[0] <= DAY


def test_scenes_do_not_depend_on_one_another():
    on = dict.fromkeys(("noise", "speckle", "misregistration", "psf", "brdf"), 1)
    days = [DAY + timedelta(days=3 * i) for i in range(3)]
    forwards, backwards = observer(**on), observer(**on)
    first = {day: forwards.observe(day)[0] for day in days}
    for day in reversed(days):
        (again,) = backwards.observe(day)
        assert again.item == first[day].item
        for name, raster in again.rasters.items():
            assert raster.values.tobytes() == first[day].rasters[name].values.tobytes()


def test_everything_is_power_above_zero_whatever_the_strengths():
    values, _ = image(**dict.fromkeys(("noise", "speckle", "misregistration", "psf", "brdf"), 2))
    assert values.dtype == np.float32 and np.isfinite(values).all() and values.min() > 0


def test_items_are_like_the_live_ones():
    if not (FIXTURES / LIVE).exists():
        pytest.skip("the archives' items (../shared/stac-fixtures) are not here")
    live = json.loads((FIXTURES / LIVE).read_text())
    (product,) = observer().observe(DAY)
    item = product.item
    assert item["collection"] == live["collection"] and item["stac_extensions"] == live["stac_extensions"]
    for key in POLARISATIONS:
        for fact in ("raster:bands", "roles", "title"):
            assert item["assets"][key][fact] == live["assets"][key][fact]
    assert set(item["properties"]) - set(live["properties"]) == {"stfuse:simulated"}
    assert set(live["properties"]) <= set(item["properties"])
    for key, value in live["properties"].items():
        assert type(item["properties"][key]) is type(value)
    assert len(item["properties"]["proj:transform"]) == 9


def test_an_item_says_what_its_files_hold_and_means_no_real_scene():
    (product,) = observer().observe(DAY)
    item, told = product.item, product.item["properties"]
    assert item["id"].endswith("_000000_000000_rtc") and told["sat:relative_orbit"] > 175
    assert told["stfuse:simulated"] is True and item["id"].startswith(
        f"S1{told['platform'][-1]}_IW_GRDH_1SDV_20230616T"
    )
    assert {a["href"].removeprefix("./") for a in item["assets"].values()} == set(product.rasters)
    for raster in product.rasters.values():
        assert raster.values.dtype == np.float32 and raster.nodata == -32768
        assert raster.values.shape == tuple(told["proj:shape"]) == tuple(told["s1:shape"][::-1])
        assert list(raster.grid.affine) == told["proj:transform"]
        assert told["proj:bbox"] == list(raster.grid.extent.boundingbox.bbox)
    # Extensions' schemas lie on the net; the core's come with pystac.
    pystac.Item.from_dict({**item, "stac_extensions": []}).validate()
