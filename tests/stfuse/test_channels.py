from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from factory import days, make_grid
from stfuse.channels import aligned, nesting, repeated, upsampled
from stfuse.grid import coarser
from stfuse.learning.lessons import Example, Lesson
from stfuse.task import Series

DAY = np.datetime64("2020-06-01")


def image(grid, bands=2, seed=0):
    values = np.random.default_rng(seed).uniform(0.1, 0.5, (1, bands, *grid.shape)).astype(np.float32)
    return Series(values, days("2020-06-01"), tuple("bgrn"[:bands]), grid)


def cut(series, rows, columns):
    return Series(series.values[..., rows, columns], series.dates, series.bands, series.grid[rows, columns])


@pytest.mark.parametrize("ratio", [1, 2, 3, 5])
def test_whole_ratios_repeat_every_value(ratio):
    grid = make_grid((6 * ratio, 4 * ratio))
    coarse = image(coarser(grid, ratio))
    found = repeated(coarse, DAY, grid)
    np.testing.assert_array_equal(found.values, coarse.values[0].repeat(ratio, 1).repeat(ratio, 2))
    assert found[1:] == (ratio, 0, 0)


def test_ratio_two_and_a_half_shares_five_pixels_as_two_and_three():
    grid = make_grid((10, 15))
    coarse = image(coarser(grid, 2.5), bands=1)
    found = repeated(coarse, DAY, grid)
    rows, columns = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3], [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5]
    np.testing.assert_array_equal(found.values[0], coarse.values[0, 0][np.ix_(rows, columns)])
    assert found[1:] == (Fraction(5, 2), 0, 0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1.0, 1.5, 2.0, 2.5, 3.0, 16.7]), st.data())
def test_a_window_holds_the_bits_of_the_whole(ratio, data):
    grid = make_grid((60, 48))
    coarse = image(coarser(grid, ratio))
    top, left = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 30))
    part = grid[top : top + 17, left : left + 15]
    # What is cut of the coarse image begins anywhere before the window, 2 pixels at least, or at the image's edge.
    first = [max(int(n / ratio) - data.draw(st.integers(3, 6)), 0) for n in (top, left)]
    whole = repeated(coarse, DAY, grid)
    found = repeated(cut(coarse, slice(first[0], None), slice(first[1], None)), DAY, part)
    np.testing.assert_allclose(
        found.values, whole.values[:, top : top + 17, left : left + 15], rtol=0, atol=0 if ratio < 16 else 1e-6
    )
    p = whole.ratio.numerator
    assert (found.ratio, found.row, found.column) == (whole.ratio, (whole.row - top) % p, (whole.column - left) % p)


def test_a_window_that_begins_within_a_cell_says_where_the_next_begins():
    grid = make_grid((30, 30))
    for ratio, offset, row in ((3.0, 1, 2), (3.0, 3, 0), (2.5, 1, 4), (2.5, 7, 3)):
        found = nesting(coarser(grid, ratio), grid[offset:, :])
        assert (found.row, found.column, found.exact) == (row, 0, True)


def test_cells_begin_where_edges_meet():
    """The coarse grid begins half a fine pixel inside: at ratio 2.5 its second edge is the first whole one."""
    grid = make_grid((20, 20))
    coarse = GeoBox((6, 6), grid.affine @ Affine.translation(0.5, 1.0) @ Affine.scale(2.5), grid.crs)
    found = nesting(coarse, grid)
    assert found.exact and (found.row, found.column) == (1, 3)
    values = repeated(image(coarse), DAY, grid).values
    assert np.isnan(values[:, :1]).all() and np.isfinite(values[:, 1:15, 0:15]).all()
    assert len(np.unique(values[0, 1, 3:5])) == 1 and len(np.unique(values[0, 1, 3:8])) == 2


@pytest.mark.parametrize(
    ("ratio", "nearest"), [(16.7, Fraction(17)), (2.4, Fraction(5, 2)), (2.9, Fraction(3)), (0.8, Fraction(1))]
)
def test_other_ratios_are_brought_to_the_nearest_that_nests(ratio, nearest):
    grid = make_grid((100, 100))
    coarse = GeoBox((round(110 / ratio),) * 2, grid.affine @ Affine.scale(ratio), grid.crs)
    flat = image(coarse)
    slope = replace(flat, values=np.broadcast_to(np.linspace(0, 1, coarse.width, dtype=np.float32), flat.values.shape))
    found = repeated(slope, DAY, grid)
    assert found.ratio == nearest
    expected = upsampled(slope, DAY, grid)
    assert np.abs(found.values - expected)[:, 20:80, 20:80].max() < 0.55 * float(nearest) / 100 + 0.01


def test_a_shifted_grid_is_brought_to_the_nearest_edges():
    grid = make_grid((30, 30))
    coarse = GeoBox((10, 10), grid.affine @ Affine.translation(1 / 3, 0) @ Affine.scale(3), grid.crs)
    found = nesting(coarse, grid)
    assert (found.exact, found.row, found.column) == (False, 0, 0)
    values = repeated(image(coarse), DAY, grid).values[:, 3:27, 3:27]
    np.testing.assert_array_equal(values, values[:, 1::3, 1::3].repeat(3, 1).repeat(3, 2))


def test_gaps_and_what_lies_outside_stay_unknown():
    grid = make_grid((12, 12))
    coarse = image(coarser(grid, 3))
    coarse.values[0, :, 1, 2] = np.nan
    found = repeated(cut(coarse, slice(0, 3), slice(None)), DAY, grid).values
    unknown = np.zeros((12, 12), bool)
    unknown[3:6, 6:9] = unknown[9:] = True
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(unknown, found.shape))


def test_an_aligned_lesson_shows_what_lies_behind_its_first_rows():
    values = np.arange(48, dtype=np.float32).reshape(1, 6, 8)
    lesson = Lesson((6, 8), lambda w: Example(values[:, *w], values[:, *w]), context=3)
    moved = aligned(lesson, 2, 1)
    assert (moved.shape, moved.context) == ((4, 7), 3)
    np.testing.assert_array_equal(moved.see((slice(0, 2), slice(3, 7))).inputs, values[:, 2:4, 4:8])
    assert aligned(lesson, 0, 0) is lesson
