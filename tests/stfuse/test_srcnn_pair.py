from dataclasses import replace

import numpy as np
import pytest

from small_scenes import SIX, rmse, sample
from stfuse.channels import upsampled
from stfuse.crops import Known
from stfuse.errors import InputError
from stfuse.methods import srcnn_pair
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

QUICK = {"patch": 16, "batch": 4, "steps": 5, "epochs": 2}
NDVI = ("ndvi",)


def one_pair(day: int, size: int = 48, bands=NDVI) -> Known:
    """A task with the pair of the day before, and its truth."""
    task, truth = sample(size, day, bands)
    fine = Series(task.fine.values[:1], task.fine.dates[:1], bands, task.fine.grid)
    return Known(replace(task, fine=fine), truth)


@pytest.fixture(scope="module")
def state():
    return srcnn_pair.fit([one_pair(d) for d in (2, 5)], srcnn_pair.Params(**QUICK), 0)


def predict(task: Task, state):
    return srcnn_pair.predict(task, state, srcnn_pair.Params(**QUICK))


def test_the_first_layer_sees_three_images_and_the_others_are_the_papers(state):
    assert state["net.0.weight"].shape == (64, 3, 9, 9)
    assert sum(a.size for name, a in state.items() if name.startswith("net.")) == 57_281 + 2 * 64 * 81


def test_the_network_sees_coarse_coarse_then_and_fine_then():
    task, _ = one_pair(5)
    inputs, unknown = srcnn_pair._channels(task, task.dates[0])
    dates = task.dates[0], task.fine.dates[0]
    coarse, before = (upsampled(task.coarse, date, task.fine.grid) for date in dates)
    np.testing.assert_array_equal(inputs, np.concatenate([coarse, before, task.fine.values[0]]))
    assert not unknown.any() and not np.allclose(coarse, before)


def test_a_gap_in_the_fine_image_shows_the_coarse_one_of_its_date():
    task, _ = one_pair(5)
    task.fine.values[0, 0, 7, 9] = np.nan
    inputs, unknown = srcnn_pair._channels(task, task.dates[0])
    assert inputs[2, 7, 9] == inputs[1, 7, 9]
    assert unknown[7, 9] and unknown.sum() == 1


@pytest.mark.parametrize(("residual", "share"), [(True, 0.5), (False, 0.75)])
def test_what_did_not_change_is_learnt_to_stay(residual, share):
    """Fine images that the target repeats: the answer stands in the third channel."""

    def still(day: int) -> Known:
        task, truth = one_pair(day, 60)
        coarse = np.repeat(task.coarse.values[1:2], 3, axis=0)
        return Known(
            replace(task, fine=replace(task.fine, values=truth), coarse=replace(task.coarse, values=coarse)), truth
        )

    params = srcnn_pair.Params(residual=residual, patch=16, batch=8, steps=15, epochs=5)
    learnt = srcnn_pair.fit([still(d) for d in (2, 4, 8)], params, 0)
    task, truth = still(6)
    bicubic = upsampled(task.coarse, task.dates[0], task.fine.grid)
    assert rmse(srcnn_pair.predict(task, learnt, params)[0], truth[0]) < share * rmse(bicubic, truth[0])


def test_the_nearest_of_several_references_is_taken(state):
    task, _ = sample(48, 5, NDVI)
    both = replace(task, dates=task.fine.dates[1:])  # the day after itself
    alone = replace(both, fine=Series(task.fine.values[1:], task.fine.dates[1:], NDVI, task.fine.grid))
    np.testing.assert_array_equal(predict(both, state), predict(alone, state))


def test_the_prediction_is_unknown_just_where_an_input_is(state):
    task, _ = one_pair(5)
    task.coarse.values[0, 0, 2:4, 2:4] = np.nan
    task.coarse.values[1, 0, 8:10, 8:10] = np.nan
    task.fine.values[0, 0, 40:44, 5:9] = np.nan
    images = [upsampled(task.coarse, date, task.fine.grid)[0] for date in (task.dates[0], task.fine.dates[0])]
    unknown = np.isnan([*images, task.fine.values[0, 0]]).any(axis=0)
    np.testing.assert_array_equal(np.isnan(predict(task, state)[0, 0]), unknown)
    assert 0 < unknown.mean() < 0.5


def test_tiles_give_what_the_whole_gives(state):
    params = srcnn_pair.Params(**QUICK)
    assert srcnn_pair.halo(params) == 8
    task, _ = one_pair(3, 96)
    tiled = predict_tiled("srcnn_pair", srcnn_pair, task, state, params, size=30)
    np.testing.assert_allclose(tiled, srcnn_pair.predict(task, state, params), atol=1e-5)


def test_the_seed_decides_what_is_learnt(state):
    samples = [one_pair(d) for d in (2, 5)]
    again, other = (srcnn_pair.fit(samples, srcnn_pair.Params(**QUICK), seed) for seed in (0, 1))
    for name in (n for n in state if n != "curve"):
        np.testing.assert_array_equal(state[name], again[name])
    assert not np.allclose(state["net.0.weight"], other["net.0.weight"])


def test_a_missing_pair_is_a_clear_error(state):
    task, _ = sample(48, 5, NDVI, references=False)
    with pytest.raises(InputError, match="needs a fine image beside"):
        predict(task, state)


def test_a_state_for_other_bands_is_refused(state):
    with pytest.raises(InputError, match="does not fit this network"):
        predict(one_pair(5, bands=SIX).task, state)
