"""The contract that every file in stfuse/methods keeps. A new file is tested here without a word."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stfuse.methods
from factory import make_sample, make_task
from stfuse import crops, tiles
from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.methods import load, make_params
from stfuse.needs import read_needs, read_params
from stfuse.task import FloatArray, Series, State, Task

FILES = sorted(p for p in Path(str(stfuse.methods.__file__)).parent.glob("*.py") if not p.stem.startswith("_"))
METHODS = [p.stem for p in FILES]
CLOSED_FORM = [p.stem for p in FILES if read_needs(p).samples == "none"]
SERIES = [p.stem for p in FILES if read_needs(p).samples == "series"]  # trained on series of pixels
ANEW = [p.stem for p in FILES if read_needs(p).samples == "target"]  # trained for each target date
# Numbers that shorten a training, where a method has such settings (a `hidden` may also be a share).
QUICK = {"epochs": 1, "steps": 2, "batch": 2, "patch": 16, "features": 8, "growth": 8}
QUICK |= {"levels": 2, "context": 4}
QUICK |= {"lstm_epochs": 1, "lstm_steps": 2, "lstm_batch": 8, "hidden": 8, "width": 8}
# After two steps a network is sound only if it adds to something that is.
QUICK |= {"residual": True}
DATES = ("2018-03-01", "2018-05-01", "2018-06-30", "2018-09-01")
MONTHLY = tuple(f"2018-{month:02}-10" for month in range(1, 11))
AUX_BANDS = {"pan": ("pan",), "sar": ("vv", "vh")}


def params_of(name: str) -> Any:
    method = load(name)
    counts = [k for k, field in method.Params.__dataclass_fields__.items() if isinstance(field.default, int)]
    return make_params(method, {k: v for k, v in QUICK.items() if k in counts})


def settings_for(name: str) -> dict[str, Any]:
    """What of `make_task` a method's NEEDS ask for."""
    needs = load(name).NEEDS
    dates = {"none": (), "nearest": DATES[1:2], "bracketing": DATES[1:3], "all": DATES}[needs.references]
    found = {"references": dates, "aux": {a: AUX_BANDS.get(a, (a,)) for a in (*needs.aux, *needs.uses)}}
    found |= {"bands": ("ndvi",)} if needs.ndvi else {}
    # Series are NDVI, and their coarse one is what radar says of it in the same pixels.
    return found | ({"references": MONTHLY, "bands": ("ndvi",), "ratio": 1.0} if name in SERIES else {})


def task_for(name: str, **asked: Any) -> Task:
    """A task as `make_task` makes it, with what the method's NEEDS ask for."""
    return make_task(**{**asked, **settings_for(name)})


@cache
def trained(name: str, bands: tuple[str, ...] = ("red", "nir08"), seed: int = 0) -> State:
    samples = [
        make_sample(**{"bands": bands, "seed": s, "date": d, **settings_for(name)})
        for s, d in ((1, "2018-05-20"), (1, "2018-06-10"))
    ]
    state = load(name).fit(samples, params_of(name), seed)
    return {k: v for k, v in state.items() if k != "curve"}


def state_for(name: str, task: Task) -> State:
    if name not in ANEW:
        return trained(name, task.coarse.bands)
    state = load(name).fit([crops.Whole(task)], params_of(name), 0)
    return {k: v for k, v in state.items() if k != "curve"}


def predicted(name: str, task: Task, size: int = tiles.SIZE) -> FloatArray:
    return tiles.predict(name, load(name), task, state_for(name, task), params_of(name), size)


def every_series(task: Task) -> list[Series]:
    return [task.fine, task.coarse, *task.aux.values()]


def changed(task: Task, change: Any) -> Task:
    """The task with `change(values, grid)` in place of every series' values."""

    def new(series: Series) -> Series:
        return replace(series, values=change(series.values.copy(), series.grid).astype(np.float32))

    aux = {name: new(series) for name, series in task.aux.items()}
    return replace(task, fine=new(task.fine), coarse=new(task.coarse), aux=aux)


def test_there_are_methods() -> None:
    assert {"bilinear", "temporal", "starfm_si"} <= set(METHODS)


@pytest.mark.parametrize("path", FILES, ids=METHODS)
def test_declarations_read_without_importing_are_the_true_ones(path: Path) -> None:
    method = load(path.stem)
    assert read_needs(path) == method.NEEDS
    assert read_params(path) == frozenset(method.Params.__dataclass_fields__)
    assert path.read_text().count("import stfuse.methods") + path.read_text().count("from stfuse.methods") == 0


@pytest.mark.parametrize("name", METHODS)
def test_settings_have_defaults_and_unknown_ones_are_refused(name: str) -> None:
    params = make_params(load(name), {})
    context = load(name).halo(params)
    assert context is None or context >= 0
    with pytest.raises(InputError, match="no_such_setting"):
        make_params(load(name), {"no_such_setting": 1})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("bands", "ratio"), [(("red", "nir08"), 3.0), (("ndvi",), 2.5)])
def test_prediction_has_the_shape_and_type_of_the_fine_grid(name: str, bands: tuple[str, ...], ratio: float) -> None:
    task = task_for(name, bands=bands, ratio=ratio)
    dates = ["2018-05-20"] if name in ANEW else ["2018-05-18", "2018-05-20"]
    task = replace(task, dates=np.array(dates, "datetime64[D]"))
    values = predicted(name, task)
    assert values.dtype == np.float32
    assert values.shape == (len(dates), len(task.fine.bands), *task.fine.grid.shape)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", METHODS)
def test_inputs_are_not_modified(name: str) -> None:
    task = task_for(name, gaps=0.1)
    before = [series.values.copy() for series in every_series(task)]
    state = state_for(name, task)
    learned = {k: v.copy() for k, v in state.items()}
    tiles.predict(name, load(name), task, state, params_of(name))
    for series, values in zip(every_series(task), before, strict=True):
        np.testing.assert_array_equal(series.values, values)
    for key, array in state.items():
        np.testing.assert_array_equal(array, learned[key])


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_gives_the_same_prediction(name: str) -> None:
    task = task_for(name, gaps=0.1)
    first, second = state_for(name, task), state_for(name, task) if name in ANEW else trained.__wrapped__(name)
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])
    np.testing.assert_array_equal(predicted(name, task), predicted(name, task))


@pytest.mark.parametrize("name", METHODS)
def test_nothing_observed_predicts_nothing(name: str) -> None:
    task = changed(task_for(name), lambda values, grid: values * np.nan)
    assert np.isnan(predicted(name, task)).all()


@pytest.mark.parametrize("name", [p.stem for p in FILES if "learning_rate" in read_params(p)])
def test_a_training_that_goes_wrong_is_no_result(name: str) -> None:
    method, params = load(name), replace(params_of(name), learning_rate=1e15, steps=4)
    sample = make_sample(**{"bands": ("red",), **settings_for(name)})
    with pytest.raises(InputError, match="diverged"):
        method.fit([crops.Whole(sample.task) if name in ANEW else sample], params, 0)


@pytest.mark.parametrize("name", METHODS)
def test_where_nothing_was_observed_nothing_is_predicted_and_elsewhere_something_sound(name: str) -> None:
    whole = task_for(name, shape=(96, 90))

    def cloud(values: FloatArray, grid: Any) -> FloatArray:
        # The same 48 x 45 fine pixels in the top left corner, in every series.
        step = abs(grid.affine.a) / 10
        values[..., : round(48 / step), : round(45 / step)] = np.nan
        return values

    values = predicted(name, changed(whole, cloud))
    assert np.isnan(values[..., :47, :44]).all()
    seen = values[..., 60:, 60:]
    assert np.isfinite(seen).all()
    scene = np.concatenate([s.values.ravel() for s in (whole.fine, whole.coarse)])
    assert seen.min() >= scene.min() - 0.2 and seen.max() <= scene.max() + 0.2


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("ratio", "gaps"), [(3.0, 0.1), (2.5, 0.1)])
def test_tiles_give_the_whole(name: str, ratio: float, gaps: float) -> None:
    task = task_for(name, shape=(110, 97), ratio=ratio, gaps=gaps)
    whole, pieces = predicted(name, task), predicted(name, task, size=37)
    assert np.isfinite(whole).any()
    if name in CLOSED_FORM:
        np.testing.assert_array_equal(pieces, whole)
    else:  # a network library may take other roads through images of other sizes
        np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_tiles_give_the_whole_at_an_odd_ratio(name: str) -> None:
    task = task_for(name, shape=(240, 60), ratio=16.7, bands=("ndvi",))
    np.testing.assert_array_equal(predicted(name, task, size=40), predicted(name, task))


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_constant_images_predict_the_constant(name: str) -> None:
    task = changed(task_for(name), lambda values, grid: np.full_like(values, 0.25))
    np.testing.assert_allclose(predicted(name, task), 0.25, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_what_did_not_change_is_predicted_as_it_was(name: str) -> None:
    """Without references the coarse image itself, with them something nearer to the truth than that."""
    settings = settings_for(name)
    task, truth = make_sample(change=0.0, **settings)
    date = task.coarse.nearest(task.dates[0])
    coarse = regrid(task.coarse.values[date], task.coarse.grid, task.fine.grid, "bilinear")
    values = predicted(name, task)[0]
    error = np.sqrt(np.mean((values - truth[0]) ** 2))
    bilinear = np.sqrt(np.mean((coarse - truth[0]) ** 2))
    if settings["references"]:
        assert error < 0.2 * bilinear
    else:
        assert error < 1.1 * bilinear
