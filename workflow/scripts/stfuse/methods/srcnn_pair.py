"""SRCNN with a reference pair: the other reading of Htitiou et al. 2020, section 3.2.

The text names three inputs, a coarse and a fine image of one date and the coarse image of the target date, so
the first layer has three times the channels that the paper's filter bank states (that reading is `srcnn`). Kind:
network, one reference pair in use, trained from each training date to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps, upsampled
from stfuse.errors import InputError
from stfuse.networks import THREE_LAYER_HALO, apply, initialise, three_layer
from stfuse.patches import Scene
from stfuse.task import FloatArray, Needs, Sample, State, Task
from stfuse.training import Plan, train

NEEDS = Needs(references="nearest", pairs=True, samples="pairs", gpu=True)


@dataclass(frozen=True)
class Params:
    """Settings, as those of `srcnn`; see `stfuse.training.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the upsampled coarse image of the target date.
        False: it says the fine image itself, as in the paper.
    beginning : {"he", "normal"}
        See `stfuse.networks.initialise`; the paper does not say.
    patch, batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Not in the paper; those of `srcnn`.
    """

    residual: bool = True
    beginning: Literal["he", "normal"] = "he"
    patch: int = 33
    batch: int = 16
    epochs: int = 40
    steps: int = 10
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 1.0
    patience: int = 15
    held_share: float = 0.2
    min_valid: float = 0.5

    def __post_init__(self) -> None:
        Plan.of(self)


def halo(params: Params) -> int:
    """Fine pixels that the three filters reach."""
    return THREE_LAYER_HALO


def _channels(task: Task, date: np.datetime64) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Coarse image of the target date, coarse and fine image of the reference; and the pixels with a gap."""
    if not len(task.fine.dates):
        raise InputError(
            f"srcnn_pair needs a fine image beside that of {date}, found none",
            "give it the reference that its NEEDS ask for, or use srcnn, which needs none",
        )
    nearest = task.fine.nearest(date)
    fine = task.fine.values[nearest]
    coarse = upsampled(task.coarse, date, task.fine.grid)
    before = upsampled(task.coarse, task.fine.dates[nearest], task.fine.grid)
    unknown = gaps(np.concatenate([coarse, before, fine]))
    return np.concatenate([coarse, before, np.where(np.isnan(fine), before, fine)]), unknown


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on reference pairs and coarse images whose truth is the fine image of (nearly) the same date.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy, or lack a reference.
    """
    scenes = []
    for task, truth in samples:
        for date, target in zip(task.dates, truth, strict=True):
            inputs, unknown = _channels(task, date)
            goal = target - inputs[: len(target)] if params.residual else target.copy()
            goal[:, unknown] = np.nan
            scenes.append(Scene(inputs, goal))
    bands = len(scenes[0].goal) if scenes else 1
    network = three_layer(3 * bands, bands)
    initialise(network, seed, params.beginning)
    return train(network, scenes, Plan.of(params), seed, THREE_LAYER_HALO)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image and the nearest reference pair.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where any input is.

    Raises
    ------
    InputError
        If the state was trained for another number of bands, or there is no reference.
    """
    bands = task.coarse.bands
    out = np.empty((len(task.dates), len(bands), *task.fine.grid.shape), np.float32)
    for i, date in enumerate(task.dates):
        inputs, unknown = _channels(task, date)
        said = apply(three_layer(3 * len(bands), len(bands)), state, inputs, THREE_LAYER_HALO)
        out[i] = clip_to_valid(said + inputs[: len(bands)] if params.residual else said, bands)
        out[i][:, unknown] = np.nan
    return out
