"""Seasons found and fitted: which cycle, how well, and when there is none."""

import numpy as np
import pytest

from stfuse.phenology.logistic import double_logistic, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES, PhenologySettings, find_seasons, main_seasons

CORN = (0.2, 0.6, 0.12, 165.0, 0.09, 255.0)
DAYS = np.arange(3.0, 366, 8)


def seasons(values, days=DAYS, weights=None, **settings):
    values = np.asarray(values, np.float32)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, np.float32)
    return main(find_seasons(values, weights, days, PhenologySettings(**settings)))


def main(found):
    """The largest season of every series."""
    return np.take_along_axis(found, main_seasons(found)[None, None], axis=1)[:, 0]


def named(found, name):
    return found[SEASON_NAMES.index(name)]


def test_curve_and_dates_of_a_clean_season_are_recovered():
    found = seasons(double_logistic(DAYS, CORN))
    assert found[:6] == pytest.approx(CORN, rel=1e-3)
    assert found[6:12] == pytest.approx(transition_dates(CORN), abs=0.05)
    assert named(found, "rmse") < 1e-6
    assert named(found, "n") == len(DAYS)
    assert named(found, "gap") == 8


def test_pixels_keep_their_places_and_their_own_gaps():
    rng = np.random.default_rng(0)
    curves = np.array(CORN) + rng.normal(size=(3, 2, 6)) * (0.02, 0.03, 0.005, 8, 0.005, 8)
    values = np.moveaxis([[double_logistic(DAYS, c) for c in row] for row in curves], -1, 0)
    values[rng.random(values.shape) < 0.25] = np.nan
    found = seasons(values)
    assert found.shape == (len(SEASON_NAMES), 3, 2)
    assert np.moveaxis(found[6:12], 0, -1) == pytest.approx(transition_dates(curves), abs=0.5)
    assert np.array_equal(named(found, "n"), np.isfinite(values).sum(axis=0))


def test_noise_moves_dates_by_days_not_weeks():
    rng = np.random.default_rng(1)
    days = np.arange(2.0, 366, 5)
    values = double_logistic(days, CORN)[:, None] + rng.normal(0, 0.02, (days.size, 200))
    errors = np.abs(seasons(values, days)[6:12] - transition_dates(CORN)[:, None])
    assert np.nanmean(errors) < 3
    assert np.isfinite(errors).mean() > 0.99


def test_missed_clouds_pull_less_with_robust_rounds():
    rng = np.random.default_rng(2)
    values = double_logistic(DAYS, CORN)[:, None] + rng.normal(0, 0.01, (DAYS.size, 200))
    hit = rng.random(values.shape) < 0.06
    values[hit] -= rng.uniform(0.1, 0.3, hit.sum())
    truth = transition_dates(CORN)[:, None]
    plain, robust = (np.nanmean(np.abs(seasons(values, robust_rounds=n)[6:12] - truth)) for n in (0, 2))
    assert robust < 0.8 * plain


def test_values_without_weight_are_not_used():
    values, weights = double_logistic(DAYS, CORN), np.ones(DAYS.size)
    values[::6], weights[::6] = 0.95, 0
    found = seasons(values, weights=weights, robust_rounds=0)
    assert found[:6] == pytest.approx(CORN, rel=2e-2)  # the prior of steepness pulls by one in a hundred
    assert named(found, "n") == (weights > 0).sum()


def test_of_two_crops_in_a_year_the_larger_is_taken():
    cover = double_logistic(DAYS, (0, 0.35, 0.12, 260, 0.12, 330))
    winter_crop = (0.2, 0.65, 0.10, 85.0, 0.15, 185.0)
    found = seasons(double_logistic(DAYS, winter_crop) + cover)
    assert found[6:12] == pytest.approx(transition_dates(winter_crop), abs=3)


def test_largest_cycle_of_two_years_is_taken_and_days_go_on():
    days = np.arange(213.0, 700, 7)  # August to November of the next year
    later = (0.2, 0.7, 0.1, 365 + 150.0, 0.1, 365 + 260.0)
    found = seasons(double_logistic(days, later) + double_logistic(days, (0, 0.5, 0.1, 150, 0.1, 270)), days)
    assert found[6:12] == pytest.approx(transition_dates(later), abs=2)


def test_cuts_do_not_part_a_meadows_year():
    days = np.arange(2.0, 366, 5)
    meadow = (0.35, 0.45, 0.07, 80.0, 0.06, 300.0)
    values = double_logistic(days, meadow)
    for cut in (140, 190, 245):
        values -= np.where(days >= cut, 0.2 * np.exp(-np.maximum(days - cut, 0) / 13), 0)
    found = seasons(values, days)
    assert abs(named(found, "date2") - 80) < 10
    assert abs(named(found, "date5") - 300) < 10


@pytest.mark.parametrize("level", [-0.2, 0.15, 0.8])
def test_water_buildings_and_evergreens_have_no_season(level):
    rng = np.random.default_rng(3)
    found = seasons(level + rng.normal(0, 0.01, (DAYS.size, 50)))
    assert np.isnan(found).all()


def test_noise_alone_gets_no_dates():
    rng = np.random.default_rng(4)
    found = seasons(0.4 + rng.normal(0, 0.06, (DAYS.size, 200)))
    assert np.isfinite(named(found, "date2")).mean() < 0.3


def test_dates_outside_the_values_are_not_told():
    days = DAYS[DAYS > 160]
    found = seasons(double_logistic(days, CORN), days)
    assert np.isnan(found[6])
    assert np.isfinite(found[9:12]).all()


def test_too_few_values_have_no_season():
    values = np.full(DAYS.size, np.nan)
    chosen = slice(10, 40, 5)
    values[chosen] = double_logistic(DAYS[chosen], CORN)
    assert np.isnan(seasons(values)).all()


def test_dates_do_not_depend_on_which_day_is_one():
    values = double_logistic(DAYS, CORN)
    moved = main(find_seasons(values.astype(np.float32), np.ones(DAYS.size, np.float32), DAYS + 365))
    assert moved[6:12] == pytest.approx(seasons(values)[6:12] + 365, abs=1e-2)


def test_settings_that_leave_the_fit_open_are_refused():
    with pytest.raises(ValueError, match="min_dates"):
        PhenologySettings(min_dates=6)


FIRST, SECOND = (0.2, 0.6, 0.15, 85.0, 0.18, 150.0), (0.2, 0.45, 0.16, 240.0, 0.15, 310.0)


def two_crops(days):
    return double_logistic(days, FIRST) + double_logistic(days, SECOND) - 0.2


def every_season(values, days, weights=None, **settings):
    values = np.asarray(values, np.float32)
    weights = np.ones_like(values) if weights is None else weights
    return find_seasons(values, weights, days, PhenologySettings(**settings))


def test_both_seasons_of_a_year_are_recovered_in_order():
    days = np.arange(2.0, 366, 4)
    found = every_season(two_crops(days), days)
    for k, curve in enumerate((FIRST, SECOND)):
        assert found[:6, k] == pytest.approx(curve, rel=1e-3)
        assert found[6:12, k] == pytest.approx(transition_dates(curve), abs=0.05)
    assert np.isnan(found[:, 2:]).all()


def test_seasons_of_three_years_are_all_found():
    days = np.arange(2.0, 3 * 365, 8)
    values = 0.2 + sum(double_logistic(days, (0, 0.6, 0.1, 130 + y * 365, 0.1, 250 + y * 365)) for y in range(3))
    found = every_season(values, days)
    assert named(found, "t1")[:3] == pytest.approx([130, 495, 860], abs=1)
    assert np.isnan(named(found, "t1")[3])
    assert named(every_season(values, days, max_seasons=2), "t1").shape == (2,)


def test_measures_are_those_of_the_curve():
    found = seasons(double_logistic(DAYS, CORN))
    dates = transition_dates(CORN)
    fine = np.arange(0.0, 400, 0.01)
    course = double_logistic(fine, CORN)
    assert named(found, "length") == pytest.approx(dates[5] - dates[0], abs=0.1)
    assert named(found, "integral") == pytest.approx(np.sum(course - 0.2) * 0.01, rel=2e-3)
    assert named(found, "peak") == pytest.approx(fine[course.argmax()], abs=0.3)
    assert named(found, "top") == pytest.approx(course.max(), abs=1e-3)
    assert named(found, "height") == pytest.approx(course.max() - 0.2, abs=1e-3)


def test_height_is_what_the_season_rises_where_its_limbs_overlap():
    days = np.arange(2.0, 366, 4)
    low, wide = (0.2, 1.1, 0.02, 160.0, 0.02, 200.0), double_logistic(days, (0, 0.35, 0.2, 290, 0.2, 340))
    course = double_logistic(days, low)
    rise = course.max() - 0.2
    found = seasons(course, days)
    assert rise < 0.3
    assert named(found, "height") == pytest.approx(rise, abs=0.02)
    assert named(found, "amplitude") > 2 * rise
    # The other season is higher although the amplitude of its curve is less.
    assert named(seasons(course + wide, days), "t1") > 250


def test_stated_errors_are_those_that_noise_makes():
    rng = np.random.default_rng(5)
    days = np.arange(2.0, 366, 5)
    values = double_logistic(days, CORN)[:, None] + rng.normal(0, 0.02, (days.size, 400))
    found = every_season(values, days, robust_rounds=0, misfit=1.0, noise=0.02)[:, 0]
    spread, stated = found[6:12].std(axis=1), np.median(found[12:18], axis=1)
    assert stated == pytest.approx(spread, rel=0.25)
    doubled = every_season(values[:, :20], days, robust_rounds=0, misfit=2.0, noise=0.02)[12:18, 0]
    assert doubled == pytest.approx(2 * found[12:18, :20], rel=1e-9)


def with_filled(values, days, filled, weight):
    """Series and weights of seen days with filled days of little weight between, near the truth but not on it."""
    both = np.concatenate([days, filled])
    order = np.argsort(both)
    near = double_logistic(filled, CORN) + 0.08 * np.sin(filled / 20)
    weights = np.concatenate([np.ones(days.size), np.full(filled.size, weight)])
    return np.concatenate([values, near])[order], both[order], weights[order]


def test_filled_values_of_hardly_any_weight_do_not_make_dates_surer():
    rng = np.random.default_rng(7)
    days, filled = np.arange(2.0, 366, 10), np.linspace(5.0, 360, 70)
    values = double_logistic(days, CORN) + rng.normal(0, 0.04, days.size)
    series, all_days, weights = with_filled(values, days, filled, 1e-4)
    alone, beside = seasons(values, days), seasons(series, all_days, weights)
    assert beside[12:18] == pytest.approx(alone[12:18], rel=0.1)


def test_filled_values_count_neither_as_seen_nor_against_the_gap():
    days = np.concatenate([np.arange(10.0, 140, 8), np.arange(200.0, 360, 8)])
    series, all_days, weights = with_filled(double_logistic(days, CORN), days, np.linspace(3.0, 361, 60), 0.02)
    found = seasons(series, all_days, weights)
    assert 20 < named(found, "n") <= days.size  # the cycle leaves some of them out
    assert named(found, "gap") == 200 - 138
    few = np.where(np.cumsum(weights == 1) > 6, 0.02, weights)
    assert np.isnan(seasons(series, all_days, few)).all()


def test_fewer_values_make_less_certain_dates():
    rng = np.random.default_rng(6)
    days = np.arange(2.0, 366, 4)
    values = double_logistic(days, CORN) + rng.normal(0, 0.02, days.size)
    dense, sparse = (seasons(values[::n], days[::n])[12:18] for n in (1, 4))
    assert (sparse > dense).all()


def test_where_asked_cycles_are_looked_for_in_the_envelope():
    days = np.arange(2.0, 366, 5)
    values = double_logistic(days, (0.2, 0.6, 0.1, 100, 0.1, 290))
    values[[34, 36, 38]] -= 0.5  # clouds that nobody masked
    counts = [np.isfinite(named(every_season(values, days, divide=0.2, upper_envelope=e), "t1")).sum() for e in (0, 1)]
    assert counts == [2, 1]
