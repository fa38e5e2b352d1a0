"""Hidden values never reach a method, are the same for all of them, and come back where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from small_series import SmallSample, make_series
from stfuse.filling.trials import SIDE, Fill, Masked, between, chosen, gaps_of, trials
from stfuse.methods import temporal
from stfuse.task import EVERYWHERE, FloatArray, Task


def interpolated(task: Task) -> FloatArray:
    return temporal.predict(task, {}, temporal.Params())


def remembering(given: list[Task], fill: Fill = interpolated) -> Fill:
    def remember(task: Task) -> FloatArray:
        given.append(task)
        return fill(task)

    return remember


def changed(sample: SmallSample, values: FloatArray) -> SmallSample:
    return SmallSample(replace(sample.task, fine=replace(sample.task.fine, values=values)))


EVERY = np.ones((12, 16), bool)


def test_hidden_values_do_not_reach_the_method() -> None:
    sample = make_series()
    (trial,) = trials(sample, interpolated, 2 / 3, EVERY, 1)
    values = sample.task.fine.values.copy()
    values[trial.when, 0, trial.row, trial.column] = -0.7
    (other,) = trials(changed(sample, values), interpolated, 2 / 3, EVERY, 1)
    np.testing.assert_array_equal(other.predicted, trial.predicted)
    assert (other.observed == np.float32(-0.7)).all()


def test_a_kept_value_does_reach_it() -> None:
    sample = make_series()
    (trial,) = trials(sample, interpolated, 2 / 3, EVERY, 1)
    values = sample.task.fine.values.copy()
    kept = np.isfinite(values)
    kept[trial.when, 0, trial.row, trial.column] = False
    values[kept] += 0.1
    (other,) = trials(changed(sample, values), interpolated, 2 / 3, EVERY, 1)
    np.testing.assert_allclose(other.predicted, trial.predicted + np.float32(0.1), atol=1e-5)


def test_observed_values_gaps_and_places_belong_together() -> None:
    sample = make_series()
    given: list[Task] = []
    (trial,) = trials(sample, remembering(given), 2 / 3, EVERY, 1)
    values = sample.task.fine.values[:, 0]
    np.testing.assert_array_equal(trial.observed, values[trial.when, trial.row, trial.column])
    count = np.isfinite(values).sum()
    assert 0.6 * count < trial.observed.size < 0.7 * count
    (task,) = given
    assert task.fine.grid.shape == (1, np.unique(trial.row * 16 + trial.column).size)
    assert np.isfinite(task.fine.values).sum() == count - trial.observed.size
    assert trial.gap.min() >= 5


def test_every_method_is_asked_for_the_same_values() -> None:
    sample = make_series()
    (one,) = trials(sample, interpolated, 2 / 3, EVERY, 1)
    (other,) = trials(sample, lambda task: interpolated(task) * 0, 2 / 3, EVERY, 1)
    for name in ("observed", "gap", "when", "row", "column"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_part_of_the_ground_has_the_values_that_all_of_it_has_there() -> None:
    sample, part = make_series(), EVERY.copy()
    part[:, 5:] = False
    (one,) = trials(sample, interpolated, 2 / 3, EVERY, 1)
    (some,) = trials(sample, interpolated, 2 / 3, part, 1)
    inside = one.column < 5
    for name in one._fields:
        np.testing.assert_array_equal(getattr(some, name), getattr(one, name)[inside])


def test_large_samples_are_gone_through_window_by_window() -> None:
    sample = make_series((SIDE + 6, SIDE + 9), days=60)
    ground = np.ones(sample.grid.shape, bool)
    ground[:SIDE, SIDE:] = False
    found = list(trials(sample, interpolated, 0.5, ground, 1))
    assert len(found) == 3 and len(sample.looked) == 3
    for one in found:
        np.testing.assert_array_equal(one.observed, sample.task.fine.values[one.when, 0, one.row, one.column])
    assert {bool(one.row.max() >= SIDE) for one in found} == {True, False}


def test_chosen_pixels_bring_their_radar_along() -> None:
    task, where = make_series().task, np.zeros((12, 16), bool)
    where[3, 4] = where[7, 2] = True
    line = chosen(task, where)
    np.testing.assert_array_equal(line.coarse.values[..., 0, 0], task.coarse.values[..., 3, 4])
    np.testing.assert_array_equal(line.aux["sar"].values[..., 0, 1], task.aux["sar"].values[..., 7, 2])


def test_a_methods_answer_does_not_depend_on_which_pixels_are_chosen() -> None:
    task, where = make_series().task, np.zeros((12, 16), bool)
    where[2:5, 3:9] = True
    np.testing.assert_array_equal(interpolated(chosen(task, where))[:, :, 0], interpolated(task)[:, :, where])


def test_masked_samples_hold_nothing_off_their_ground() -> None:
    sample, ground = make_series(), EVERY.copy()
    ground[4:, :] = False
    masked = Masked(sample, ground)
    window = slice(2, 8), slice(1, 9)
    values = masked.crop(window).fine.values
    np.testing.assert_array_equal(values[:, :, :2], sample.task.fine.values[:, :, 2:4, 1:9])
    assert np.isnan(values[:, :, 2:]).all()
    np.testing.assert_array_equal(masked.truth(window), values)
    np.testing.assert_array_equal(masked.crop(window).coarse.values, sample.crop(window).coarse.values)
    assert np.isnan(masked.truth(EVERYWHERE)[:, :, 4:]).all()
    with pytest.raises(ValueError, match="ground has shape"):
        Masked(sample, ground[:3])


def test_between_keeps_what_lies_near_a_date() -> None:
    task = make_series(days=365).task
    date = np.datetime64("2021-06-01")
    near = between(task, date, 90)
    for series, whole in ((near.fine, task.fine), (near.coarse, task.coarse), (near.aux["sar"], task.aux["sar"])):
        away = np.abs((series.dates - date).astype(int))
        assert away.max() <= 90 and 25 < len(series.dates) < len(whole.dates)
    np.testing.assert_array_equal(near.dates, task.dates)


def test_gaps_count_from_what_a_task_holds() -> None:
    sample = make_series()
    gaps = gaps_of(sample.task)
    seen = np.isfinite(sample.task.fine.values[:, 0])
    assert (gaps[seen] == 0).all() and (gaps[~seen] >= 5).all()
