"""The summary compares methods on equal dates and pixels."""

from __future__ import annotations

import math

import pytest

from stfuse.summary import COLUMNS, Score, summarise


def rows(
    method: str, values: dict[str, float], metric: str = "rmse", seed: int = 0, n: int = 100, truth: str = "observed"
) -> list[Score]:
    return [Score("e", "s", method, str(seed), d, truth, "mean", "all", metric, v, n) for d, v in values.items()]


def summary(*parts: list[Score]) -> dict[tuple[str, str], dict]:
    lines = summarise(row for part in parts for row in part)
    assert all(set(line) == set(COLUMNS) for line in lines)
    return {(line["metric"], line["method"]): line for line in lines}


def test_skipping_the_hard_date_does_not_help():
    easy, hard = {"d1": 0.010, "d2": 0.012}, {"d3": 0.050}
    found = summary(rows("bilinear", easy | hard), rows("shy", {"d1": 0.011, "d2": 0.013}))
    assert [found["rmse", "bilinear"][k] for k in ["value", "dates", "rank"]] == pytest.approx([0.011, 2, 1])
    assert [found["rmse", "bilinear"][k] for k in ["own_value", "own_dates"]] == pytest.approx([0.024, 3])
    assert found["rmse", "shy"]["rank"] == 2
    assert found["rmse", "shy"]["minus_bilinear"] == pytest.approx(0.001)


def test_a_date_without_a_pixel_is_no_date():
    empty = rows("shy", {"d2": math.nan}, n=0)
    found = summary(rows("bilinear", {"d1": 0.01, "d2": 0.03}), rows("shy", {"d1": 0.02}), empty)
    assert found["rmse", "bilinear"]["value"] == pytest.approx(0.01)
    assert found["rmse", "shy"]["own_dates"] == 1


def test_a_method_that_failed_everywhere_does_not_take_the_dates_of_the_others():
    found = summary(rows("bilinear", {"d1": 0.01}), rows("broken", {"d1": math.nan}, n=0))
    assert found["rmse", "bilinear"]["dates"] == 1
    assert math.isnan(found["rmse", "broken"]["value"])
    assert math.isnan(found["rmse", "broken"]["rank"])


def test_methods_without_a_date_in_common_have_only_their_own():
    found = summary(rows("a", {"d1": 0.01}), rows("b", {"d2": 0.02}))
    assert [found["rmse", "a"][k] for k in ["dates", "own_dates"]] == [0, 1]
    assert math.isnan(found["rmse", "a"]["value"])


def test_error_is_over_dates_and_spread_over_seeds():
    found = summary(
        rows("net", {"d1": 1.0, "d2": 2.0, "d3": 3.0}, seed=0), rows("net", {"d1": 3.0, "d2": 4.0, "d3": 5.0}, seed=1)
    )
    row = found["rmse", "net"]
    assert row["value"] == 3.0
    assert row["se"] == pytest.approx(1 / math.sqrt(3))  # per date 2, 3, 4
    assert row["seed_sd"] == pytest.approx(math.sqrt(2))  # per seed 2, 4
    assert row["seeds"] == 2
    assert row["dates"] == 3


def test_differences_on_shared_pixels_are_preferred():
    found = summary(
        rows("bilinear", {"d1": 0.02}), rows("m", {"d1": 0.01}), rows("m", {"d1": 0.003}, "rmse_minus_bilinear", n=60)
    )
    assert found["rmse", "m"]["minus_bilinear"] == pytest.approx(0.003)
    assert found["rmse", "bilinear"]["minus_bilinear"] == 0.0
    assert math.isnan(found["rmse", "m"]["minus_nearest"])


@pytest.mark.parametrize(("metric", "values"), [("cc", (0.9, 0.8)), ("bias", (-0.01, 0.02)), ("mae", (0.1, 0.2))])
def test_the_better_one_ranks_first(metric, values):
    parts = [
        part for m, v in zip("ab", values, strict=True) for part in (rows(m, {"d": v}, metric), rows(m, {"d": 1.0}))
    ]
    found = summary(*parts)
    assert found[metric, "a"]["rank"] == 1
    assert found[metric, "b"]["rank"] == 2


def test_equal_values_share_a_rank_and_coverage_stands_beside_every_metric():
    covered = [row._replace(band="all") for m in "ab" for row in rows(m, {"d": 0.9}, "covered")]
    found = summary(rows("a", {"d": 0.5}), rows("b", {"d": 0.5}), covered)
    assert {found["rmse", m]["rank"] for m in "ab"} == {1}
    assert {found["rmse", m]["covered"] for m in "ab"} == {0.9}


def test_common_dates_are_of_each_truth_by_itself():
    both = {"d1": 1.0, "d2": 2.0}
    lines = summarise([*rows("a", both), *rows("b", {"d2": 1.0}), *rows("a", both, truth="known")])
    assert {(line["truth"], line["method"]): line["value"] for line in lines} == {
        ("observed", "a"): 2.0,
        ("observed", "b"): 1.0,
        ("known", "a"): 1.5,
    }


def test_other_strata_and_single_bands_are_left_to_the_full_table():
    row = rows("a", {"d": 0.5})[0]
    assert len(summarise([row, row._replace(stratum="high", value=9.0), row._replace(band="red", value=9.0)])) == 1
