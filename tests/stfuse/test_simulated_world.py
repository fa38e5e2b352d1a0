from datetime import date, timedelta

import numpy as np
import pytest
from scipy import ndimage

import small_world
from stfuse.errors import InputError
from stfuse.grid import coarser, site_grid
from stfuse.simulated.covers import BANDS, COVERS, NIR08, RED
from stfuse.simulated.delivery import Sensor
from stfuse.simulated.sensors import SENSORS
from stfuse.simulated.settings import Settings, read_settings, stream
from stfuse.simulated.surface import field_map, make_world, margin
from stfuse.simulated.textures import smooth_noise

DAY = date(2023, 6, 10)


@pytest.fixture(scope="module")
def world():
    return small_world.world()


def small(period=(date(2023, 6, 1), date(2023, 6, 2)), side=480, **changes):
    settings = small_world.settings(**changes)
    left, top = small_world.BOUNDS[0], small_world.BOUNDS[3]
    grid = site_grid(small_world.CRS, (left, top - side, left + side, top), settings.resolution)
    return make_world(grid, period, 60, settings)


def test_reflectance_is_plausible(world):
    values = world.reflectance(world.index(DAY))
    assert values.shape == (7, *world.grid.shape) and values.dtype == np.float32
    assert 0.015 < np.percentile(values[RED], 5) < np.percentile(values[RED], 95) < 0.3
    assert 0.1 < np.percentile(values[NIR08], 5) < np.percentile(values[NIR08], 95) < 0.6
    assert values.min() > 0 and values.max() < 1


def test_a_factor_per_object_multiplies_what_is_seen_of_it(world):
    twice = world.reflectance(0, np.full((len(world.land.cover), len(BANDS)), 2, np.float32))
    np.testing.assert_allclose(twice, 2 * world.reflectance(0), rtol=1e-5)
    one = np.ones((len(world.land.cover), len(BANDS)), np.float32)
    one[0] = 0
    lost = world.reflectance(0) - world.reflectance(0, one)
    outside = world.of_objects(np.eye(1, len(world.land.cover), 0, dtype=np.float32)[0]) == 0
    assert np.abs(lost[:, outside]).max() == 0


def test_without_texture_a_pixel_is_the_mixture_of_its_objects():
    plain = small(texture=0)
    expected = plain.of_objects(plain.spectra[0, :, 0])
    np.testing.assert_allclose(plain.reflectance(0), expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(plain.shares.sum(axis=1)).ravel(), 1, rtol=1e-6)


def test_pure_pixels_of_classes_without_differences_have_one_spectrum_each():
    pure = small(mixed=False, spread=0, texture=0, wetness=0, events=False, snow=0, resolution=30, side=960)
    spectra = np.unique(np.round(pure.reflectance(0).reshape(len(BANDS), -1).T, 6), axis=0)
    assert len(spectra) == len(np.unique(pure.land.cover[np.unique(pure.land.labels)]))


@pytest.mark.parametrize("resolution", [2.5, 5, 10, 30])
def test_any_resolution_shows_the_same_land(resolution):
    world = small(resolution=resolution, texture=0)
    mean = world.reflectance(0)[(slice(None), *world.window)].mean(axis=(1, 2))
    fine = small(resolution=5, texture=0)
    np.testing.assert_allclose(mean, fine.reflectance(0)[(slice(None), *fine.window)].mean(axis=(1, 2)), rtol=0.1)


def test_the_site_does_not_depend_on_how_far_sensors_see():
    settings = small_world.settings()
    grid = site_grid(small_world.CRS, small_world.BOUNDS, 5)
    near, far = (make_world(grid, (DAY, DAY), reach, settings, drawn=400) for reach in (60, 400))
    assert near.grid.height < far.grid.height
    inside = [w.reflectance(0)[(slice(None), *w.window)] for w in (near, far)]
    np.testing.assert_allclose(*inside, atol=2e-6)


def test_the_margin_is_a_whole_number_of_ten_metres():
    assert margin(site_grid(small_world.CRS, small_world.BOUNDS, 5), 183) == 38
    assert margin(site_grid(small_world.CRS, small_world.BOUNDS, 2.5), 183) == 76
    assert margin(site_grid(small_world.CRS, small_world.BOUNDS, 30), 183) == 7


def test_fields_are_single_patches_of_crops():
    world = small(side=1500)
    numbers = field_map(world)
    assert numbers.shape == world.site.shape
    for number in np.unique(numbers[numbers > 0]):
        assert ndimage.label(numbers == number)[1] == 1
        assert COVERS[world.land.cover[number - 1]].curve is not None
    assert 0.5 < (numbers > 0).mean() < 0.95


def test_the_grid_holds_the_site(world):
    rows, columns = world.window
    assert world.grid[rows, columns].affine == world.site.affine
    assert coarser(world.site, 3).affine.c == world.site.affine.c
    assert world.dates[world.index(DAY)] == DAY


def test_same_seed_same_world_other_seed_another():
    one, same, other = (small(seed=seed).reflectance(0) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.05


@pytest.mark.parametrize("sigma", [0.9, 3.0, 18.0])
def test_texture_has_the_strength_and_the_width_it_is_asked_for(sigma):
    values = smooth_noise((1, "a"), (-40, 7), (900, 900), sigma)
    assert values.std() == pytest.approx(1, rel=0.12) and abs(values.mean()) < 0.2
    lag = round(sigma)
    likeness = (values[:, lag:] * values[:, : 900 - lag]).mean() / values.var()
    # White noise smoothed by a Gaussian is correlated by exp(-(lag / 2 sigma)^2).
    assert likeness == pytest.approx(np.exp(-((lag / (2 * sigma)) ** 2)), abs=0.06)


@pytest.mark.parametrize("sigma", [0.9, 18.0])
def test_texture_at_a_place_does_not_depend_on_the_window(sigma):
    wide = smooth_noise((1, "a"), (-200, -100), (500, 500), sigma)
    window = smooth_noise((1, "a"), (-13, 150), (70, 90), sigma)
    np.testing.assert_allclose(window, wide[187:257, 250:340], atol=2e-6)


def test_streams_do_not_depend_on_one_another():
    first = stream(1, "noise", "landsat8").random()
    stream(1, "clouds", "landsat8").random(100)
    assert stream(1, "noise", "landsat8").random() == first
    assert stream(1, "noise", "sentinel2").random() != first


def sensor(name):
    return next(s for s in SENSORS if s.name == name)


def test_a_sensor_passes_by_its_calendar_the_sites_or_where_it_must_be_clear():
    period = (date(2023, 1, 1), date(2023, 2, 28))
    own = sensor("landsat8").days(period, Settings(1))
    assert own == [date(2023, 1, 1) + timedelta(days=16 * i) for i in range(4)]
    theirs = Settings(1, calendar={"landsat8": {"first": "2022-12-30", "every": 20}})
    assert sensor("landsat8").days(period, theirs) == [date(2023, 1, 19), date(2023, 2, 8), date(2023, 2, 28)]
    clear = Settings(1, clear={"landsat8": (date(2023, 1, 5), date(2024, 1, 1))})
    assert sensor("landsat8").days(period, clear) == sorted([*own, date(2023, 1, 5)])


def test_names_of_sensors_and_of_collections_are_their_own():
    assert len({s.name for s in SENSORS}) == len(SENSORS)
    collections = [name for s in SENSORS for name in s.collections]
    assert len(set(collections)) == len(collections) and all(isinstance(s, Sensor) for s in SENSORS)


@pytest.mark.parametrize(
    ("entry", "word"),
    [({}, "seed"), ({"seed": 1, "cluods": 0}, "cluods"), ({"seed": 1, "noise": -1}, "noise"), ({"seed": "a"}, "seed"),
     ({"seed": 1, "clear_share": 1.5}, "clear_share"), ({"seed": 1, "land": {"maiz": 1}}, "maiz"),
     ({"seed": 1, "resolution": 1}, "resolution"), ({"seed": 1, "clear": {"modis": ["2023-13-01"]}}, "2023-13-01"),
     ({"seed": 1, "seasons": {"maize": {"t9": 1}}}, "t9"), ({"seed": 1, "calendar": {"modis": {"every": 0}}}, "every"),
     ({"seed": 1, "noise": float("nan")}, "noise"), ({"seed": 1.5}, "seed"), ({"seed": 1, "land": ["maize"]}, "land"),
     ({"seed": 1, "temperature": [3]}, "temperature"), ({"seed": 1, "seasons": {"maize": None}}, "seasons"),
     ({"seed": 1, "land": {"maize": -1}}, "maize"), ({"seed": 1, "land": {"maize": 0}}, "land")],
)  # fmt: skip
def test_wrong_settings_are_named(entry, word):
    with pytest.raises(InputError, match=word) as error:
        read_settings(entry, "mosaic")
    assert "mosaic.yaml" in str(error.value)
