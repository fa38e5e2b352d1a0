"""Gaussian process: scales learned by likelihood, predictions as scikit-learn's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from factory import days, make_grid
from small_series import SmallSample, make_series, true_ndvi
from stfuse.errors import TooLittleError
from stfuse.filling.hiding import hide
from stfuse.methods.gaussian_process import Params, covariance, fit, predict
from stfuse.state import load_state, save_state
from stfuse.task import Series, State, Task

STATE: State = {"amplitude": np.array(0.03), "length": np.array(50.0), "noise": np.array(1e-3)}
BEGIN = days("2021-01-01")[0]


def only(values: np.ndarray, dates: np.ndarray) -> Task:
    """A task of optical series alone, shape (time, y, x), that asks for their own dates."""
    grid = make_grid((values.shape[1], values.shape[2]))
    none = Series(np.empty((0, 1, *grid.shape), np.float32), days(), ("ndvi",), grid)
    return Task(Series(values[:, None].astype(np.float32), dates, ("ndvi",), grid), none, 1.0, dates)


def drawn(length: float, amplitude: float, noise: float, count: int = 150, seed: int = 0) -> SmallSample:
    """Series drawn from a Gaussian process of known scales, every fifth day of one year."""
    rng, at = np.random.default_rng(seed), np.arange(0, 365, 5)
    between = amplitude * Matern(length, nu=1.5)(at[:, None]) + noise * np.eye(len(at))
    values = np.linalg.cholesky(between) @ rng.normal(size=(len(at), count)) + 0.5
    return SmallSample(only(values.reshape(len(at), 1, count), BEGIN + at))


def test_predictions_are_those_of_scikit_learn() -> None:
    sample = make_series((6, 7), cloud=0.4)
    task = replace(sample.task, dates=sample.task.fine.dates[0] + np.arange(-10, 380, 7))
    found = predict(task, STATE, Params())
    at, wanted = ((d - BEGIN).astype(float)[:, None] for d in (task.fine.dates, task.dates))
    for y, x in np.ndindex(6, 7):
        own = task.fine.values[:, 0, y, x]
        seen = np.isfinite(own)
        model = GaussianProcessRegressor(covariance("matern32", 0.03, 50.0, 1e-3), optimizer=None, alpha=0)
        model.fit(at[seen], own[seen] - own[seen].mean(dtype=float))
        expected = np.clip(model.predict(wanted) + own[seen].mean(dtype=float), -1, 1)
        np.testing.assert_allclose(found[:, 0, y, x], expected, rtol=0, atol=1e-5)


def test_observations_without_noise_are_met() -> None:
    sample = make_series((5, 5), cloud=0.5)
    found = predict(sample.task, STATE | {"noise": np.array(0.0)}, Params())
    seen = np.isfinite(sample.task.fine.values)
    np.testing.assert_allclose(found[seen], sample.task.fine.values[seen], rtol=0, atol=1e-5)
    assert np.isfinite(found).all()


def test_far_from_observations_the_mean_of_the_series_is_left() -> None:
    values = np.array([0.2, 0.4, 0.9]).reshape(3, 1, 1)
    task = replace(only(values, BEGIN + np.array([0, 5, 10])), dates=BEGIN + np.array([5000]))
    assert predict(task, STATE, Params()).item() == pytest.approx(0.5, abs=1e-6)


def test_a_series_without_values_stays_unknown_and_one_value_holds() -> None:
    values = np.full((3, 1, 2), np.nan)
    values[1, 0, 1] = 0.37
    found = predict(only(values, BEGIN + np.array([0, 5, 10])), STATE, Params())
    assert np.isnan(found[..., 0]).all()
    np.testing.assert_allclose(found[..., 1], 0.37, atol=1e-7)


@pytest.mark.parametrize(("length", "amplitude", "noise"), [(20.0, 0.01, 1e-4), (60.0, 0.04, 2e-3)])
def test_the_scales_of_a_process_are_found_again(length: float, amplitude: float, noise: float) -> None:
    state = fit([drawn(length, amplitude, noise)], Params(series=80, values=73), 0)
    assert float(state["length"]) == pytest.approx(length, rel=0.35)
    assert float(state["amplitude"]) == pytest.approx(amplitude, rel=0.35)
    assert float(state["noise"]) == pytest.approx(noise, rel=0.35)


def test_learning_reads_a_few_windows_and_the_same_ones_for_a_seed() -> None:
    first, second, other = (make_series((40, 64), days=200) for _ in range(3))
    params = Params(series=10, values=20)
    states = [fit([sample], params, seed) for sample, seed in ((first, 3), (second, 3), (other, 4))]
    assert len(first.looked) <= 10 and first.looked == second.looked != other.looked
    assert all(float(states[0][name]) == float(states[1][name]) for name in STATE)
    assert float(states[0]["length"]) != float(states[2]["length"])


def test_a_hidden_value_cannot_be_seen_by_what_is_predicted() -> None:
    sample = make_series((8, 8))
    seen = np.isfinite(sample.task.fine.values)
    hidden = hide(seen, 2 / 3, np.random.default_rng(0))

    def without(values: np.ndarray) -> Task:
        return replace(sample.task, fine=replace(sample.task.fine, values=np.where(hidden, np.float32(np.nan), values)))

    altered = np.where(hidden, sample.task.fine.values + 0.3, sample.task.fine.values)
    found, again = (predict(without(v), STATE, Params()) for v in (sample.task.fine.values, altered))
    np.testing.assert_array_equal(found, again)
    truth = true_ndvi((8, 8), sample.task.dates)[:, None]
    assert np.abs(found - truth)[hidden].mean() < np.abs(truth - truth.mean(axis=0))[hidden].mean()


def test_the_state_survives_its_file(tmp_path: Path) -> None:
    sample = make_series((8, 8))
    state = fit([sample], Params(series=10), 0)
    method = {"name": "gaussian_process", "file": "gaussian_process", "settings": {}}
    save_state(tmp_path / "s.npz", state, method, ("ndvi",), "ndvi")
    again = load_state(tmp_path / "s.npz", method, ("ndvi",), "ndvi")
    np.testing.assert_array_equal(predict(sample.task, again, Params()), predict(sample.task, state, Params()))


def test_series_of_two_values_teach_nothing() -> None:
    values = np.zeros((2, 3, 3))
    with pytest.raises(TooLittleError, match="three values"):
        fit([SmallSample(only(values, BEGIN + np.array([0, 5])))], Params(), 0)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel must be one of matern32"):
        Params(kernel="linear")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="series must be 2 or more"):
        Params(series=1)
