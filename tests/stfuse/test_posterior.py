"""The posterior curve: equal to Gaussian-process algebra, its intervals true where the model is, and honest in gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.phenology.logistic import double_logistic
from stfuse.posterior import LEVEL_SD, MEMORY, SPEEDS, learn_speeds, posterior

STEPS = np.arange(0, 365, 5.0)


def only(speed):
    """Shares that leave one speed."""
    return np.array([float(s == speed) for s in SPEEDS])


def covariance(one, other, start, speed):
    """Of the level on two sets of days: unknown at `start`, an integrated Ornstein-Uhlenbeck process from there on."""
    t, u = one[:, None] - start, other[None] - start
    bend = 1 - np.exp(-t / MEMORY) - np.exp(-u / MEMORY) + np.exp(-np.abs(t - u) / MEMORY)
    return LEVEL_SD**2 + speed**2 * (2 * MEMORY * np.minimum(t, u) - MEMORY**2 * bend)


@pytest.mark.parametrize("speed", [SPEEDS[1], SPEEDS[-1]])
def test_posterior_is_that_of_a_gaussian_process(speed):
    rng = np.random.default_rng(1)
    days, steps = np.array([0.0, 3, 10, 11, 40, 90]), np.array([0.0, 7, 25, 60, 120])
    values, sigmas = rng.uniform(0.1, 0.9, 6), rng.uniform(0.01, 0.1, 6)
    mean, sigma = posterior(
        values[:, None].astype(np.float32), sigmas[:, None].astype(np.float32), days, steps, only(speed)
    )
    inverse = np.linalg.inv(covariance(days, days, 0.0, speed) + np.diag(sigmas**2))
    across = covariance(steps, days, 0.0, speed)
    assert mean[:, 0] == pytest.approx(0.5 + across @ inverse @ (values - 0.5), abs=2e-4)
    spread = covariance(steps, steps, 0.0, speed) - across @ inverse @ across.T
    assert sigma[:, 0] == pytest.approx(np.sqrt(np.diag(spread)), rel=2e-3)


def fields(count, rng, harvest=None):
    """Seasons of `count` fields on every day, shape (day, field); `harvest` = day on which all are cut."""
    t = np.arange(365.0)
    low, high = (0.15, 0.3, 0.05, 110, 0.04, 220), (0.3, 0.6, 0.12, 170, 0.12, 290)
    curves = np.stack([double_logistic(t, rng.uniform(low, high)) for _ in range(count)], axis=1)
    if harvest is not None:
        curves[harvest:] = 0.2
    return curves


def seen(truth, sigma, share, rng):
    """Truth on one day in four, with white noise, a share of it under clouds."""
    days = np.sort(rng.choice(365, 90, replace=False))
    values = (truth[days] + rng.normal(0, sigma, (90, truth.shape[1]))).astype(np.float32)
    values[rng.random(values.shape) < share] = np.nan
    return values, np.full(values.shape, sigma, np.float32), days.astype(float)


def covered(truth, mean, sigma, at):
    return (np.abs(mean - truth[STEPS.astype(int)]) < 1.645 * sigma)[at].mean()


@pytest.mark.parametrize(("sigma", "share"), [(0.02, 0.5), (0.03, 0.7), (0.05, 0.4), (0.05, 0.85)])
def test_ninety_percent_interval_holds_that_share_of_seasons_under_white_noise(sigma, share):
    rng = np.random.default_rng(7)
    truth = fields(400, rng)
    values, sigmas, days = seen(truth, sigma, share, rng)
    mean, spread = posterior(values, sigmas, days, STEPS, learn_speeds(values[:, :100], sigmas[:, :100], days))
    assert 0.85 <= covered(truth, mean, spread, slice(None)) <= 0.955


def test_interval_holds_apart_from_a_harvest_and_not_nothing_beside_it():
    rng = np.random.default_rng(7)
    truth = fields(400, rng, harvest=200)
    values, sigmas, days = seen(truth, 0.03, 0.6, rng)
    mean, spread = posterior(values, sigmas, days, STEPS, learn_speeds(values[:, :100], sigmas[:, :100], days))
    near = np.abs(STEPS - 200) <= 15
    assert covered(truth, mean, spread, near) >= 0.3  # far below 0.9 today: the known weakness
    assert 0.85 <= covered(truth, mean, spread, ~near) <= 0.97


def test_uncertainty_grows_into_a_gap_and_the_curve_levels_out_beyond_the_last_value():
    days = np.concatenate([np.arange(0, 100, 10.0), np.arange(200, 260, 10.0)])
    values = np.concatenate([np.linspace(0.2, 0.65, 10), np.full(6, 0.6)]).astype(np.float32)[:, None]
    steps = np.arange(0, 400, 10.0)
    mean, sigma = posterior(values, np.full(values.shape, 0.02, np.float32), days, steps)
    gap = sigma[9:21, 0]
    assert np.argmax(gap) in (5, 6)
    assert gap.max() > 5 * gap.min()
    assert np.abs(np.diff(mean[-5:, 0])).max() < 1e-3
    assert (np.diff(sigma[-14:, 0]) > 0).all()


def test_values_are_believed_by_their_uncertainty():
    days, values = np.array([0.0, 5.0, 10.0]), np.array([[0.5], [0.9], [0.5]], np.float32)
    sure, unsure = (np.array([[0.02], [s], [0.02]], np.float32) for s in (0.02, 0.3))
    (trusted, _), (doubted, _) = (posterior(values, s, days, days[1:2], only(0.004)) for s in (sure, unsure))
    assert trusted[0, 0] > 0.62
    assert doubted[0, 0] == pytest.approx(0.5, abs=0.02)


def test_value_without_uncertainty_is_not_used_and_pixel_without_values_stays_unknown():
    days, values = np.array([0.0, 5.0, 10.0]), np.full((3, 2), 0.5, np.float32)
    sigmas = np.full((3, 2), 0.02, np.float32)
    values[1, 0], sigmas[1, 0], sigmas[:, 1] = 0.9, np.nan, np.nan
    mean, spread = posterior(values, sigmas, days, days)
    assert mean[1, 0] == pytest.approx(0.5, abs=1e-3)
    assert np.isnan(mean[:, 1]).all()
    assert np.isnan(spread[:, 1]).all()


def test_speeds_are_learned_from_the_series_that_have_them():
    rng = np.random.default_rng(3)
    days = np.arange(0, 365, 5.0)
    still = 0.7 + rng.normal(0, 0.02, (73, 60))
    fast = fields(60, rng)[days.astype(int)] + rng.normal(0, 0.02, (73, 60))
    sigmas = np.full((73, 60), 0.02, np.float32)
    assert learn_speeds(still.astype(np.float32), sigmas, days)[:2].sum() > 0.9
    assert learn_speeds(fast.astype(np.float32), sigmas, days)[3:].sum() > 0.9
    nothing = np.full((73, 60), np.nan, np.float32)
    assert learn_speeds(nothing, sigmas, days) == pytest.approx(1 / len(SPEEDS))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(shift=st.integers(-400, 400), lift=st.floats(-0.2, 0.2), seed=st.integers(0, 99))
def test_curve_moves_with_its_days_and_hardly_cares_for_the_level(shift, lift, seed):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(200, 12, replace=False)).astype(float)
    values, sigmas = rng.uniform(0.2, 0.8, (12, 1)).astype(np.float32), np.full((12, 1), 0.03, np.float32)
    mean, spread = posterior(values, sigmas, days, days)
    moved, as_sure = posterior(values + np.float32(lift), sigmas, days + shift, days + shift)
    assert moved == pytest.approx(mean + lift, abs=1e-3)
    assert as_sure == pytest.approx(spread, rel=1e-3)
