"""One resampling, masks that hold, and images of one day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stfuse.ard import NativeScene, RawScene, merge, register, register_bands, shift_in_units, to_grid, to_reflectance
from stfuse.encodings import Encoding
from stfuse.grid import degrade, site_grid

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
    scene = to_reflectance(make_raw(stored, mask), ["red"], 0)
    missing = np.argwhere(np.isnan(scene.bands[0][0])).tolist()
    assert missing == [[0, 0], [0, 1], [5, 5]]
    assert scene.invalid == pytest.approx(2 / (stored.size - 1))


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


def test_near_infrared_and_red_are_compared_and_for_pan_what_it_spans() -> None:
    reference = ("blue", "green", "red", "nir", "nir08")
    assert register_bands(["red", "nir", "nir08"], reference) == [("nir08", ("nir08",)), ("red", ("red",))]
    assert register_bands(["red", "nir"], reference) == [("nir", ("nir",)), ("red", ("red",))]
    assert register_bands(["pan"], reference) == [("pan", ("green", "red"))]
    assert register_bands(["vv"], reference) == []


@pytest.mark.parametrize(("bands", "pixel"), [(["red"], 30), (["pan"], 15)])
def test_an_image_beside_its_place_is_brought_back(bands: list[str], pixel: float) -> None:
    big = (0, 0, 1200, 1200)
    fine, grid = site_grid("EPSG:32631", big, 5), site_grid("EPSG:32631", big, pixel)
    blocks = np.random.default_rng(1).uniform(0.05, 0.4, (20, 20))
    pattern = np.kron(blocks, np.ones((12, 12))).astype(np.float32)
    # Content 10 m too far east and 5 m too far north.
    moved = np.roll(pattern, (-1, 2), axis=(0, 1))
    match = register(degrade(moved[None], fine, grid), bands, grid, (np.stack([pattern] * 2), ("green", "red"), fine))
    assert match is not None
    east, north = shift_in_units(match, grid)
    assert (east, north) == (pytest.approx(-10, abs=0.05 * pixel), pytest.approx(-5, abs=0.05 * pixel))


def test_without_a_common_band_nothing_is_registered() -> None:
    assert (
        register(np.zeros((1, *GRID.shape), np.float32), ["vv"], GRID, (np.zeros((1, 60, 60)), ("red",), FINE)) is None
    )
    assert shift_in_units(None, GRID) == (0.0, 0.0)
