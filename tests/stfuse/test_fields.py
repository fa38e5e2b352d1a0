"""Fields of a map, and fields without one."""

from __future__ import annotations

import numpy as np

from stfuse.fields import describe_fields, legend, mosaic, patches, segments


def test_the_largest_patch_of_a_value_keeps_the_map_s_number() -> None:
    given = np.array([[7, 7, 0, 7], [7, 7, 0, 0], [0, 0, 3, 3]], np.int32)
    np.testing.assert_array_equal(patches(given), [[7, 7, 0, 8], [7, 7, 0, 0], [0, 0, 3, 3]])


def test_diagonal_neighbours_are_two_patches() -> None:
    assert len(np.unique(patches(np.eye(2, dtype=np.int32)))) == 3


def test_a_map_of_field_numbers_is_returned_as_it_is() -> None:
    given = np.kron(np.arange(1, 10, dtype=np.int32).reshape(3, 3), np.ones((4, 4), np.int32))
    np.testing.assert_array_equal(patches(given), given)
    np.testing.assert_array_equal(patches(np.zeros((2, 2), np.int32)), 0)


def test_fields_that_differ_on_one_day_are_told_apart_and_bare_ground_is_none() -> None:
    rng = np.random.default_rng(0)
    ndvi = np.full((3, 40, 40), 0.7)
    ndvi[1, :, 20:] = 0.3
    ndvi[:, 30:] = 0.1
    ndvi += rng.normal(0, 0.01, ndvi.shape)
    ndvi[0, 5:9, 5:9] = np.nan
    found = segments(ndvi.astype(np.float32))
    assert (found[30:] == 0).all()
    left, right = np.unique(found[:30, :20]), np.unique(found[:30, 20:])
    assert len(left) == len(right) == 1
    assert left[0] != right[0]
    assert left[0] > 0


def test_patches_smaller_than_asked_are_none() -> None:
    given = np.array([[7, 7, 0, 7], [7, 7, 0, 0], [0, 0, 3, 3]], np.int32)
    np.testing.assert_array_equal(patches(given, 2), [[7, 7, 0, 0], [7, 7, 0, 0], [0, 0, 3, 3]])
    np.testing.assert_array_equal(patches(given, 3), [[7, 7, 0, 0], [7, 7, 0, 0], [0, 0, 0, 0]])


def test_of_pieces_that_know_a_pixel_the_first_counts_and_none_is_averaged() -> None:
    west, east = np.array([[1, 1, 0]], np.int32), np.array([[0, 5, 5]], np.int32)
    np.testing.assert_array_equal(mosaic([west, east]), [[1, 1, 5]])
    np.testing.assert_array_equal(mosaic([east, west]), [[1, 5, 5]])
    np.testing.assert_array_equal(west, [[1, 1, 0]])


def test_each_field_is_told_by_the_map_s_value_there() -> None:
    values = np.array([[5, 5, 0, 1], [1, 1, 1, 0]], np.int32)
    fields = np.array([[9, 9, 0, 0], [4, 4, 4, 0]], np.int32)
    assert describe_fields(fields, values, {5: "Soybeans"}, 100) == [
        {"field": 4, "code": 1, "name": "", "hectares": 3.0},
        {"field": 9, "code": 5, "name": "Soybeans", "hectares": 2.0},
    ]


def test_a_legend_is_read_wherever_an_asset_states_it() -> None:
    entry = [{"value": 1, "description": "Corn"}, {"value": 5, "name": "soy", "title": "Soybeans"}]
    expected = {1: "Corn", 5: "Soybeans"}
    assert legend({"classification:classes": entry}) == expected
    assert legend({"raster:bands": [{"classification:classes": entry}]}) == expected
    assert legend({"file:values": [{"values": [1], "summary": "Corn"}]}) == {1: "Corn"}
    assert legend({}) == {}
