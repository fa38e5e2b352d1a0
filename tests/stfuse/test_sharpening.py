from dataclasses import replace

import numpy as np
import pytest

from small_scenes import DAYS, SIX, rmse
from small_sharpening import LARGE, NATIVE_BANDS, place, true_bands
from stfuse.grid import coarser, degrade, regrid
from stfuse.learning.sharpening import GUIDES, native_samples, sharpened
from stfuse.methods import dstfn, esrcnn
from stfuse.task import Series
from stfuse.tiles import predict as predict_tiled

EVERYWHERE = (slice(None), slice(None))
QUICK = {"batch": 6, "steps": 10, "epochs": 4, "patch": 9}
SMALL = {"features": 8, "growth": 4, "reduction": 2, "window": 12, "overlap": 3, "context": 3}


def without(task, date, name="native"):
    """The task without one image of an auxiliary series."""
    known = task.aux[name]
    kept = known.dates != date
    less = Series(known.values[kept], known.dates[kept], known.bands, known.grid)
    return replace(task, aux={**task.aux, name: less})


def constant(value):
    """A sharpening that knows one answer."""
    return lambda one, edges: np.full((3, *one.fine.grid.shape), value, np.float32)


# What is learnt from


def test_samples_degrade_guides_to_the_native_pixels_and_bands_to_twice_those():
    known = place(36, 4, wald=True)
    first, second = native_samples([known])
    native, guide = known.task.aux["native"], known.task.aux["guide"]
    for i, sample in enumerate((first, second)):
        assert sample.grid == native.grid and sample.dates[0] == native.dates[i]
        task, wide = sample.crop(EVERYWHERE), coarser(native.grid, 2)
        assert (task.fine.grid, task.coarse.grid, task.ratio) == (native.grid, wide, 2.0)
        assert (task.fine.bands, task.coarse.bands) == (GUIDES, NATIVE_BANDS)
        np.testing.assert_array_equal(sample.truth(EVERYWHERE)[0], native.values[i])
        np.testing.assert_allclose(task.fine.values[0], degrade(guide.values[i], guide.grid, native.grid), atol=1e-6)
        np.testing.assert_allclose(task.coarse.values[0], degrade(native.values[i], native.grid, wide), atol=1e-6)


@pytest.mark.parametrize("window", [(slice(0, 7), slice(9, 18)), (slice(11, 18), slice(3, 14))])
def test_a_window_of_a_sample_has_the_bits_of_the_whole(window):
    sample = native_samples([place(36, 4, wald=True)])[0]
    whole, part = sample.crop(EVERYWHERE), sample.crop(window)
    np.testing.assert_array_equal(part.fine.values, whole.fine.values[..., *window])
    np.testing.assert_array_equal(sample.truth(window), sample.truth(EVERYWHERE)[..., *window])
    to_whole = ~whole.coarse.grid.affine @ part.coarse.grid.affine
    row, column = round(to_whole.f), round(to_whole.c)
    height, width = part.coarse.grid.shape
    expected = whole.coarse.values[..., row : row + height, column : column + width]
    np.testing.assert_array_equal(part.coarse.values, expected)


def test_a_reference_of_many_samples_is_learnt_from_once():
    known = [place(36, day, wald=True) for day in (2, 4, 4, 7)]  # references 1 3, 3 5, 3 5, 6 8
    assert [s.date for s in native_samples(known)] == [*DAYS[[1, 3, 5, 6, 8]]]


def test_nothing_is_learnt_where_there_is_nothing_to_learn_from():
    known = place(36, 4, wald=True)
    ndvi = replace(known.task.fine, bands=("a", "b", "c", "d", "e", "f"))
    few = replace(known.task.aux["guide"], bands=("blue", "green", "red", "swir"))
    coarse_guide = {**known.task.aux, "guide": replace(known.task.aux["native"], bands=GUIDES[:3])}
    for task in (
        place(36, 4, beside=False).task,
        replace(known.task, fine=ndvi),
        replace(known.task, aux={**known.task.aux, "guide": few}),
        replace(known.task, aux=coarse_guide),
    ):
        assert native_samples([type(known)(task, known.values)]) == []
        assert sharpened(task, constant(0.5), 8) is task


# What is sharpened


def test_bands_in_large_pixels_are_replaced_and_no_others():
    task = place(36, 4).task
    said = sharpened(task, constant(0.5), 8).fine.values
    np.testing.assert_array_equal(said[:, LARGE], 0.5)
    np.testing.assert_array_equal(said[:, :3], task.fine.values[:, :3])


def test_the_sharpening_sees_the_guide_and_the_native_image_of_each_date():
    task, seen = place(36, 4).task, []

    def look(one, edges):
        seen.append(one)
        return np.zeros((3, 36, 36), np.float32)

    sharpened(task, look, 8)
    for i, one in enumerate(seen):
        assert (one.dates[0], one.ratio) == (task.fine.dates[i], 2.0)
        np.testing.assert_array_equal(one.fine.values[0], task.aux["guide"].values[i])
        np.testing.assert_array_equal(one.coarse.values[0], task.aux["native"].values[i])
    assert len(seen) == 2


def test_gaps_stay_gaps_and_what_cannot_be_sharpened_stays_as_it_is():
    task = place(36, 4).task
    task.fine.values[0, :, 3:6, 3:6] = np.nan

    def partly(one, edges):
        said = constant(0.5)(one, edges)
        said[:, 10:20, 10:20] = np.nan
        return said

    said = sharpened(without(task, task.fine.dates[1]), partly, 8).fine.values
    expected = task.fine.values.copy()
    expected[0, LARGE] = 0.5
    expected[0, :, 3:6, 3:6] = np.nan
    expected[0, :, 10:20, 10:20] = task.fine.values[0, :, 10:20, 10:20]
    np.testing.assert_array_equal(said, expected)


def test_references_in_larger_pixels_than_the_bands_stay_as_they_are():
    task = place(36, 4, wald=True).task
    assert sharpened(task, constant(0.5), 8) is task


def test_only_what_lies_around_the_core_is_sharpened():
    task = replace(place(36, 4).task, core=(slice(10, 14), slice(20, 24)))
    said = sharpened(task, constant(0.5), 3).fine.values[0, LARGE[0]] == 0.5
    expected = np.zeros((36, 36), bool)
    expected[7:17, 17:27] = True
    np.testing.assert_array_equal(said, expected)


@pytest.mark.parametrize(("step", "kernel"), [(1.5, "average"), (0.5, "cubic")])
def test_other_fine_pixels_get_the_sharpened_image_resampled(step, kernel):
    task = place(36, 4).task
    grid = coarser(task.fine.grid, step)
    fine = Series(np.zeros((2, 6, *grid.shape), np.float32), task.fine.dates, SIX, grid)
    image = np.random.default_rng(0).uniform(0.1, 0.5, (3, 36, 36)).astype(np.float32)
    said = sharpened(replace(task, fine=fine), lambda one, edges: image, 50).fine.values[0, LARGE]
    np.testing.assert_array_equal(said, regrid(image, task.fine.grid, grid, kernel))


# Both methods


def sharp_bands(method, params, state, task):
    """The references of a task with their bands sharpened."""
    first = {k.removeprefix("sharpen."): v for k, v in state.items() if k.startswith("sharpen.")}
    return sharpened(task, lambda one, core: method._said(one, first, params, core), 99).fine.values[:, LARGE]


@pytest.fixture(scope="module", params=["esrcnn", "dstfn"])
def learnt(request):
    method = {"esrcnn": esrcnn, "dstfn": dstfn}[request.param]
    params = method.Params(**QUICK, **(SMALL if method is dstfn else {}))
    return method, params, method.fit([place(72, day, wald=True) for day in (2, 5)], params, 0)


def test_there_are_two_trainings_in_one_state(learnt):
    _, _, state = learnt
    assert {name.split(".")[0] for name in state} == {"sharpen", "fuse", "curve"}
    assert set(state["curve"][:, 0]) == {1, 2}


def test_sharpened_bands_are_nearer_to_the_truth_than_interpolated_ones_and_keep_their_means(learnt):
    method, params, state = learnt
    task = place(72, 8).task
    truth = np.stack([true_bands(72, day)[0][LARGE] for day in (7, 9)])
    said, before = sharp_bands(method, params, state, task), task.fine.values[:, LARGE]
    assert rmse(said, truth) < 0.8 * rmse(before, truth)
    native = task.aux["native"]
    means = degrade(said, task.fine.grid, native.grid)
    assert rmse(means, native.values) < 0.35 * rmse(before, truth)


def test_the_first_stage_reaches_the_prediction(learnt):
    method, params, state = learnt
    task = place(72, 8).task
    said = method.predict(task, state, params)
    first = replace(task, fine=replace(task.fine, values=task.fine.values.copy()), aux={})
    first.fine.values[:, LARGE] = sharp_bands(method, params, state, task)
    np.testing.assert_allclose(method.predict(first, state, params), said, atol=1e-5)
    assert np.abs(method.predict(replace(task, aux={}), state, params) - said).max() > 1e-3


def test_tiles_of_both_stages_give_what_the_whole_gives(learnt):
    method, params, state = learnt
    task = place(72, 8).task
    task.aux["native"].values[0, 1, 10:13, 20:23] = np.nan
    task.aux["guide"].values[1, 2, 40:43, 20:23] = np.nan
    whole = method.predict(task, state, params)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(predict_tiled("m", method, task, state, params, size=40), whole, atol=1e-5)


def test_without_the_first_stage_there_is_one_training(learnt):
    method, params, _ = learnt
    few = replace(params, epochs=1, steps=2)
    state = method.fit([place(72, 2, wald=True)], replace(few, sharpen=False), 0)
    bare = method.fit([place(72, 2, wald=True, beside=False)], few, 0)
    assert state.keys() == bare.keys() and not any(name.startswith("sharpen") for name in state)
    assert all(np.array_equal(state[name], bare[name]) for name in state if name != "curve")
