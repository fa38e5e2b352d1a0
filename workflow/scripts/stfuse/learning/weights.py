"""A network's weights as named arrays; the states of several networks in one."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from stfuse.errors import InputError
from stfuse.learning.curves import CURVE
from stfuse.learning.patches import Scaling
from stfuse.task import State

__all__ = ["CURVE", "part", "restore", "scaling_of", "staged", "weights"]


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


def staged(**states: State) -> State:
    """Several trainings in one state.

    Parameters
    ----------
    **states : dict of str to ndarray
        By the name of their stage, in the order in which they were trained. A state may be staged itself.

    Returns
    -------
    dict of str to ndarray
        Names with the stage before them (``first.net.0.weight``), and one ``curve`` whose column ``stage`` counts
        the trainings from 1.

    Raises
    ------
    ValueError
        If a stage's name holds a dot.
    """
    dotted = [name for name in states if "." in name]
    if dotted:
        raise ValueError(f"A stage's name holds no dot, found {dotted}.")
    out: State = {}
    curves: list[np.ndarray] = []
    for stage, state in states.items():
        out.update({f"{stage}.{name}": array for name, array in state.items() if name != "curve"})
        if "curve" in state:
            curve = state["curve"].copy()
            curve[:, 0] += max((c[:, 0].max() for c in curves if len(c)), default=0.0)
            curves.append(curve)
    return {**out, "curve": np.concatenate(curves)} if curves else out


def part(state: State, name: str) -> State:
    """One of the trainings that `staged` put together, without its curve.

    Raises
    ------
    InputError
        If the state has no such stage.
    """
    found = {key.removeprefix(f"{name}."): array for key, array in state.items() if key.startswith(f"{name}.")}
    if not found:
        raise InputError(
            f"The state has no stage {name!r}", "train the method again: its state was made by another version"
        )
    return found
