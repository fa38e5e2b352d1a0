"""The tables of fields' seasons and events, and what is known of simulated ones."""

import numpy as np
import pandas as pd
import pytest

from stfuse.phenology.events import EVENT_NAMES
from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.phenology.transitions import event_table, iso_dates, season_table, true_dates, true_events

LABELS = {"source": "srcnn", "seed": 0}


def seasons(*starts):
    """Seasons of one field, shape (name, season, 1), from their first dates."""
    found = np.full((len(SEASON_NAMES), len(starts), 1), np.nan)
    for k, start in enumerate(starts):
        if np.isfinite(start):
            found[:, k, 0] = 0.1 * (k + 1)
            found[6:12, k, 0] = start + 10.0 * np.arange(6)
            found[SEASON_NAMES.index("peak"), k, 0] = start + 25
    return found


def test_site_without_fields_has_empty_tables():
    none = np.zeros(0, np.int64)
    table = season_table(none, none, np.zeros((len(SEASON_NAMES), 4, 0)), 2023, LABELS)
    assert len(table) == 0 and "date6_iso" in table
    events = event_table(none, none, np.zeros((len(EVENT_NAMES), 8, 0)), 2023, LABELS)
    assert len(events) == 0 and "day_iso" in events


def test_day_numbers_become_dates_and_run_past_the_year():
    assert iso_dates(np.array([1, 59.6, np.nan, 366, 0]), 2023) == [
        "2023-01-01", "2023-03-01", "", "2024-01-01", "2022-12-31",
    ]  # fmt: skip


def test_table_has_a_row_a_season_with_its_year_and_the_largest_marked():
    both = np.concatenate([seasons(106, 471, np.nan), seasons(np.nan, np.nan, np.nan)], axis=2)
    table = season_table(np.array([7, 9]), np.array([3, 5]), both, 2023, LABELS)
    assert list(table)[:7] == ["source", "seed", "field", "n_pixels", "season", "main", "year"]
    assert table["field"].tolist() == [7, 7, 9]
    assert table["season"].tolist() == [1, 2, 0]  # the field without any has a row that says so
    assert table["main"].tolist() == [0, 1, 0]
    assert table["year"].tolist() == ["2023", "2024", ""]
    assert table["date1_iso"].tolist() == ["2023-04-16", "2024-04-15", ""]


def test_events_are_listed_by_field_and_time():
    found = np.full((len(EVENT_NAMES), 2, 2), np.nan)
    found[:, 0, 1] = (140.5, 1.4, 0.3, 1, 138, 143, 160)
    found[:, 1, 1] = (200, 0.9, 0.2, 2, 198, 202, 230)
    table = event_table(np.array([7, 9]), np.array([3, 5]), found, 2023, LABELS)
    assert table["field"].tolist() == [9, 9]
    assert table["kind"].tolist() == ["cut", "harvest"]
    assert table["error_days"].tolist() == [1.4, 0.9]
    assert table["day_iso"].tolist() == ["2023-05-20", "2023-07-19"]


def test_true_dates_are_those_of_the_curves():
    curves = pd.DataFrame({"field": [4], "class": ["maize"], "base": 0.2, "amplitude": 1e-4})
    curves = curves.assign(k1=0.15, t1=100, k2=0.08, t2=1000)
    found = true_dates(curves)
    reach = np.log(5 + 2 * np.sqrt(6))
    expected = [100 - reach / 0.15, 100, 100 + reach / 0.15, 1000 - reach / 0.08, 1000, 1000 + reach / 0.08]
    assert found[list(DATE_NAMES)].to_numpy()[0] == pytest.approx(expected, abs=1e-4)
    assert found["field"].tolist() == [4]
    assert true_dates(curves.assign(season="catch"))["season"].tolist() == ["catch"]


def test_an_event_is_as_large_as_the_fall_of_its_fields_median():
    fields = np.array([[5, 5, 5, 8]])
    before, after = np.array([[0.8, 0.8, 0.1, 0.6]]), np.array([[0.3, 0.3, 0.9, 0.6]])

    def ndvi_on(day):
        return after if day >= np.datetime64("2023-06-10") else before

    columns = ["field", "kind", "class", "first"]
    happened = [
        [5, "cut", "grassland", "2023-06-10"], [8, "cut", "grassland", "2023-06-11"],
        [5, "cut", "grassland", "2023-06-29"], [77, "cut", "grassland", "2023-06-10"],
    ]  # fmt: skip
    found = true_events(pd.DataFrame(happened, columns=columns), fields, ndvi_on, ("2023-06-01", "2023-06-30"))
    assert found["field"].tolist() == [5, 8]  # not what is too near the end to be seen, nor a field outside
    assert found["drop"].tolist() == pytest.approx([0.5, 0])
    assert found["day"].tolist() == [161, 162]
