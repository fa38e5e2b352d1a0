"""Fields: their course, the rows of the table, and errors against the truth worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.phenology.transitions import date_errors, field_series, iso_dates, season_table, true_dates

FIELDS = np.array([[7, 7, 0], [7, 2, 2]], np.int32)


def test_course_of_a_field_is_the_median_of_its_known_pixels():
    values = np.array([[[0.1, 0.5, 0.9], [0.3, 0.2, 0.4]], [[0.1, np.nan, 0], [np.nan, 0.2, np.nan]]], np.float32)
    weights = np.ones_like(values)
    weights[0, 1, 2] = 0
    numbers, pixels, medians, trust = field_series(values, weights, FIELDS)
    assert numbers.tolist() == [2, 7]
    assert pixels.tolist() == [2, 3]
    assert medians[0] == pytest.approx([0.2, 0.3])  # the pixel without weight takes no part
    assert medians[1] == pytest.approx([0.2, np.nan], nan_ok=True)  # a third of field 7 is too little
    assert trust == pytest.approx(np.array([[0.5, 1], [0.5, 0]]))


def test_site_without_fields_has_an_empty_table():
    numbers, pixels, medians, _ = field_series(
        np.ones((3, 2, 2), np.float32), np.ones((3, 2, 2), np.float32), FIELDS[:, :2] * 0
    )
    table = season_table(numbers, pixels, np.zeros((len(SEASON_NAMES), 0)), 2023, {"source": "srcnn"})
    assert medians.shape == (3, 0)
    assert len(table) == 0
    assert "date6_iso" in table


def test_day_numbers_become_dates_and_run_past_the_year():
    assert iso_dates(np.array([1, 59.6, np.nan, 366, 0]), 2023) == [
        "2023-01-01", "2023-03-01", "", "2024-01-01", "2022-12-31",
    ]  # fmt: skip


def test_table_has_days_and_dates_side_by_side():
    seasons = np.arange(15.0)[:, None] + 100
    table = season_table(np.array([7]), np.array([3]), seasons, 2023, {"source": "srcnn", "seed": 0})
    row = table.iloc[0]
    assert list(table)[:4] == ["source", "seed", "field", "n_pixels"]
    assert (row["field"], row["date1"], row["date1_iso"]) == (7, 106, "2023-04-16")


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
    assert found.loc[("a", "all", "all", "date3"), "n"] == 0
    assert np.isnan(found.loc[("a", "all", "all", "date3"), "mae_days"])


def test_of_several_true_seasons_the_nearest_counts():
    truth = dates([1, 1], date1=[100, 465], date6=[300, 665]).assign(**{"class": "maize"})
    table = dates([1], date1=[468], date6=[667]).assign(source="a")
    found = date_errors([table], truth, ["source"]).query("fields == 'all' and `class` == 'all'").set_index("date_name")
    assert found.loc["all", ["mae_days", "n", "n_true"]].tolist() == pytest.approx([2.5, 2, 2])


def test_true_dates_are_those_of_the_curves():
    curves = pd.DataFrame({"field": [4], "class": ["maize"], "base": 0.2, "amplitude": 1e-4})
    curves = curves.assign(k1=0.15, t1=100, k2=0.08, t2=1000)
    found = true_dates(curves)
    reach = np.log(5 + 2 * np.sqrt(6))
    expected = [100 - reach / 0.15, 100, 100 + reach / 0.15, 1000 - reach / 0.08, 1000, 1000 + reach / 0.08]
    assert found[list(DATE_NAMES)].to_numpy()[0] == pytest.approx(expected, abs=1e-4)
    assert found["field"].tolist() == [4]
