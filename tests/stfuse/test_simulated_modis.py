import json
import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pystac
import pytest
from odc.geo.geobox import GeoBox

import small_world
from stfuse.grid import site_grid
from stfuse.harmonisation.sun import sun
from stfuse.simulated import sinusoidal
from stfuse.simulated.covers import BANDS
from stfuse.simulated.directions import reflectance_factor
from stfuse.simulated.sensors.modis import (
    AEROSOL,
    CHANNELS,
    CLASS_SPREAD,
    FILL,
    LOOK_NOISE,
    MODIS_OF_MSI,
    OFFSET_SPREAD,
    SENSOR,
    Modis,
)
from stfuse.simulated.surface import make_world

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "planetary-computer" / "modis-43A4-061"
LIVE = "MCD43A4.A2025061.h35v10.061.2025070035331.json"
DAY = date(2023, 6, 15)
SHEARED = site_grid("EPSG:32616", (400000, 4430000, 400960, 4430960), 10)
ROUNDING = 0.5e-4 + 1e-9


def the_world():
    return small_world.world(700)


def settings(**changes):
    """All nuisances off, on the aligned grid, unless asked for."""
    return small_world.settings(**{**small_world.OFF, "modis_pixel": 240, **changes})


def observer(**changes):
    return Modis(the_world(), settings(**changes))


def with_sky(cover, **changes):
    """An observer under a sky of so many clouds, day by day."""
    world = the_world()
    return Modis(replace(world, weather=replace(world.weather, cloud=np.asarray(cover, float))), settings(**changes))


def clear_on(*offsets, **changes):
    """Wholly clear so many days from `DAY`, wholly cloudy on all other days."""
    cover = np.ones(len(the_world().dates))
    for offset in offsets:
        cover[the_world().index(DAY + timedelta(days=offset))] = 0
    return with_sky(cover, clouds=True, composite=True, **changes)


def read(product):
    """Reflectance (band, y, x) with NaN for fill, and quality (y, x)."""
    bands = [r.values for name, r in product.rasters.items() if "Nadir_Reflectance" in name]
    qualities = [r.values for name, r in product.rasters.items() if "Quality" in name]
    assert all((q == qualities[0]).all() for q in qualities)
    numbers = np.stack(bands)
    return np.where(numbers == FILL, np.nan, numbers * 1e-4), qualities[0]


def observe(**changes):
    (product,) = observer(**changes).observe(DAY)
    return read(product)


def inside(values):
    """Without the ring of pixels around the site."""
    return values[..., 1:-1, 1:-1]


def block_means(image, pixel=240):
    rows, columns = the_world().window
    site, n = image[:, rows, columns], round(pixel / small_world.RESOLUTION)
    blocks = site.reshape(len(site), site.shape[1] // n, n, site.shape[2] // n, n)
    return blocks.mean(axis=(2, 4), dtype=float)[[BANDS.index(b) for b in CHANNELS]]


def truth(day=DAY, **factor):
    return the_world().reflectance(the_world().index(day), **factor)


def test_a_pixel_is_the_mean_of_what_lies_in_it_on_the_sphere():
    period = (DAY, DAY)
    chosen = settings(modis_pixel=0, resolution=10)
    world = make_world(SHEARED, period, SENSOR.reach(chosen, SHEARED), chosen)
    (product,) = Modis(world, chosen).observe(DAY)
    found, quality = read(product)
    grid = next(iter(product.rasters.values())).grid
    x = world.grid.affine.c + 10 * (np.arange(world.grid.width) + 0.5)
    y = world.grid.affine.f - 10 * (np.arange(world.grid.height) + 0.5)
    longitude, latitude = world.grid.crs.transformer_to_crs("EPSG:4326")(*np.meshgrid(x, y))
    east = 6371007.181 * np.radians(longitude) * np.cos(np.radians(latitude))
    north = 6371007.181 * np.radians(latitude)
    column = np.floor((east - grid.affine.c) / sinusoidal.PIXEL)
    row = np.floor((grid.affine.f - north) / sinusoidal.PIXEL)
    image = world.reflectance(0)[[BANDS.index(b) for b in CHANNELS]]
    checked = 0
    for i, j in zip(*np.nonzero(quality == 0), strict=True):
        expected = image[:, (row == i) & (column == j)].mean(axis=1, dtype=float)
        np.testing.assert_allclose(found[:, i, j], expected, atol=ROUNDING + 1e-6)
        checked += 1
    assert checked > 15
    assert product.item["id"] == "MCD43A4.A2023166.h11v04.061.0000000000000"


def test_aligned_pixels_are_the_block_means_of_the_truth():
    values, quality = observe()
    np.testing.assert_allclose(inside(values), block_means(truth()), atol=ROUNDING + 1e-6)
    assert (quality == 0).all()


def test_blur_is_all_that_the_psf_adds():
    world, image = the_world(), truth()[[BANDS.index(b) for b in CHANNELS]].reshape(len(CHANNELS), -1)
    for strength in (0, 1, 2):
        own = observer(psf=strength)
        rows = slice(0, world.grid.height)
        weights = sinusoidal.means(sinusoidal.mean_weights(world.grid, own.grid, 0.35 * strength, rows))
        expected = (weights @ image.T.astype(float)).T.reshape(-1, *own.grid.shape)
        np.testing.assert_allclose(own.look(DAY).values, expected, atol=1e-6)


def test_noise_is_all_that_noise_adds():
    scaled = []
    quiet, noisy, double = (observer(noise=n) for n in (0, 1, 2))
    for day in the_world().dates:
        still = quiet.look(day).values
        added = noisy.look(day).values - still
        scaled.append(added / np.hypot(LOOK_NOISE[0], LOOK_NOISE[1] * still))
        np.testing.assert_allclose(double.look(day).values - still, 2 * added, atol=1e-9)
    assert np.std(scaled) == pytest.approx(1, abs=0.03) and abs(np.mean(scaled)) < 0.04


def test_a_composite_is_as_noisy_as_the_real_product():
    quiet, noisy = (observer(noise=n, composite=True) for n in (0, 1))
    still = np.stack([quiet.composite(day)[0] for day in the_world().dates[8:-7]])
    added = np.stack([noisy.composite(day)[0] for day in the_world().dates[8:-7]]) - still
    assert (added / np.hypot(0.0015, 0.005 * still)).std() == pytest.approx(1, abs=0.35)


def test_bandpass_is_a_line_and_a_spread_of_classes():
    off, on = (observer(bandpass=b).look(DAY).values for b in (0, 1))
    for before, after, band in zip(off, on, CHANNELS, strict=True):
        slope, offset = MODIS_OF_MSI[band]
        assert abs(slope - 1) <= 0.04 and abs(offset) <= 0.004
        rest = (after - offset) / (slope * before) - 1
        assert 0 < np.abs(rest).max() < 3 * CLASS_SPREAD


def test_the_atmosphere_leaves_an_offset_per_day_and_band():
    off, on, double = (observer(atmosphere=a) for a in (0, 1, 2))
    for day in (DAY, DAY + timedelta(days=1)):
        added = on.look(day).values - off.look(day).values
        assert added.std(axis=(1, 2)).max() < 1e-12
        offsets = added.mean(axis=(1, 2))
        limits = 2 * np.array(list(AEROSOL.values())) + 4 * OFFSET_SPREAD
        assert (np.abs(offsets) < limits).all() and (offsets != 0).all()
        np.testing.assert_allclose(double.look(day).values - off.look(day).values, 2 * added, atol=1e-12)


def test_misregistration_moves_a_ramp_by_metres():
    still, moved = observer(), observer(misregistration=1)
    rows, columns = np.mgrid[: moved.grid.height, : moved.grid.width].astype(float)
    ramp = np.stack([columns, rows])
    assert still._displaced(ramp, DAY) is ramp
    shifts = []
    for day in the_world().dates:
        found = inside(moved._displaced(ramp, day)) - inside(ramp)
        assert np.ptp(found, axis=(1, 2)).max() < 1e-9
        shifts.append(found[:, 0, 0] * 240)
    assert 30 < np.std(shifts) < 65 and np.abs(shifts).max() <= 100 + 1e-6


def test_nadir_and_noon_are_what_the_truth_is_brought_to():
    _, latitude = observer().place
    chosen = settings(brdf=1)
    zenith = 90 - sun(DAY, 12.0, latitude)[0]
    factor = reflectance_factor(the_world(), chosen, DAY, zenith, 0.0, 0.0)
    values, _ = observe(brdf=1)
    np.testing.assert_allclose(inside(values), block_means(truth(factor=factor)), atol=ROUNDING + 1e-6)
    assert np.abs(values - observe()[0]).max() > 1e-3


def test_quality_counts_the_clear_looks_of_sixteen_days():
    for offsets, quality in ((range(-3, 4), 0), (range(-3, 3), 1), ((-8, 7), 1), ((0,), 255), ((-9, 8), 255)):
        values, found = read(clear_on(*offsets).observe(DAY)[0])
        assert (found == quality).all()
        assert np.isnan(values).all() if quality == 255 else np.isfinite(values).all()


def test_a_composite_is_the_weighted_mean_of_its_clear_looks():
    found, _ = read(clear_on(-5, 0, 5).observe(DAY)[0])
    days = [truth(DAY + timedelta(days=d)) for d in (-5, 0, 5)]
    expected = sum(w * block_means(t) for w, t in zip((1 / math.e, 1, 1 / math.e), days, strict=True))
    np.testing.assert_allclose(inside(found), expected / (1 + 2 / math.e), atol=ROUNDING + 1e-6)


def test_magnitude_inversions_are_noisier_than_their_looks():
    six, seven = ((clear_on(*range(-3, n)), clear_on(*range(-3, n), noise=1)) for n in (3, 4))
    few, many = (noisy.composite(DAY)[0] - quiet.composite(DAY)[0] for quiet, noisy in (six, seven))
    assert few.std() > 1.5 * many.std()


def test_without_clouds_no_pixel_is_fill_at_either_end_of_the_period():
    for day in (the_world().dates[0], the_world().dates[-1]):
        for composite in (True, False):
            strong = {"noise": 2, "misregistration": 2, "psf": 2, "bandpass": 2, "atmosphere": 2, "brdf": 2}
            values, quality = read(observer(composite=composite, modis_pixel=240, **strong).observe(day)[0])
            assert np.isfinite(values).all() and (quality == 0).all()


def test_clouds_hide_a_single_day_where_they_are():
    broken = with_sky(np.full(30, 0.4), clouds=True)
    seen, quality = read(broken.observe(DAY)[0])
    assert set(np.unique(quality)) <= {0, 255}
    assert 0 < (quality == 255).mean() < 1
    assert (np.isnan(seen) == (quality == 255)).all()
    plain, _ = observe()
    np.testing.assert_array_equal(seen[:, quality == 0], plain[:, quality == 0])


def test_a_day_that_must_be_clear_is_full_and_the_others_stay_as_they_are():
    asked = {"clear": {"modis": [str(DAY)]}}
    for composite in (True, False):
        grey = with_sky(np.ones(30), clouds=True, composite=composite, **asked)
        assert (read(grey.observe(DAY)[0])[1] == 0).all()
        assert (read(grey.observe(DAY + timedelta(days=3))[0])[1] == 255).all()


def test_days_do_not_depend_on_the_days_before():
    on = {"modis_pixel": 0, **dict.fromkeys(("noise", "misregistration", "bandpass", "psf", "atmosphere", "brdf"), 1)}
    days = [DAY + timedelta(days=i) for i in (0, 1, 5, 12)]
    forwards, backwards = (observer(clouds=True, composite=True, **on) for _ in range(2))
    first = {day: forwards.observe(day) for day in days}
    for day in reversed(days):
        for one, other in zip(first[day], backwards.observe(day), strict=True):
            assert one.item == other.item
            for name, raster in one.rasters.items():
                assert raster.values.tobytes() == other.rasters[name].values.tobytes()


def test_items_are_like_the_live_ones():
    if not (FIXTURES / LIVE).exists():
        pytest.skip("the archives' items (../shared/stac-fixtures) are not here")
    live = json.loads((FIXTURES / LIVE).read_text())
    (product,) = observer(modis_pixel=0).observe(DAY)
    item = product.item
    assert item["collection"] == live["collection"] and item["stac_extensions"] == live["stac_extensions"]
    for key, asset in item["assets"].items():
        same = {k: v for k, v in live["assets"][key].items() if k not in ("href", "type")}
        assert {k: v for k, v in asset.items() if k not in ("href", "type")} == same
    assert len(item["assets"]) == 12
    assert set(live["properties"]) - set(item["properties"]) == {"created", "updated"}
    assert set(item["properties"]) - set(live["properties"]) == {"stfuse:simulated"}
    same = ("proj:epsg", "proj:wkt2", "platform", "instruments")
    assert all(item["properties"][k] == live["properties"][k] for k in same)


def test_an_item_says_when_and_where_it_is():
    (product,) = observer(modis_pixel=0).observe(date(2023, 6, 2))
    item = product.item
    assert item["id"] == "MCD43A4.A2023153.h18v03.061.0000000000000"
    told = item["properties"]
    assert told["start_datetime"] == "2023-06-02T00:00:00Z"
    assert told["datetime"] == "2023-06-05T23:59:59.999500Z"
    assert told["end_datetime"] == "2023-06-09T23:59:59.999000Z"
    assert told["modis:tile-id"] == "51018003"
    for name, raster in product.rasters.items():
        assert raster.values.shape == tuple(told["proj:shape"]) == tuple(raster.grid.shape)
        assert list(raster.grid.affine)[:6] == told["proj:transform"]
        reflectance = "Nadir" in name
        assert raster.values.dtype == ("int16" if reflectance else "uint8")
        assert raster.nodata == (32767 if reflectance else 255)
    assert {a["href"].removeprefix("./") for a in item["assets"].values()} == set(product.rasters)
    centre = GeoBox((1, 1), small_world.world().site.affine, small_world.CRS).extent.to_crs("EPSG:4326").centroid
    west, south, east, north = item["bbox"]
    assert west < centre.coords[0][0] < east and south < centre.coords[0][1] < north
    # Extensions' schemas lie on the net; the core's come with pystac.
    pystac.Item.from_dict({**item, "stac_extensions": []}).validate()
