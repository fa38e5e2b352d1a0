"""Savitzky-Golay filters: polynomials pass, weights count, the envelope lies above cloudy values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from stfuse.smoothing import filter_matrix, trend_weights, upper_envelope, weighted_savitzky_golay

STEPS = np.arange(73)
SEASON = 0.2 + 0.6 / (1 + np.exp(-(STEPS - 30) / 3)) - 0.6 / (1 + np.exp(-(STEPS - 52) / 3))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    half_width=st.integers(3, 7),
    degree=st.integers(0, 6),
    coefficients=st.lists(st.floats(-1, 1), min_size=7, max_size=7),
)
def test_polynomials_up_to_the_degree_pass_unchanged_to_the_very_ends(half_width, degree, coefficients):
    series = np.polynomial.Polynomial(coefficients[: degree + 1])(np.linspace(-1, 1, 40))
    assert filter_matrix(40, half_width, degree) @ series == pytest.approx(series, abs=1e-9)
    weights = np.random.default_rng(degree).uniform(0.2, 1, 40)
    assert weighted_savitzky_golay(series, weights, half_width, degree) == pytest.approx(series, abs=1e-6)


def test_filter_of_equal_weights_is_scipys():
    noisy = SEASON + np.random.default_rng(0).normal(0, 0.05, 73)
    expected = savgol_filter(noisy, 11, 3)
    assert filter_matrix(73, 5, 3) @ noisy == pytest.approx(expected)
    assert weighted_savitzky_golay(noisy, np.ones(73), 5, 3) == pytest.approx(expected)


def test_value_of_little_weight_hardly_matters():
    wrong, weights = SEASON.copy(), np.ones(73)
    wrong[40], weights[40] = -1.0, 1e-6
    assert weighted_savitzky_golay(wrong, weights, 4, 3) == pytest.approx(
        weighted_savitzky_golay(SEASON, weights, 4, 3), abs=1e-5
    )


def test_pixels_are_smoothed_each_for_itself():
    rng = np.random.default_rng(1)
    series, weights = rng.random((40, 2, 3)), rng.uniform(0.1, 1, (40, 2, 3))
    series[:, 0, 1] = np.nan
    plain, envelope = weighted_savitzky_golay(series, weights, 5, 2), upper_envelope(series)
    for y, x in np.ndindex(2, 3):
        one = weighted_savitzky_golay(series[:, y, x], weights[:, y, x], 5, 2)
        assert plain[:, y, x] == pytest.approx(one, nan_ok=True)
        assert envelope[:, y, x] == pytest.approx(upper_envelope(series[:, y, x]), nan_ok=True)
    assert np.isnan(plain[:, 0, 1]).all()
    assert np.isnan(envelope[:, 0, 1]).all()


def test_weights_are_one_above_the_trend_and_fall_to_nothing_at_the_deepest_dip():
    original, trend = np.array([[0.5], [0.3], [0.1], [0.6]]), np.full((4, 1), 0.5)
    assert trend_weights(original, trend).ravel() == pytest.approx([1, 0.5, 0, 1])


def test_envelope_climbs_out_of_clouds_that_the_plain_filter_follows():
    cloudy = SEASON.copy()
    cloudy[[10, 33, 40, 45]] -= 0.35
    plain = weighted_savitzky_golay(cloudy, np.ones(73), 4, 3)
    envelope = upper_envelope(cloudy)
    assert SEASON[40] - plain[40] > 0.08
    assert SEASON[40] - envelope[40] < 0.5 * (SEASON[40] - plain[40])
    assert np.abs(envelope - SEASON).mean() < 0.6 * np.abs(plain - SEASON).mean()


def test_envelope_does_not_lower_what_lies_above_the_trend():
    # One clear value above its neighbours: plain smoothing takes most of it away, the lifted series keeps it.
    clear = np.full(73, 0.3)
    clear[36] = 0.5
    plain = weighted_savitzky_golay(clear, np.ones(73), 4, 3)
    envelope = upper_envelope(clear)
    assert plain[36] < 0.4 < envelope[36]


def test_envelope_is_biased_high_after_a_cut_as_documented():
    cut = np.full(73, 0.8)
    cut[36:44] = 0.8 - 0.4 * np.exp(-np.arange(8) / 3)
    assert (upper_envelope(cut) - cut)[30:50].mean() > (weighted_savitzky_golay(cut, np.ones(73), 4, 3) - cut)[
        30:50
    ].mean()


def test_window_too_short_for_the_degree_is_refused():
    with pytest.raises(ValueError, match="window"):
        filter_matrix(5, 3, 6)
    with pytest.raises(ValueError, match="window"):
        weighted_savitzky_golay(np.ones(20), np.ones(20), 1, 3)
    with pytest.raises(ValueError, match="positive"):
        weighted_savitzky_golay(np.ones(20), np.zeros(20), 5, 3)
