import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.ensemble import LEAST, LEVELS, combine, interval_rows, quantile_beyond, ratios, thinned, z_of

BANDS = ("red", "nir08")


def drawn(members: int, shape=(2, 80, 90), sure: float = 1.0, seed: int = 0):
    """Members and a truth from one distribution; `sure` > 1: the members spread less than they should."""
    rng = np.random.default_rng(seed)
    level, wide = rng.uniform(0.1, 0.4, shape), rng.uniform(0.005, 0.02, shape)
    draws = level + wide * rng.normal(size=(members, *shape)) / sure
    return draws.astype(np.float32), (level + wide * rng.normal(size=shape)).astype(np.float32)


def value(rows, metric: str, band: str = "mean", stratum: str = "all") -> float:
    (found,) = [r.value for r in rows if (r.metric, r.band, r.stratum) == (metric, band, stratum)]
    return found


def test_mean_and_spread_of_three_members():
    members = np.array([[1.0, 2.0, 0.5], [2.0, 2.0, np.nan], [6.0, 2.0, 0.1]], np.float32)
    mean, spread = combine(members)
    np.testing.assert_allclose(mean, [3.0, 2.0, np.nan])
    np.testing.assert_allclose(spread, [math.sqrt(7), 0.0, np.nan], rtol=1e-6)
    assert mean.dtype == spread.dtype == np.float32


def test_one_member_is_no_ensemble():
    with pytest.raises(ValueError, match="two members at least, found 1"):
        combine(np.zeros((1, 3, 3), np.float32))


def test_half_widths_are_students():
    # t with 2 degrees of freedom at 95 %: 2.919986 (tables); t with 1 is tan(0.45 pi).
    assert z_of(3, 0.9) == pytest.approx(2.919986 * math.sqrt(4 / 3), rel=1e-6)
    assert z_of(2, 0.9) == pytest.approx(math.tan(0.45 * math.pi) * math.sqrt(1.5), rel=1e-9)
    assert z_of(10**6, 0.9) == pytest.approx(1.644854, rel=1e-4)


@pytest.mark.parametrize("members", [2, 3, 5])
def test_intervals_hold_what_they_say_where_the_truth_is_one_more_draw(members):
    draws, truth = drawn(members)
    found = ratios(*combine(draws), truth)
    for level in LEVELS:
        # 14400 pixels: three standard deviations are 0.0125 at most.
        assert (found <= z_of(members, level)).mean() == pytest.approx(level, abs=0.0125)


@pytest.mark.parametrize("sure", [0.5, 1.0, 4.0])
def test_calibration_on_other_dates_mends_the_coverage(sure):
    first, second, third = (drawn(4, sure=sure, seed=s) for s in (1, 2, 3))
    others = [ratios(*combine(draws), truth) for draws, truth in (first, second)]
    factors = {
        band: quantile_beyond(np.concatenate([o[b].ravel() for o in others])) / z_of(4, 0.9)
        for b, band in enumerate(BANDS)
    }
    rows = interval_rows(*combine(third[0]), third[1], BANDS, 4, factors)
    before, after = (value(rows, f"coverage_90{name}") for name in ("", "_calibrated"))
    assert after == pytest.approx(0.9, abs=0.015)
    assert (before > 0.95) if sure < 1 else (before < 0.6) if sure > 1 else abs(before - 0.9) < 0.0125
    factor = value(rows, "spread_factor")
    assert (factor < 0.8) if sure < 1 else (factor > 2) if sure > 1 else abs(factor - 1) < 0.05
    assert value(rows, "width_90_calibrated", "red") == pytest.approx(factors["red"] * value(rows, "width_90", "red"))


def test_numbers_of_a_case_by_hand():
    mean = np.zeros((1, 5, 5), np.float32)
    spread = np.full((1, 5, 5), 0.01, np.float32)
    truth = np.zeros((1, 5, 5), np.float32)
    half = z_of(3, 0.9) * 0.01
    truth[0, 0], truth[0, 1], truth[0, 4, 4] = 0.99 * half, -1.01 * half, np.nan
    rows = interval_rows(mean, spread, truth, ("red",), 3, {"red": 1.1})
    assert value(rows, "coverage_90", "red") == pytest.approx(19 / 24)
    assert value(rows, "coverage_90_calibrated", "red") == 1
    assert value(rows, "width_90", "red") == pytest.approx(2 * half)
    assert value(rows, "width_90_calibrated", "red") == pytest.approx(2.2 * half)
    assert value(rows, "spread", "red") == pytest.approx(0.01) and value(rows, "spread_factor", "red") == 1.1
    assert {r.n for r in rows if r.stratum == "all"} == {24}
    assert {r.stratum for r in rows} == {"all", "low", "high"}


def test_bands_are_averaged_and_a_single_index_is_not():
    draws, truth = drawn(3)
    rows = interval_rows(*combine(draws), truth, BANDS, 3, {"red": 1.0, "nir08": 3.0})
    assert value(rows, "spread_factor") == 2
    both = [value(rows, "coverage_90", band) for band in BANDS]
    assert value(rows, "coverage_90") == pytest.approx(sum(both) / 2)
    index = interval_rows(*combine(draws[:, :1]), truth[:1], ("ndvi",), 3, {"ndvi": 1.0})
    assert {r.band for r in index} == {"ndvi"}


def test_without_other_dates_nothing_is_calibrated():
    draws, truth = drawn(3)
    rows = interval_rows(*combine(draws), truth, BANDS, 3, dict.fromkeys(BANDS, math.nan))
    assert math.isnan(value(rows, "coverage_90_calibrated")) and math.isnan(value(rows, "width_90_calibrated"))
    assert 0.8 < value(rows, "coverage_90") < 1


def test_where_nothing_is_seen_nothing_is_said():
    draws, truth = drawn(3, (2, 6, 6))
    rows = interval_rows(*combine(draws), truth * np.nan, BANDS, 3, {"red": 1.0, "nir08": 1.0})
    assert math.isnan(value(rows, "coverage_90")) and all(r.n == 0 for r in rows)


def test_members_that_agree_are_not_infinitely_sure():
    mean = np.full((1, 4, 4), 0.2, np.float32)
    found = ratios(mean, mean * 0, mean + np.float32(1e-4))
    np.testing.assert_allclose(found, 1e-4 / LEAST, rtol=1e-3)
    assert (ratios(mean, mean * 0, mean) == 0).all()
    rows = interval_rows(mean, mean * 0, mean, ("red",), 3, {"red": 1.0})
    assert value(rows, "coverage_90", "red") == 1 and value(rows, "width_90", "red") > 0


def test_quantiles_are_those_of_split_conformal_prediction():
    values = np.arange(1.0, 20.0, dtype=np.float32)  # 19: the ceil(20 * 0.9) = 18th smallest
    assert quantile_beyond(np.random.default_rng(0).permutation(values), 0.9) == 18
    assert quantile_beyond(values[:9], 0.9) == 9
    assert quantile_beyond(values[:8], 0.9) == math.inf  # 8 values cannot promise 90 %
    assert quantile_beyond(values[:0], 0.9) == math.inf


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.floats(0.05, 0.95))
def test_one_more_draw_stays_below_the_quantile_often_enough(n, share):
    """Any of n + 1 different values may be the last: it stays below that of the others for at least this share."""
    values = np.arange(n + 1, dtype=np.float32)
    held = sum(value <= quantile_beyond(np.delete(values, value), share) for value in range(n + 1))
    assert held >= share * (n + 1) - 1e-9
    assert held <= share * (n + 1) + 1 or held == n + 1


def test_thinning_keeps_the_distribution_and_leaves_out_gaps():
    values = np.random.default_rng(0).exponential(size=(300, 400)).astype(np.float32)
    values[:, :7] = np.nan
    few = thinned(values, 5000)
    assert 4000 < few.size <= 5000 and np.isfinite(few).all()
    assert np.quantile(few, 0.9) == pytest.approx(np.nanquantile(values, 0.9), rel=0.05)
    assert thinned(values).size == 300 * 393
