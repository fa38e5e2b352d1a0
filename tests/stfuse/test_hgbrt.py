"""hGBRT: weeks and their windows by hand, trees as scikit-learn walks them, nothing hidden among the features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from factory import days, make_grid
from small_series import make_series, true_ndvi, without_radar
from stfuse.errors import TooLittleError
from stfuse.filling.drawing import columns_of, drawn_windows
from stfuse.filling.hiding import hide
from stfuse.filling.trials import Trial, trials
from stfuse.filling.weekly import WINDOW, Weeks, features, weekly_mean, weeks_of
from stfuse.methods.hgbrt import Params, fit, predict, rows_of, trees_of, walk
from stfuse.state import load_state, save_state
from stfuse.task import FloatArray, Series, Task

NAN = np.float32(np.nan)
THURSDAY = days("2021-07-01")[0]  # a week's first day


def of_one(
    optical: dict[int, float], radar: dict[int, float], wanted: list[int], shape: tuple[int, int] = (1, 1)
) -> Task:
    """A task of one series repeated: values by the day after `THURSDAY`."""
    grid = make_grid(shape)

    def series(values: dict[int, float]) -> Series:
        images = np.ones((len(values), 1, *shape), np.float32)
        images *= np.array(list(values.values()), np.float32).reshape(-1, 1, 1, 1)
        return Series(images, THURSDAY + np.array(list(values), int), ("ndvi",), grid)

    return Task(series(optical), series(radar), 1.0, THURSDAY + np.array(wanted))


def hidden_from(task: Task, hidden: np.ndarray) -> Task:
    return replace(task, fine=replace(task.fine, values=np.where(hidden, NAN, task.fine.values)))


def test_weeks_begin_on_thursdays_and_their_values_are_means() -> None:
    assert weeks_of(days("1970-01-01", "1970-01-07", "1970-01-08", "1969-12-31")).tolist() == [0, 0, 1, -1]
    values = np.array([[0.1, NAN], [0.3, NAN], [0.5, 0.7], [0.9, 0.9]], np.float32)
    found = weekly_mean(values, np.array([4, 4, 6, 9]), 3, 5)
    np.testing.assert_allclose(found, [[NAN, NAN], [0.2, NAN], [NAN, NAN], [0.5, 0.7], [NAN, NAN]], atol=1e-7)


def test_the_window_of_a_week_by_hand() -> None:
    """Half a year of weeks: optical values of those before, the guide's of those and of the week itself."""
    task = of_one({-175: 0.11, -7: 0.2, -6: 0.4, 0: 0.9, 7: 0.8}, {-182: 0.5, -175: 0.6, 0: 0.3, 6: 0.5, 7: 0.1}, [2])
    weeks = Weeks.of(task, columns_of(task.fine))
    (row,) = features(weeks, int(weeks_of(task.dates)[0]))
    optical, guide, season = row[:25], row[25:51], row[51:]
    assert len(row) == 2 * WINDOW + 1 == 53
    np.testing.assert_allclose(optical[[0, 24]], [0.11, 0.3], atol=1e-7)
    assert np.isnan(optical[1:24]).all()  # not the 0.9 of the week itself, nor what comes after
    np.testing.assert_allclose(guide[[0, 25]], [0.6, 0.4], atol=1e-7)
    assert np.isnan(guide[1:25]).all()  # nor what lies before half a year
    angle = 2 * np.pi * 185 / 365.25  # Sunday 4 July, the middle of the week
    np.testing.assert_allclose(season, [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_every_date_of_a_week_has_the_value_of_the_week() -> None:
    sample = make_series((8, 8))
    state = fit([sample], Params(rows=3000), 0)
    monday = days("2021-07-12")[0]
    found = predict(replace(sample.task, dates=monday + np.arange(0, 14)), state, Params())
    weeks = weeks_of(monday + np.arange(14))
    for week in np.unique(weeks):
        assert (found[weeks == week] == found[weeks == week][0]).all()
    assert not (found[0] == found[-1]).all()


def test_trees_in_arrays_say_what_scikit_learn_says() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 6)).astype(np.float32)
    y = np.where(x[:, 1] > 0, x[:, 2], 0.5) + 0.1 * rng.normal(size=3000)
    x[rng.random(x.shape) < 0.3] = np.nan
    columns = np.array([0, 1, 2, 4, 5])
    model = HistGradientBoostingRegressor(random_state=0).fit(x[:, columns], y)
    new = rng.normal(size=(2000, 6)).astype(np.float32)
    new[rng.random(new.shape) < 0.5] = np.nan
    found = walk(trees_of(model, columns), new)
    np.testing.assert_allclose(found, model.predict(new[:, columns]), rtol=0, atol=1e-6)


def test_labels_are_hidden_values_and_no_feature_knows_them() -> None:
    """Each value of a series tells its date; what is a label may appear in no row's features."""
    values = (0.001 * np.arange(1, 73, dtype=np.float32))[:, None, None, None]
    grid = make_grid((1, 1))
    dates = THURSDAY + 7 * np.arange(72)
    none = Series(np.empty((0, 1, 1, 1), np.float32), days(), ("ndvi",), grid)
    task = Task(Series(values, dates, ("ndvi",), grid), none, 1.0, dates)
    x, y = rows_of(task, 2 / 3, 1000, np.random.default_rng(0))
    assert len(y) == 48 == len(np.unique(y))
    optical = x[:, : WINDOW - 1]
    shown = np.unique(optical[np.isfinite(optical)])
    assert set(shown.tolist()).isdisjoint(y.tolist())
    assert set(shown.tolist()) <= set(values.ravel().tolist())
    assert all((row[np.isfinite(row)] < label).all() for row, label in zip(optical, y, strict=True))  # the past alone
    assert np.isnan(x[:, WINDOW - 1 : -2]).all()


def test_a_hidden_value_cannot_be_seen_by_what_is_predicted() -> None:
    sample = make_series((8, 8), days=300)
    state = fit([make_series((12, 12), days=300, seed=1)], Params(rows=3000), 0)
    values = sample.task.fine.values

    def found(values: FloatArray) -> Trial:
        shown = replace(sample, task=replace(sample.task, fine=replace(sample.task.fine, values=values)))
        (trial,) = trials(shown, lambda task: predict(task, state, Params()), 2 / 3, np.ones((8, 8), bool), 0)
        return trial

    first = found(values)
    hidden = np.zeros(values.shape, bool)
    hidden[first.when, 0, first.row, first.column] = True
    again = found(np.where(hidden, values + np.float32(0.3), values))
    np.testing.assert_array_equal(first.predicted, again.predicted)
    assert not np.array_equal(first.observed, again.observed)
    kept = found(np.where(hidden, values, values + np.float32(0.3)))
    assert np.abs(kept.predicted - first.predicted).max() > 0.01


def test_radar_helps_where_it_is_and_is_not_needed() -> None:
    train, test = make_series((24, 24), days=500, seed=1), make_series((24, 24), days=500, seed=2)
    hidden = hide(np.isfinite(test.task.fine.values), 2 / 3, np.random.default_rng(0))
    truth = true_ndvi((24, 24), test.task.dates, seed=2)[:, None]

    def error(learned: bool) -> float:
        pair = (train, test) if learned else (without_radar(train), without_radar(test))
        found = predict(hidden_from(pair[1].task, hidden), fit([pair[0]], Params(rows=20_000), 0), Params())
        assert np.isfinite(found).all()
        return float(np.abs(found - truth)[hidden].mean())

    spread = float(np.abs(truth - np.median(truth))[hidden].mean())
    assert error(True) < 0.8 * error(False)
    assert error(False) < 0.6 * spread


def test_a_guide_is_cut_to_the_fine_grid_and_must_have_its_bands() -> None:
    sample = make_series((8, 8), days=60)
    part = sample.crop((slice(2, 6), slice(3, 8)))
    own, around = (Weeks.of(task, columns_of(part.fine)) for task in (part, replace(part, coarse=sample.task.coarse)))
    assert np.isfinite(own.guide).any()
    np.testing.assert_array_equal(around.guide, own.guide)
    red = Series(part.coarse.values, part.coarse.dates, ("red",), part.coarse.grid)
    assert np.isnan(Weeks.of(replace(part, coarse=red), columns_of(part.fine)).guide).all()


def test_rows_are_bounded_and_drawn_from_everywhere() -> None:
    sample = make_series((70, 64), days=200)
    fit([sample], Params(rows=4000), 0)
    assert len(sample.looked) == 6
    few = make_series((70, 64), days=200)
    fit([few], Params(rows=600), 0)
    assert len(few.looked) < 6


def test_windows_cover_each_grid_once() -> None:
    samples = [make_series((9, 5), days=30), make_series((3, 4), days=30)]
    drawn = drawn_windows(samples, 4, np.random.default_rng(0))
    for sample in samples:
        count = np.zeros(sample.grid.shape, int)
        for _, window in (pair for pair in drawn if pair[0] is sample):
            count[window] += 1
        assert (count == 1).all()


def test_the_state_survives_its_file(tmp_path: Path) -> None:
    sample = make_series((8, 8))
    state = fit([sample], Params(rows=2000), 5)
    method = {"name": "trees", "file": "hgbrt", "settings": {"rows": 2000}}
    save_state(tmp_path / "s.npz", state, method, ("ndvi",), "ndvi", seed=5)
    again = load_state(tmp_path / "s.npz", method, ("ndvi",), "ndvi")
    assert state.keys() == again.keys()
    np.testing.assert_array_equal(predict(sample.task, again, Params()), predict(sample.task, state, Params()))
    other = fit([sample], Params(rows=2000), 6)
    assert not np.array_equal(predict(sample.task, other, Params()), predict(sample.task, state, Params()))


def test_series_without_a_second_value_teach_nothing() -> None:
    with pytest.raises(TooLittleError, match="values to hide"):
        fit([make_series((4, 4), days=5)], Params(), 0)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="rows must be 2 or more"):
        Params(rows=1)
    with pytest.raises(ValueError, match="hidden must lie above 0"):
        Params(hidden=0.0)
