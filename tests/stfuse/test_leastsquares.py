"""The compiled fit against scipy's, and against its own samples."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from stfuse.phenology.leastsquares import _SPREAD, _USUAL, fit_curve
from stfuse.phenology.logistic import double_logistic

LOW = np.array([-1.0, 1e-3, 1e-2, -30.0, 1e-2, 10.0])
HIGH = np.array([1.0, 1.2, 0.5, 365.0, 0.5, 400.0])
TRUE = np.array([0.2, 0.6, 0.12, 150.0, 0.09, 100.0])
START = np.array([0.1, 0.5, 0.05, 135.0, 0.05, 120.0])


def curve(x, days):
    return double_logistic(days, (*x[:5], x[3] + x[5]))


def fitted(days, values, weights, low=LOW, high=HIGH, start=START, variance=0.0):
    x = start.copy()
    return x, fit_curve(x, days, values, weights, low, high, variance)


def test_curve_is_recovered_from_its_own_samples():
    days = np.arange(1.0, 365, 9)
    x, cost = fitted(days, curve(TRUE, days), np.ones_like(days))
    assert x == pytest.approx(TRUE, rel=1e-3)
    assert cost < 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_fit_is_as_good_as_scipys(seed):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(np.arange(1.0, 366), 35, replace=False))
    values = curve(TRUE, days) + rng.normal(0, 0.04, days.size)
    weights = rng.uniform(0.2, 1, days.size)
    x, cost = fitted(days, values, weights)
    theirs = least_squares(
        lambda p: np.sqrt(weights) * (values - curve(p, days)), START, bounds=(LOW, HIGH), x_scale="jac", xtol=1e-12
    )
    assert cost == pytest.approx(theirs.cost, rel=1e-5)
    assert curve(x, days) == pytest.approx(curve(theirs.x, days), abs=1e-3)


@pytest.mark.parametrize("variance", [0.03**2, 0.3**2])
def test_what_is_known_of_steepness_counts_as_in_scipys_with_two_residuals_more(variance):
    days = np.r_[np.arange(1.0, 200, 9), np.arange(290.0, 365, 9)]  # the falling limb is not seen
    values, weights = curve(TRUE, days), np.ones_like(days)
    x, cost = fitted(days, values, weights, variance=variance)
    theirs = least_squares(
        lambda p: np.r_[values - curve(p, days), np.sqrt(variance) * np.log(p[[2, 4]] / _USUAL) / _SPREAD],
        START, bounds=(LOW, HIGH), x_scale="jac", xtol=1e-12,
    )  # fmt: skip
    assert x == pytest.approx(theirs.x, rel=2e-2)
    assert cost == pytest.approx(0.5 * ((values - curve(x, days)) ** 2).sum())  # of the values alone


def test_unknowns_keep_to_their_bounds_and_the_rest_is_optimal_there():
    days = np.arange(1.0, 365, 9)
    high = HIGH.copy()
    high[2] = 0.08
    values = curve(TRUE, days)
    x, cost = fitted(days, values, np.ones_like(days), high=high)
    theirs = least_squares(lambda p: values - curve(p, days), START, bounds=(LOW, high), x_scale="jac")
    assert x[2] == high[2]
    assert np.all(x >= LOW)
    assert np.all(x <= high)
    assert cost <= theirs.cost * (1 + 1e-5)


def test_values_of_no_weight_count_for_nothing():
    days = np.arange(1.0, 365, 9)
    values, weights = curve(TRUE, days), np.ones_like(days)
    values[::5], weights[::5] = -1.0, 0.0
    x, _ = fitted(days, values, weights)
    assert x == pytest.approx(TRUE, rel=1e-3)


def test_constant_series_ends_without_nonsense():
    days = np.arange(1.0, 365, 9)
    x, cost = fitted(days, np.full_like(days, 0.3), np.ones_like(days))
    assert np.isfinite(x).all()
    assert cost < 1e-3
