from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from factory import days
from small_series import BEGIN, make_series, true_ndvi, without_radar
from small_trainings import assert_same, column
from stfuse.errors import InputError
from stfuse.filling.trials import trials
from stfuse.learning import loop as loops
from stfuse.learning.resuming import resuming
from stfuse.methods import gru, load, make_params

QUICK = {"hidden": 8, "depth": 2, "width": 8, "epochs": 2, "steps": 3, "batch": 16, "patch": 4}


def params(**changes):
    return gru.Params(**{**QUICK, **changes})


@cache
def trained(**changes):
    return gru.fit([make_series(days=250)], params(**changes), 0)


def with_values(sample, values):
    return replace(sample.task, fine=replace(sample.task.fine, values=values.astype(np.float32)))


def test_the_defaults_are_the_papers():
    found = gru.Params()
    assert (found.hidden, found.depth, found.width, found.dropout) == (256, 3, 128, 0.3)
    assert (found.batch, found.learning_rate, found.months) == (128, 5e-4, (1, 6))
    assert found.hidden_share == pytest.approx(2 / 3) and found.inputs == "ndvi_fusion" and not found.flags
    sizes = {"optical_only": 3, "ndvi_fusion": 4, "ndvi_backscatter": 5}
    for inputs, features in sizes.items():
        state = trained(inputs=inputs)
        assert state["net.enter.weight"].shape == (8, features)
    assert trained(flags=True)["net.enter.weight"].shape == (8, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": "all"},
        {"months": [6, 1]},
        {"months": [1]},
        {"dropout": 1},
        {"hidden": 0},
        {"draws": -1},
        {"hidden_share": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        make_params(gru, wrong)
    assert make_params(gru, {"months": [2, 4]}).months == (2, 4)


@pytest.mark.parametrize(
    "settings",
    [{}, {"residual": True}, {"flags": True, "draws": 2}, {"inputs": "optical_only"}, {"inputs": "ndvi_backscatter"}],
)
def test_every_form_predicts_every_day(settings):
    wanted = BEGIN + np.array([-20, 0, 7, 100, 101, 102, 260])
    sample = make_series((5, 7), days=250, dates=wanted, seed=3)
    values = gru.predict(sample.task, trained(**settings), params(**settings))
    assert values.shape == (7, 1, 5, 7) and values.dtype == np.float32
    assert np.isfinite(values).all() and np.abs(values).max() <= 1
    np.testing.assert_array_equal(values, gru.predict(sample.task, trained(**settings), params(**settings)))


def test_the_untrained_network_interpolates():
    """With its last layer as it begins, a residual network says what `temporal` says."""
    sample, state = make_series((5, 7), days=900, seed=3), dict(trained(residual=True))
    for name in ("net.leave.weight", "net.leave.bias"):
        state[name] = np.zeros_like(state[name])
    temporal = load("temporal")
    expected = temporal.predict(sample.task, {}, temporal.Params())
    np.testing.assert_allclose(gru.predict(sample.task, state, params(residual=True)), expected, atol=1e-5)


def test_a_hidden_value_does_not_reach_the_prediction():
    sample, state = make_series((6, 6), days=300, seed=4), trained()

    def found(values):
        shown = replace(sample, task=with_values(sample, values))
        (trial,) = trials(shown, lambda task: gru.predict(task, state, params()), 2 / 3, np.ones((6, 6), bool), 0)
        return trial

    values = sample.task.fine.values
    first = found(values)
    hidden = np.zeros(values.shape, bool)
    hidden[first.when, 0, first.row, first.column] = True
    again = found(np.where(hidden, values + 0.3, values))
    np.testing.assert_array_equal(first.predicted, again.predicted)
    assert not np.array_equal(first.observed, again.observed)
    seen = found(np.where(hidden, values, values + 0.3))
    assert not np.array_equal(first.predicted, seen.predicted)  # what is kept counts


@pytest.mark.parametrize(("inputs", "apart"), [("ndvi_fusion", (0.01, 0.02)), ("optical_only", (0.02, 0.035))])
def test_a_days_answer_hardly_depends_on_what_else_is_asked_for(inputs, apart):
    """Apart by at most so much on the mean, of all images' days and of all days."""
    p = params(inputs=inputs, hidden=16, depth=1, epochs=8, steps=15, learning_rate=1e-2, batch=32)
    state, sample = gru.fit([make_series((24, 24))], p, 0), make_series((6, 8), seed=9)
    optical = sample.dates

    def found(dates):
        return gru.predict(replace(sample.task, dates=dates), state, p)

    alone = np.concatenate([found(day) for day in optical[:, None]])
    daily = found(BEGIN + np.arange(365))[(optical - BEGIN).astype(int)]
    clouds = np.isnan(sample.task.fine.values)
    for together, most in zip((found(optical), daily), apart, strict=True):
        assert 0 < np.abs(together - alone)[clouds].mean() < most


def test_a_pixel_is_predicted_alike_whatever_lies_beside_it():
    sample, state = make_series((8, 9), days=400, seed=2), trained(draws=1)
    whole = gru.predict(sample.task, state, params())
    window = slice(2, 5), slice(3, 4)
    np.testing.assert_allclose(gru.predict(sample.crop(window), state, params()), whole[..., *window], atol=1e-6)


def test_nan_only_where_nothing_is_known_at_all():
    sample = make_series((4, 8), days=200, seed=2)
    optical, guide = sample.task.fine.values.copy(), sample.task.coarse.values.copy()
    optical[..., :2, :] = np.nan
    guide[..., :2, :4] = np.nan
    task = replace(with_values(sample, optical), coarse=replace(sample.task.coarse, values=guide))
    lost = np.isnan(gru.predict(task, trained(), params()))
    assert lost[..., :2, :4].all() and not lost[..., :2, 4:].any() and not lost[..., 2:, :].any()
    alone = gru.predict(without_radar(sample).task, trained(), params())
    assert np.isfinite(alone).all()  # every pixel has optical values


def test_no_dates_and_long_series():
    sample = make_series((3, 4), days=1100, seed=5)
    assert gru.predict(replace(sample.task, dates=days()), trained(), params()).shape == (0, 1, 3, 4)
    whole = gru.predict(sample.task, trained(), params())
    # What lies further away than a window and the next optical values beyond it has no say.
    values = sample.task.fine.values.copy()
    values[sample.dates > BEGIN + 700] += 0.2
    again = gru.predict(with_values(sample, values), trained(), params())
    early = sample.dates < BEGIN + 700 - 183 - 60
    np.testing.assert_array_equal(again[early], whole[early])
    assert not np.array_equal(again, whole)


@pytest.mark.parametrize(("residual", "steps"), [(True, 10), (False, 40)])
def test_a_constant_series_comes_out_after_a_short_training(residual, steps):
    sample = make_series((8, 8), days=120)
    flat = np.where(np.isfinite(sample.task.fine.values), 0.4, np.nan)
    task = with_values(sample, flat)
    task = replace(task, coarse=replace(task.coarse, values=np.full_like(task.coarse.values, 0.4)))
    p = params(residual=residual, epochs=5, steps=steps, learning_rate=2e-2, depth=1, dropout=0.0)
    state = gru.fit([replace(sample, task=task)], p, 0)
    np.testing.assert_allclose(gru.predict(task, state, p), 0.4, atol=0.05)


def test_training_learns_what_radar_tells():
    """Where radar sees without error, gaps are filled better than by interpolation, on ground never seen."""
    clear = {"days": 250, "radar_noise": 0.0, "noise": 0.0, "cloud": 0.85}
    p = params(residual=True, hidden=16, depth=1, epochs=8, steps=15, learning_rate=1e-2, batch=32)
    state = gru.fit([make_series((32, 32), **clear)], p, 0)
    held = column(state, "held_loss")
    assert np.nanmin(held) < 0.8 * held[0]
    other = make_series((8, 8), seed=9, **clear)
    truth, temporal = true_ndvi((8, 8), other.dates, 9), load("temporal")
    errors = [
        np.sqrt(np.mean((found[:, 0] - truth) ** 2))
        for found in (gru.predict(other.task, state, p), temporal.predict(other.task, {}, temporal.Params()))
    ]
    assert errors[0] < 0.9 * errors[1]


class Killed(Exception):
    """What stops a training in its midst."""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_training_goes_on_to_the_same_bits(after, tmp_path, monkeypatch):
    sample, p = make_series(days=200), params(epochs=3)
    expected, learn, steps = gru.fit([sample], p, 0), loops.Loop._learn, []

    def killed(self, *args):
        if len(steps) == after:
            raise Killed
        steps.append(1)
        learn(self, *args)

    with resuming(tmp_path, "x", minutes=0):
        monkeypatch.setattr(loops.Loop, "_learn", killed)
        with pytest.raises(Killed):
            gru.fit([sample], p, 0)
    monkeypatch.setattr(loops.Loop, "_learn", learn)
    with resuming(tmp_path, "x", minutes=0):
        assert_same(gru.fit([sample], p, 0), expected)


def test_the_seed_decides():
    sample, p = make_series(days=200), params()
    assert_same(gru.fit([sample], p, 1), gru.fit([sample], p, 1))
    assert not np.array_equal(gru.fit([sample], p, 1)["net.enter.weight"], gru.fit([sample], p, 2)["net.enter.weight"])


def test_a_state_of_other_inputs_and_other_bands_are_refused():
    sample = make_series((3, 4), days=100)
    with pytest.raises(InputError, match="does not fit this network"):
        gru.predict(sample.task, trained(), params(inputs="optical_only"))
    red = replace(sample.task, fine=replace(sample.task.fine, bands=("red",)))
    with pytest.raises(InputError, match="variable: ndvi"):
        gru.predict(red, trained(), params())
    with pytest.raises(InputError, match="variable: ndvi"):
        gru.fit([replace(sample, task=red)], params(), 0)
