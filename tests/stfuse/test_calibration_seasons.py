"""Errors by gap length count by the month in which real gaps lie, so that what is stated holds inside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from small_series import SmallSample, make_series, true_ndvi
from stfuse.filling.calibration import BINS, Errors, calibrate, uncertainty
from stfuse.filling.trials import gaps_of
from stfuse.methods import temporal
from stfuse.months import month_of
from stfuse.task import FloatArray, Task

SHAPE = (20, 20)
EVERYWHERE = np.ones(SHAPE, bool)


def interpolated(task: Task) -> FloatArray:
    return temporal.predict(task, {}, temporal.Params())


def clouded(summer: float, winter: float, seed: int) -> SmallSample:
    """Three years of `make_series`, with another share of clouded dates from April to October than in winter."""
    sample = make_series(SHAPE, days=3 * 365, cloud=0.2, seed=seed)
    rng = np.random.default_rng([seed, 9])
    months = month_of(sample.dates)
    share = np.where((months >= 3) & (months < 10), summer, winter)
    values = sample.task.fine.values.copy()
    values[rng.random(len(share)) < share] = np.nan
    return SmallSample(replace(sample.task, fine=replace(sample.task.fine, values=values)))


def coverage(sample: SmallSample, seed: int, of: Errors, shortest: float) -> float:
    """Share of the truth within the stated 90 % on days that really lie in gaps of at least so many days."""
    days = np.arange(sample.dates[0], sample.dates[-1], 5)
    task = replace(sample.task, dates=days)
    gap = gaps_of(task)
    error = np.abs(interpolated(task)[:, 0] - true_ndvi(SHAPE, days, seed))
    inside = error <= 1.645 * uncertainty(gap, of)
    return float(inside[np.isfinite(gap) & (gap >= shortest)].mean())


def unweighted(monkeypatch: pytest.MonkeyPatch, sample: SmallSample) -> Errors:
    """As if every hidden value counted alike."""
    with monkeypatch.context() as patch:
        patch.setattr("stfuse.filling.calibration.month_weights", lambda trials, wanted: np.ones(trials.shape))
        return calibrate([(sample, EVERYWHERE)], interpolated, 2 / 3)


def test_stated_ninety_percent_hold_in_real_gaps_of_a_cloudy_growing_season(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = [], []
    for seed in range(3):
        sample = clouded(0.85, 0.05, seed)
        before.append(coverage(sample, seed, unweighted(monkeypatch, sample), 20))
        after.append(coverage(sample, seed, calibrate([(sample, EVERYWHERE)], interpolated, 2 / 3), 20))
    assert np.mean(before) < 0.8
    assert 0.8 <= np.mean(after) <= 0.97


def test_where_clouds_know_no_season_little_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = clouded(0.6, 0.6, 1)
    plain, found = unweighted(monkeypatch, sample), calibrate([(sample, EVERYWHERE)], interpolated, 2 / 3)
    enough = found.n > 1000
    assert enough.sum() >= 3
    assert found.rmse[enough] == pytest.approx(plain.rmse[enough], rel=0.2)
    assert (found.n <= plain.n).all()


def sums(counts: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([counts, counts * np.abs(error), counts * error**2, counts * error])


def test_a_bin_of_two_seasons_worked_out_by_hand() -> None:
    """Ninety values of January, wrong by 0.1, and ten of July, wrong by -0.3; three of four real gaps lie in July."""
    counts, real, error = (np.zeros((len(BINS), 12)) for _ in range(3))
    counts[4, 0], counts[4, 6], error[4, 0], error[4, 6] = 90, 10, 0.1, -0.3
    real[4, 0], real[4, 6] = 1, 3
    found = Errors.of(sums(counts, error), real)
    assert found.rmse[4] == pytest.approx(np.sqrt(0.25 * 0.1**2 + 0.75 * 0.3**2), rel=1e-3)
    assert found.mae[4] == pytest.approx(0.25 * 0.1 + 0.75 * 0.3, rel=1e-3)
    assert found.bias[4] == pytest.approx(0.25 * 0.1 - 0.75 * 0.3, rel=1e-3)
    # Weights 1/90 and 3/10 of four: 16 / (1/90 + 9/10).
    assert found.n[4] == round(16 / (1 / 90 + 9 / 10))


def test_a_bin_in_which_no_day_really_lies_has_its_errors_as_they_come_and_an_empty_one_none() -> None:
    counts, error = np.zeros((len(BINS), 12)), np.full((len(BINS), 12), 0.1)
    counts[6, 2:4], error[6, 3] = 50, 0.3
    found = Errors.of(sums(counts, error), np.zeros((len(BINS), 12)))
    assert found.n.tolist() == [0] * 6 + [100, 0, 0]
    assert found.rmse[6] == pytest.approx(np.sqrt(0.05))
    assert np.isnan(found.rmse[[0, 8]]).all()


def test_the_few_values_of_the_month_that_counts_are_no_more_than_few() -> None:
    """Five values of July stand for all: too few for a bin of its own, however many January has."""
    counts, real, error = (np.zeros((len(BINS), 12)) for _ in range(3))
    counts[:4, 0], real[:4, 0], error[:4, 0] = 1000, 1, 0.05
    counts[4, 0], counts[4, 6], real[4, 6], error[4, 6] = 1000, 5, 1, 0.9
    found = Errors.of(sums(counts, error), real)
    assert found.n[4] == 5
    assert uncertainty(np.array([17.0], np.float32), found) == pytest.approx(0.05)
