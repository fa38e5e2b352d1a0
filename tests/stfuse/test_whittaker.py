"""Whittaker: as smooth as the penalty asks, straight where the observations are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import days, make_grid
from small_series import make_series, true_ndvi
from stfuse.filling.hiding import hide
from stfuse.methods import load
from stfuse.methods.whittaker import Params, predict, smooth
from stfuse.task import FloatArray, Series, Task

START = days("2021-03-01")[0]


def of_columns(values: FloatArray, at: list[int], wanted: list[int]) -> Task:
    """A task of series side by side, shape (time, series), on these days after `START`."""
    grid, none = make_grid((1, values.shape[1])), np.empty((0, 1, 1, values.shape[1]), np.float32)
    fine = Series(values[:, None, None].astype(np.float32), START + np.array(at, int), ("ndvi",), grid)
    return Task(fine, Series(none, days(), ("ndvi",), grid), 1.0, START + np.array(wanted, int))


@given(
    st.lists(st.integers(0, 200), min_size=2, max_size=12, unique=True),
    st.floats(1, 1e6),
    st.floats(-0.2, 0.2),
    st.floats(-1e-3, 1e-3),
)
@settings(max_examples=40, deadline=None)
def test_a_straight_line_is_its_own_smooth_curve_whatever_the_gaps(
    at: list[int], lam: float, level: float, slope: float
) -> None:
    at = sorted(at)
    inside = np.arange(at[0], at[-1] + 1)
    curve = smooth(np.array(at), np.array([level + slope * d for d in at], np.float32), inside, lam)
    np.testing.assert_allclose(curve, level + slope * inside, rtol=0, atol=1e-6)


def test_three_observations_by_hand() -> None:
    """0, h, 0 become s, h - 2 s, s: 6 s^2 + lam (6 s - 2 h)^2 is least at s = 2 lam h / (1 + 6 lam)."""
    lam, height = 0.5, 0.6
    share = 2 * lam * height / (1 + 6 * lam)
    curve = smooth(np.arange(3), np.array([0, height, 0], np.float32), np.arange(3), lam)
    np.testing.assert_allclose(curve, [share, height - 2 * share, share], atol=1e-6)


def test_the_curve_is_the_least_of_misfit_and_roughness() -> None:
    rng = np.random.default_rng(0)
    at, lam = np.array([0, 3, 4, 11, 20, 21, 33]), 30.0
    values = rng.uniform(0, 1, 7).astype(np.float32)

    def cost(z: np.ndarray) -> float:
        return float(np.sum((z[at] - values) ** 2) + lam * np.sum(np.diff(z, 2) ** 2))

    best = smooth(at, values, np.arange(34), lam)
    assert all(cost(best) < cost(best + rng.normal(0, 1e-3, 34)) for _ in range(50))


def test_beyond_the_observations_the_curve_holds_and_its_line_does_not_go_on() -> None:
    task = of_columns(np.array([[0.2], [0.4], [0.6]]), [0, 10, 20], [-30, 0, 5, 20, 60])
    np.testing.assert_allclose(predict(task, {}, Params())[:, 0, 0, 0], [0.2, 0.2, 0.3, 0.6, 0.6], atol=1e-6)


def test_series_of_few_values() -> None:
    nan = np.nan
    task = of_columns(
        np.array([[nan, 0.3, 0.3, nan], [nan, nan, 0.5, 0.5], [nan, nan, nan, 0.1]]), [0, 1, 21], [0, 1, 11]
    )
    found = predict(task, {}, Params())[:, 0, 0]
    assert np.isnan(found[:, 0]).all()
    np.testing.assert_allclose(found[:, 1], 0.3, atol=1e-7)
    np.testing.assert_allclose(found[:, 2], [0.3, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(found[:, 3], [0.5, 0.5, 0.3], atol=1e-6)


def test_two_observations_of_one_day_weigh_as_two() -> None:
    values = np.array([0.1, 0.3, 0.8, 0.2], np.float32)
    both = smooth(np.array([0, 5, 5, 9]), values, np.arange(10), 10.0)

    def cost(z: np.ndarray) -> float:
        return float(np.sum((z[[0, 5, 5, 9]] - values) ** 2) + 10 * np.sum(np.diff(z, 2) ** 2))

    rng = np.random.default_rng(1)
    assert all(cost(both) < cost(both + rng.normal(0, 1e-3, 10)) for _ in range(50))


def test_a_larger_penalty_is_smoother_and_a_smaller_one_nearer() -> None:
    sample = make_series((4, 4), cloud=0.3, noise=0.05)
    every = sample.task.fine.dates
    task = replace(sample.task, dates=every[0] + np.arange(300))
    rough = [float(np.sum(np.diff(predict(task, {}, Params(lam=lam)), 2, axis=0) ** 2)) for lam in (10, 1e3, 1e5)]
    assert rough[0] > rough[1] > rough[2]
    near = predict(sample.task, {}, Params(lam=1e-3))
    seen = np.isfinite(sample.task.fine.values)
    np.testing.assert_allclose(near[seen], sample.task.fine.values[seen], atol=0.01)


def test_smoothing_beats_lines_between_noisy_observations() -> None:
    sample = make_series((16, 16), days=500, noise=0.05)
    seen = np.isfinite(sample.task.fine.values)
    hidden = hide(seen, 0.3, np.random.default_rng(0))
    values = np.where(hidden, np.float32(np.nan), sample.task.fine.values)
    task = replace(sample.task, fine=replace(sample.task.fine, values=values))
    truth = true_ndvi((16, 16), task.dates)[:, None]
    linear = load("temporal")
    lines = linear.predict(task, {}, linear.Params())
    error, of_lines = (np.abs(values - truth)[hidden].mean() for values in (predict(task, {}, Params()), lines))
    assert error < 0.9 * of_lines


def test_ndvi_stays_in_its_range() -> None:
    values = np.array([[0.0], [0.95], [1.0], [1.0], [0.2]])
    found = predict(of_columns(values, [0, 2, 4, 30, 31], list(range(32))), {}, Params(lam=1e-3))
    assert found.max() <= 1.0
    assert smooth(np.array([0, 2, 4, 30, 31]), values[:, 0].astype(np.float32), np.arange(32), 1e-3).max() > 1.0


def test_no_dates_no_values() -> None:
    task = of_columns(np.zeros((1, 3)), [0], [])
    assert predict(task, {}, Params()).shape == (0, 1, 1, 3)
    assert np.isnan(predict(of_columns(np.zeros((0, 3)), [], [4]), {}, Params())).all()


def test_a_penalty_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="lam must be above 0"):
        Params(lam=0)
