"""Clouds that masks missed."""

from __future__ import annotations

import numpy as np

from stfuse.grid import site_grid
from stfuse.harmonisation.screening import missed_clouds, without_missed_clouds

CRS, BOUNDS = "EPSG:32631", (501360.0, 5629440.0, 501600.0, 5629680.0)


def test_a_bright_jump_is_cloud_a_ploughed_field_is_not() -> None:
    before_blue, before_red = np.full((1, 4), 0.05, np.float32), np.full((1, 4), 0.06, np.float32)
    #                cloud, ploughed, haze within what two sensors differ by, unknown before
    blue = np.array([[0.5, 0.12, 0.09, 0.5]], np.float32)
    red = np.array([[0.5, 0.20, 0.10, 0.5]], np.float32)
    before_blue[0, 3] = np.nan
    assert missed_clouds(blue, red, before_blue, before_red, 1).tolist() == [[True, False, False, False]]


def test_only_the_pixels_of_a_missed_cloud_go_and_their_share_is_told() -> None:
    coarse, fine = site_grid(CRS, BOUNDS, 30), site_grid(CRS, BOUNDS, 10)
    known = np.full((3, 24, 24), 0.06, np.float32)
    values = np.full((3, 8, 8), 0.06, np.float32)
    values[:, :2] = 0.4
    reference = (known, ("red", "green", "blue"), fine)
    kept, missed = without_missed_clouds(
        values, ("blue", "red", "nir"), coarse, reference, ("2020-03-02", "2020-03-01")
    )
    assert missed == 0.25
    assert np.isnan(kept[:, :2]).all()
    np.testing.assert_array_equal(kept[:, 2:], values[:, 2:])


def test_without_blue_and_red_in_both_nothing_is_taken() -> None:
    grid = site_grid(CRS, BOUNDS, 30)
    values, known = np.full((2, 8, 8), 0.4, np.float32), np.full((2, 8, 8), 0.05, np.float32)
    for own, other in ((("red", "nir"), ("blue", "red")), (("blue", "red"), ("red", "nir"))):
        kept, missed = without_missed_clouds(values, own, grid, (known, other, grid), ("2020-03-02", "2020-03-01"))
        assert np.isnan(missed)
        assert kept is values


def test_an_image_that_shares_no_clear_pixel_with_the_reference_was_not_tested() -> None:
    grid = site_grid(CRS, BOUNDS, 30)
    values, known = np.full((2, 8, 8), 0.4, np.float32), np.full((2, 8, 8), 0.05, np.float32)
    values[:, :4], known[:, 4:] = np.nan, np.nan
    bands, dates = ("blue", "red"), ("2020-03-02", "2020-03-01")
    assert np.isnan(without_missed_clouds(values, bands, grid, (known, bands, grid), dates)[1])
    known[:, 4] = 0.38
    assert without_missed_clouds(values, bands, grid, (known, bands, grid), dates)[1] == 0


def test_snow_that_the_site_keeps_is_not_taken_for_cloud() -> None:
    grid = site_grid(CRS, BOUNDS, 30)
    values, known = np.full((2, 8, 8), 0.65, np.float32), np.full((2, 8, 8), 0.05, np.float32)
    bands, snow = ("blue", "red"), np.zeros((8, 8), bool)
    snow[2:] = True
    dates = "2020-03-02", "2020-03-01"
    kept, missed = without_missed_clouds(values, bands, grid, (known, bands, grid), dates, snow)
    np.testing.assert_array_equal(np.isnan(kept), np.stack([~snow] * 2))
    assert missed == 0.25


def test_the_longer_ago_the_reference_is_the_larger_a_jump_must_be() -> None:
    before = np.full((1, 1), 0.05, np.float32)
    seen = before + 0.09
    assert missed_clouds(seen, seen, before, before, 1)[0, 0]
    assert not missed_clouds(seen, seen, before, before, 30)[0, 0]
    assert missed_clouds(seen, seen, before, before, -1)[0, 0]
