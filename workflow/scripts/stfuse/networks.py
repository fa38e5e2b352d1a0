"""The networks' common parts: the three-layer net, its beginning, its weights as arrays, its use on images."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from stfuse.errors import InputError
from stfuse.patches import Scaling, scaled, window
from stfuse.task import FloatArray, State

__all__ = [
    "THREE_LAYER_HALO",
    "apply",
    "device",
    "initialise",
    "placed",
    "restore",
    "scaling_of",
    "three_layer",
    "weights",
]

THREE_LAYER_HALO = 8
"""Fine pixels that a 9x9, a 5x5 and a 5x5 filter reach together: 4 + 2 + 2."""

TILE = 256
"""Pixels a side that go through the network at once: 64 feature maps of a tile take 19 MB."""

Beginning = Literal["he", "normal"]


def three_layer(channels: int, bands: int) -> nn.Sequential:
    """9x9 -> 64, ReLU, 5x5 -> 32, ReLU, 5x5 -> bands, without padding.

    Dong et al. 2016 (SRCNN, section 3) with the filters of Htitiou et al. 2020, section 3.2.
    The image is padded by reflection before (`stfuse.patches.window`), not each layer with
    zeros, so that a tile with its halo gives what the whole image gives.
    """
    return nn.Sequential(
        nn.Conv2d(channels, 64, 9),
        nn.ReLU(),
        nn.Conv2d(64, 32, 5),
        nn.ReLU(),
        nn.Conv2d(32, bands, 5),
    )


def initialise(network: nn.Module, seed: int, beginning: Beginning) -> None:
    """Draw the weights of all convolutions from the seed; biases begin at 0.

    Parameters
    ----------
    beginning : {"he", "normal"}
        ``normal``: N(0, 0.01), as Shao et al. 2019's public options say. ``he``: He et al. 2015
        for layers under a ReLU and N(0, 0.001) for the last, so that training starts from
        the mean of the goal; it needs far fewer steps.
    """
    generator = torch.Generator().manual_seed(seed)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for convolution in convolutions:
            fan_in = convolution.weight[0].numel()
            hidden = 0.01 if beginning == "normal" else float(np.sqrt(2 / fan_in))
            last = 0.01 if beginning == "normal" else 0.001
            spread = last if convolution is convolutions[-1] else hidden
            convolution.weight.normal_(0.0, spread, generator=generator)
            if convolution.bias is not None:
                convolution.bias.zero_()


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(network: nn.Module, where: torch.device) -> nn.Module:
    """The network on a device, its filters in the layout in which convolutions are fastest."""
    network.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def weights(network: nn.Module, scaling: Scaling) -> State:
    """Weights and scaling as named arrays."""
    state: State = {f"net.{name}": value.cpu().numpy().copy() for name, value in network.state_dict().items()}
    state.update({name: getattr(scaling, name) for name in Scaling.__dataclass_fields__})
    return state


def scaling_of(state: State) -> Scaling:
    """The scaling that `weights` put in a state."""
    return Scaling(**{name: state[name] for name in Scaling.__dataclass_fields__})


def restore(network: nn.Module, state: State) -> None:
    """Put a state's weights into a network.

    Raises
    ------
    InputError
        If the state was made by another network, or for other bands or channels.
    """
    expected = {f"net.{name}": tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: array.shape for name, array in state.items() if name.startswith("net.")}
    lacking = [name for name in Scaling.__dataclass_fields__ if name not in state]
    if expected != found or lacking:
        wrong = {n: (found.get(n), expected.get(n)) for n in {*expected, *found} if found.get(n) != expected.get(n)}
        raise InputError(
            f"The state does not fit this network: (found, expected) {wrong}, lacking {lacking}",
            "train the method on the same bands and auxiliary series that it is to predict from",
        )
    network.load_state_dict({name: torch.from_numpy(state[f"net.{name}"]) for name in network.state_dict()})


def apply(network: nn.Module, state: State, inputs: FloatArray, halo: int, tile: int = TILE) -> FloatArray:
    """Run a network over an image of any size, piece by piece.

    Parameters
    ----------
    network : Module
        Takes (1, channel, y + 2 halo, x + 2 halo), gives (1, band, y, x).
    inputs : ndarray, shape (channel, y, x), float32
        In physical units; gaps (NaN) count as the channel's training mean.
    tile : int
        Pixels a side at once; bounds the memory, does not change the result.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        In physical units.
    """
    restore(network, state)
    scaling, where = scaling_of(state), device()
    placed(network, where).eval()
    height, width = inputs.shape[1:]
    out = np.empty((len(scaling.out_mean), height, width), np.float32)
    with torch.inference_mode():
        for row in range(0, height, tile):
            for column in range(0, width, tile):
                shape = (min(tile, height - row), min(tile, width - column))
                piece = torch.from_numpy(scaled(window(inputs, row, column, shape, halo), scaling)[None])
                said = network(piece.to(where, memory_format=torch.channels_last))[0].cpu().numpy()
                said = said * scaling.out_scale[:, None, None] + scaling.out_mean[:, None, None]
                out[:, row : row + shape[0], column : column + shape[1]] = said
    return out
