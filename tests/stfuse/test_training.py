import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stfuse.errors import InputError
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.patches import Scaling, cut, measure, patch_size, split, turned, window
from stfuse.learning.plan import Plan
from stfuse.learning.training import CURVE, masked_square, train
from stfuse.learning.weights import restore, scaling_of, weights
from stfuse.networks.beginning import initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer


def plan(**changes) -> Plan:
    given = {"patch": 8, "batch": 4, "epochs": 3, "steps": 3, "learning_rate": 1e-3, "schedule": "cosine"}
    return Plan(**{**given, "clip": 1.0, "patience": 9, "held_share": 0.2, "min_valid": 0.5, **changes})


def scene(shape=(30, 36), bands=1, channels=2, seed=0) -> Example:
    """The goal is a mean over 3 x 3 pixels of the first channel: something that a convolution can learn."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0.3, 0.1, (channels, *shape)).astype(np.float32)
    padded = np.pad(inputs[:bands], ((0, 0), (1, 1), (1, 1)), mode="reflect")
    goal = sum(padded[:, r : r + shape[0], c : c + shape[1]] for r in range(3) for c in range(3)) / 9
    return Example(inputs, goal.astype(np.float32))


def small(seed=0) -> nn.Sequential:
    """A network with a halo of one pixel, quick to train."""
    network = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 1))
    initialise(network, seed, "he")
    return network


def lesson(example) -> Lesson:
    """All of an example, to be looked at by windows."""
    return Lesson(example.goal.shape[1:], lambda w: Example(example.inputs[:, *w], example.goal[:, *w]))


def fit(scenes, seed=0, network=None, **changes):
    return train([*map(lesson, scenes)], lambda c, b: network or small(seed), plan(**changes), seed, halo=1)


def unit_scaling(channels: int, bands: int) -> Scaling:
    one = [np.zeros(channels), np.ones(channels), np.zeros(bands), np.ones(bands)]
    return Scaling(*(a.astype(np.float32) for a in one))


# Patches


@settings(max_examples=40, deadline=None)
@given(st.integers(12, 60), st.integers(12, 60), st.integers(4, 40), st.integers(0, 999), st.floats(0.01, 0.9))
def test_held_out_patches_never_overlap_training_patches(height, width, wanted, seed, share):
    scenes = [scene((height, width), seed=i) for i in range(2)]
    size = patch_size(scenes, wanted)
    training, held = split(scenes, size, share, 0.5, seed)
    assert len(training) and len(held)
    taken = np.zeros((height, width), bool)
    for _, row, column in held:  # of any date: the same field on another date would tell
        taken[row : row + size, column : column + size] = True
    assert not any(taken[r : r + size, c : c + size].any() for _, r, c in training)


def test_every_date_holds_out_the_same_blocks():
    _, held = split([scene(), scene(seed=1)], 8, 0.3, 0.5, 0)
    first, second = ({tuple(p[1:]) for p in held if p[0] == i} for i in (0, 1))
    assert first == second and len(first) == round(0.3 * (30 // 8) * (36 // 8))


def test_other_seeds_hold_out_other_blocks():
    places = {tuple(map(tuple, split([scene()], 8, 0.2, 0.5, seed)[1])) for seed in range(5)}
    assert len(places) > 1


@pytest.mark.parametrize(("side", "size"), [(216, 33), (72, 24), (64, 21), (22, 7), (12, 4)])
def test_patches_shrink_with_the_image(side, size):
    assert patch_size([scene((side, side + 5))], 33) == size


def test_patches_with_little_observed_are_not_drawn():
    clouded = scene()
    clouded.goal[:, :, :18] = np.nan
    training, held = split([clouded], 8, 0.2, 0.75, 0)
    for _, row, column in np.concatenate([training, held]):
        assert np.isfinite(clouded.goal[0, row : row + 8, column : column + 8]).mean() >= 0.75


@pytest.mark.parametrize(
    ("scenes", "message"),
    [
        ([], "no training samples"),
        ([scene((11, 40))], "11 pixels wide, too small"),
        ([Example(scene().inputs, np.full((1, 30, 36), np.nan, np.float32))], "No 8 x 8 patch.*min_valid"),
    ],
)
def test_too_little_data_is_a_clear_error(scenes, message):
    with pytest.raises(InputError, match=message):
        fit(scenes)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(0, 9), st.integers(1, 12), st.data())
def test_windows_are_those_of_the_mirrored_image(side, halo, length, data):
    length = min(length, side)
    row, column = data.draw(st.integers(0, side - length)), data.draw(st.integers(0, side - length))
    image = np.arange(float(side * side), dtype=np.float32).reshape(1, side, side)
    padded = np.pad(image, ((0, 0), (halo, halo), (halo, halo)), mode="reflect" if side > 1 else "edge")
    expected = padded[:, row : row + length + 2 * halo, column : column + length + 2 * halo]
    np.testing.assert_array_equal(window(image, row, column, (length, length), halo), expected)


def test_the_eight_turns_differ_and_keep_inputs_and_goal_together():
    image = np.arange(16.0).reshape(1, 4, 4)
    turns = [turned(image, k) for k in range(8)]
    assert len({t.tobytes() for t in map(np.ascontiguousarray, turns)}) == 8
    assert all(sorted(t.ravel()) == sorted(image.ravel()) for t in turns)


def test_gaps_reach_neither_the_network_nor_the_loss():
    holed = scene()
    holed.inputs[0, 3:9, 3:9] = np.nan
    holed.goal[0, 5:7, 5:7] = np.nan
    places = np.array([[0, 0, 0], [0, 4, 4]], np.int32)
    inputs, goal, mask = cut([holed], places, 8, 1, measure([holed], places[:0], 8))
    assert np.isfinite(inputs).all() and np.isfinite(goal).all()
    assert inputs[0, 0, 5, 5] == 0  # the mean
    np.testing.assert_array_equal(mask[0, 0] == 0, np.isnan(holed.goal[0, :8, :8]))


def test_the_loss_is_the_mean_over_what_is_observed():
    said, goal = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 0.0, 0.0])
    assert masked_square(said, goal, torch.tensor([1.0, 1.0, 0.0]), goal).item() == pytest.approx(2.5)
    assert masked_square(said, goal, torch.zeros(3), goal).item() == 0


def test_statistics_leave_out_gaps_and_held_out_blocks():
    image = scene()
    image.inputs[0, 0, 0] = np.nan
    image.inputs[:, 16:24, 8:16] = 1e6
    scaling = measure([image], np.array([[0, 16, 8]], np.int32), 8)
    free = np.ones((30, 36), bool)
    free[16:24, 8:16] = False
    for channel in (0, 1):
        values = image.inputs[channel][free]
        assert scaling.in_mean[channel] == pytest.approx(np.nanmean(values), abs=1e-6)
        assert scaling.in_scale[channel] == pytest.approx(np.nanstd(values), rel=1e-4)


# Training


def test_training_learns():
    state = fit([scene(), scene(seed=1)], epochs=12, steps=10, learning_rate=1e-2, batch=8)
    curve = state["curve"]
    assert curve.shape == (13, len(CURVE))
    assert curve[-1, 2] < 0.1 * curve[0, 2]


def test_the_same_seed_gives_the_same_state():
    first, again, other = fit([scene()]), fit([scene()]), fit([scene()], seed=1)
    del first["curve"], again["curve"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_training_leaves_torch_as_it_was():
    before = torch.get_num_threads()
    fit([scene()])
    assert not torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == before


def test_early_stopping_keeps_the_best():
    network = small()
    start = weights(network, unit_scaling(2, 1))
    # Steps this large only do harm, so that the untrained network stays the best.
    state = fit([scene()], network=network, learning_rate=50.0, schedule="constant", epochs=9, patience=4)
    assert len(state["curve"]) == 1 + 4
    assert np.argmin(state["curve"][:, 2]) == 0
    assert all(np.array_equal(state[name], start[name]) for name in start if name.startswith("net."))


def test_the_kept_weights_have_the_least_held_out_loss():
    image = scene()
    state = fit([image], epochs=8, learning_rate=0.1, schedule="constant", held_share=0.1)
    _, held = split([image], 8, 0.1, 0.5, 0)
    network = small()
    restore(network, state)
    inputs, goal, mask = (torch.from_numpy(a) for a in cut([image], held, 8, 1, scaling_of(state)))
    with torch.inference_mode():
        loss = masked_square(network(inputs), goal, mask, inputs).item()
    assert loss == pytest.approx(state["curve"][:, 2].min(), rel=1e-4)


def test_without_held_out_patches_training_runs_to_its_end():
    state = fit([scene()], held_share=0.0)
    assert len(state["curve"]) == 4 and np.isnan(state["curve"][:, 2]).all()
    assert not np.array_equal(state["net.0.weight"], small().state_dict()["0.weight"].numpy())


def test_scenes_of_different_shapes_train_together():
    state = fit([scene((24, 30)), scene((40, 33))])
    assert np.isfinite(state["net.0.weight"]).all()


@pytest.mark.parametrize(
    "changes", [{"steps": 0}, {"patch": -1}, {"held_share": 1.0}, {"min_valid": -0.1}, {"schedule": "stairs"}]
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        plan(**changes)


# Networks


@pytest.mark.parametrize(
    ("channels", "bands", "count"),
    [(1, 1, 57_281), (6, 6, 87_206), (6, 2, 84_002), (14, 7, 129_479), (26, 7, 191_687)],
)
def test_the_three_layer_net_has_the_published_parameter_count(channels, bands, count):
    assert sum(p.numel() for p in three_layer(channels, bands).parameters()) == count


def test_the_paper_beginning_draws_every_layer_alike():
    network = three_layer(6, 6)
    initialise(network, 0, "normal")
    for name, value in network.named_parameters():
        spread = value.std().item()
        assert spread == pytest.approx(0.01, rel=0.1) if name.endswith("weight") else spread == 0


def test_the_result_is_the_same_tiled_or_whole():
    network = three_layer(2, 1)
    initialise(network, 0, "normal")
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(10)
    state = weights(network, measure([scene()], np.zeros((0, 3), np.int32), 8))
    inputs = scene((50, 41)).inputs
    inputs[0, 10:14, 10:14] = np.nan
    whole = apply(network, state, inputs, THREE_LAYER_HALO)
    tiled = apply(network, state, inputs, THREE_LAYER_HALO, tile=17)
    assert np.isfinite(whole).all() and whole.std() > 1e-3
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_moving_the_image_moves_the_result():
    network = three_layer(1, 1)
    initialise(network, 0, "he")
    state = weights(network, unit_scaling(1, 1))
    image = np.random.default_rng(0).normal(size=(1, 40, 40)).astype(np.float32)
    still = apply(network, state, image, THREE_LAYER_HALO)
    moved = apply(network, state, np.roll(image, (3, 5), axis=(1, 2)), THREE_LAYER_HALO)
    np.testing.assert_allclose(moved[:, 13:30, 15:30], still[:, 10:27, 10:25], atol=1e-5)


def test_a_zeroed_last_layer_says_its_bias():
    network = three_layer(3, 2)
    initialise(network, 0, "he")
    with torch.no_grad():
        network[-1].weight.zero_()
        network[-1].bias.copy_(torch.tensor([0.25, -0.5]))
    said = apply(network, weights(network, unit_scaling(3, 2)), np.ones((3, 20, 20), np.float32), THREE_LAYER_HALO)
    np.testing.assert_array_equal(said[0], 0.25)
    np.testing.assert_array_equal(said[1], -0.5)


@pytest.mark.parametrize("wrong", ["bands", "empty", "scaling"])
def test_a_state_of_another_network_is_refused(wrong):
    state = weights(three_layer(2, 2), unit_scaling(2, 2))
    if wrong == "scaling":
        del state["in_mean"]
    network = three_layer(1, 1) if wrong == "bands" else three_layer(2, 2)
    with pytest.raises(InputError, match="does not fit this network"):
        restore(network, {} if wrong == "empty" else state)


def test_the_progress_bar_is_quiet_without_a_terminal(capfd):
    fit([scene()])
    shown = capfd.readouterr()
    assert shown.out == shown.err == ""


def test_curve_rows_count_epochs_and_time():
    curve = fit([scene()])["curve"]
    np.testing.assert_array_equal(curve[:, 0], [0, 1, 2, 3])
    assert math.isnan(curve[0, 1]) and np.all(np.diff(curve[:, 3]) > 0)
