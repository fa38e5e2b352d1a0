"""Tables say who is worse than a baseline, whatever way the metric points."""

from __future__ import annotations

import math

import pytest

from stfuse.metrics import METRICS
from stfuse.summary import Score, summarise
from stfuse.tables import DATES, MAIN, SCORES, dates_table, is_worse, scores_table


def rows(
    method: str, metric: str, values: dict[str, float], band: str = "mean", truth: str = "observed"
) -> list[Score]:
    return [Score("e", "s", method, "0", d, truth, band, "all", metric, v, 50) for d, v in values.items()]


def as_read(lines: list[dict]) -> list[dict[str, str]]:
    return [{k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in line.items()} for line in lines]


def example() -> list[Score]:
    """Method `m` is better than bilinear in RMSE on d1 and on average, worse on d2, and worse in correlation."""
    return [
        *rows("bilinear", "rmse", {"d1": 0.030, "d2": 0.020}),
        *rows("nearest", "rmse", {"d1": 0.050, "d2": 0.060}),
        *rows("m", "rmse", {"d1": 0.010, "d2": 0.022}),
        *rows("bilinear", "cc", {"d1": 0.9, "d2": 0.9}),
        *rows("nearest", "cc", {"d1": 0.5, "d2": 0.5}),
        *rows("m", "cc", {"d1": 0.8, "d2": 0.9}),
        *rows("bilinear", "ergas", {"d1": 2.0, "d2": 2.0}, "all"),
        *rows("m", "ergas", {"d1": 1.0, "d2": 1.0}, "all"),
        *rows("m", "rmse", {"d1": 0.1, "d2": 0.1}, "ndvi"),
        *rows("m", "rmse", {"d1": 0.1, "d2": 0.1}, truth="known"),
    ]


def test_scores_table_ranks_and_flags():
    table = scores_table(as_read(summarise(example())), "e", "s")
    assert all(tuple(row) == SCORES for row in table)
    first = [row for row in table if (row["truth"], row["variable"]) == ("observed", "reflectance")]
    assert [(r["rank"], r["method"], r["baseline"]) for r in first] == [
        ("1", "m", ""),
        ("2", "bilinear", "yes"),
        ("3", "nearest", "yes"),
    ]
    assert (first[0]["rmse"], first[0]["cc"], first[0]["ergas"], first[0]["ssim"]) == ("0.0160", "0.850", "1.00", "")
    assert (first[0]["worse_than_bilinear"], first[0]["worse_than_nearest"]) == ("cc", "")
    assert first[2]["worse_than_bilinear"] == "rmse cc"
    assert first[1]["worse_than_bilinear"] == ""
    assert {r["dates"] for r in first} == {"2"}


def test_scores_table_keeps_truths_and_variables_apart():
    table = scores_table(as_read(summarise(example())), "e", "s")
    found = [(r["truth"], r["variable"]) for r in table]
    assert found == [("observed", "reflectance")] * 3 + [("observed", "ndvi"), ("known", "reflectance")]
    assert scores_table(as_read(summarise(example())), "other", "s") == []


def test_dates_table_tells_when_a_baseline_wins():
    table = dates_table(example(), "e", "s", ("rmse",))
    assert all(set(row) == set(DATES) for row in table)
    found = {(r["date"], r["method"]): r for r in table if (r["truth"], r["variable"]) == ("observed", "reflectance")}
    assert [found["d1", "m"][k] for k in ("best", "worse_than_bilinear", "minus_bilinear")] == ["yes", "", "-0.0200"]
    assert [found["d2", "m"][k] for k in ("best", "worse_than_bilinear", "minus_bilinear")] == ["", "yes", "0.0020"]
    assert found["d2", "bilinear"]["best"] == "yes"
    assert found["d1", "m"]["minus_nearest"] == "-0.0400"


def test_dates_table_prefers_shared_pixels_and_means_over_seeds():
    paired = rows("m", "rmse_minus_bilinear", {"d2": -0.001})
    second = [row._replace(seed="1", value=row.value + 0.002) for row in rows("m", "rmse", {"d2": 0.022})]
    table = dates_table([*example(), *paired, *second], "e", "s", ("rmse",))
    row = next(
        r
        for r in table
        if (r["date"], r["method"], r["truth"], r["variable"]) == ("d2", "m", "observed", "reflectance")
    )
    assert (row["value"], row["minus_bilinear"], row["worse_than_bilinear"]) == ("0.0230", "-0.0010", "")


@pytest.mark.parametrize(
    ("metric", "value", "difference", "expected"),
    [
        ("rmse", 0.02, 0.01, True),
        ("rmse", 0.02, -0.01, False),
        ("ssim", 0.8, -0.1, True),
        ("bias", -0.02, -0.03, True),  # baseline +0.01
        ("bias", -0.01, -0.03, False),  # baseline +0.02
        ("rmse", 0.02, 0.0, False),
        ("rmse", 0.02, 0.00004, False),  # not to be seen in four decimals
        ("rmse", 0.02, math.nan, False),
        ("psnr", math.inf, math.nan, False),
    ],
)
def test_worse_goes_by_the_metric(metric, value, difference, expected):
    assert is_worse(metric, value, difference) is expected


def test_main_metrics_have_a_convention():
    assert set(MAIN) <= set(METRICS)
