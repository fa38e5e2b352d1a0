import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import days
from stfuse.filling.labels import doy_features, from_label, to_label


def test_labels_lie_where_the_sigmoid_is_nearly_straight():
    np.testing.assert_allclose(to_label(np.array([-1.0, 0.0, 0.5, 1.0])), [0.2, 0.5, 0.65, 0.8], rtol=1e-6)


@given(st.floats(-1, 1))
def test_a_label_says_its_ndvi_again(ndvi):
    assert from_label(to_label(np.float32(ndvi))) == pytest.approx(ndvi, abs=1e-6)


def test_ndvi_and_answers_beyond_their_range_are_clipped():
    np.testing.assert_array_equal(to_label(np.array([-3.0, 1.2])), to_label(np.array([-1.0, 1.0])))
    np.testing.assert_array_equal(from_label(np.array([0.0, 1.0])), [-1, 1])


def test_the_unknown_stays_unknown():
    assert np.isnan(to_label(np.array([np.nan]))).all() and np.isnan(from_label(np.array([np.nan]))).all()
    assert to_label(np.array([0.1])).dtype == from_label(np.array([0.1])).dtype == np.float32


def test_days_of_the_year_go_round():
    found = doy_features(days("2021-01-01", "2021-07-02", "2021-12-31", "2020-12-31"))
    angle = 2 * np.pi * np.array([1, 183, 365, 366]) / 365.25
    np.testing.assert_allclose(found, np.stack([np.sin(angle), np.cos(angle)], 1), atol=1e-6)
    # The turn of the year is no further than any other day.
    assert np.linalg.norm(found[2] - found[0]) < 0.03
    assert doy_features(days()).shape == (0, 2)
