"""Errors of seasons and events against truths worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.scores import date_errors, event_scores, match, match_seasons, visible_events


def dates(fields, **columns):
    rows = {name: [np.nan] * len(fields) for name in DATE_NAMES} | columns
    return pd.DataFrame({"field": fields, "class": ["maize", "maize", "wheat"][: len(fields)], **rows})


def test_errors_are_counted_over_all_fields_and_over_those_all_sources_found():
    truth = dates([1, 2, 3], date1=[100, 100, 100], date5=[200, 210, np.nan])
    first = dates([1, 2, 3], date1=[102, 96, 130], date5=[200, 211, 250]).assign(source="a")
    second = dates([2, 1], date1=[101, 101], date5=[np.nan, 206]).assign(source="b")
    found = date_errors([first, second], truth, ["source"]).set_index(["source", "class", "fields", "date_name"])

    def row(*key):
        return found.loc[key, ["mae_days", "bias_days", "n", "n_true"]].tolist()

    assert row("a", "all", "all", "date1") == pytest.approx([12, 28 / 3, 3, 3])
    assert row("a", "wheat", "all", "date1") == pytest.approx([30, 30, 1, 1])
    assert row("a", "all", "common", "date1") == pytest.approx([3, -1, 2, 3])
    assert row("b", "maize", "all", "date1") == pytest.approx([1, 1, 2, 2])
    assert row("b", "all", "all", "date5") == pytest.approx([6, 6, 1, 2])
    assert row("a", "all", "common", "all") == pytest.approx([2, -2 / 3, 3, 5])
    assert found.loc[("a", "all", "all", "date1"), "median_days"] == 4
    assert found.loc[("b", "all", "all", "all"), ["n_seasons", "n_missed"]].tolist() == [3, 1]
    assert found.loc[("a", "all", "all", "date3"), "n"] == 0
    assert np.isnan(found.loc[("a", "all", "all", "date3"), "mae_days"])


def test_seasons_of_a_field_are_paired_one_to_one_and_the_rest_is_missed_or_false():
    truth = dates([1, 1, 1], date2=[100, 300, 465], date5=[200, 350, 565]).assign(season=["main", "catch", "main"])
    table = dates([1, 1, 1], date2=[104, 461, 700], date5=[200, 561, 800]).assign(source="a")
    found, false = match_seasons(table, truth)
    assert found["date2"].tolist() == pytest.approx([104, np.nan, 461], nan_ok=True)
    assert false["date2"].tolist() == [700]
    rows = date_errors([table], truth, ["source"]).query("fields == 'all' and date_name == 'all'").set_index("class")
    columns = ["mae_days", "bias_days", "n", "n_true", "n_seasons", "n_missed", "n_false"]
    assert rows.loc["all", columns].tolist() == pytest.approx([3, -1, 4, 4, 2, 0, 1])
    assert rows.loc["catch", ["n_seasons", "n_missed"]].tolist() == [1, 1]


def test_one_found_season_does_not_stand_for_two_true_ones():
    truth = dates([1, 1], date2=[100, 130], date5=[200, 230])
    found, _ = match_seasons(dates([1], date2=[112], date5=[212]), truth)
    assert found["date2"].tolist() == pytest.approx([112, np.nan], nan_ok=True)


def test_stated_errors_are_held_against_the_true_ones():
    truth = dates([1, 2, 3], date1=[100.0, 100, 100])
    table = dates([1, 2, 3], date1=[103.0, 103, 103]).assign(source="a", date1_error=[1.0, 2, np.nan])
    rows = date_errors([table], truth, ["source"]).set_index(["class", "fields", "date_name"])
    assert rows.loc[("all", "all", "date1"), "within90"] == 0.5  # 3 days are 3 and 1.5 sigmas; one says nothing


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    true=st.lists(st.integers(0, 60), max_size=4),
    found=st.lists(st.integers(0, 60), max_size=4),
)
def test_pairs_are_one_to_one_within_the_limit_and_cheapest_where_the_unpaired_cost_the_limit(true, found):
    costs = np.abs(np.subtract.outer(np.array(true, float), np.array(found, float))).reshape(len(true), len(found))
    pairs = match(costs, 10)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
    assert all(costs[pair] <= 10 for pair in pairs)
    assert sum(costs[pair] - 10 for pair in pairs) == pytest.approx(most_saved(true, found))


def most_saved(true, found):
    """Of all ways to pair or leave: the least sum of distance less 10."""
    if not true:
        return 0
    ways = [abs(true[0] - f) - 10 + most_saved(true[1:], found[:i] + found[i + 1 :]) for i, f in enumerate(found)]
    return min([most_saved(true[1:], found), *ways])


def happened(*rows):
    return pd.DataFrame(rows, columns=["field", "kind", "class", "day", "drop"])


def told(*rows):
    return pd.DataFrame(rows, columns=["field", "kind", "day", "error_days"])


def test_events_are_counted_where_the_ndvi_fell():
    truth = happened(
        (1, "cut", "grassland", 140, 0.3), (1, "cut", "grassland", 190, 0.2), (2, "harvest", "maize", 270, 0.4),
        (2, "tillage", "maize", 300, 0.08), (3, "harvest", "wheat", 200, 0.01),
    )  # fmt: skip
    table = told((1, "cut", 143, 1.0), (2, "cut", 262, 6.0), (2, "harvest", 301, 1), (3, "harvest", 199, 1))
    scores = event_scores([({"source": "a"}, table)], truth, 0.15).set_index(["kind", "class"])
    columns = ["n_true", "n_found", "n_right", "recall", "precision"]
    # Of four found, one stands for a drop too small to be asked for; of three left, one stands for nothing seen.
    assert scores.loc[("all", "all"), columns].tolist() == pytest.approx([3, 3, 2, 2 / 3, 2 / 3])
    assert scores.loc[("all", "all"), ["median_days", "bias_days"]].tolist() == pytest.approx([5.5, -2.5])
    assert scores.loc[("all", "all"), ["within90", "kind_right"]].tolist() == [0.5, 0.5]
    assert scores.loc[("cut", "grassland"), columns].tolist() == pytest.approx([2, 1, 1, 0.5, 1])
    assert scores.loc[("harvest", "maize"), ["n_right", "recall", "kind_right"]].tolist() == [0, 0, 0]


def test_a_harvest_told_as_a_cut_is_right_in_neither_row():
    truth = happened(*((k, "harvest", "wheat", 200, 0.3) for k in range(10)))
    truth = pd.concat([truth, happened((10, "cut", "grassland", 150, 0.3))])
    table = told(*((k, "cut", 203, 1) for k in range(10)))
    scores = event_scores([({}, table)], truth, 0.15).query("`class` == 'all'").set_index("kind")
    columns = ["n_true", "n_found", "n_right", "recall", "precision", "kind_right"]
    assert scores.loc["all", columns].tolist() == pytest.approx([11, 10, 10, 10 / 11, 1, 0])
    assert scores.loc["cut", columns].tolist() == pytest.approx([1, 10, 0, 0, 0, np.nan], nan_ok=True)
    assert scores.loc["harvest", columns].tolist() == pytest.approx([10, 0, 0, 0, np.nan, 0], nan_ok=True)
    assert scores.loc[["cut", "harvest"], "median_days"].isna().all()


def test_two_poor_pairs_do_not_replace_a_good_one():
    truth = happened((1, "cut", "grassland", 140, 0.3), (1, "cut", "grassland", 150, 0.3))
    first = event_scores([({}, told((1, "cut", 149, 1), (1, "cut", 159, 1)))], truth, 0.15).iloc[0]
    assert (first["n_right"], first["precision"], first["median_days"]) == (1, 0.5, 1)


def test_a_source_without_events_has_found_none():
    scores = event_scores([({"source": "a"}, told())], happened((1, "cut", "grassland", 140, 0.3)), 0.15)
    assert scores["source"].tolist() == ["a"] * 4
    assert scores["recall"].tolist() == [0] * 4
    assert np.isnan(scores["precision"]).all()


def test_two_found_events_do_not_share_one_true_one():
    truth = happened((1, "cut", "grassland", 140, 0.3))
    scores = event_scores([({"source": "a"}, told((1, "cut", 138, 1), (1, "cut", 144, 1)))], truth, 0.15)
    first = scores.iloc[0]
    assert (first["recall"], first["precision"], first["median_days"]) == (1, 0.5, 2)


def test_an_event_is_visible_if_its_field_was_seen_shortly_before_and_after_and_once_more():
    seen = {1: np.array([100.0, 110, 125, 160]), 2: np.array([100.0, 110])}
    days = [(1, 110), (1, 111), (1, 126), (1, 90), (1, 125), (2, 105), (3, 105)]
    truth = happened(*((field, "cut", "grassland", day, 0.3) for field, day in days))
    assert visible_events(truth, seen, 20).tolist() == [True, True, False, False, True, False, False]


def test_recall_is_also_said_of_what_a_source_could_show():
    truth = happened(*((1, "cut", "grassland", day, drop) for day, drop in ((90, 0.05), (140, 0.3), (200, 0.3))))
    table, there = told((1, "cut", 142, 1)), np.array([True, True, False])
    first = event_scores([({}, table), ({}, table)], truth, 0.15, [there, ~there])
    all_kinds = first[(first["kind"] == "all") & (first["class"] == "all")]
    assert all_kinds["recall"].tolist() == [0.5, 0.5]
    assert all_kinds["n_visible"].tolist() == [1, 1]
    assert all_kinds["recall_visible"].tolist() == [1, 0]


def test_a_kind_that_nobody_could_know_is_neither_right_nor_wrong():
    truth = happened(*((k, "cut", "grassland", 150, 0.3) for k in range(4)))
    table = told((0, "cut", 151, 1), (1, "unknown", 151, 1), (2, "unknown", 151, 1), (3, "harvest", 151, 1))
    scores = event_scores([({}, table)], truth, 0.15).query("`class` == 'all'").set_index("kind")
    columns = ["n_found", "n_right", "recall", "precision", "kind_right"]
    assert scores.loc["all", columns].tolist() == [4, 4, 1, 1, 0.5]
    assert scores.loc["cut", columns].tolist() == [1, 1, 0.25, 1, 0.5]
