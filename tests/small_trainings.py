"""Small trainings: images from which a small network learns within a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.loop import Loss
from stfuse.learning.plan import Plan
from stfuse.learning.training import CURVE, masked_square, train
from stfuse.networks.beginning import initialise
from stfuse.task import FloatArray, State

COLUMN = {name: k for k, name in enumerate(CURVE)}


def plan(**changes: Any) -> Plan:
    """Three epochs of three steps, but for the changes."""
    given = {"patch": 8, "batch": 4, "epochs": 3, "steps": 3, "learning_rate": 1e-3, "schedule": "cosine"}
    return Plan(**{**given, "clip": 1.0, "patience": 9, "held_share": 0.2, "min_valid": 0.5, **changes})


def scene(shape: tuple[int, int] = (30, 36), bands: int = 1, channels: int = 2, seed: int = 0) -> Example:
    """The goal is a mean over 3 x 3 pixels of the first channel: something that a convolution can learn."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0.3, 0.1, (channels, *shape)).astype(np.float32)
    padded = np.pad(inputs[:bands], ((0, 0), (1, 1), (1, 1)), mode="reflect")
    goal = sum(padded[:, r : r + shape[0], c : c + shape[1]] for r in range(3) for c in range(3)) / 9
    return Example(inputs, goal.astype(np.float32))


def small(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    """A network with a halo of one pixel, quick to train."""
    network = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, 1, 1))
    initialise(network, seed, "he")
    return network


def lesson(example: Example) -> Lesson:
    """All of an example, to be looked at by windows."""
    return Lesson(example.goal.shape[1:], lambda w: Example(example.inputs[:, *w], example.goal[:, *w]))


def fit(
    scenes: list[Example],
    seed: int = 0,
    network: nn.Module | None = None,
    loss: Loss = masked_square,
    dropout: float = 0.0,
    **changes: Any,
) -> State:
    """Train a small network."""

    def build(channels: int, bands: int) -> nn.Module:
        return network or small(seed, dropout)

    return train([*map(lesson, scenes)], build, plan(**changes), seed, halo=1, loss=loss)


def column(state: State, name: str) -> FloatArray:
    """A column of the curve."""
    return state["curve"][:, COLUMN[name]]


def assert_same(first: State, second: State) -> None:
    """The same bits, but for times."""
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(*(_untimed(name, state[name]) for state in (first, second)), err_msg=name)


def _untimed(name: str, array: FloatArray) -> FloatArray:
    return np.delete(array, [COLUMN["seconds"], COLUMN["waiting"]], axis=1) if name == "curve" else array
