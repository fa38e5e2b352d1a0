"""The curve's uncertainty holds inside real gaps, which lie where the clouds are, and is left alone where it held."""

import numpy as np
import pytest

from stfuse.posterior import MEMORY, SPEEDS, learn_speeds, posterior
from stfuse.series import to_steps
from stfuse.widening import MIDDLES, REACHES, measure_widening, widening

FIRST = np.datetime64("2021-01-01")
DAYS = np.arange(0, 3 * 365, 5)
EVERY = np.arange(3 * 365)
SIGMA = 0.02


def series(truth, cloud, rng):
    """Values on `DAYS` with noise; `cloud` = the probability of a cloud on each day, for fields as for their images."""
    values = (truth[DAYS] + rng.normal(0, SIGMA, (len(DAYS), truth.shape[1]))).astype(np.float32)
    values[rng.random(len(DAYS)) < cloud[DAYS]] = np.nan
    values[rng.random(values.shape) < 0.3 * cloud[DAYS, None]] = np.nan
    return values, np.where(np.isfinite(values), np.float32(SIGMA), np.float32(np.nan))


def seasonal(count, rng):
    """Fields that shoot up and are cut within June to August, at rest in all other months."""
    up, down = rng.uniform(155, 185, (3, count)), rng.uniform(205, 235, (3, count))
    of = np.minimum(EVERY // 365, 2)
    day = (EVERY % 365)[:, None]
    rise = 1 / (1 + np.exp(-(day - up[of]) / 5)) - 1 / (1 + np.exp(-(day - down[of]) / 5))
    return 0.25 + 0.5 * rise


def walks(count, speed, rng):
    """Fields as the model has them: slopes an Ornstein-Uhlenbeck process, all year alike."""
    slope = np.empty((len(EVERY), count))
    slope[0] = rng.normal(0, speed, count)
    left = np.exp(-1 / MEMORY)
    for t in EVERY[1:]:
        slope[t] = left * slope[t - 1] + rng.normal(0, speed * np.sqrt(1 - left**2), count)
    return 0.5 + np.cumsum(slope, axis=0)


def measured(values, sigmas):
    shares = learn_speeds(values, sigmas, DAYS.astype(float))
    dates = FIRST + DAYS
    return shares, measure_widening(values, sigmas, dates, dates, shares)


def coverage(truth, values, sigmas, shares, factors, shortest):
    """Share of the truth within the stated 90 % on days at least so far from any value."""
    at = EVERY[::2].astype(float)
    mean, spread = posterior(values, sigmas, DAYS.astype(float), at, shares)
    distance = to_steps(values, DAYS.astype(float), at)[1]
    inside = np.abs(mean - truth[::2]) <= 1.645 * spread * widening(distance, factors)
    return inside[distance >= shortest].mean()


def test_stated_ninety_percent_hold_in_gaps_of_a_cloudy_season_of_fast_change():
    """Under three skies: of one, five clear dates of three summers would decide alone."""
    june_to_august = (EVERY % 365 >= 152) & (EVERY % 365 < 244)
    before, after = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = seasonal(300, rng)
        values, sigmas = series(truth, np.where(june_to_august, 0.75, 0.15), rng)
        shares, factors = measured(values, sigmas)
        before.append(coverage(truth, values, sigmas, shares, None, 10))
        after.append(coverage(truth, values, sigmas, shares, factors, 10))
    assert np.mean(before) < 0.65
    assert 0.8 <= np.mean(after) <= 0.97
    assert min(after) > 0.75


def test_where_clouds_know_no_season_and_the_model_holds_nothing_is_widened():
    rng = np.random.default_rng(4)
    truth = walks(400, SPEEDS[-2], rng)
    values, sigmas = series(truth, np.full(len(EVERY), 0.6), rng)
    shares, factors = measured(values, sigmas)
    assert np.isfinite(factors).sum() >= 3
    assert np.nanmax(factors) < 1.12
    assert 0.85 <= coverage(truth, values, sigmas, shares, factors, 10) <= 0.95


def test_fields_twice_as_fast_as_any_speed_ask_for_twice_the_uncertainty_far_from_values():
    rng = np.random.default_rng(5)
    truth = walks(400, 2 * SPEEDS[-1], rng)
    values, sigmas = series(truth, np.full(len(EVERY), 0.5), rng)
    _, factors = measured(values, sigmas)
    assert factors[2:] == pytest.approx(2, rel=0.15)


def test_what_no_date_can_tell_is_not_widened():
    nothing = np.full((len(DAYS), 5), np.nan, np.float32)
    dates, shares = FIRST + DAYS, np.full(len(SPEEDS), 1 / len(SPEEDS))
    factors = measure_widening(nothing, nothing, dates, dates, shares)
    assert np.isnan(factors).all()
    one = nothing.copy()
    one[10] = 0.4
    sigmas = np.where(np.isfinite(one), np.float32(SIGMA), np.float32(np.nan))
    assert np.isnan(measure_widening(one, sigmas, dates, dates, shares)).all()
    assert (widening(np.array([0, 30, np.nan], np.float32), factors) == 1).all()


def test_few_dates_hardly_widen():
    """Three dates, of which the middle one departs: it may be anything."""
    values = np.repeat(np.array([[0.5], [0.8], [0.5]], np.float32), 40, axis=1)
    dates = FIRST + np.array([0, 12, 24])
    known = np.full(values.shape, SIGMA, np.float32)
    shares = np.zeros(len(SPEEDS))
    shares[2] = 1
    factors = measure_widening(values, known, dates, FIRST + np.arange(0, 40, 5), shares)
    mean, sigma = posterior(values[::2], known[::2], np.array([0.0, 24]), np.array([12.0]), shares)
    asked = (0.8 - mean[0, 0]) / 1.645 / sigma[0, 0]
    assert 1 <= np.nanmax(factors) < 0.8 * asked


def test_factor_is_one_on_the_day_of_a_value_linear_between_and_constant_beyond():
    factors = np.array([1.2, np.nan, 2.0, 1.5])
    assert len(factors) == len(REACHES) == len(MIDDLES)
    found = widening(np.array([0, 3.5, 7, 17.5, 28, 50, 400, np.nan, np.inf], np.float32), factors)
    assert found == pytest.approx([1, 1.1, 1.2, 1.6, 2, 1.5, 1.5, 1, 1])
    assert found.dtype == np.float32
