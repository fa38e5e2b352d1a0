"""The hybrid's two stages, each by what it can be made to learn exactly."""

from dataclasses import replace

import numpy as np
import pytest

from factory import make_task
from small_scenes import SIX, rmse, sample
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.learning.levels import levels_of
from stfuse.learning.weights import part
from stfuse.methods import srcnn_lstm
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

QUICK = {"patch": 16, "batch": 4, "steps": 3, "epochs": 2, "lstm_batch": 32, "lstm_steps": 10, "lstm_epochs": 2}
REFERENCES = ("2018-05-01", "2018-06-30")
MIDDLE = "2018-05-31"  # the mean of their days


def fit(task: Task, seed: int = 0, **settings):
    return srcnn_lstm.fit([Whole(task)], srcnn_lstm.Params(**{**QUICK, **settings}), seed)


def predict(task: Task, state, **settings):
    return srcnn_lstm.predict(task, state, srcnn_lstm.Params(**{**QUICK, **settings}))


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(shape=(60, 54), gaps=0.05)


@pytest.fixture(scope="module")
def state(task):
    return fit(task)


def levels(task: Task, scaling: str = "date"):
    return levels_of(Whole(task), task.coarse.dates, srcnn_lstm._coarse, scaling)


def count(state, stage: str) -> int:
    return sum(array.size for name, array in part(state, stage).items() if name.startswith("net."))


def test_the_stages_have_the_published_parameter_counts():
    learnt = fit(sample(36, 5).task, steps=1, epochs=1)
    assert count(learnt, "sharpen") == 87_206
    assert count(learnt, "follow") == 124_606


@pytest.mark.parametrize("bands", [("nir08",), ("red", "nir08"), ("green", "red", "nir08"), SIX])
def test_any_number_of_bands_is_predicted(bands):
    """The paper's comparison of 1, 2, 3 and 6 bands, figure 14."""
    task, _ = sample(36, 5, bands)
    learnt = fit(task)
    assert part(learnt, "follow")["net.layers.weight_ih_l0"].shape == (400, len(bands))
    assert np.isfinite(predict(task, learnt)).all()


def test_a_world_that_changes_evenly_is_followed():
    """SR_2 is the mean of SR_1 and SR_3, so F_2 must be the mean of F_1 and F_3.

    The whole training reaches 0.001; this one is cut to a few seconds.
    """
    task = make_task(shape=(48, 48), ratio=1.0, date=MIDDLE, references=REFERENCES)
    learnt = fit(task, lstm_batch=64, lstm_steps=50, lstm_epochs=3)
    between = task.fine.values.mean(axis=0)
    assert between.std() > 0.05 and rmse(task.fine.values[0], task.fine.values[1]) > 0.02
    assert rmse(predict(task, learnt)[0], between) < 0.006


def test_change_in_the_coarse_image_alone_is_learnt():
    """Two worlds with the same pairs and other coarse images of the target date."""
    task = make_task(shape=(36, 36), ratio=1.0, date=MIDDLE, references=REFERENCES)
    brighter = replace(
        task, coarse=replace(task.coarse, values=task.coarse.values + np.float32([0, 0.2, 0])[:, None, None, None])
    )
    plain, bright = (predict(t, fit(t, lstm_batch=32, lstm_steps=40, lstm_epochs=2)) for t in (task, brighter))
    assert np.mean(bright - plain) == pytest.approx(0.2, abs=0.02)


def test_stage_two_learns_from_what_stage_one_makes_of_the_three_coarse_images(task, state):
    """Inputs are SR_1 and SR_3, the goal SR_2, and what is masked in any image teaches nothing."""
    sharpen = part(state, "sharpen")
    (lesson,) = srcnn_lstm._follow_lessons(Whole(task), sharpen, levels(task), True)
    example = lesson.see((slice(0, 60), slice(0, 54)))
    coarse = {d: srcnn_lstm._coarse(task, d) for d in task.coarse.dates}
    first, target, last = task.coarse.dates
    sr = {d: srcnn_lstm._sharpened(task, d, sharpen, levels(task), True) for d in coarse}
    np.testing.assert_array_equal(example.inputs, np.concatenate([sr[first], sr[last]]))
    masked = np.isnan(np.concatenate([*coarse.values(), *task.fine.values])).any(axis=0)
    assert 0.05 < masked.mean() < 0.5
    np.testing.assert_array_equal(example.goal[:, ~masked], sr[target][:, ~masked])
    assert np.isnan(example.goal[:, masked]).all()
    assert not np.allclose(sr[target][:, ~masked], coarse[target][:, ~masked], atol=1e-4)


def test_what_lessons_show_of_a_window_is_what_the_whole_shows(task, state):
    lessons = srcnn_lstm._sharpen_lessons(Whole(task), levels(task), True)
    lessons += srcnn_lstm._follow_lessons(Whole(task), part(state, "sharpen"), levels(task), True)
    assert [lesson.shape for lesson in lessons] == [(60, 54)] * 3
    assert all(lesson.grid == task.fine.grid for lesson in lessons)
    for lesson in lessons:
        whole = lesson.see((slice(0, 60), slice(0, 54)))
        inner = (slice(24, 36), slice(22, 31))
        context = lesson.context
        outer = tuple(
            slice(max(s.start - context, 0), min(s.stop + context, n)) for s, n in zip(inner, (60, 54), strict=True)
        )
        seen = lesson.see(outer)
        cut = (slice(None), *(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)))
        np.testing.assert_allclose(seen.inputs[cut], whole.inputs[:, *inner], atol=1e-6)
        np.testing.assert_allclose(seen.goal[cut], whole.goal[:, *inner], atol=1e-6)


def test_what_stage_one_learns_does_not_depend_on_how_bright_a_date_is(task):
    """Gain and offset of a date, in both of its images, leave the lessons as they were."""
    gain, offset = (np.float32(v)[:, None, None, None] for v in ([2, 1, 0.5], [0.1, 0, -0.05]))
    other = replace(
        task,
        coarse=replace(task.coarse, values=gain * task.coarse.values + offset),
        fine=replace(task.fine, values=gain[::2] * task.fine.values + offset[::2]),
    )
    for scaling, alike in (("date", True), ("pairs", False)):
        pairs = [srcnn_lstm._sharpen_lessons(Whole(t), levels(t, scaling), True) for t in (task, other)]
        for lesson, again in zip(*pairs, strict=True):
            a, b = (example.see((slice(0, 60), slice(0, 54))) for example in (lesson, again))
            for name in ("inputs", "goal"):
                assert np.allclose(getattr(a, name), getattr(b, name), atol=1e-3, equal_nan=True) == alike


def test_an_image_without_contrast_is_borne():
    task = make_task(shape=(36, 36))
    task.coarse.values[:] = np.float32(0.2)
    learnt = fit(task)
    assert np.isfinite(predict(task, learnt)).all()


def test_pairs_teach_the_fine_image_from_the_bilinear_coarse_one(task):
    for k, lesson in enumerate(srcnn_lstm._sharpen_lessons(Whole(task), levels(task, "pairs"), False)):
        example = lesson.see((slice(0, 60), slice(0, 54)))
        at = task.coarse.nearest(task.fine.dates[k])
        coarse = regrid(task.coarse.values[at], task.coarse.grid, task.fine.grid, "bilinear")
        np.testing.assert_array_equal(example.inputs, coarse)
        seen = np.isfinite(coarse).all(axis=0)
        np.testing.assert_array_equal(example.goal[:, seen], task.fine.values[k][:, seen])
        assert np.isnan(example.goal[:, ~seen]).all() and not seen.all()


def test_the_prediction_is_unknown_just_where_a_fine_image_is(task, state):
    said = predict(task, state)[0]
    unknown = np.isnan(task.fine.values).any(axis=(0, 1))
    assert 0 < unknown.mean() < 0.5
    np.testing.assert_array_equal(np.isnan(said), np.broadcast_to(unknown, said.shape))


def test_the_prediction_does_not_change_with_the_neighbours(task, state):
    """Pixels turned upside down are predicted as they were, upside down."""
    flipped = replace(task, fine=replace(task.fine, values=task.fine.values[..., ::-1, :]))
    np.testing.assert_allclose(predict(flipped, state)[..., ::-1, :], predict(task, state), atol=1e-6)


def test_only_the_core_is_answered(task, state):
    core = (slice(10, 30), slice(5, 40))
    whole, said = predict(task, state), predict(replace(task, core=core), state)
    np.testing.assert_allclose(said[..., *core], whole[..., *core], atol=1e-6)
    said[..., *core] = np.nan
    assert np.isnan(said).all()


def test_tiles_give_what_the_whole_gives(task, state):
    params = srcnn_lstm.Params(**QUICK)
    tiled = predict_tiled("srcnn_lstm", srcnn_lstm, task, state, params, size=23)
    np.testing.assert_allclose(tiled, srcnn_lstm.predict(task, state, params), atol=1e-6)


def test_the_seed_decides_what_is_learnt(task, state):
    again, other = fit(task), fit(task, seed=1)
    for name in (n for n in state if n != "curve"):
        np.testing.assert_array_equal(state[name], again[name])
    for name in ("sharpen.net.0.weight", "follow.net.layers.weight_hh_l1", "follow.net.dense.weight"):
        assert not np.allclose(state[name], other[name])


def test_the_curve_tells_of_both_trainings(state):
    np.testing.assert_array_equal(np.unique(state["curve"][:, 0]), [1, 2])


def test_with_more_references_the_nearest_on_each_side_are_taken():
    task = make_task(shape=(48, 48), references=("2018-03-01", *REFERENCES, "2018-09-01"))
    two = Series(task.fine.values[1:3], task.fine.dates[1:3], task.fine.bands, task.fine.grid)
    learnt = fit(task)
    np.testing.assert_allclose(learnt["follow.in_mean"], fit(replace(task, fine=two))["follow.in_mean"], atol=1e-6)
    np.testing.assert_array_equal(predict(task, learnt), predict(replace(task, fine=two), learnt))


@pytest.mark.parametrize("lost", ["target", "reference", "everything"])
def test_with_too_little_observed_nothing_is_predicted_and_it_is_said(lost, caplog):
    task = make_task(shape=(48, 48))
    if lost != "reference":
        task.coarse.values[1] = np.nan
    if lost != "target":
        task.fine.values[0] = np.nan
    learnt = fit(task)
    assert learnt == {} and "nothing is predicted for 2018-05-20" in caplog.text
    assert np.isnan(predict(task, learnt)).all()


def test_one_pair_is_a_clear_error(state):
    task = make_task(references=REFERENCES[:1])
    with pytest.raises(InputError, match="before and one after"):
        fit(task)
    with pytest.raises(InputError, match="before and one after"):
        predict(task, state)


def test_a_state_for_other_bands_is_refused(state):
    with pytest.raises(InputError, match="does not fit this network"):
        predict(sample(48, 5).task, state)


def test_pixels_are_the_patches_of_the_second_training():
    params = srcnn_lstm.Params(
        patch=33, min_valid=0.3, lstm_batch=7, lstm_epochs=8, lstm_steps=9, lstm_learning_rate=0.5
    )
    plan = params.lstm_plan
    assert (plan.patch, plan.batch, plan.epochs, plan.steps, plan.learning_rate) == (1, 7, 8, 9, 0.5)
    assert plan.min_valid == params.min_valid and plan.held_share == params.held_share


@pytest.mark.parametrize(
    "changes",
    [
        {"lstm_batch": 0},
        {"lstm_learning_rate": 0.0},
        {"units": 0},
        {"dropout": 1.0},
        {"scaling": "none"},
        {"epochs": 0},
    ],
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        srcnn_lstm.Params(**changes)
