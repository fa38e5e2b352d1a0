"""Courses of fields, gathered from windows."""

import numpy as np
import pytest

from stfuse.phenology import courses as module
from stfuse.phenology.courses import FieldCourses

FIELDS = np.array([[7, 7, 0], [7, 2, 2]], np.int32)
EVERYWHERE = (slice(None), slice(None))


def gathered(values, weights=None, seen=None, fields=FIELDS):
    values = np.asarray(values, np.float32)
    weights = np.ones_like(values) if weights is None else weights
    courses = FieldCourses(fields, len(values))
    courses.add(EVERYWHERE, values, weights, np.ones(values.shape, bool) if seen is None else seen)
    return courses.courses()


def test_course_of_a_field_is_the_median_of_its_known_pixels():
    values = np.array([[[0.1, 0.5, 0.9], [0.3, 0.2, 0.4]], [[0.1, np.nan, 0], [np.nan, 0.2, np.nan]]], np.float32)
    weights = np.ones_like(values)
    weights[0, 1, 2] = 0
    found = gathered(values, weights)
    assert found.numbers.tolist() == [2, 7]
    assert found.pixels.tolist() == [2, 3]
    assert found.medians[0] == pytest.approx([0.2, 0.3])  # the pixel without weight takes no part
    assert found.medians[1] == pytest.approx([0.2, np.nan], nan_ok=True)  # a third of field 7 is too little
    assert found.weights == pytest.approx(np.array([[0.5, 1], [0.5, 0]]))


def test_windows_in_any_cut_give_the_same_courses():
    rng = np.random.default_rng(0)
    fields = rng.integers(0, 4, (9, 11))
    values, weights = rng.random((5, 9, 11)).astype(np.float32), rng.random((5, 9, 11)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    seen = rng.random(values.shape) < 0.8
    whole, pieces = gathered(values, weights, seen, fields), FieldCourses(fields, 5)
    for rows in (slice(0, 4), slice(4, 9)):
        for columns in (slice(0, 5), slice(5, 11)):
            part = (slice(None), rows, columns)
            pieces.add((rows, columns), values[part], weights[part], seen[part])
    for name in ("numbers", "pixels", "medians", "weights", "seen"):
        assert getattr(pieces.courses(), name) == pytest.approx(getattr(whole, name), nan_ok=True, abs=1e-6)


def test_a_date_that_is_filled_over_most_of_a_field_was_not_seen():
    seen = np.ones((1, 2, 3), bool)
    seen[0, 0, :2] = False
    found = gathered(np.full((1, 2, 3), 0.5), seen=seen)
    assert found.weights[0].tolist() == [1, 1]
    assert found.seen[0].tolist() == [1, 0]


def test_site_without_fields_has_no_courses():
    assert gathered(np.ones((3, 2, 3)), fields=FIELDS * 0).medians.shape == (3, 0)


def test_a_field_given_in_part_is_said():
    courses = FieldCourses(FIELDS, 1)
    courses.add((slice(0, 1), slice(0, 3)), *(np.ones((1, 1, 3), t) for t in (np.float32, np.float32, bool)))
    with pytest.raises(ValueError, match=r"\[7\]"):
        courses.courses()


def test_of_a_large_field_a_lattice_is_held_and_of_smaller_ones_all(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 16)
    fields = np.ones((40, 40), np.int32)
    fields[3, 1:39] = 5  # more pixels than 16 as well, but none of its lattice
    fields[20, 11:15] = 9
    values = np.random.default_rng(0).random((2, 40, 40)).astype(np.float32)
    found = gathered(values, fields=fields)
    assert found.pixels.tolist() == [1600 - 38 - 4, 38, 4]
    expected = [values[:, ::10, ::10].reshape(2, -1), values[:, fields == 5], values[:, fields == 9]]
    assert found.medians == pytest.approx(np.stack([np.median(v, axis=1) for v in expected], axis=1))
