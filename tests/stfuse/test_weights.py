import numpy as np
import pytest
import torch

from stfuse.errors import InputError
from stfuse.learning.patches import Scaling
from stfuse.learning.weights import CURVE, part, restore, scaling_of, staged, weights
from stfuse.networks.three_layer import three_layer


def unit_scaling(channels: int, bands: int) -> Scaling:
    one = [np.zeros(channels), np.ones(channels), np.zeros(bands), np.ones(bands)]
    return Scaling(*(a.astype(np.float32) for a in one))


def state(curve_rows: int = 2) -> dict:
    curve = np.column_stack([np.ones(curve_rows), np.arange(curve_rows), *np.zeros((5, curve_rows))])
    return {**weights(three_layer(2, 1), unit_scaling(2, 1)), "curve": curve}


def test_a_state_gives_the_network_back_and_is_a_copy():
    first, second = three_layer(2, 1), three_layer(2, 1)
    held = weights(first, unit_scaling(2, 1))
    with torch.no_grad():
        first[0].weight.zero_()
    restore(second, held)
    assert torch.equal(second[0].weight, torch.from_numpy(held["net.0.weight"])) and second[0].weight.abs().sum() > 0
    assert scaling_of(held).in_scale.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("wrong", ["bands", "empty", "scaling"])
def test_a_state_of_another_network_is_refused(wrong):
    held = weights(three_layer(2, 2), unit_scaling(2, 2))
    if wrong == "scaling":
        del held["in_mean"]
    network = three_layer(1, 1) if wrong == "bands" else three_layer(2, 2)
    with pytest.raises(InputError, match="does not fit this network"):
        restore(network, {} if wrong == "empty" else held)


def test_stages_come_back_apart():
    first, second = state(), state(3)
    both = staged(first=first, second=second)
    for name, one in (("first", first), ("second", second)):
        found = part(both, name)
        assert found.keys() == one.keys() - {"curve"}
        assert all(np.array_equal(found[key], one[key]) for key in found)
    assert both["curve"].shape == (5, len(CURVE))
    assert both["curve"][:, 0].tolist() == [1, 1, 2, 2, 2] and both["curve"][:, 1].tolist() == [0, 1, 0, 1, 2]


def test_stages_of_stages_are_counted_on():
    inner = staged(a=state(1), b=state(1))
    outer = staged(first=inner, second=state(1))
    assert outer["curve"][:, 0].tolist() == [1, 2, 3] and inner["curve"][:, 0].tolist() == [1, 2]
    assert part(part(outer, "first"), "b").keys() == state().keys() - {"curve"}


def test_no_stage_is_taken_for_one_whose_name_begins_alike():
    with pytest.raises(InputError, match="no stage 'fir'"):
        part(staged(first=state()), "fir")


def test_a_stage_without_dots():
    with pytest.raises(ValueError, match="holds no dot"):
        staged(**{"a.b": state()})
