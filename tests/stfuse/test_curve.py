"""Curves of series with filled values: they help where nothing was seen and say nothing new elsewhere."""

import numpy as np
import pytest

from stfuse.curve import smooth_series, speeds_of, widening_of
from stfuse.phenology.logistic import double_logistic
from stfuse.series import FILLED, FUSED, NOISE, OBSERVED, Dense, SeriesSettings, assemble
from stfuse.sigmas import Sigmas

START = np.datetime64("2023-01-01")
CURVE = double_logistic(np.arange(365.0), (0.2, 0.6, 0.1, 140, 0.08, 250)).astype(np.float32)
STEPS = START + np.arange(0, 365, 5)
NONE = np.zeros((0, 1, 1), np.float32), np.zeros(0, "datetime64[D]")


def on(days, sigma=0.0, seed=0):
    """The season on days, as images of one pixel."""
    days = np.asarray(days)
    noise = np.random.default_rng(seed).normal(0, sigma, len(days))
    return (CURVE[days] + noise).astype(np.float32)[:, None, None], START + days


def filled(days, sigma, error=0.0):
    values, dates = on(days)
    return values + np.float32(error), np.full(values.shape, sigma, np.float32), dates


def test_observed_comes_before_fused_before_filled():
    row = np.array([[[0.1, np.nan, np.nan, np.nan]]], np.float32)
    made = np.array([[[0.2, 0.2, np.nan, np.nan]]], np.float32)
    fills = np.array([[[0.3, 0.3, 0.3, np.nan]]], np.float32)
    day = np.array(["2023-05-01"], "datetime64[D]")
    dense = assemble((row, day), (made, day), None, (fills, np.full_like(fills, 0.07), day))
    assert dense.values[0, 0] == pytest.approx([0.1, 0.2, 0.3, np.nan], nan_ok=True)
    assert dense.flags[0, 0].tolist() == [OBSERVED, FUSED, FILLED, 0]
    assert dense.own_sigmas[0, 0] == pytest.approx([np.nan, np.nan, 0.07, np.nan], nan_ok=True)


def test_filled_values_neither_are_noise_nor_make_noise_of_others():
    days = np.arange(150, 200, 10)
    values, dates = on(days)
    values[2] = 0.1  # a cloud, which the filled series passes over or follows
    for smooth in (0.85, 0.1):
        fills = np.full((4, 1, 1), smooth, np.float32), np.full((4, 1, 1), 0.05, np.float32), START + days[:4] + 5
        dense = assemble((values, dates), NONE, None, fills)
        assert [str(d) for d in dense.dates[(dense.flags & NOISE > 0)[:, 0, 0]]] == [str(dates[2])]


def test_filled_value_beside_clear_dates_counts_nothing_and_in_a_long_gap_much():
    days = [*range(0, 121, 5), *range(200, 365, 5)]
    dense = assemble(on(days, 0.02), NONE, None, filled(range(2, 362, 5), 0.05))
    found = smooth_series(dense, STEPS, SeriesSettings(), Sigmas(0.02, 0.05))
    at = (dense.dates - START).astype(int)
    weights, fills = found.weights[:, 0, 0], (dense.flags & FILLED > 0)[:, 0, 0]
    assert weights[(dense.flags & OBSERVED > 0)[:, 0, 0]] == pytest.approx(1)
    assert (weights[fills & (at < 115)] == 0).all()
    inside = weights[fills & (at > 145) & (at < 175)]
    assert (inside > 0.015).all()
    # Three filled values share what one would tell: no more than its own (0.02 / 0.05) ** 2 / 3.
    assert (inside <= 0.16 / 3 + 1e-6).all()


def test_filled_values_bring_the_curve_to_the_truth_within_a_long_gap_and_say_how_near():
    days = [*range(0, 111, 5), *range(215, 365, 5)]
    truth, gap = CURVE[::5], slice(24, 41)
    alone, helped = (
        smooth_series(assemble(on(days, 0.02), NONE, None, fills), STEPS, SeriesSettings(), Sigmas(0.02, 0.05))
        for fills in (None, filled(range(0, 365, 5), 0.05, error=0.02))
    )
    errors = [np.abs(c.smooth[gap, 0, 0] - truth[gap]).mean() for c in (alone, helped)]
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.05
    spread = helped.uncertainty[gap, 0, 0]
    assert (spread < alone.uncertainty[gap, 0, 0]).all()
    # Seventeen filled values whose errors hang together do not make the curve four times as sure as one.
    assert spread[8] > 0.025
    assert helped.support[32, 0, 0] == alone.support[32, 0, 0]
    assert helped.long_gap[32, 0, 0]


def test_series_of_pixels_that_only_the_filled_cube_knows():
    values, dates = on(range(0, 365, 10))
    values[:] = np.nan
    dense = assemble((values, dates), NONE, None, filled(range(0, 365, 5), 0.05))
    found = smooth_series(dense, STEPS)
    assert np.abs(found.smooth[:, 0, 0] - CURVE[::5]).max() < 0.08
    assert np.isnan(found.support).all()


@pytest.mark.parametrize("settings", [SeriesSettings(smoother="savitzky_golay"), SeriesSettings(upper_envelope=True)])
def test_other_smoothers_state_their_distance_from_the_posterior(settings):
    dense = assemble(on(range(0, 365, 8), 0.04), NONE)
    likely, other = (smooth_series(dense, STEPS, s, Sigmas(0.04, 0.05)) for s in (SeriesSettings(), settings))
    apart = other.smooth - likely.smooth
    assert np.abs(apart).max() > 0.005
    assert other.uncertainty == pytest.approx(np.sqrt(likely.uncertainty**2 + apart**2), abs=1e-3)


def test_shares_of_speeds_sum_to_one():
    assert speeds_of([assemble(on(range(0, 365, 8), 0.04), NONE)], Sigmas()).sum() == pytest.approx(1)


def test_parts_without_a_value_have_no_say_in_how_common_speeds_are():
    known = assemble(on(range(0, 365, 8), 0.04), NONE)
    empty = Dense(np.full_like(known.values, np.nan), known.dates, np.zeros_like(known.flags))
    alone, among = speeds_of([known], Sigmas()), speeds_of([empty, known, empty], Sigmas())
    assert np.abs(alone - 1 / len(alone)).max() > 0.05
    assert np.array_equal(alone, among)


def test_a_filled_value_within_a_gap_is_as_sure_as_it_says_where_the_model_is_too_sure():
    """One filled value, and a model too sure by 2: known and new information add up to the filled value's own."""
    gap = [*range(0, 111, 5), *range(175, 365, 5)]
    sigma, at = 0.07, np.array([START + 143])
    fills = np.full((1, 1, 1), 0.5, np.float32), np.full((1, 1, 1), sigma, np.float32), at
    settings, sigmas, twice = SeriesSettings(), Sigmas(0.02, 0.05), np.full(4, 2.0)
    alone = smooth_series(assemble(on(gap, 0.02), NONE), at, settings, sigmas, None, twice)
    plain = smooth_series(assemble(on(gap, 0.02), NONE), at, settings, sigmas)
    assert alone.uncertainty == pytest.approx(2 * plain.uncertainty)
    assert plain.uncertainty[0, 0, 0] < sigma < alone.uncertainty[0, 0, 0]
    dense = assemble(on(gap, 0.02), NONE, None, fills)
    before = smooth_series(dense, at, settings, sigmas)
    after = smooth_series(dense, at, settings, sigmas, None, twice)
    assert before.smooth == pytest.approx(plain.smooth)  # thrown away
    assert after.uncertainty[0, 0, 0] == pytest.approx(sigma, rel=1e-3)
    known = sigma**2 / alone.uncertainty[0, 0, 0] ** 2
    assert after.smooth[0, 0, 0] == pytest.approx(known * alone.smooth[0, 0, 0] + (1 - known) * 0.5, abs=1e-4)
    weight = after.weights[(dense.flags & FILLED > 0)]
    assert weight == pytest.approx(0.02**2 * (1 - known) / sigma**2, rel=1e-3)


def test_parts_without_a_value_have_no_say_in_how_sure_the_curve_is():
    known = assemble(on([*range(0, 200, 5), *range(240, 365, 12)], 0.04), NONE)
    empty = Dense(np.full_like(known.values, np.nan), known.dates, np.zeros_like(known.flags))
    shares = speeds_of([known], Sigmas())
    alone, among = (widening_of(p, STEPS, Sigmas(), shares) for p in ([known], [empty, known, empty]))
    assert np.isfinite(alone).any()
    np.testing.assert_array_equal(alone, among)
