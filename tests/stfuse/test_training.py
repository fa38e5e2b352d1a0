import logging
import math

import numpy as np
import pytest
import torch

from small_trainings import assert_same, column, fit, lesson, plan, scene, small
from stfuse.errors import InputError
from stfuse.learning import loop as loops
from stfuse.learning.feed import open_feed
from stfuse.learning.training import CURVE, masked_square
from stfuse.learning.weights import restore


def test_the_loss_is_the_mean_over_what_is_observed():
    said, goal = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 0.0, 0.0])
    assert masked_square(said, goal, torch.tensor([1.0, 1.0, 0.0]), goal).item() == pytest.approx(2.5)
    assert masked_square(said, goal, torch.zeros(3), goal).item() == 0


def test_training_learns():
    state = fit([scene(), scene(seed=1)], epochs=12, steps=10, learning_rate=1e-2, batch=8)
    assert state["curve"].shape == (13, len(CURVE))
    assert column(state, "held_loss")[-1] < 0.1 * column(state, "held_loss")[0]


def test_the_same_seed_gives_the_same_state():
    first, again, other = fit([scene()]), fit([scene()]), fit([scene()], seed=1)
    assert_same(first, again)
    assert any(not np.array_equal(first[name], other[name]) for name in first if name.startswith("net."))


def test_dropout_follows_the_seed_and_nothing_else():
    torch.manual_seed(1)
    first = fit([scene()], dropout=0.3)
    torch.manual_seed(2)
    expected = torch.get_rng_state()
    assert_same(first, fit([scene()], dropout=0.3))
    assert torch.equal(torch.get_rng_state(), expected)
    assert not np.array_equal(first["net.0.weight"], fit([scene()])["net.0.weight"])


def test_training_leaves_torch_as_it_was():
    before = torch.get_num_threads()
    fit([scene()])
    assert not torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == before


def test_early_stopping_keeps_the_best():
    network = small()
    start = {f"net.{name}": value.numpy().copy() for name, value in network.state_dict().items()}
    # Steps this large only do harm, so that the untrained network stays the best.
    state = fit([scene()], network=network, learning_rate=50.0, schedule="constant", epochs=9, patience=4)
    assert len(state["curve"]) == 1 + 4
    assert np.argmin(column(state, "held_loss")) == 0
    assert all(np.array_equal(state[name], start[name]) for name in start)


def test_the_kept_weights_have_the_least_held_out_loss():
    image = scene()
    changes = {"epochs": 8, "learning_rate": 0.1, "schedule": "constant", "held_share": 0.1, "batch": 1}
    state = fit([image], **changes)
    network = small()
    restore(network, state)
    squares = count = 0.0
    with open_feed([lesson(image)], plan(**changes), 0, halo=1) as feed:
        for batch in feed.held_batches():
            inputs, goal, mask = map(torch.from_numpy, batch)
            squares += ((network(inputs) - goal).square() * mask).sum().item()
            count += mask.sum().item()
    assert 0 < np.argmin(column(state, "held_loss")) < 8
    assert squares / count == pytest.approx(column(state, "held_loss").min(), rel=1e-4)


def test_without_held_out_patches_training_runs_to_its_end():
    state = fit([scene()], held_share=0.0)
    assert len(state["curve"]) == 4 and np.isnan(column(state, "held_loss")).all()
    assert not np.array_equal(state["net.0.weight"], small().state_dict()["0.weight"].numpy())


def test_scenes_of_different_shapes_train_together():
    state = fit([scene((24, 30)), scene((40, 33))])
    assert np.isfinite(state["net.0.weight"]).all()


def test_the_progress_bar_is_quiet_without_a_terminal(capfd):
    fit([scene()])
    shown = capfd.readouterr()
    assert shown.out == shown.err == ""


def test_the_curve_says_epochs_rates_times_and_waiting():
    state = fit([scene()], learning_rate=0.5)
    np.testing.assert_array_equal(column(state, "stage"), 1)
    np.testing.assert_array_equal(column(state, "epoch"), [0, 1, 2, 3])
    assert math.isnan(column(state, "train_loss")[0]) and np.isfinite(column(state, "train_loss")[1:]).all()
    # Of the last step of each epoch of three, of nine steps: the first step has the whole rate.
    expected = [0.5 * (0.5 + 0.5 * math.cos(math.pi * step / 9)) for step in (2, 5, 8)]
    np.testing.assert_allclose(column(state, "learning_rate")[1:], expected)
    assert np.all(np.diff(column(state, "seconds")) > 0)
    assert np.all((column(state, "waiting") >= 0) & (column(state, "waiting") <= 1))


def test_the_training_loss_is_the_mean_over_the_steps():
    said = []

    def told(*args):
        value = masked_square(*args)
        if value.requires_grad:
            said.append(value.item())
        return value

    state = fit([scene()], loss=told)
    np.testing.assert_allclose(column(state, "train_loss")[1:], np.reshape(said, (3, 3)).mean(axis=1), rtol=1e-6)


def test_time_without_data_is_waiting_and_said(monkeypatch, caplog):
    clock = [0.0]
    monkeypatch.setattr(loops.time, "perf_counter", lambda: clock[0])
    drawn = loops.Loop._next

    class Slow:
        def __init__(self, batches):
            self.batches = batches

        def __next__(self):
            clock[0] += 3.0  # of waiting
            return next(self.batches)

        def __iter__(self):
            return self

    def worked(*args):
        clock[0] += 1.0 if args[0].requires_grad else 0.0
        return masked_square(*args)

    monkeypatch.setattr(loops.Loop, "_next", lambda self, batches: drawn(self, Slow(batches)))
    with caplog.at_level(logging.INFO):
        state = fit([scene()], loss=worked, held_share=0.0)
    # Three steps of 1 s in an epoch, with 3 s before each, and 3 s to see that nothing was held out.
    np.testing.assert_allclose(column(state, "waiting"), [1, 12 / 15, 12 / 15, 12 / 15])
    np.testing.assert_allclose(column(state, "seconds"), [3, 18, 33, 48])
    assert "81.2 % of it waiting for data" in caplog.text  # 39 of 48
    assert "epoch 2 of 3" in caplog.text


def test_plateaus_halve_the_rate_of_the_next_epoch():
    state = fit([scene()], learning_rate=50.0, schedule="plateau", epochs=9, patience=6)
    # The untrained network stays the best: two epochs without a better one, then two at half the rate, and so on.
    assert column(state, "learning_rate")[1:].tolist() == [50, 50, 25, 25, 12.5, 12.5]


def test_gradients_are_clipped():
    network = small()
    start = [p.detach().clone() for p in network.parameters()]
    # Adam divides by the gradient's size, plus a small constant of 1e-8: gradients far below that move nothing.
    fit([scene()], network=network, clip=1e-12, epochs=1, steps=1, learning_rate=1.0)
    assert max((p - q).abs().max().item() for p, q in zip(network.parameters(), start, strict=True)) < 1e-3


def test_a_training_that_diverges_is_a_clear_error():
    with pytest.raises(InputError, match=r"training diverged in epoch 1.*learning_rate"):
        fit([scene()], loss=lambda said, *rest: masked_square(said, *rest) * (math.nan if said.requires_grad else 1))


@pytest.mark.parametrize(("scenes", "message"), [([], "no training samples"), ([scene((11, 40))], "too small")])
def test_too_little_data_is_a_clear_error(scenes, message):
    with pytest.raises(InputError, match=message):
        fit(scenes)


def test_a_compiled_network_keeps_its_names_and_learns_the_same():
    try:
        state = fit([scene()], compile=True)
    except InputError as error:
        pytest.skip(str(error))
    plain = fit([scene()])
    assert state.keys() == plain.keys()
    for name in state.keys() - {"curve"}:
        np.testing.assert_allclose(state[name], plain[name], atol=1e-5)


def test_a_network_that_cannot_be_compiled_is_a_clear_error(monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def broken(self, *args):
        raise TorchDynamoException("no compiler\nmany lines")

    monkeypatch.setattr(loops.Loop, "_loss_of", broken)
    with pytest.raises(InputError, match=r"cannot compile the network here \(no compiler\).*leave out"):
        fit([scene()], compile=True)
    with pytest.raises(TorchDynamoException):
        fit([scene()])
