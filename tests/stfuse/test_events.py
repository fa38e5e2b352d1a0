"""Cuts and harvests in series made by hand: found on their day, and nothing found where nothing happened."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.phenology.events import CUT, EVENT_NAMES, HARVEST, UNKNOWN, EventSettings, find_events
from stfuse.phenology.logistic import double_logistic, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES, PhenologySettings, find_seasons, series_events, without_events

DAYS = np.arange(2.0, 366, 5)
MEADOW = (0.35, 0.45, 0.07, 80.0, 0.06, 300.0)
WHEAT = (0.2, 0.65, 0.1, 85.0, 0.15, 185.0)


def mown(days, *cuts, depth=0.3, regrowth=13.0):
    values = double_logistic(days, MEADOW)
    for cut in cuts:
        values -= np.where(days >= cut, depth * np.exp(-np.maximum(days - cut, 0) / regrowth), 0)
    return values


def events(values, days=DAYS, sigma=0.02, most=4, **changes):
    found = find_events(values[None], np.full((1, len(days)), sigma), days, EventSettings(**changes), most)[0]
    return [dict(zip(EVENT_NAMES, row, strict=True)) for row in found if np.isfinite(row[0])]


@pytest.mark.parametrize("cut", [133, 135, 137, 190])
def test_a_cut_lies_between_the_values_before_and_after_it(cut):
    (found,) = events(mown(DAYS, cut))
    assert found["kind"] == CUT
    assert found["before"] < cut <= found["after"] == found["before"] + 5
    assert found["before"] <= found["day"] <= found["after"]
    assert found["error"] <= 5 / np.sqrt(12) + 1e-9
    assert 0.15 < found["drop"] < 0.32
    assert found["regained"] > found["after"]


def test_a_meadow_mown_three_times_has_three_cuts_and_an_uncut_one_none():
    assert [e["kind"] for e in events(mown(DAYS, 140, 190, 245))] == [CUT] * 3
    assert events(mown(DAYS)) == []


@pytest.mark.parametrize(
    ("away", "later", "kind"), [(46, 0.68, CUT), (66, 0.68, UNKNOWN), (46, 0.5, UNKNOWN), (36, 0.5, HARVEST)]
)
def test_a_cut_is_told_by_the_next_value_of_all_unless_that_is_very_late(away, later, kind):
    days = np.array([100.0, 110, 120, 130, 140, 144, 144 + away, 144 + away + 10])
    values = np.array([0.8, 0.8, 0.8, 0.8, 0.8, 0.5, later, later])
    (found,) = events(values, days)
    assert found["after"] == 144
    assert found["kind"] == kind


def test_a_crop_harvested_green_is_told_from_a_cut():
    values = np.where(DAYS < 150, double_logistic(DAYS, WHEAT), 0.2)
    (found,) = events(values)
    assert found["kind"] == HARVEST
    assert found["before"] < 150 <= found["after"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    k=st.floats(0.05, 0.15), every=st.sampled_from([3, 5, 8, 10]), shift=st.integers(0, 9), fall=st.integers(160, 260)
)
def test_ripening_is_no_event_however_the_dates_fall(k, every, shift, fall):
    days = np.arange(1.0 + shift, 366, every)
    assert events(double_logistic(days, (0.2, 0.65, 0.1, 85, k, fall)), days) == []


def test_a_missed_cloud_is_no_event():
    values = double_logistic(DAYS, MEADOW)
    values[30] -= 0.35
    assert events(values) == []


def test_a_fall_over_several_values_is_one_event():
    values = np.where(DAYS < 200, 0.8, 0.2) + np.zeros(len(DAYS))
    values[np.flatnonzero(DAYS >= 200)[0]] = 0.5
    assert len(events(values)) == 1


def test_what_is_uncertain_or_lies_in_a_long_gap_is_not_told():
    values = mown(DAYS, 137)
    assert events(values, sigma=0.1) == []
    gap = (DAYS < 130) | (DAYS > 165)
    assert events(values[gap], DAYS[gap]) == []
    assert events(values, min_drop=0.4) == []


def test_the_day_is_narrowed_down_by_how_fast_the_sward_comes_up():
    days = np.array([10.0, 20, 30, 40, 60, 65, 70, 80, 90, 100])
    values = np.array([0.8, 0.8, 0.8, 0.8, 0.35, 0.5, 0.62, 0.75, 0.8, 0.2])
    (found,) = events(values, days)
    # At .03 a day it stood at .2, the lowest of all, five days before the first value: not before day 55.
    assert found["before"] == 40 and found["day"] == pytest.approx(57.5)
    assert found["error"] == pytest.approx(5 / np.sqrt(12))


def test_of_more_events_than_asked_for_the_largest_stay_in_order():
    values = mown(DAYS, 120) + mown(DAYS, 170, depth=0.2) + mown(DAYS, 225, depth=0.35) - 2 * mown(DAYS)
    assert [round(e["day"], -1) for e in events(values, most=2)] == [120, 220]


def test_cuts_do_not_move_the_meadows_dates():
    values = mown(DAYS, 120, 165, 215)[:, None].astype(np.float32)
    weights = np.ones_like(values)
    wanted = PhenologySettings()
    found = series_events(values, weights, DAYS, wanted)
    own = without_events(weights, DAYS, found)
    assert 0 < (own == 0).sum() < 20
    truth = transition_dates(MEADOW)
    dates = [SEASON_NAMES.index(f"date{i}") for i in range(1, 7)]
    apart = [np.abs(find_seasons(values, w, DAYS, wanted)[dates, 0, 0] - truth) for w in (own, weights)]
    assert np.isfinite(apart[0]).all() and apart[0].mean() < 5
    assert apart[0].mean() < 0.6 * np.nanmean(apart[1])


def test_series_without_values_have_no_events():
    nothing = np.full((3, len(DAYS)), np.nan)
    assert np.isnan(find_events(nothing, np.ones_like(nothing), DAYS, EventSettings(), 4)).all()


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="min_drop"):
        EventSettings(min_drop=0)
