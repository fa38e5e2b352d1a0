"""Tables of gap experiments: pooled exactly, marked honestly, silent where nothing was scored."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_fillings import rows_of
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.filling.published import BY_GAP, OVERALL
from stfuse.filling.tables import gap_table, overall_table, pool, split_table
from stfuse.metrics import mae, r2, rmse


def by_class(errors: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Rows of methods whose every error in a gap class is that number, alternately over a truth of 0 and 1."""
    truth, rows = np.array([0.0, 1.0]), []
    for method, classes in errors.items():
        for name, error in classes.items():
            rows += rows_of(truth + error, truth, method, f"gap {name}")
    return pd.DataFrame(rows)


def test_two_sites_worked_out_by_hand() -> None:
    # Site a: truth 0, 1, errors .1, .1. Site b: one value of 4, error -.4. The pooled truth 0, 1, 4 has the sum of
    # squares 25/9 + 4/9 + 49/9 = 78/9.
    one = rows_of(np.array([0.1, 1.1]), np.array([0.0, 1.0]), "temporal")
    two = rows_of(np.array([3.6]), np.array([4.0]), "temporal", site="b")
    found = pool(pd.DataFrame(one + two)).set_index("site").loc["all"]
    assert found["mae"] == pytest.approx(0.2)
    assert found["rmse"] == pytest.approx(math.sqrt(0.18 / 3))
    assert found["r2"] == pytest.approx(1 - 0.18 * 9 / 78)
    assert found["bias"] == pytest.approx(-0.2 / 3)
    assert (found["n"], found["n_series"], found["seeds"]) == (3, 4, 1)
    assert math.isnan(found["mae_seed_sd"])
    assert math.isnan(found["coverage90"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 3), st.integers(0, 99))
def test_pooled_errors_are_those_of_all_values_at_once(sizes: list[int], seeds: int, draw: int) -> None:
    rng, rows, all_predicted, all_truth = np.random.default_rng(draw), [], [], []
    for site, size in enumerate(sizes):
        truth = rng.normal(site, 0.3, size)
        for seed in range(seeds):
            predicted = truth + rng.normal(0.01, 0.1, size)
            rows += rows_of(predicted, truth, "gru", site=str(site), seed=seed)
            all_predicted.append(predicted)
            all_truth.append(truth)
    found = pool(pd.DataFrame(rows)).set_index("site").loc["all"]
    predicted, truth = np.concatenate(all_predicted), np.concatenate(all_truth)
    assert found["mae"] == pytest.approx(mae(predicted, truth))
    assert found["rmse"] == pytest.approx(rmse(predicted, truth))
    assert found["r2"] == pytest.approx(r2(predicted, truth), nan_ok=True)
    assert found["n"] == sum(sizes)


def test_seeds_are_pooled_and_their_spread_is_told() -> None:
    truth = np.array([0.0, 1.0])
    rows = rows_of(truth + 0.1, truth, "gru", seed=0) + rows_of(truth + 0.3, truth, "gru", seed=1)
    found = pool(pd.DataFrame(rows)).iloc[0]
    assert found["mae"] == pytest.approx(0.2)
    assert found["mae_seed_sd"] == pytest.approx(math.sqrt(0.02))
    assert (found["n"], found["seeds"]) == (2, 2)


def test_coverage_counts_by_its_own_number_of_values() -> None:
    truth = np.array([0.0, 1.0])
    rows = rows_of(truth, truth, "gru") + rows_of(truth, truth, "gru", site="b")
    words = {k: v for k, v in rows[0].items() if k not in ("metric", "value", "n", "site")}
    rows += [
        words | {"site": s, "metric": "coverage90", "value": v, "n": n} for s, v, n in (("a", 1, 30), ("b", 0, 10))
    ]
    assert pool(pd.DataFrame(rows)).iloc[0]["coverage90"] == pytest.approx(0.75)


def test_the_gap_table_marks_the_best_and_what_beats_interpolation() -> None:
    errors = {
        "gru": {"<5": 0.02, "5-9": 0.03, ">=20": 0.05},
        "temporal": {"<5": 0.02, "5-9": 0.02, ">=20": 0.09},
        "hgbrt": {"<5": 0.001},
    }
    table = gap_table(pool(by_class(errors)), list(errors), without=["hgbrt"])
    assert "hgbrt" not in set(table["method"])
    found = table[table["metric"] == "mae"].set_index("method")
    assert list(found.index) == ["temporal", "gru"]
    assert found.loc["gru", ">=20"] == pytest.approx(0.05)
    assert math.isnan(found.loc["gru", "10-14"])
    assert found.loc["gru", "best"] == "<5 >=20"
    assert found.loc["temporal", "best"] == "<5 5-9"
    assert found.loc["gru", "better_than_interpolation"] == ">=20"
    assert found.loc["temporal", "better_than_interpolation"] == ""
    counts = table[table["metric"] == "n"].set_index("method").loc["gru", list(GAP_CLASSES)]
    assert list(counts) == [2, 2, 0, 0, 2]


def test_equal_as_far_as_the_decimals_tell_is_no_better() -> None:
    table = gap_table(pool(by_class({"temporal": {"<5": 0.05}, "gru": {"<5": 0.049999}})), ["temporal", "gru"])
    found = table[table["metric"] == "mae"].set_index("method")
    assert list(found["best"]) == ["<5", "<5"]
    assert list(found["better_than_interpolation"]) == ["", ""]


def test_without_interpolation_nothing_is_better_than_it() -> None:
    rows = pd.DataFrame(rows_of(np.array([0.1, 1.0]), np.array([0.0, 1.0]), "gru"))
    table = overall_table(pool(rows), ["gru"])
    assert list(table["better_than_interpolation"]) == [""]
    assert list(table["best"]) == ["mae rmse r2"]


def test_nothing_scored_gives_empty_tables() -> None:
    rows = pd.DataFrame(rows_of(np.array([0.1]), np.array([0.0]), "gru")).assign(n=0)
    pooled = pool(rows)
    assert len(pooled) == len(gap_table(pooled, ["gru"])) == len(overall_table(pooled, ["gru"])) == 0
    assert len(split_table({"e": overall_table(pooled, ["gru"])}, {"e": "E"})) == 0


def test_splits_stand_side_by_side() -> None:
    rows = pd.DataFrame(rows_of(np.array([0.1, 1.0]), np.array([0.0, 1.0]), "gru"))
    table = overall_table(pool(rows), ["gru"])
    found = split_table({"space": table, "time": table}, {"space": "By space", "time": "By time"})
    assert list(found["experiment"]) == ["space", "time"]
    assert list(found["title"]) == ["By space", "By time"]


def test_the_papers_numbers_tell_the_papers_story() -> None:
    # Section V-A: fusion is best over all; interpolation falls behind in gaps of 20 days and more.
    assert min(OVERALL, key=lambda m: OVERALL[m]["mae"]) == "NDVI-Fusion"
    assert {len(v) for of in BY_GAP.values() for v in of.values()} == {len(GAP_CLASSES)}
    assert BY_GAP["mae"]["NDVI-Fusion"][-1] < BY_GAP["mae"]["linear interpolation"][-1]
    for of in BY_GAP.values():
        for values in of.values():
            assert list(values) == sorted(values) or list(values) == sorted(values, reverse=True)
