import math
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import small_world
from stfuse.grid import coarser, degrade, site_grid
from stfuse.masks import clear, rejected
from stfuse.simulated import clouds
from stfuse.simulated.covers import BANDS, PAN_WEIGHTS
from stfuse.simulated.instruments import LANDSAT8, SENTINEL2, delivered_grid, gather, overpasses, sun
from stfuse.simulated.scenes import LARGEST_SHIFT, OLI_OF_MSI, Observer, scene_shift
from stfuse.simulated.weather import make_weather

DAY = date(2023, 6, 10)
KIND = {"sentinel-2": "scl", "landsat-8": "qa_pixel"}


def truth():
    world = small_world.world()
    return world.reflectance(world.dates.index(DAY))


def observe(instrument, **changes):
    """Scene of one day with the given settings; all nuisances are off unless asked for."""
    world = small_world.world()
    if changes.get("clouds"):
        # A sky of broken cloud on every day.
        world = replace(world, weather=replace(world.weather, cloud=np.full(len(world.dates), 0.15)))
    return Observer(instrument, world, small_world.settings(**{**small_world.OFF, **changes})).observe(truth(), DAY)


def decode(scene, band):
    numbers, grid = scene.stored[band]
    if scene.instrument is SENTINEL2:
        return numbers * 1e-4 - 0.1, grid
    if band == "pan":
        return (numbers * 2e-5 - 0.1) / math.sin(math.radians(scene.sun[0])), grid
    return numbers * 2.75e-5 - 0.2, grid


def test_a_pixel_gathers_the_block_mean_of_an_aligned_grid():
    image, grid = truth(), small_world.world().grid
    size = 3 * (grid.height // 3)
    target = coarser(grid, 3)[: size // 3, : size // 3]
    blocks = image[:, :size, :size].reshape(7, size // 3, 3, size // 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(gather(image, grid, target), blocks, atol=1e-6)


@pytest.mark.parametrize("instrument", [SENTINEL2, LANDSAT8])
def test_with_every_nuisance_off_numbers_decode_to_the_area_mean_of_the_truth(instrument):
    scene, grid = observe(instrument), small_world.world().grid
    known = dict(zip(BANDS, truth(), strict=True))
    known["pan"] = sum(w * known[b] for b, w in PAN_WEIGHTS.items())
    for channel in instrument.channels:
        found, own = decode(scene, channel.band)
        # GDAL's area mean is a second opinion on other grids' offsets.
        expected = degrade(known[channel.band][None].astype(np.float32), grid, own)[0]
        np.testing.assert_allclose(found, expected, atol=7e-5 if instrument is SENTINEL2 else 3e-5)


@pytest.mark.parametrize("instrument", [SENTINEL2, LANDSAT8])
def test_without_clouds_and_gaps_every_pixel_is_clear_and_has_data(instrument):
    scene = observe(instrument, noise=1, misregistration=1, bandpass=1, psf=1, atmosphere=1, mask_error=True)
    mask, grid = scene.mask
    assert not rejected(mask, KIND[instrument.name]).any()
    assert clear(mask, KIND[instrument.name], grid.resolution.x).all()
    assert all((numbers > 0).all() for numbers, _ in scene.stored.values())
    assert scene.cloud_cover == 0


@pytest.mark.parametrize("instrument", [SENTINEL2, LANDSAT8])
def test_noise_is_all_that_noise_adds(instrument):
    quiet, noisy, double = (observe(instrument, noise=n) for n in (0, 1, 2))
    for channel in instrument.channels:
        still, _ = decode(quiet, channel.band)
        added = decode(noisy, channel.band)[0] - still
        expected = np.hypot(channel.noise, 0.004 * still)
        assert (added / expected).std() == pytest.approx(1, abs=0.1)
        assert abs(added.mean()) < 4 * expected.mean() / math.sqrt(added.size)
        np.testing.assert_allclose(decode(double, channel.band)[0] - still, 2 * added, atol=2e-4)
    np.testing.assert_array_equal(quiet.mask[0], noisy.mask[0])


def test_clouds_change_only_what_lies_under_cloud_or_shadow():
    for instrument in (SENTINEL2, LANDSAT8):
        plain, cloudy = observe(instrument, noise=1), observe(instrument, noise=1, clouds=True)
        mask, grid = cloudy.mask
        usable = clear(mask, KIND[instrument.name], grid.resolution.x, 0)
        assert 0.05 < usable.mean() < 0.95
        for channel in instrument.channels:
            if channel.pixel == instrument.mask_pixel:
                same = plain.stored[channel.band][0] == cloudy.stored[channel.band][0]
                # With the mask's error off, whatever it calls clear is as without clouds.
                close = np.abs(decode(plain, channel.band)[0] - decode(cloudy, channel.band)[0])
                assert close[usable].max() < 0.01 and same[usable].mean() > 0.8
                assert not same[~usable].all()
        assert cloudy.cloud_cover > 0


def test_clouds_brighten_and_shadows_darken():
    values = np.full((7, 2, 2), 0.2, np.float32)
    cloud, shadow = np.float32([[1, 0], [0, 0]]), np.float32([[0, 1], [0, 0]])
    seen = clouds.through(values, BANDS, clouds.Sky(cloud, shadow))
    assert (seen[:, 0, 0] > 0.3).all() and (seen[:, 0, 1] < 0.12).all() and (seen[:, 1] == values[:, 1]).all()


def test_shadows_lie_away_from_the_sun():
    # In the west of clouds that are 700 m to 2200 m high, with the sun in the east at 45 degrees: as far away as high.
    sky = clouds.draw_sky((300, 300), 10, 0.3, (45, 90), np.random.default_rng(4))
    likeness = [np.corrcoef(sky.cloud[:, s : s + 70].ravel(), sky.shadow[:, :70].ravel())[0, 1] for s in range(230)]
    assert max(likeness) > 0.97 and 70 <= int(np.argmax(likeness)) <= 220


def test_mask_error_changes_the_mask_alone():
    for instrument in (SENTINEL2, LANDSAT8):
        exact, faulty = (observe(instrument, clouds=True, mask_error=e) for e in (False, True))
        for band in exact.stored:
            np.testing.assert_array_equal(exact.stored[band][0], faulty.stored[band][0])
        kind = KIND[instrument.name]
        wrong = rejected(exact.mask[0], kind) != rejected(faulty.mask[0], kind)
        assert 0 < wrong.mean() < 0.35


def test_misregistration_displaces_landsat_by_the_scene_shift():
    one, two = (observe(LANDSAT8, misregistration=m) for m in (0, 1))
    dx, dy = scene_shift(small_world.settings(), "landsat-8", DAY)
    world = small_world.world()
    _, grid = decode(one, "red")
    moved = gather(truth()[2], world.grid, grid, shift=(dx, dy))
    np.testing.assert_allclose(decode(two, "red")[0], moved, atol=3e-5)
    assert np.abs(decode(one, "red")[0] - moved).max() > 1e-3
    first, second = observe(SENTINEL2), observe(SENTINEL2, misregistration=1)
    np.testing.assert_array_equal(first.stored["red"][0], second.stored["red"][0])


def test_shifts_share_a_bias_and_stay_below_six_metres():
    days = [DAY + timedelta(days=16 * i) for i in range(60)]
    shifts = np.array([scene_shift(small_world.settings(), "landsat-8", d) for d in days])
    length = np.hypot(*shifts.T)
    assert length.max() <= LARGEST_SHIFT + 1e-9 and np.hypot(*shifts.mean(axis=0)) == pytest.approx(3.5, abs=0.6)
    assert shifts.std(axis=0) == pytest.approx([1.2, 1.2], abs=0.5)


def test_a_mark_moves_east_and_north_with_the_shift():
    grid = site_grid(small_world.CRS, (0, 0, 300, 300), 10)
    image = np.zeros((30, 30), np.float32)
    image[15, 15] = 1
    rows, columns = np.nonzero(gather(image, grid, grid[2:28, 2:28], shift=(20, 10)) > 0.5)
    assert (rows[0] + 2, columns[0] + 2) == (14, 17)


def test_bandpass_follows_the_published_line_within_the_spread_of_classes():
    plain, own = observe(LANDSAT8), observe(LANDSAT8, bandpass=1)
    for band in ("blue", "red", "nir08", "swir22"):
        slope, offset = OLI_OF_MSI[band]
        ratio = (decode(own, band)[0] - offset) / decode(plain, band)[0]
        assert ratio.mean() == pytest.approx(slope, abs=0.02)
        assert 1e-4 < ratio.std() < 0.03
    np.testing.assert_array_equal(observe(SENTINEL2).stored["red"][0], observe(SENTINEL2, bandpass=1).stored["red"][0])


def test_blur_keeps_the_mean_and_softens_landsat_alone():
    sharp, soft = observe(LANDSAT8), observe(LANDSAT8, psf=1)
    one, two = (decode(s, "nir08")[0] for s in (sharp, soft))
    assert two.mean() == pytest.approx(one.mean(), rel=0.01)
    assert np.abs(np.diff(two)).mean() < 0.95 * np.abs(np.diff(one)).mean()
    np.testing.assert_array_equal(observe(SENTINEL2).stored["red"][0], observe(SENTINEL2, psf=1).stored["red"][0])


def test_the_modulation_at_the_nyquist_frequency_is_that_of_oli():
    # A grating of two Landsat pixels, drawn on 1 m cells.
    fine = GeoBox((1200, 1200), Affine(1, 0, 500010, 0, -1, 5631240), small_world.CRS)
    wave = np.sin(2 * np.pi * (np.arange(1200) + 0.5) / 60)[None, :].repeat(1200, axis=0).astype(np.float32)
    target = fine.zoom_out(30)
    seen = gather(wave, fine, target, LANDSAT8.blur)[20, 5:35]
    # Area mean alone leaves 2 / pi; the blur exp(-2 (pi 0.39 / 2)^2) of it.
    assert np.abs(seen).max() == pytest.approx(2 / np.pi * np.exp(-2 * (np.pi * 0.39 / 2) ** 2), rel=0.01)


def test_the_atmosphere_leaves_one_offset_a_scene_and_hazes_pan():
    for instrument in (SENTINEL2, LANDSAT8):
        plain, hazy = observe(instrument), observe(instrument, atmosphere=1)
        for channel in instrument.channels:
            one, two = decode(plain, channel.band)[0], decode(hazy, channel.band)[0]
            if channel.band == "pan":
                slope, offset = np.polyfit(one.ravel(), two.ravel(), 1)
                assert slope == pytest.approx(0.9, abs=1e-3) and offset == pytest.approx(0.03, abs=0.015)
            else:
                assert (two - one).std() < 1e-4 and 0 < abs((two - one).mean()) < 0.015


def test_a_gap_takes_away_data_and_nothing_else():
    days = [date(2023, 6, 1) + timedelta(days=i) for i in range(365)]
    whole, gappy = (
        Observer(SENTINEL2, small_world.world(), small_world.settings(**{**small_world.OFF, "gaps": g})) for g in (0, 1)
    )
    partial = [d for d in days if gappy._edge(d) is not None]
    assert 8 <= len(partial) <= 30
    one, two = (o.observe(truth(), partial[0]) for o in (whole, gappy))
    for band, (numbers, _) in two.stored.items():
        seen = numbers > 0
        assert 0.02 < seen.mean() < 0.98
        np.testing.assert_array_equal(numbers[seen], one.stored[band][0][seen])
    assert ((two.mask[0] == 0).mean() - (two.stored["nir08"][0] == 0).mean()) == pytest.approx(0, abs=1e-9)


def test_scenes_do_not_depend_on_the_order_they_are_taken_in():
    observer = Observer(LANDSAT8, small_world.world(), small_world.settings())
    first = observer.observe(truth(), DAY)
    observer.observe(truth(), DAY + timedelta(days=3))
    again = observer.observe(truth(), DAY)
    for band, (numbers, _) in first.stored.items():
        np.testing.assert_array_equal(numbers, again.stored[band][0])
    np.testing.assert_array_equal(first.mask[0], again.mask[0])


def test_grids_are_the_archives_own():
    bounds = tuple(small_world.world().site.extent.boundingbox.bbox)
    landsat = delivered_grid(bounds, small_world.CRS, 30, LANDSAT8, 180)
    pan = delivered_grid(bounds, small_world.CRS, 15, LANDSAT8, 180)
    assert landsat.affine.c % 30 == 15 and landsat.affine.f % 30 == 15
    # Pixel centres are aligned, so pan begins half of its pixel inside and has one pixel less.
    assert (pan.affine.c, pan.affine.f) == (landsat.affine.c + 7.5, landsat.affine.f - 7.5)
    assert pan.width == 2 * landsat.width - 1
    ten, twenty = (delivered_grid(bounds, small_world.CRS, p, SENTINEL2, 180) for p in (10, 20))
    assert ten.extent == twenty.extent and twenty.affine.c % 20 == 0
    for grid in (landsat, pan, ten):
        box = grid.extent.boundingbox
        assert bounds[0] - box.left >= 150 and box.top - bounds[3] >= 150 and box.right - bounds[2] >= 150


def test_qa_pixel_has_the_true_bits():
    no, yes = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    cloud, shadow, water = yes.copy(), yes.copy(), np.zeros((9, 9), np.float32)
    cloud[0, 0], shadow[8, 8], water[8, 0] = True, True, 1
    qa = clouds.qa_pixel(clouds.Found(cloud, no, shadow), water)
    # Values of the product guide: clear land, clear water, cloud and shadow, all of high confidence.
    assert qa[4, 8] == 21824 and qa[8, 0] == 21952 and qa[0, 0] == 22280 and qa[8, 8] == 23888
    assert qa[0, 3] & 0b10 and not qa[0, 3] & 0b1000000 and not qa[0, 4] & 0b10


def test_overpasses_keep_their_calendar_over_any_period():
    long = overpasses(SENTINEL2, (date(2022, 1, 1), date(2024, 1, 1)), 2)
    assert {(b - a).days for a, b in pairwise(long)} == {5}
    assert overpasses(SENTINEL2, (date(2023, 5, 1), date(2023, 7, 1)), 2) == [
        d for d in long if date(2023, 5, 1) <= d <= date(2023, 7, 1)
    ]
    assert date(2023, 1, 1) in overpasses(LANDSAT8, (date(2022, 1, 1), date(2024, 1, 1)), 0)


def test_the_sun_stands_where_it_should():
    noon_equinox = sun(date(2023, 3, 22), 12, 50)
    assert noon_equinox == pytest.approx((40, 180), abs=0.6)
    assert sun(date(2023, 6, 21), 12, 50)[0] == pytest.approx(63.4, abs=0.3)
    assert 90 < sun(date(2023, 6, 21), 10.5, 50)[1] < 180 and sun(date(2023, 6, 21), 12, -50)[1] == pytest.approx(
        0, abs=0.1
    )


def test_the_share_of_clear_days_is_the_one_asked_for():
    dates = [date(2023, 1, 1) + timedelta(days=i) for i in range(365)]
    for seed in range(3):
        weather = make_weather(dates, 0.6, seed)
        assert (weather.cloud <= 0.06).mean() == pytest.approx(0.6, abs=0.01)
        assert weather.wetness.min() >= 0 and weather.wetness.max() <= 1
        assert weather.wetness[weather.cloud > 0.9].mean() > weather.wetness[weather.cloud == 0].mean()
