import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

import small_world
from small_sensors import DAY, MODULES, NAMES, decoded, mask_of, observe, step, truth, unusable
from stfuse.grid import degrade
from stfuse.simulated import clouds
from stfuse.simulated.covers import BANDS, CODES, PAN_WEIGHTS
from stfuse.simulated.directions import reflectance_factor
from stfuse.simulated.instruments import gather
from stfuse.simulated.sensors import landsat8, sentinel2_coarse
from stfuse.simulated.sensors.optical import scene_shift


@pytest.mark.parametrize("name", NAMES)
def test_with_every_nuisance_off_numbers_decode_to_the_area_mean_of_the_truth(name):
    known, grid = truth(), small_world.world().grid
    found = decoded(observe(name))
    assert set(found) == {c.band for c in MODULES[name].INSTRUMENT.channels}
    for band, (values, own) in found.items():
        # GDAL's area mean is a second opinion on other grids' offsets.
        expected = degrade(known[band][None].astype(np.float32), grid, own)[0]
        np.testing.assert_allclose(values, expected, atol=step(name, band) + 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_without_clouds_and_gaps_every_pixel_is_clear_and_has_data(name):
    world = small_world.world()
    bare = replace(world, land=replace(world.land, cover=np.full_like(world.land.cover, CODES["maize"])))
    products = observe(name, bare, noise=1, misregistration=1, bandpass=1, psf=1, atmosphere=1, brdf=1, mask_error=True)
    mask, _ = mask_of(name, products)
    assert not unusable(name, mask).any()
    assert all(np.isfinite(values).all() for values, _ in decoded(products).values())
    assert all(p.item["properties"]["eo:cloud_cover"] == 0 for p in products)


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_all_that_noise_adds(name):
    quiet, noisy, double = (decoded(observe(name, noise=n)) for n in (0, 1, 2))
    for channel in MODULES[name].INSTRUMENT.channels:
        still = quiet[channel.band][0]
        added = noisy[channel.band][0] - still
        expected = np.hypot(channel.noise, 0.004 * still)
        assert (added / expected).std() == pytest.approx(1, abs=0.12)
        assert abs(added.mean()) < 4 * expected.mean() / math.sqrt(added.size)
        np.testing.assert_allclose(double[channel.band][0] - still, 2 * added, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_clouds_change_only_what_lies_under_cloud_or_shadow(name, monkeypatch):
    monkeypatch.setattr(clouds, "VEILED", 0)
    plain, cloudy = observe(name, noise=1), observe(name, noise=1, clouds=True)
    mask, grid = mask_of(name, cloudy)
    bad = unusable(name, mask)
    assert 0.02 < bad.mean() < 0.98 and not unusable(name, mask_of(name, plain)[0]).any()
    for channel in MODULES[name].INSTRUMENT.channels:
        before, after = (decoded(products)[channel.band] for products in (plain, cloudy))
        if after[1] == grid:
            change = np.abs(after[0] - before[0])
            # With the mask's error off, whatever it calls clear is as without clouds.
            assert change[~bad].max() < 1.5e-3 and change[bad].max() > 0.05
    assert cloudy[0].item["properties"]["eo:cloud_cover"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_veil_brightens_a_little_and_is_in_the_masks(name, monkeypatch):
    scenes = []
    for share in (0, 1):
        monkeypatch.setattr(clouds, "VEILED", share)
        scenes.append(observe(name, clouds=True))
    (bare, _), (hazy, grid) = (decoded(products)["red"] for products in scenes)
    before, after = (unusable(name, mask_of(name, products)[0]) for products in scenes)
    assert (hazy - bare)[bare < 0.3].mean() > 0.002 and np.abs(hazy - bare).max() < 0.2
    assert (after >= before).all() and after.sum() > before.sum()
    if mask_of(name, scenes[1])[1] == grid:
        assert np.abs(hazy - bare)[~after].max(initial=0) < 1.5e-3


@pytest.mark.parametrize("name", NAMES)
def test_mask_error_changes_the_mask_alone(name, monkeypatch):
    monkeypatch.setattr(clouds, "VEILED", 0)
    exact, faulty = (observe(name, clouds=True, mask_error=e) for e in (False, True))
    for band, (values, _) in decoded(exact).items():
        np.testing.assert_array_equal(values, decoded(faulty)[band][0])
    wrong = unusable(name, mask_of(name, exact)[0]) != unusable(name, mask_of(name, faulty)[0])
    assert 0 < wrong.mean() < 0.4


@pytest.mark.parametrize("name", NAMES)
def test_misregistration_displaces_a_scene_by_its_shift(name):
    one, two, twice = (decoded(observe(name, misregistration=m))["red"] for m in (0, 1, 2))
    dx, dy = scene_shift(MODULES[name].INSTRUMENT, small_world.settings(), DAY)
    grid = small_world.world().grid
    for strength, found in ((1, two), (2, twice)):
        moved = gather(truth()["red"], grid, found[1], shift=(strength * dx, strength * dy))
        np.testing.assert_allclose(found[0], moved, atol=step(name, "red") + 1e-6)
    assert np.abs(one[0] - two[0]).max() > 5e-4


def test_sentinel2_lies_around_the_truth_without_a_bias():
    days = [DAY + timedelta(days=5 * i) for i in range(200)]
    shifts = np.array([scene_shift(MODULES["sentinel2"].INSTRUMENT, small_world.settings(), day) for day in days])
    assert np.abs(shifts.mean(axis=0)).max() < 0.25 and shifts.std(axis=0) == pytest.approx([1, 1], abs=0.15)


def test_sentinel2_is_the_measure_of_bands_and_sharpness():
    plain = decoded(observe("sentinel2"))
    other = decoded(observe("sentinel2", bandpass=1, psf=1))
    for band in plain:
        np.testing.assert_array_equal(plain[band][0], other[band][0])


@pytest.mark.parametrize("name", ["landsat8", "venus"])
def test_bandpass_follows_the_line_within_the_spread_of_classes(name):
    instrument = MODULES[name].INSTRUMENT
    plain, own = decoded(observe(name)), decoded(observe(name, bandpass=1))
    for band in (c.band for c in instrument.channels):
        slope, offset = instrument.lines.get(band, (1.0, 0.0))
        ratio = (own[band][0] - offset) / plain[band][0]
        assert ratio.mean() == pytest.approx(slope, abs=0.025)
        assert 1e-4 < ratio.std() < 0.03


def test_a_world_of_one_class_shows_the_line_of_that_class_exactly():
    world = small_world.world()
    alike = replace(world, land=replace(world.land, cover=np.full_like(world.land.cover, CODES["maize"])))
    plain, own = (decoded(observe("landsat8", alike, bandpass=b)) for b in (0, 1))
    for band in ("blue", "red", "pan"):
        slope, offset = np.polyfit(plain[band][0].ravel(), own[band][0].ravel(), 1)
        line = landsat8.OLI_OF_MSI.get(band, (1.0, 0.0))
        assert offset == pytest.approx(line[1], abs=2e-4) and slope == pytest.approx(line[0], abs=0.05)
        assert (own[band][0] - slope * plain[band][0] - offset).std() < 3e-5


@pytest.mark.parametrize("name", ["landsat8", "venus"])
def test_blur_keeps_the_mean_and_softens(name):
    one, two = (decoded(observe(name, psf=p))["nir08"][0] for p in (0, 1))
    assert two.mean() == pytest.approx(one.mean(), rel=0.01)
    assert np.abs(np.diff(two)).mean() < 0.95 * np.abs(np.diff(one)).mean()


@pytest.mark.parametrize("name", NAMES)
def test_the_atmosphere_leaves_a_gain_and_an_offset_a_scene_and_hazes_pan(name):
    plain, hazy = (decoded(observe(name, atmosphere=a)) for a in (0, 1))
    for channel in MODULES[name].INSTRUMENT.channels:
        one, two = plain[channel.band][0].ravel(), hazy[channel.band][0].ravel()
        slope, offset = np.polyfit(one, two, 1)
        np.testing.assert_allclose(two, slope * one + offset, atol=3e-4)
        clear, path = (0.9, 0.03) if channel.band == "pan" else (1.0, 0.0)
        assert slope == pytest.approx(clear, abs=0.1) and slope != clear
        assert offset == pytest.approx(path, abs=0.015) and offset != path


@pytest.mark.parametrize("name", NAMES)
def test_directions_multiply_the_truth_by_the_factor_of_each_object(name):
    world, settings = small_world.world(), small_world.settings(brdf=1)
    properties = observe(name)[0].item["properties"]
    zenith, azimuth = MODULES[name].SENSOR.observer(world, settings).optics.view
    turn = azimuth - properties["view:sun_azimuth"]
    factor = reflectance_factor(world, settings, DAY, 90 - properties["view:sun_elevation"], zenith, turn)
    changed = dict(zip(BANDS, world.reflectance(world.index(DAY), factor), strict=True))
    changed["pan"] = sum(np.float32(w) * changed[b] for b, w in PAN_WEIGHTS.items())
    plain = decoded(observe(name))
    for band, (values, own) in decoded(observe(name, brdf=1)).items():
        expected = gather(changed[band], world.grid, own)
        np.testing.assert_allclose(values, expected, atol=step(name, band) + 1e-6)
        assert np.abs(values - plain[band][0]).max() > 1e-3


def test_a_gap_takes_away_data_and_nothing_else():
    days = [date(2023, 6, 1) + timedelta(days=i) for i in range(365)]
    for name in NAMES:
        observer = MODULES[name].Observer(small_world.world(), small_world.settings(**{**small_world.OFF, "gaps": 1}))
        partial = [d for d in days if observer.optics._edge(d) is not None]
        assert 8 <= len(partial) <= 30
    world = replace(small_world.world(), dates=(days[0], *days[1:]))
    for name in NAMES:
        observer = MODULES[name].Observer(world, small_world.settings(**{**small_world.OFF, "gaps": 1}))
        day = next(d for d in (days[0] + timedelta(days=i) for i in range(365)) if observer.optics._edge(d) is not None)
        moved = replace(world, dates=tuple(day + timedelta(days=i) for i in range(len(small_world.world().dates))))
        one, two = (observe(name, moved, day, gaps=g) for g in (0, 1))
        for band, (values, _) in decoded(two).items():
            seen = np.isfinite(values)
            assert 0.02 < seen.mean() < 0.98
            np.testing.assert_array_equal(values[seen], decoded(one)[band][0][seen])
        certain = observe(name, moved, day, gaps=1, clear={MODULES[name].SENSOR.name: [str(day)]})
        assert np.isfinite(decoded(certain)["red"][0]).all()


@pytest.mark.parametrize("name", [*NAMES, "coarse"])
def test_scenes_do_not_depend_on_the_order_they_are_taken_in(name):
    module = MODULES.get(name, sentinel2_coarse)
    observer = module.Observer(small_world.world(), small_world.settings())
    first = observer.observe(DAY)
    observer.observe(DAY + timedelta(days=3))
    again = observer.observe(DAY)
    for one, two in zip(first, again, strict=True):
        assert one.item == two.item and one.documents == two.documents
        for file, raster in one.rasters.items():
            np.testing.assert_array_equal(raster.values, two.rasters[file].values)
