"""STFDCNN: what its networks are shown, and what the modulation makes of them."""

from dataclasses import replace

import numpy as np
import pytest

from factory import make_task
from small_scenes import SIX, sample
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.grid import coarser, degrade, regrid
from stfuse.learning.levels import Levels, levels_of
from stfuse.learning.weights import part
from stfuse.methods import stfdcnn
from stfuse.task import Series, Task
from stfuse.tiles import predict as predict_tiled

QUICK = {"patch": 16, "batch": 4, "steps": 3, "epochs": 2}
PARAMS = stfdcnn.Params(**QUICK)
EVERYWHERE = (slice(0, 60), slice(0, 54))
OUT_OF_RANGE = [("reduction", 0), ("reduction", 1.5), ("cells", 8), ("threshold", -1), ("floor", -1), ("limit", 1)]
OUT_OF_RANGE += [("scaling", "none"), ("epochs", 0)]


def fit(task: Task, seed: int = 0, **settings):
    return stfdcnn.fit([Whole(task)], stfdcnn.Params(**{**QUICK, **settings}), seed)


def predict(task: Task, state, **settings):
    return stfdcnn.predict(task, state, stfdcnn.Params(**{**QUICK, **settings}))


def pick(series: Series, *which: int) -> Series:
    """Some images of a series."""
    return Series(series.values[list(which)], series.dates[list(which)], series.bands, series.grid)


def levels(task: Task, scaling: str = "date") -> Levels:
    return levels_of(Whole(task), task.coarse.dates, stfdcnn._coarse, scaling)


def lessons(task: Task, step: str, **settings):
    params = stfdcnn.Params(**{**QUICK, **settings})
    return stfdcnn._lessons(Whole(task), levels(task, params.scaling), params, step)


def transitional(task: Task, at: int, state):
    """T of the coarse image with this number."""
    date = task.coarse.dates[at]
    known = Levels.of_state(part(state, "levels"), [date], len(task.fine.bands))
    return stfdcnn.transitional(stfdcnn._coarse(task, date), date, known, state, PARAMS)


def levelled(state, task: Task):
    """The same networks, with the levels of a task's dates."""
    return {**state, **{f"levels.{name}": array for name, array in levels(task).state().items()}}


def nothing_added(state):
    """The state of networks that add nothing: T is the bilinear coarse image itself."""
    last = ("net.4.weight", "net.4.bias", "out_mean")
    return {name: array * 0 if name.endswith(last) else array for name, array in state.items()}


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(shape=(60, 54), gaps=0.05)


@pytest.fixture(scope="module")
def state(task):
    return fit(task)


@pytest.fixture(scope="module")
def clear() -> Task:
    return make_task(shape=(60, 54))


def test_each_network_has_the_published_parameter_count():
    learnt = fit(sample(36, 5).task, steps=1, epochs=1)
    for stage in ("map", "sharpen"):
        assert sum(a.size for name, a in part(learnt, stage).items() if name.startswith("net.")) == 87_206


@pytest.mark.parametrize("bands", [("ndvi",), ("red", "nir08"), ("green", "red", "nir08")])
def test_any_number_of_bands_is_predicted(bands):
    task, _ = sample(36, 5, bands)
    said = predict(task, fit(task, steps=1, epochs=1))
    assert said.shape == (1, len(bands), 36, 36) and np.isfinite(said).all()


@pytest.mark.parametrize("residual", [True, False])
def test_the_networks_learn_from_coarse_to_intermediate_and_from_there_to_fine(task, residual):
    small = coarser(task.fine.grid, 0.6 * 3.0)
    for k in (0, 1):
        fine = task.fine.values[k]
        coarse = regrid(
            task.coarse.values[task.coarse.nearest(task.fine.dates[k])], task.coarse.grid, task.fine.grid, "bilinear"
        )
        between = regrid(degrade(fine, task.fine.grid, small), small, task.fine.grid, "bilinear")
        for step, inputs, goal in (("map", coarse, between), ("sharpen", between, fine)):
            lesson = lessons(task, step, residual=residual, scaling="pairs")[k]
            assert lesson.grid == task.fine.grid
            example = lesson.see(EVERYWHERE)
            goal = goal - inputs if residual else goal
            seen = np.isfinite(inputs).all(axis=0) & np.isfinite(goal).all(axis=0)
            assert 0.8 < seen.mean() < 1
            inside = np.pad(np.ones((50, 44), bool), 5)  # away from cells that the edge cuts
            inner = seen & inside
            np.testing.assert_allclose(example.inputs[:, inner], inputs[:, inner], atol=1e-6)
            np.testing.assert_allclose(example.goal[:, inner], goal[:, inner], atol=1e-6)
            assert np.isnan(example.goal[:, ~np.isfinite(inputs).all(axis=0) & inside]).all()


def test_the_intermediate_image_lies_between_the_two(clear):
    first, last = (lessons(clear, step, residual=False)[0].see(EVERYWHERE) for step in ("map", "sharpen"))
    np.testing.assert_array_equal(first.goal, last.inputs)
    assert first.inputs.std() < first.goal.std() < last.goal.std()


@pytest.mark.parametrize("ratio", [3.0, 2.5])
@pytest.mark.parametrize("step", ["map", "sharpen"])
def test_what_lessons_show_of_a_window_is_what_the_whole_shows(step, ratio):
    task = make_task(shape=(60, 54), ratio=ratio, gaps=0.05)
    for lesson in lessons(task, step):
        whole, inner = lesson.see(EVERYWHERE), (slice(25, 36), slice(22, 31))
        outer = tuple(
            slice(max(s.start - lesson.context, 0), min(s.stop + lesson.context, n))
            for s, n in zip(inner, (60, 54), strict=True)
        )
        seen = lesson.see(outer)
        cut = (slice(None), *(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)))
        np.testing.assert_allclose(seen.inputs[cut], whole.inputs[:, *inner], atol=1e-6)
        np.testing.assert_allclose(seen.goal[cut], whole.goal[:, *inner], atol=1e-6)


@pytest.mark.parametrize("step", ["map", "sharpen"])
def test_what_is_learnt_does_not_depend_on_how_bright_a_date_is(task, step):
    """Gain and offset of a date, in both of its images, leave the lessons as they were."""
    gain, offset = (np.float32(v)[:, None, None, None] for v in ([2, 1, 0.5], [0.1, 0, -0.05]))
    other = replace(
        task,
        coarse=replace(task.coarse, values=gain * task.coarse.values + offset),
        fine=replace(task.fine, values=gain[::2] * task.fine.values + offset[::2]),
    )
    for scaling, alike in (("date", True), ("pairs", False)):
        pairs = zip(*(lessons(t, step, scaling=scaling) for t in (task, other)), strict=True)
        for a, b in ((lesson.see(EVERYWHERE), again.see(EVERYWHERE)) for lesson, again in pairs):
            for name in ("inputs", "goal"):
                assert np.allclose(getattr(a, name), getattr(b, name), atol=2e-3, equal_nan=True) == alike


def test_a_date_that_is_another_one_in_other_units_is_seen_as_that_one(clear):
    """C_2 = a C_1 + b: T_2 = a T_1 + b, whatever the networks say."""
    coarse = clear.coarse.values.copy()
    coarse[1] = 1.5 * coarse[0] + 0.05
    linear = replace(clear, coarse=replace(clear.coarse, values=coarse))
    for scaling, alike in (("date", True), ("pairs", False)):
        learnt = fit(linear, scaling=scaling)
        then, now = (transitional(linear, at, learnt) for at in (0, 1))
        assert np.allclose(now, 1.5 * then + 0.05, atol=1e-4) == alike


def test_both_networks_follow_each_other(clear, state):
    idle, coarse = nothing_added(state), stfdcnn._coarse(clear, clear.dates[0])
    only = {s: {n: a if n.startswith(s) else idle[n] for n, a in state.items()} for s in ("map", "sharpen")}
    first, both = transitional(clear, 1, only["map"]), transitional(clear, 1, state)
    known = Levels.of_state(part(state, "levels"), clear.dates, 2)
    second = stfdcnn.transitional(first, clear.dates[0], known, only["sharpen"], PARAMS)
    np.testing.assert_allclose(both, second, atol=1e-6)
    assert not np.allclose(first, coarse, atol=1e-5) and not np.allclose(both, first, atol=1e-5)
    np.testing.assert_allclose(transitional(clear, 1, idle), coarse, atol=1e-6)


def test_a_world_whose_coarse_images_stand_still_since_one_date_is_predicted_as_it_was(clear, state):
    """T_2 = T_k: F_2 = F_k, whatever the networks say and however the other date looked."""
    for k, at in enumerate((0, 2)):
        coarse = clear.coarse.values.copy()
        coarse[1] = coarse[at]
        still = replace(clear, coarse=replace(clear.coarse, values=coarse))
        np.testing.assert_allclose(predict(still, levelled(state, still))[0], clear.fine.values[k], atol=1e-6)


def test_fine_images_without_detail_of_their_own_become_the_transitional_image(clear, state):
    """F_k = T_k: F_2 = T_2."""
    first, now, last = (transitional(clear, at, state) for at in range(3))
    then = np.stack([first, last])
    assert (now / then).min() > 0.2 and (now / then).max() < 5
    smooth = replace(clear, fine=replace(clear.fine, values=then))
    np.testing.assert_allclose(predict(smooth, state)[0], now, atol=1e-5)


def test_zero_pixels_bear_the_difference(clear, state):
    """Water that is quite dark on all dates: no ratio is taken, and nothing is unknown or far off."""
    values = [np.zeros_like(series.values) for series in (clear.fine, clear.coarse)]
    values[1][1] = 0.01
    dark = replace(clear, fine=replace(clear.fine, values=values[0]), coarse=replace(clear.coarse, values=values[1]))
    np.testing.assert_allclose(predict(dark, nothing_added(state)), 0.01, atol=1e-6)


@pytest.mark.parametrize(("floor", "limit", "expected"), [(0.02, 5, 0.06), (1e-3, 5, 0.1), (0, 1.5, 0.075)])
def test_no_ratio_is_taken_of_transitional_images_near_nothing(floor, limit, expected):
    fine, then, change = (np.full((1, 1, 2, 2), v, np.float32) for v in (0.05, 0.01, 0.02))
    said = stfdcnn.fuse(fine, then, then[0] * 2, change, stfdcnn.Params(floor=floor, limit=limit))
    np.testing.assert_allclose(said, expected, rtol=1e-5)


def test_swapped_pairs_predict_the_same(task, state):
    swapped = replace(
        task,
        fine=replace(task.fine, values=task.fine.values[::-1].copy()),
        coarse=replace(task.coarse, values=task.coarse.values[::-1].copy()),
    )
    assert (task.coarse.nearest(task.dates[0]), len(task.coarse.dates)) == (1, 3)
    np.testing.assert_array_equal(predict(swapped, levelled(state, swapped)), predict(task, state))


def test_one_pair_is_enough(clear):
    alone = replace(clear, fine=pick(clear.fine, 1))
    learnt = fit(alone)
    then, now = (transitional(clear, at, learnt) for at in (2, 1))
    expected = clear.fine.values[1] * np.clip(now / then, 0.2, 5)
    np.testing.assert_allclose(predict(alone, learnt)[0], expected, atol=1e-6)


def test_a_pair_that_is_hidden_leaves_it_to_the_other(clear, state):
    values = clear.fine.values.copy()
    values[0, :, 10:20, 10:20] = np.nan
    said = predict(replace(clear, fine=replace(clear.fine, values=values)), state)[0]
    alone = predict(replace(clear, fine=pick(clear.fine, 1)), state)[0]
    assert np.isfinite(said).all()
    np.testing.assert_array_equal(said[:, 10:20, 10:20], alone[:, 10:20, 10:20])
    assert not np.allclose(said[:, 30:, 30:], alone[:, 30:, 30:], atol=1e-4)


@pytest.mark.parametrize("near", [0, 1])
def test_much_less_change_since_one_pair_leaves_the_other_out(clear, state, near):
    values = clear.coarse.values.copy()
    values[2 - 2 * near] = values[1] + 0.3
    far = replace(clear, coarse=replace(clear.coarse, values=values))
    alone = predict(replace(far, fine=pick(far.fine, near)), state)
    np.testing.assert_array_equal(predict(far, state), alone)
    assert not np.allclose(predict(far, state, threshold=1.0), alone, atol=1e-3)


def test_the_prediction_is_unknown_where_the_coarse_image_is_or_no_pair(task, state):
    said = predict(task, state)[0]
    fine = np.isnan(task.fine.values).any(axis=1)
    coarse = [np.isnan(stfdcnn._coarse(task, d)).any(axis=0) for d in task.coarse.dates]
    unknown = coarse[1] | ((fine[0] | coarse[0]) & (fine[1] | coarse[2]))
    np.testing.assert_array_equal(np.isnan(said), np.broadcast_to(unknown, said.shape))
    assert 0 < unknown.mean() < 0.3


@pytest.mark.parametrize("ratio", [3.0, 2.5])
def test_tiles_give_what_the_whole_gives(ratio):
    task = make_task(shape=(97, 80), ratio=ratio, gaps=0.05)
    tiled = predict_tiled("stfdcnn", stfdcnn, task, learnt := fit(task), PARAMS, size=31)
    np.testing.assert_allclose(tiled, stfdcnn.predict(task, learnt, PARAMS), atol=2e-6)


def test_the_seed_decides_what_is_learnt(task, state):
    again, other = fit(task), fit(task, seed=1)
    for name in (n for n in state if n != "curve"):
        np.testing.assert_array_equal(state[name], again[name])
    for name in ("map.net.0.weight", "sharpen.net.2.weight"):
        assert not np.allclose(state[name], other[name])


def test_with_too_little_observed_nothing_is_predicted_and_it_is_said(caplog):
    task = make_task(shape=(48, 48))
    task.fine.values[:] = np.nan
    learnt = fit(task)
    assert learnt == {} and "nothing is predicted for 2018-05-20" in caplog.text
    assert np.isnan(predict(task, learnt)).all()


def test_no_pair_is_a_clear_error(state):
    task = make_task(references=())
    with pytest.raises(InputError, match="no fine image"):
        fit(task)
    with pytest.raises(InputError, match="no fine image"):
        predict(task, state)


@pytest.mark.parametrize(
    ("other", "found"), [({"bands": SIX}, "for 2 bands, not 6"), ({"date": "2018-05-21"}, "without 2018-05-21")]
)
def test_a_state_for_other_bands_or_another_date_is_refused(state, other, found):
    with pytest.raises(InputError, match=f"trained {found}"):
        predict(make_task(shape=(36, 36), **other), state)


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        stfdcnn.Params(**{name: value})
