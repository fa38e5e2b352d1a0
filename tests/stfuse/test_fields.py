"""Fields of a map, and fields without one."""

from __future__ import annotations

import numpy as np

from stfuse.fields import patches, segments


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
