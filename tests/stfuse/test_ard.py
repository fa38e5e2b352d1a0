"""One resampling, masks that hold, and images of one day."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from stfuse.ard import (
    NativeScene,
    RawScene,
    merge,
    merge_day,
    to_grid,
    to_physical,
)
from stfuse.grid import site_grid
from stfuse.harmonisation.angles import everywhere
from stfuse.harmonisation.nbar import Correction
from stfuse.products.stored import Encoding, to_decibels

GRID = site_grid("EPSG:32631", (0, 0, 600, 600), 30)
FINE = site_grid("EPSG:32631", (0, 0, 600, 600), 10)
PLAIN = Encoding(1e-4, 0.0, 0.0, None, "")


def waves(grid: Any, east: float = 0.0, north: float = 0.0) -> Any:
    """A smooth pattern, its content moved by so many metres."""
    y, x = np.mgrid[: grid.shape[0], : grid.shape[1]]
    x_map = grid.affine.c + (x + 0.5) * grid.affine.a - east
    y_map = grid.affine.f + (y + 0.5) * grid.affine.e - north
    return (0.3 + 0.1 * np.sin(x_map / 60) + 0.1 * np.cos(y_map / 45)).astype(np.float32)


def native(values: Any, grid: Any, usable: Any = None) -> NativeScene:
    return NativeScene([(values, grid)], (np.ones(grid.shape, bool) if usable is None else usable, grid), 0.0)


def test_a_scene_on_the_site_s_grid_is_copied() -> None:
    values = np.random.default_rng(0).uniform(0, 1, GRID.shape).astype(np.float32)
    np.testing.assert_array_equal(to_grid(native(values, GRID), GRID, (0.0, 0.0))[0], values)


def test_the_shift_is_part_of_the_one_resampling() -> None:
    beside = site_grid("EPSG:32631", (-90, -90, 690, 690), 30)
    half = site_grid("EPSG:32631", (-75, -75, 705, 705), 30)
    for grid in (beside, half):
        moved = to_grid(native(waves(grid, east=-12, north=7), grid), GRID, (12.0, -7.0))[0]
        np.testing.assert_allclose(moved, waves(GRID), atol=0.004)


def test_what_was_not_seen_stays_unseen_after_interpolation() -> None:
    coarse = site_grid("EPSG:32631", (0, 0, 600, 600), 20)
    usable = np.ones(coarse.shape, bool)
    usable[10:15, 10:15] = False
    values = waves(coarse)
    values[~usable] = np.nan
    out = to_grid(native(values, coarse, usable), FINE, (0.0, 0.0))[0]
    assert np.isnan(out[20:30, 20:30]).all()
    assert np.isfinite(out).sum() == out.size - 100
    np.testing.assert_allclose(out[np.isfinite(out)], waves(FINE)[np.isfinite(out)], atol=0.03)


def make_raw(stored: Any, mask: Any, grid: Any = GRID) -> RawScene:
    return RawScene("x", {"red": (stored, grid)}, {"red": PLAIN}, (mask, grid), "scl")


def test_fill_cloud_and_implausible_values_are_unobserved() -> None:
    stored = np.full(GRID.shape, 2000, np.uint16)
    mask = np.full(GRID.shape, 4, np.uint8)
    stored[0, 0], stored[0, 1], mask[5, 5] = 0, 13000, 9
    scene = to_physical(make_raw(stored, mask), ["red"], 0)
    missing = np.argwhere(np.isnan(scene.bands[0][0])).tolist()
    assert missing == [[0, 0], [0, 1], [5, 5]]
    assert scene.invalid == pytest.approx(2 / (stored.size - 1))


def test_reflectance_is_judged_as_it_was_seen_and_then_brought_to_nadir() -> None:
    stored = np.full(GRID.shape, 11900, np.uint16)
    stored[0, 0], stored[0, 1] = 0, 2000
    against = Correction(everywhere((45, 150), (7.5, 330), "item"))
    plain = to_physical(make_raw(stored, np.full(GRID.shape, 4, np.uint8)), ["red"], 0)
    scene = to_physical(make_raw(stored, np.full(GRID.shape, 4, np.uint8)), ["red"], 0, nbar=against)
    # 1.19 is plausible; what becomes of it, 1.24, is no fault of the archive's.
    np.testing.assert_allclose(scene.bands[0][0], plain.bands[0][0] * 1.04014, rtol=1e-5)
    assert scene.bands[0][0].dtype == np.float32
    assert scene.invalid == plain.invalid == pytest.approx(1 / stored.size)


def test_a_pixel_unusable_in_one_band_is_unusable_in_all() -> None:
    values = waves(GRID)
    holed = values.copy()
    holed[3, 4] = np.nan
    scene = NativeScene([(values, GRID), (holed, GRID)], (np.ones(GRID.shape, bool), GRID), 0.0)
    assert np.isnan(to_grid(scene, GRID, (0.0, 0.0))[:, 3, 4]).all()


def test_images_of_one_day_are_averaged_where_they_meet() -> None:
    first = np.array([[[0.2, np.nan, np.nan, 0.2]]], np.float32)
    second = np.array([[[0.4, 0.4, np.nan, np.nan]]], np.float32)
    np.testing.assert_allclose(merge([first, second]), [[[0.3, 0.4, np.nan, 0.2]]], rtol=1e-6)


SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
MODIS_PIXEL = 463.312716527917


def sinusoidal(longitude: float, latitude: float, reach: int) -> GeoBox:
    """So many pixels of the MODIS grid around a place on every side."""
    x, y = Transformer.from_crs(4326, SINUSOIDAL, always_xy=True).transform(longitude, latitude)
    left, top = (math.floor(x / MODIS_PIXEL) - reach, math.ceil(y / MODIS_PIXEL) + reach)
    affine = Affine(MODIS_PIXEL, 0, left * MODIS_PIXEL, 0, -MODIS_PIXEL, top * MODIS_PIXEL)
    return GeoBox((2 * reach, 2 * reach), affine, SINUSOIDAL)


def plane(grid: GeoBox, origin: tuple[float, float], crs: Any) -> Any:
    """An image linear in the coordinates of a CRS, at the pixel centres of any grid."""
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]]
    x, y = (grid.affine.c + (columns + 0.5) * grid.affine.a, grid.affine.f + (rows + 0.5) * grid.affine.e)
    if grid.crs != crs:
        x, y = Transformer.from_crs(str(grid.crs), crs, always_xy=True).transform(x, y)
    return (0.3 + 2e-5 * (x - origin[0]) - 1e-5 * (y - origin[1])).astype(np.float32)


# Near its central meridian the sinusoidal grid is upright, in Illinois it leans by 45 degrees.
@pytest.mark.parametrize(
    ("longitude", "latitude", "zone"), [(3.0, 50.8, "EPSG:32631"), (-88.2, 40.1, "EPSG:32616"), (120, 49, "EPSG:32651")]
)
def test_an_image_linear_in_sinusoidal_coordinates_comes_out_where_it_belongs(
    longitude: float, latitude: float, zone: str
) -> None:
    source = sinusoidal(longitude, latitude, 30)
    centre = tuple(source.extent.centroid.coords[0])
    x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(longitude, latitude)
    target = site_grid(zone, (x - 4000, y - 4000, x + 4000, y + 4000), 500)
    scene = replace(native(plane(source, centre, SINUSOIDAL), source), resampling="bilinear")
    expected = plane(target, centre, SINUSOIDAL)
    # 1e-4 is what a hundredth of a pixel changes.
    np.testing.assert_allclose(to_grid(scene, target, (0.0, 0.0))[0], expected, atol=1e-4)


def test_bilinear_makes_no_value_beyond_its_neighbours_and_keeps_gaps() -> None:
    source = sinusoidal(3.0, 50.8, 12)
    values = np.random.default_rng(0).uniform(0.1, 0.4, source.shape).astype(np.float32)
    values[:, :12] = np.nan
    x, y = Transformer.from_crs(4326, "EPSG:32631", always_xy=True).transform(3.0, 50.8)
    target = site_grid("EPSG:32631", (x - 3000, y - 2500, x + 2000, y + 2500), 500)
    out = to_grid(NativeScene([(values, source)], (np.isfinite(values), source), 0.0, "bilinear"), target, (0.0, 0.0))[
        0
    ]
    seen = np.isfinite(out)
    assert 0 < seen.mean() < 1
    assert out[seen].min() >= np.nanmin(values)
    assert out[seen].max() <= np.nanmax(values)


@pytest.mark.parametrize("size", [40.0, 640.0])
def test_a_site_smaller_than_a_few_pixels_of_modis_has_its_image(size: float) -> None:
    source = sinusoidal(3.0, 50.8, 5)
    x, y = Transformer.from_crs(4326, "EPSG:32631", always_xy=True).transform(3.0, 50.8)
    target = site_grid("EPSG:32631", (x, y, x + size, y + size), 500)
    out = to_grid(replace(native(np.full(source.shape, 0.2), source), resampling="bilinear"), target, (0.0, 0.0))
    assert out.shape[1:] == target.shape
    np.testing.assert_allclose(out, 0.2, rtol=1e-6)


POWER = Encoding(1.0, 0.0, -32768.0, (1e-30, 1e30), "")


def radar(stored: Any, grid: Any = GRID) -> RawScene:
    return RawScene("x", {"vv": (stored, grid)}, {"vv": POWER}, None, None)


def test_without_a_mask_everything_with_data_is_clear() -> None:
    stored = np.full(GRID.shape, 0.1, np.float32)
    stored[0, 0], stored[0, 1], stored[0, 2] = -32768, 0, 1e4
    scene = to_physical(radar(stored), ["vv"], 40, "backscatter")
    assert np.argwhere(np.isnan(scene.bands[0][0])).tolist() == [[0, 0], [0, 1], [0, 2]]
    # Of the pixels that hold data only the implausible one is a fault.
    assert scene.invalid == pytest.approx(1 / (stored.size - 2))
    assert scene.resampling == "bilinear"


def test_backscatter_is_averaged_as_power_and_turned_into_decibels_last() -> None:
    stored = np.where(np.indices(FINE.shape).sum(axis=0) % 2, 0.001, 1.0).astype(np.float32)
    scene = to_physical(radar(stored, FINE), ["vv"], 0, "backscatter")
    half = site_grid("EPSG:32631", (5, 0, 595, 600), 10)
    out = to_decibels(to_grid(scene, half, (0.0, 0.0)))[0]
    # The mean of 0 and -30 dB would be -15 dB.
    np.testing.assert_allclose(out, 10 * np.log10(0.5005), atol=1e-4)
    both = merge_day([scene, to_physical(radar(stored[:, ::-1].copy(), FINE), ["vv"], 0, "backscatter")], FINE)
    np.testing.assert_allclose(to_decibels(both), 10 * np.log10(0.5005), atol=1e-4)


def test_speckle_has_no_negative_power_however_it_lies() -> None:
    rng = np.random.default_rng(0)
    stored = rng.gamma(1.0, 0.1, FINE.shape).astype(np.float32)
    beside = site_grid("EPSG:32631", (103, 104, 503, 504), 10)
    assert (to_grid(to_physical(radar(stored, FINE), ["vv"], 0, "backscatter"), beside, (0.0, 0.0)) > 0).all()
