"""The curve's derivatives and dates against closed forms and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.phenology.logistic import (
    curvature_change,
    derivatives,
    double_logistic,
    season_peaks,
    transition_dates,
    transition_errors,
)

CORN = (0.2, 0.7, 0.12, 170.0, 0.10, 255.0)
FAR = (0.1, 5000.0)  # a falling limb that no date of the rising one feels


def differences(function, days, step=0.05):
    """Fourth-order central differences."""
    ahead, behind = (np.asarray(function(days + s * step)) for s in (1, -1))
    further, back = (np.asarray(function(days + 2 * s * step)) for s in (1, -1))
    return (8 * (ahead - behind) - (further - back)) / (12 * step)


def test_limb_passes_half_its_height_at_its_middle():
    assert double_logistic(100.0, (0.2, 0.6, 0.15, 100, *FAR)) == pytest.approx(0.5)


def test_derivatives_agree_with_finite_differences():
    days = np.linspace(120, 300, 37)
    exact = derivatives(days, CORN)
    assert exact[0] == pytest.approx(differences(lambda t: double_logistic(t, CORN), days), abs=1e-9)
    for order in range(4):
        numeric = differences(lambda t, o=order: derivatives(t, CORN)[o], days)
        assert exact[order + 1] == pytest.approx(numeric, abs=1e-9)


def test_curvature_change_agrees_with_finite_differences_even_where_slopes_are_steep():
    steep = (0.0, 1.2, 0.5, 100.0, 0.5, 140.0)
    days = np.linspace(85, 155, 41)

    def curvature(t):
        first, second = derivatives(t, steep)[:2]
        return second / (1 + first**2) ** 1.5

    change, its_change = curvature_change(days, steep)
    assert change == pytest.approx(differences(curvature, days, 0.02), abs=1e-7)
    numeric = differences(lambda t: curvature_change(t, steep)[0], days, 0.02)
    assert its_change == pytest.approx(numeric, abs=1e-7)


def test_second_derivative_of_a_limb_is_extreme_at_ln_2_plus_root_3_over_k():
    for side in (-1, 1):
        day = 100 + side * np.log(2 + np.sqrt(3)) / 0.15
        third = derivatives(np.array([day - 1, day, day + 1]), (0, 1, 0.15, 100, *FAR))[2]
        assert abs(third[1]) < 1e-9 < abs(third[0])
        assert np.sign(third[0]) == -np.sign(third[2])


@pytest.mark.parametrize(("amplitude", "expected"), [(0.01, (84.717, 100, 115.283)), (0.6, (84.714, 100, 115.286))])
def test_dates_of_a_rising_limb_are_those_computed_with_mpmath(amplitude, expected):
    found = transition_dates((0.1, amplitude, 0.15, 100, *FAR))[:3]
    assert found == pytest.approx(expected, abs=6e-4)


def test_small_limb_starts_and_ends_ln_5_plus_2_root_6_over_k_from_its_middle():
    reach = np.log(5 + 2 * np.sqrt(6))
    found = transition_dates((0, 1e-4, 0.15, 100, 0.08, 1000))
    expected = [100 - reach / 0.15, 100, 100 + reach / 0.15, 1000 - reach / 0.08, 1000, 1000 + reach / 0.08]
    assert found == pytest.approx(expected, abs=1e-4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    amplitude=st.floats(0.1, 1.2),
    k1=st.floats(0.03, 0.5),
    k2=st.floats(0.03, 0.5),
    t1=st.floats(-100, 400),
    clear=st.floats(1.3, 4),
)
def test_dates_are_in_order_and_move_with_the_season(amplitude, k1, k2, t1, clear):
    t2 = t1 + clear * 2.2924 * (1 / k1 + 1 / k2)
    found = transition_dates((0.2, amplitude, k1, t1, k2, t2))
    assert np.isfinite(found).all()
    assert np.all(np.diff(found) > 0)
    assert found[1] == pytest.approx(t1, abs=0.35 / k1)
    assert found[4] == pytest.approx(t2, abs=0.35 / k2)
    later = transition_dates((0.2, amplitude, k1, t1 + 30, k2, t2 + 30))
    assert later == pytest.approx(found + 30, abs=1e-6)


def test_every_date_is_an_extremum_of_what_defines_it():
    found = transition_dates(CORN)
    assert derivatives(found[[1, 4]], CORN)[1] == pytest.approx(0, abs=1e-12)
    outer = found[[0, 2, 3, 5]]
    assert curvature_change(outer, CORN)[1] == pytest.approx(0, abs=1e-15)
    beside = np.abs(np.stack([curvature_change(outer + s, CORN)[0] for s in (-1, 0, 1)]))
    assert np.all(beside[1] > beside[0])
    assert np.all(beside[1] > beside[2])


def test_season_too_short_has_no_end_of_green_up():
    found = transition_dates((0, 0.7, 0.05, 170, 0.05, 200))
    assert np.isnan(found[2:4]).all()
    assert np.isfinite(found[[0, 1, 4, 5]]).all()


def test_no_curve_has_no_dates_and_spoils_no_neighbour():
    found = transition_dates([[CORN, [np.nan] * 6]])
    assert found.shape == (1, 2, 6)
    assert np.isnan(found[0, 1]).all()
    assert found[0, 0] == pytest.approx(transition_dates(CORN))


@pytest.mark.parametrize("curve", [CORN, (0.1, 1.1, 0.4, 120.0, 0.3, 170.0), (0.3, 0.3, 0.05, 80.0, 0.04, 290.0)])
def test_dates_move_with_the_parameters_as_finite_differences_say(curve):
    base = transition_dates(curve)
    for i, step in enumerate((1e-3, 1e-4, 1e-5, 1e-3, 1e-5, 1e-3)):
        moved = [transition_dates([*curve[:i], curve[i] + s * step, *curve[i + 1 :]]) for s in (1, -1)]
        only = np.zeros((6, 6))
        only[i, i] = 4.0  # a sigma of 2 of one parameter alone
        expected = 2 * np.abs(moved[0] - moved[1]) / (2 * step)
        assert transition_errors(curve, base, only) == pytest.approx(expected, rel=2e-4, abs=1e-4)


def test_errors_count_what_parameters_have_in_common():
    together = np.zeros((6, 6))
    together[np.ix_([3, 5], [3, 5])] = 9.0  # the whole season earlier or later: every date by as much
    dates = transition_dates(CORN)
    assert transition_errors(CORN, dates, together) == pytest.approx(3.0)
    assert np.isnan(transition_errors(CORN, dates * np.nan, together)).all()


def test_peak_of_a_symmetric_season_is_midway_and_the_slope_vanishes_at_any():
    assert season_peaks((0.2, 0.6, 0.1, 100, 0.1, 200)) == pytest.approx(150)
    curves = np.array([CORN, (0, 0.7, 0.05, 170, 0.3, 200), [np.nan] * 6])
    peaks = season_peaks(curves)
    assert [derivatives(peaks[i], curves[i])[0] for i in range(2)] == pytest.approx([0, 0], abs=1e-12)
    assert np.isnan(peaks[2])
