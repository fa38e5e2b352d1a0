from datetime import date, timedelta

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import small_world
from small_sensors import DAY, MODULES, NAMES, truth
from stfuse.grid import coarser, site_grid
from stfuse.harmonisation.brdf import c_factor
from stfuse.harmonisation.sun import sun
from stfuse.simulated.covers import BANDS, COVERS
from stfuse.simulated.directions import reflectance_factor, zenith_of_sun
from stfuse.simulated.instruments import delivered_grid, gather, mean_matrix, overpass_time
from stfuse.simulated.sensors import landsat8, sentinel2, sentinel2_coarse, venus
from stfuse.simulated.sensors.optical import Optics, reach, scene_shift


def test_a_pixel_gathers_the_block_mean_of_an_aligned_grid():
    image, grid = np.stack(list(truth().values())), small_world.world().grid
    size = 3 * (grid.height // 3)
    target = coarser(grid, 3)[: size // 3, : size // 3]
    blocks = image[:, :size, :size].reshape(8, size // 3, 3, size // 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(gather(image, grid, target), blocks, atol=1e-6)


def test_the_matrix_of_means_is_the_gathering_of_pixels():
    grid = small_world.world().grid
    target = GeoBox((9, 11), Affine(17, 0, grid.affine.c + 31, 0, -17, grid.affine.f - 42), grid.crs)
    image = truth()["red"]
    expected = gather(image, grid, target)
    np.testing.assert_allclose((mean_matrix(grid, target) @ image.ravel()).reshape(9, 11), expected, atol=1e-6)


def test_a_mark_moves_east_and_north_with_the_shift():
    grid = site_grid(small_world.CRS, (0, 0, 300, 300), 10)
    image = np.zeros((30, 30), np.float32)
    image[15, 15] = 1
    rows, columns = np.nonzero(gather(image, grid, grid[2:28, 2:28], shift=(20, 10)) > 0.5)
    assert (rows[0] + 2, columns[0] + 2) == (14, 17)


@pytest.mark.parametrize("name", ["landsat8", "venus"])
def test_the_modulation_at_the_nyquist_frequency_is_three_tenths(name):
    # A grating of two pixels, drawn on cells of a thirtieth.
    channel = MODULES[name].INSTRUMENT.channels[0]
    cell = channel.pixel / 30
    fine = GeoBox((1200, 1200), Affine(cell, 0, 500010, 0, -cell, 5631240), small_world.CRS)
    wave = np.sin(2 * np.pi * (np.arange(1200) + 0.5) / 60)[None, :].repeat(1200, axis=0).astype(np.float32)
    seen = gather(wave, fine, fine.zoom_out(30), MODULES[name].INSTRUMENT.blur)[20, 5:35]
    # Area mean alone leaves 2 / pi; the blur exp(-2 (pi 0.39 / 2)^2) of it.
    assert np.abs(seen).max() == pytest.approx(2 / np.pi * np.exp(-2 * (np.pi * 0.39 / 2) ** 2), rel=0.01)
    assert np.abs(seen).max() == pytest.approx(0.3, abs=0.01)


def test_grids_are_the_archives_own():
    bounds = tuple(small_world.world().site.extent.boundingbox.bbox)
    landsat, pan = (delivered_grid(bounds, small_world.CRS, p, landsat8.INSTRUMENT, 180) for p in (30, 15))
    assert landsat.affine.c % 30 == 15 and landsat.affine.f % 30 == 15
    # Pixel centres are aligned, so pan begins half of its pixel inside and has one pixel less.
    assert (pan.affine.c, pan.affine.f) == (landsat.affine.c + 7.5, landsat.affine.f - 7.5)
    assert pan.width == 2 * landsat.width - 1
    ten, twenty = (delivered_grid(bounds, small_world.CRS, p, sentinel2.INSTRUMENT, 180) for p in (10, 20))
    assert ten.extent == twenty.extent and twenty.affine.c % 20 == 0
    five = delivered_grid(bounds, small_world.CRS, 5, venus.INSTRUMENT, 180)
    for grid in (landsat, pan, ten, five):
        box = grid.extent.boundingbox
        assert bounds[0] - box.left >= 150 and box.top - bounds[3] >= 150 and box.right - bounds[2] >= 150


@pytest.mark.parametrize("name", NAMES)
def test_sensors_see_no_further_than_their_reach(name):
    world, instrument = small_world.world(), MODULES[name].INSTRUMENT
    for strength in (0, 1, 2):
        settings = small_world.settings(misregistration=strength, psf=strength)
        optics = Optics(instrument, (0, 0), world, settings)
        inner, outer = world.site.extent.boundingbox, optics.source.extent.boundingbox
        far = reach(instrument, settings)
        assert far <= small_world.REACH and far <= inner.left - outer.left < far + world.pixel
        for grid in optics.grids.values():
            box = grid.extent.boundingbox
            space = strength * (instrument.shift[2] + 5 * instrument.blur * abs(grid.resolution.x))
            assert box.left - outer.left >= space and outer.top - box.top >= space


def test_the_sun_stands_where_it_should():
    noon_equinox = sun(date(2023, 3, 22), 12, 50)
    assert noon_equinox == pytest.approx((40, 180), abs=0.6)
    assert sun(date(2023, 6, 21), 12, 50)[0] == pytest.approx(63.4, abs=0.3)
    assert 90 < sun(date(2023, 6, 21), 10.5, 50)[1] < 180
    assert sun(date(2023, 6, 21), 12, -50)[1] == pytest.approx(0, abs=0.1)
    assert zenith_of_sun(small_world.world(), DAY, 12.0) == pytest.approx(27.8, abs=0.5)
    assert overpass_time(10.5, DAY, 30.0).hour == 8


@pytest.mark.parametrize("name", ["landsat8", "venus"])
def test_shifts_share_a_bias_and_stay_within_bounds(name):
    instrument = MODULES[name].INSTRUMENT
    bias, jitter, largest = instrument.shift
    days = [DAY + timedelta(days=16 * i) for i in range(60)]
    shifts = np.array([scene_shift(instrument, small_world.settings(), d) for d in days])
    assert np.hypot(*shifts.T).max() <= largest + 1e-9
    assert np.hypot(*shifts.mean(axis=0)) == pytest.approx(bias, abs=0.6)
    assert shifts.std(axis=0) == pytest.approx([jitter, jitter], abs=0.5)


@pytest.mark.parametrize("pixel", [25.0, 12.5])
def test_coarse_scenes_are_block_means_of_the_day_s_scene(pixel):
    settings = small_world.settings(clouds=False)
    fine, *_ = sentinel2.Observer(small_world.world(), settings).observe(DAY)
    coarse = {p.item["collection"]: p for p in sentinel2_coarse.Observer(small_world.world(), settings).observe(DAY)}
    product = coarse[f"sentinel-2-l2a-{pixel:g}m"]
    for file in ("B02.tif", "B8A.tif"):
        numbers, source = fine.rasters[file].values, fine.rasters[file].grid
        out, grid = product.rasters[file].values, product.rasters[file].grid
        box, own = small_world.world().site.extent.boundingbox, grid.extent.boundingbox
        assert (box.left - own.left) % pixel == 0 and (own.top - box.top) % pixel == 0
        # On cells of 2.5 m both grids are whole.
        cell = round(abs(source.resolution.x) / 2.5), round(pixel / 2.5)
        cells = np.kron(numbers.astype(float), np.ones((cell[0], cell[0])))
        left, top = round((own.left - source.affine.c) / 2.5), round((source.affine.f - own.top) / 2.5)
        part = cells[top : top + cell[1] * grid.height, left : left + cell[1] * grid.width]
        blocks = part.reshape(grid.height, cell[1], grid.width, cell[1]).mean(axis=(1, 3))
        np.testing.assert_allclose(out, blocks, atol=0.51)


def test_coarse_scenes_lack_what_the_fine_one_lacks_and_take_over_its_clouds():
    source = site_grid(small_world.CRS, (0, 0, 100, 100), 10)
    target = coarser(source, 2.5)
    numbers = np.full((10, 10), 1500, np.uint16)
    numbers[0, 0] = 0
    assert (sentinel2_coarse.mean_numbers(numbers, source, target) == 0).sum() == 1
    classes = np.full((10, 10), 4, np.uint8)
    classes[0, 0], classes[9, 9], classes[9, 0], classes[:2, 8:] = 0, 8, 5, 5
    found = sentinel2_coarse.main_class(classes, source, target)
    assert found[0, 0] == 0 and found[3, 3] == 8 and found[3, 0] == 4 and found[0, 3] == 5 and found[1, 1] == 4


def test_coarse_scenes_are_of_the_days_of_sentinel2():
    period = date(2023, 1, 1), date(2023, 12, 31)
    settings = small_world.settings(
        calendar={"sentinel2": {"first": "2023-01-01", "every": 7}}, clear={"sentinel2": ["2023-07-14"]}
    )
    days = sentinel2.SENSOR.days(period, settings)
    assert sentinel2_coarse.SENSOR.days(period, settings) == days and date(2023, 7, 14) in days
    counts = {m.SENSOR.name: len(m.SENSOR.days(period, small_world.settings())) for m in MODULES.values()}
    assert counts == {"sentinel2": 73, "landsat8": 23, "venus": 182}


def test_factors_of_directions_are_one_where_the_truth_is_and_grow_with_strength():
    world = small_world.world()
    reference = zenith_of_sun(world, DAY, sentinel2.INSTRUMENT.hour)
    off, on, double = (small_world.settings(brdf=b) for b in (0, 1, 2))
    np.testing.assert_allclose(reflectance_factor(world, on, DAY, reference, 0, 0), 1, atol=1e-6)
    np.testing.assert_array_equal(reflectance_factor(world, off, DAY, 60, 30, 0), 1)
    one, two = (reflectance_factor(world, s, DAY, reference, 25, 0) for s in (on, double))
    np.testing.assert_allclose(two - 1, 2 * (one - 1), atol=1e-5)
    backward, forward = one, reflectance_factor(world, on, DAY, reference, 25, 180)
    assert backward.mean() > 1.03 and forward.mean() < 0.97
    lowest = reflectance_factor(world, double, DAY, 89, 80, 180)
    assert np.isfinite(lowest).all() and lowest.min() >= 0.3 and lowest.max() <= 2


def test_the_c_factor_takes_away_what_directions_do_but_for_a_rest_of_each_class():
    world, settings = small_world.world(), small_world.settings(brdf=1)
    reference = zenith_of_sun(world, DAY, sentinel2.INSTRUMENT.hour)
    seen = reflectance_factor(world, settings, DAY, reference, 25, 0)[:, BANDS.index("red")]
    corrected = seen * c_factor("red", reference, 25, 0)
    like_roy = [COVERS[c].volume == COVERS[c].geometry == 1 for c in world.land.cover]
    np.testing.assert_allclose(corrected[like_roy], 1, atol=1e-5)
    assert np.abs(corrected - 1).mean() < 0.5 * np.abs(seen - 1).mean() and corrected.std() > 0.002


@pytest.mark.parametrize("longitude", [-179.0, -88.0, 3.0, 174.5])
def test_a_scene_is_of_the_day_in_utc_that_it_is_named_after(longitude):
    time = overpass_time(10.5, date(2023, 6, 10), longitude)
    assert time.date() == date(2023, 6, 10)
    local = (time.hour + time.minute / 60 + time.second / 3600 + longitude / 15) % 24
    assert local == pytest.approx(10.5, abs=1e-3)
