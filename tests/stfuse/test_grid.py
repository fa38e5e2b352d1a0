"""Grids nest, means are means, and resampling keeps to its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from factory import CRS, days, make_grid, make_scene, punch
from stfuse.errors import InputError
from stfuse.grid import coarser, degrade, ndvi, regrid, regrid_series, site_grid
from stfuse.task import Series

BOUNDS = (501360.0, 5629040.0, 502000.0, 5629680.0)


def test_grids_of_a_site_share_the_top_left_corner() -> None:
    for resolution in (10.0, 15.0, 30.0, 167.0):
        grid = site_grid(CRS, BOUNDS, resolution)
        assert grid.boundingbox.left == BOUNDS[0] and grid.boundingbox.top == BOUNDS[3]
        assert grid.boundingbox.right >= BOUNDS[2] and grid.boundingbox.bottom <= BOUNDS[1]
    assert site_grid(CRS, BOUNDS, 10).shape == (64, 64)
    assert site_grid(CRS, BOUNDS, 30).shape == (22, 22)


def test_a_resolution_without_finite_digits_gives_no_extra_row() -> None:
    assert site_grid(CRS, BOUNDS, 640 / 3).shape == (3, 3)


@pytest.mark.parametrize(
    ("crs", "bounds", "found"),
    [
        ("EPSG:999999", BOUNDS, "CRS EPSG:999999 is unknown"),
        ("the usual one", BOUNDS, "CRS the usual one is unknown"),
        ("EPSG:4326", (3.0, 50.0, 3.1, 50.1), r"CRS EPSG:4326 \(WGS 84\) is a geographic one, in degree"),
        ("EPSG:2225", BOUNDS, "CRS EPSG:2225 .* in US survey foot"),
    ],
)
def test_a_crs_that_is_not_in_metres_is_named_with_the_cure(crs: str, bounds: Any, found: str) -> None:
    with pytest.raises(InputError, match=f"{found}.*projected CRS in metres"):
        site_grid(crs, bounds, 10)


@pytest.mark.parametrize("order", [(2, 1, 0, 3), (0, 3, 2, 1), (0, 1, 0, 3), (0, 1, 2, 1)])
def test_bounds_that_enclose_nothing_are_refused(order: tuple[int, ...]) -> None:
    left, bottom, right, top = (BOUNDS[i] for i in order)
    with pytest.raises(InputError, match=r"enclose nothing.*\[left, bottom, right, top\]"):
        site_grid(CRS, (left, bottom, right, top), 10)


@given(st.integers(1, 200), st.sampled_from([1.0, 2.0, 2.5, 3.0, 5.0, 16.7]))
def test_coarser_covers_with_less_than_a_pixel_to_spare(length: int, ratio: float) -> None:
    count = coarser(make_grid((length, length)), ratio).shape[0]
    assert length - 1e-6 <= count * ratio < length + ratio


@pytest.mark.parametrize("ratio", [2, 3, 5])
def test_degraded_pixels_are_block_means(ratio: int) -> None:
    grid = make_grid((47, 40))
    values = punch(make_scene((47, 40), 1, "2018-05-01")[None], 0.1, seed=2)[0]
    found = degrade(values, grid, coarser(grid, ratio))[0]
    np.testing.assert_allclose(found, naive.block_mean(values[0], ratio), rtol=0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([2.0, 2.5, 3.0, 7.3, 16.7]), st.integers(0, 1000))
def test_degrading_keeps_the_mean_and_its_bounds(ratio: float, seed: int) -> None:
    side = round(ratio * 10)  # a whole number of coarse pixels, or just under
    grid = make_grid((side, side))
    values = np.random.default_rng(seed).random((1, side, side), dtype=np.float32)
    found = degrade(values, grid, coarser(grid, ratio))
    assert np.nanmin(found) >= values.min() - 1e-6 and np.nanmax(found) <= values.max() + 1e-6
    if side == ratio * 10:
        assert found.mean() == pytest.approx(values.mean(), abs=1e-5)


def test_a_pixel_less_than_half_observed_is_not_observed() -> None:
    grid = make_grid((4, 6))
    values = np.ones((1, 4, 6), np.float32)
    values[0, :2, 0] = np.nan  # half of the first pixel
    values[0, :2, 2:4] = np.nan
    values[0, 0, 2] = 5  # a quarter of the second
    found = degrade(values, grid, coarser(grid, 2))[0]
    np.testing.assert_array_equal(found, [[1, np.nan, 1], [1, 1, 1]])
    assert degrade(values, grid, coarser(grid, 2), min_valid=0.2)[0, 0, 1] == 5


def test_area_outside_counts_as_unobserved() -> None:
    grid = make_grid((64, 64))
    found = degrade(np.ones((1, 64, 64), np.float32), grid, coarser(grid, 3))[0]
    assert np.isnan(found[-1]).all() and np.isnan(found[:, -1]).all()  # a third is inside
    assert (found[:-1, :-1] == 1).all()


@pytest.mark.parametrize(("length", "ratio"), [(47, 3), (46, 3), (47, 5), (49, 5), (46, 5)])
def test_a_pixel_cut_by_the_edge_is_the_mean_of_what_is_inside(length: int, ratio: int) -> None:
    grid = make_grid((length, length))
    values = make_scene((length, length), 1, "2018-05-01")
    found = degrade(values, grid, coarser(grid, ratio), min_valid=0)[0]
    np.testing.assert_allclose(found, naive.block_mean(values[0], ratio, 0), rtol=0, atol=1e-6)
    # The same one fine pixel further up and left: now the first coarse pixels are cut too.
    earlier = grid.pad(1)
    found = degrade(values, grid, coarser(earlier, ratio), min_valid=0)[0]
    padded = np.pad(values[0], 1, constant_values=np.nan)
    np.testing.assert_allclose(found, naive.block_mean(padded, ratio, 0), rtol=0, atol=1e-6)


def test_not_observed_takes_no_part_in_resampling() -> None:
    grid = make_grid((30, 30))
    coarse = coarser(grid, 3)
    values = np.ones((10, 10), np.float32)
    values[4, 4] = np.nan
    for kernel in ("nearest", "bilinear", "cubic", "lanczos"):
        found = regrid(values, coarse, grid, kernel)  # type: ignore[arg-type]
        np.testing.assert_allclose(found[np.isfinite(found)], 1, atol=1e-6)
        assert np.isnan(found[12:15, 12:15]).all()


def test_the_same_grid_changes_nothing() -> None:
    grid, values = make_grid((20, 30)), make_scene((20, 30), 3, "2018-05-01")
    for kernel in ("nearest", "bilinear", "cubic", "average"):
        np.testing.assert_allclose(regrid(values, grid, grid, kernel), values, atol=1e-6)  # type: ignore[arg-type]


def test_a_shift_moves_east_and_north() -> None:
    grid, values = make_grid((20, 20)), np.zeros((20, 20), np.float32)
    values[10, 10] = 1
    moved = regrid(values, grid, grid, "bilinear", shift=(20.0, 10.0))
    assert np.unravel_index(np.nanargmax(moved), moved.shape) == (9, 12)


def test_resampling_a_crop_gives_the_bits_of_the_whole() -> None:
    """The reason for rounding source positions: without it some bits depend on where the crop begins."""
    for ratio in (2.5, 3.0, 7.3):
        grid = make_grid((150, 150))
        coarse = coarser(grid, ratio)
        values = np.random.default_rng(0).random(coarse.shape, dtype=np.float32)
        part, source = np.s_[61:100, 47:90], np.s_[4:, 2:]
        for kernel in ("bilinear", "cubic"):
            whole = regrid(values, coarse, grid, kernel)  # type: ignore[arg-type]
            crop = regrid(values[source], coarse[source], grid[part], kernel)  # type: ignore[arg-type]
            np.testing.assert_array_equal(crop, whole[part])


def test_extra_dimensions_and_empty_series_pass() -> None:
    grid = make_grid((12, 12))
    series = Series(np.ones((0, 2, 12, 12), np.float32), days(), ("red", "nir08"), grid)
    assert regrid_series(series, coarser(grid, 3), "average").values.shape == (0, 2, 4, 4)
    assert regrid(np.ones((2, 3, 12, 12), np.float32), grid, coarser(grid, 3), "average").shape == (2, 3, 4, 4)


def test_ndvi_is_bounded_and_undefined_without_light() -> None:
    red, nir = (np.array(v, np.float32) for v in ([0.1, 0.0, 0.3, np.nan, -0.1], [0.3, 0.0, 0.1, 0.2, 0.2]))
    np.testing.assert_allclose(ndvi(red, nir), [0.5, np.nan, -0.5, np.nan, 1.0], atol=1e-6)
