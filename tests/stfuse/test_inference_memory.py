import numpy as np
import pytest
import torch
from torch import nn

from small_networks import image, scaling, seeded
from stfuse.learning import inference
from stfuse.learning.inference import Lattice, apply
from stfuse.learning.weights import weights


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Windows of a few pixels, so that small images have many."""
    monkeypatch.setattr(inference, "LARGEST", 16)
    monkeypatch.setattr(inference, "TRIAL", 8)


@pytest.mark.parametrize("lattice", [None, Lattice(8, 2)])
@pytest.mark.parametrize("room", [1e3, 1e5, 1e9])
def test_the_memory_decides_how_many_windows_go_at_a_time_but_not_what_they_say(monkeypatch, lattice, room):
    network, values = seeded(nn.Conv2d(2, 4, 3)), image(2, 50, 41)
    state = weights(network, scaling(2, 4))
    most = apply(network, state, values, 1, lattice=lattice)
    pixels = []
    network.register_forward_pre_hook(lambda _, given: pixels.append(given[0].shape[0] * given[0][0, 0].numel()))
    monkeypatch.setattr(inference, "budget", lambda where: room)
    monkeypatch.setattr(inference, "_taken", {})
    np.testing.assert_allclose(apply(network, state, values, 1, lattice=lattice), most, atol=1e-5)
    bytes_a_pixel = next(iter(inference._taken.values()))
    assert bytes_a_pixel >= (2 + 4) * 4  # inputs and maps
    one = 10 * 10
    assert max(pixels[1:]) <= max(room / bytes_a_pixel, one)
    assert (len(pixels) == 2) == (room == 1e9)  # the trial, then all at once


def test_memory_is_measured_once_for_a_network(monkeypatch):
    counted = []
    network, state = seeded(nn.Conv2d(2, 1, 3)), weights(seeded(nn.Conv2d(2, 1, 3)), scaling(2, 1))
    monkeypatch.setattr(inference, "_taken", {})
    monkeypatch.setattr(inference, "taken", lambda *_: counted.append(1) or 50.0)
    for _ in range(3):
        apply(network, state, image(2, 20, 20), 1)
    assert len(counted) == 1


class Narrow(nn.Conv2d):
    """A convolution that finds no memory for more than so many pixels."""

    most = 10**9

    def forward(self, inputs):
        if inputs.shape[0] * inputs[0, 0].numel() > self.most:
            raise torch.OutOfMemoryError("no memory")
        return super().forward(inputs)


@pytest.mark.parametrize("lattice", [None, Lattice(8, 2)])
def test_where_the_memory_is_less_than_it_seemed_fewer_windows_go_at_a_time(monkeypatch, lattice):
    network, values = seeded(Narrow(2, 1, 3)), image(2, 50, 41)
    state = weights(network, scaling(2, 1))
    monkeypatch.setattr(inference, "_taken", {})
    expected = apply(network, state, values, 1, lattice=lattice)
    network.most = 250
    np.testing.assert_allclose(apply(network, state, values, 1, lattice=lattice), expected, atol=1e-5)
    network.most = 50
    with pytest.raises(torch.OutOfMemoryError):
        apply(network, state, values, 1, lattice=lattice)
