from fractions import Fraction

import numpy as np
import pytest
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from stfuse.channels import nesting
from stfuse.crops import covering
from stfuse.grid import coarser
from stfuse.learning.lattice import Lattice, cells, corner_of, mirrored, pieces

CRS = "EPSG:32631"
lattices = st.integers(1, 40).flatmap(lambda w: st.builds(Lattice, st.just(w), st.integers(0, w // 2)))
corners = st.integers(-(10**6), 10**6)


def total(axis, length: int) -> np.ndarray:
    """The weights of all windows, added up over an image; what lies outside must weigh nothing."""
    found = np.zeros(length)
    for start, row in zip(axis.starts, axis.weights, strict=True):
        assert start >= 0 and start + axis.length <= length
        found[start : start + axis.length] += row
    return found


@settings(max_examples=150, deadline=None)
@given(lattices, st.integers(1, 90), corners, st.data())
def test_the_weights_of_all_windows_add_up_to_one(lattice, length, corner, data):
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first + 1, length))
    axis = lattice.along((first, last), (0, length), corner)
    np.testing.assert_allclose(total(axis, length)[first:last], 1, atol=1e-6)
    assert list(axis.starts) == sorted(set(axis.starts))


@settings(max_examples=100, deadline=None)
@given(lattices, st.integers(1, 60), st.integers(1, 20), st.integers(1, 60), corners)
def test_windows_lie_alike_in_a_scene_and_in_its_tile(lattice, before, wanted, after, corner):
    length, reach = before + wanted + after, lattice.reach(0)
    start, stop = max(before - reach, 0), min(before + wanted + reach, length)
    whole = lattice.along((before, before + wanted), (0, length), corner)
    tile = lattice.along((before - start, before - start + wanted), (0, stop - start), corner + start)
    assert [s + start for s in tile.starts] == list(whole.starts) and tile.length == whole.length
    np.testing.assert_array_equal(tile.weights, whole.weights)


def test_inside_an_image_windows_begin_at_multiples_of_the_stride_on_the_ground():
    axis = Lattice(8, 2).along((20, 40), (0, 100), 1000)
    assert all((start + 1000) % 6 == 0 for start in axis.starts)
    assert axis.starts == [14, 20, 26, 32, 38]  # all that touch 20 to 39


def test_at_the_edge_a_window_sees_real_pixels_but_counts_where_it_would_have_lain():
    axis = Lattice(10, 4).along((0, 30), (0, 30), 3)  # windows would begin at -3, 3, 9, 15, 21, 27 (and at -9)
    assert axis.starts == [0, 3, 9, 15, 20]
    np.testing.assert_allclose(axis.weights[0][:3], [1, 1, 1], atol=1e-6)
    np.testing.assert_array_equal(axis.weights[0][7:], 0)
    assert axis.weights[4][0] == 0 and axis.weights[4][9] == pytest.approx(1)


def test_an_image_smaller_than_a_window_is_one_window():
    axis = Lattice(40, 10).along((2, 7), (0, 13), 12345)
    assert axis.starts == [0] and axis.length == 13
    np.testing.assert_allclose(axis.weights[0][2:7], 1, atol=1e-6)


def test_windows_blend_with_a_raised_cosine():
    weights = Lattice(12, 4).weights()
    np.testing.assert_allclose(weights[:4], 0.5 - 0.5 * np.cos(np.pi * np.array([0.125, 0.375, 0.625, 0.875])))
    np.testing.assert_array_equal(weights[4:8], 1)
    np.testing.assert_array_equal(weights, weights[::-1])


@pytest.mark.parametrize(("window", "overlap"), [(0, 0), (8, 5), (8, -1)])
def test_overlaps_beyond_half_a_window_are_refused(window, overlap):
    with pytest.raises(ValueError, match=f"overlap.*{overlap}"):
        Lattice(window, overlap)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 50), st.integers(1, 90), st.integers(1, 60), st.integers(1, 7), corners)
def test_pieces_cover_what_is_wanted_once_and_begin_with_a_cell(first, count, side, align, corner):
    axis = pieces((first, first + count), side, align, corner)
    covered = [s + i for s in axis.starts for i in range(axis.length)]
    assert covered == list(range(covered[0], covered[-1] + 1))
    assert covered[0] <= first < covered[0] + align and covered[-1] >= first + count - 1
    assert axis.length <= max(side, align) and axis.length % align == 0
    assert all((start + corner) % align == 0 for start in axis.starts)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_without_cells_an_image_is_mirrored_about_its_last_pixel(length):
    expected = np.pad(np.arange(length), 15, mode="reflect" if length > 1 else "edge")
    np.testing.assert_array_equal(mirrored(-15, length + 15, length), expected)


def test_whole_cells_are_mirrored_about_their_edge():
    np.testing.assert_array_equal(mirrored(-4, 10, 6, align=3), [3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 5, 4, 3, 2])


def test_a_cell_that_the_edge_cuts_is_filled_with_its_last_pixel():
    # Cells of 3 from -2: the image has 1 pixel of the first, 3 of the second and 2 of the third.
    np.testing.assert_array_equal(mirrored(-5, 10, 6, align=3, corner=2), [0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5, 4])


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.integers(2, 7), st.integers(-50, 50), st.integers(0, 60), st.integers(0, 60))
def test_repeated_coarse_values_stay_repeated_beyond_the_edge(length, align, corner, before, after):
    coarse = (np.arange(length) + corner) // align  # one value a cell
    start, stop = cells(length, align, corner)
    index = np.arange(start - before * align, stop + after * align)
    outside = coarse[mirrored(index[0], index[-1] + 1, length, align, corner)]
    np.testing.assert_array_equal(outside.reshape(-1, align), outside[::align, None].repeat(align, 1))
    inside = (index >= 0) & (index < length)
    np.testing.assert_array_equal(outside[inside], coarse)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([3.0, 2.5, 2.0, 5.0, 16.0, 46.33127165]),
    st.floats(-0.49, 0.49),
    st.integers(0, 70),
    st.integers(0, 70),
    st.sampled_from([10.0, 30.0, 20.0 / 3.0]),
)
def test_every_window_of_a_scene_counts_from_the_same_point(ratio, shift, row, column, pixel):
    affine = Affine(pixel, 0, 501360.0 + shift * pixel, 0, -pixel, 5629680.0 - shift * pixel)
    scene = GeoBox((120, 130), affine, CRS)
    coarse = coarser(scene, ratio)
    part = scene[row : row + 50, column : column + 60]
    around = coarse[covering(coarse, part)]  # what a tile is given
    for ground in ((None, None), (coarse, around)):
        whole, tile = corner_of(scene, ground[0]), corner_of(part, ground[1])
        assert (tile[0] - whole[0], tile[1] - whole[1]) == (row, column)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([3.0, 2.5, 1.5, 4.0]), st.integers(0, 40), st.integers(0, 40))
def test_at_multiples_of_the_alignment_fine_and_coarse_edges_meet(ratio, row, column):
    scene = GeoBox((90, 90), Affine(10, 0, 501360, 0, -10, 5629680), CRS)
    part = scene[row:, column:]
    found = corner_of(part, coarser(scene, ratio))
    align = Fraction(ratio).numerator
    assume(min(part.shape) > align)
    for first, corner in zip((row, column), found, strict=True):
        edge = first + -corner % align  # the first multiple in the part, in pixels of the scene
        assert edge / ratio == int(edge / ratio)
    assert nesting(coarser(scene, ratio), part).row == -found[0] % align
