"""Scores of filled values are those of all values at once, however they come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stfuse import metrics
from stfuse.errors import InputError
from stfuse.filling.calibration import BINS, Errors
from stfuse.filling.hiding import GAP_CLASSES, gap_class
from stfuse.filling.scoring import refuse_seen, score
from stfuse.filling.trials import Trial
from stfuse.scores import Row

N = 5000
ERRORS = Errors(*(np.full(len(BINS), v) for v in (1000, 0.08, 0.1, 0.0)))


def a_trial(n: int = N, seed: int = 0) -> Trial:
    rng = np.random.default_rng(seed)
    observed = rng.uniform(-0.1, 0.9, n).astype(np.float32)
    predicted = (observed + rng.normal(0.02, 0.1, n)).astype(np.float32)
    pixel = rng.integers(0, 90, n)
    gap = rng.integers(1, 45, n).astype(np.float32)
    return Trial(predicted, observed, gap, rng.integers(0, 70, n), pixel // 10, pixel % 10)


def parts(trial: Trial, ends: list[int]) -> list[Trial]:
    return [Trial(*(v[a:b] for v in trial)) for a, b in zip([0, *ends], [*ends, len(trial.gap)], strict=True)]


def table(rows: list[Row]) -> dict[tuple[str, str], Row]:
    return {(row.stratum, row.metric): row for row in rows}


@pytest.mark.parametrize("stratum", ["all", *(f"gap {name}" for name in GAP_CLASSES)])
def test_scores_are_those_of_the_metrics_themselves(stratum: str) -> None:
    trial = a_trial()
    rows = table(score(parts(trial, [17, 900, 901]), ERRORS)[0]["observed"].rows())
    inside = np.ones(N, bool) if stratum == "all" else gap_class(trial.gap) == GAP_CLASSES.index(stratum[4:])
    p, t = trial.predicted[inside], trial.observed[inside]
    for metric in ("mae", "rmse", "bias", "r2"):
        assert rows[stratum, metric].value == pytest.approx(getattr(metrics, metric)(p, t), abs=1e-7)
        assert rows[stratum, metric].n == inside.sum()
    assert rows[stratum, "truth_mean"].value == pytest.approx(float(t.mean()), abs=1e-6)
    assert rows[stratum, "truth_sd"].value == pytest.approx(float(t.astype(float).std()), abs=1e-7)
    assert rows[stratum, "coverage90"].value == pytest.approx(float((np.abs(p - t) <= 0.1645).mean()), abs=1e-3)
    assert rows[stratum, "covered"].value == 1


def test_series_are_counted_once_however_many_values_they_have() -> None:
    trial = a_trial()
    rows = table(score([trial], ERRORS)[0]["observed"].rows())
    assert rows["all", "n_series"].value == 90
    few = Trial(*(v[:60] for v in trial))
    rows = table(score([few], ERRORS)[0]["observed"].rows())
    for i, name in enumerate(GAP_CLASSES):
        inside = gap_class(few.gap) == i
        assert rows[f"gap {name}", "n_series"].value == len({*zip(few.row[inside], few.column[inside], strict=True)})


def test_values_that_a_method_does_not_give_count_as_not_covered() -> None:
    trial = a_trial()
    trial.predicted[: N // 4] = np.nan
    rows = table(score([trial], ERRORS)[0]["observed"].rows())
    assert rows["all", "covered"].value == 0.75 and rows["all", "covered"].n == N
    assert rows["all", "mae"].n == 0.75 * N
    assert rows["all", "mae"].value == pytest.approx(metrics.mae(trial.predicted, trial.observed), abs=1e-7)


def test_a_known_truth_is_scored_beside_the_observed() -> None:
    trial = a_trial()

    def known(when: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(when, trial.when)
        np.testing.assert_array_equal(row * 10 + column, trial.row * 10 + trial.column)
        return trial.predicted - np.float32(0.25)

    scores, _ = score([trial], ERRORS, known)
    rows = table(scores["known"].rows())
    assert rows["all", "bias"].value == pytest.approx(0.25, abs=1e-6)
    assert rows["all", "coverage90"].value == 0
    assert set(scores) == {"observed", "known"}


def test_a_class_without_values_has_no_scores_and_a_weekly_method_has_no_classes() -> None:
    trial = a_trial()._replace(gap=np.full(N, 3, np.float32))
    scores = score([trial], ERRORS)[0]["observed"]
    rows = table(scores.rows())
    assert rows["gap >=20", "mae"].n == 0 and math.isnan(rows["gap >=20", "mae"].value)
    assert rows["gap <5", "mae"].value == rows["all", "mae"].value
    assert {row.stratum for row in scores.rows(by_gap=False)} == {"all"}


def test_an_uncertainty_that_was_not_calibrated_covers_nothing_and_is_not_counted() -> None:
    nothing = Errors(np.zeros(len(BINS), int), *(np.full(len(BINS), np.nan) for _ in range(3)))
    rows = table(score([a_trial()], nothing)[0]["observed"].rows())
    assert math.isnan(rows["all", "coverage90"].value) and rows["all", "coverage90"].n == 0
    assert rows["all", "mae"].n == N


def test_equal_truths_have_no_r2() -> None:
    trial = a_trial()._replace(observed=np.full(N, 0.3, np.float32))
    assert math.isnan(table(score([trial], ERRORS)[0]["observed"].rows())["all", "r2"].value)


def test_values_are_counted_by_days_of_gap() -> None:
    trial = a_trial()
    _, gaps = score(parts(trial, [100]), ERRORS)
    assert sum(gaps.values()) == N and list(gaps) == sorted(gaps)
    assert gaps[7] == int((trial.gap == 7).sum())


SEEN = {"date": "2020-01-01/2020-09-30", "truth": "pixels/gaps/here", "until": None, "held_out": False}


@pytest.mark.parametrize(
    ("changes", "after", "apart"),
    [
        ({}, None, False),
        ({}, None, True),
        ({"held_out": True}, None, False),
        ({"until": "2020-09-30"}, None, False),
        ({"until": "2020-09-30"}, "2020-08-31", False),
        ({}, "2020-09-30", False),
    ],
)
def test_what_was_learned_from_is_not_scored(changes: dict[str, object], after: str | None, apart: bool) -> None:
    with pytest.raises(InputError, match="learned from pixels/gaps/here"):
        refuse_seen([SEEN | changes], "pixels/gaps/here", after, apart)


@pytest.mark.parametrize(
    ("changes", "after", "apart"),
    [
        ({"held_out": True}, None, True),
        ({"until": "2020-09-30"}, "2020-09-30", False),
        ({"truth": "pixels/gaps/there"}, None, False),
    ],
)
def test_other_ground_later_dates_and_other_sites_are_scored(
    changes: dict[str, object], after: str | None, apart: bool
) -> None:
    refuse_seen([SEEN | changes], "pixels/gaps/here", after, apart)
