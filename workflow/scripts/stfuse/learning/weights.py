"""A network's weights as named arrays, and the device it works on."""

from __future__ import annotations

import torch
from torch import nn

from stfuse.errors import InputError
from stfuse.learning.patches import Scaling
from stfuse.task import State

__all__ = ["device", "placed", "restore", "scaling_of", "weights"]


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
