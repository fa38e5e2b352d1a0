"""SRCNN with a reference pair: the other reading of Htitiou et al. 2020, section 3.2.

The text names three inputs, a coarse and a fine image of one date and the coarse image of the target date, so
the first layer has three times the channels that the paper's filter bank states (that reading is `srcnn`). Kind:
network, one reference pair in use, trained from each training date to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps, upsampled
from stfuse.errors import InputError
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(references="nearest", pairs=True, samples="pairs", gpu=True)
VERSION = 1


@dataclass(frozen=True)
class Params(Plan):
    """Settings, as those of `srcnn`; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the upsampled coarse image of the target date.
        False: it says the fine image itself, as in the paper.
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`; the paper does not say.
    patch, batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Not in the paper; those of `srcnn`.
    """

    residual: bool = True
    beginning: Beginning = "he"


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

    def example(task: Task, truth: FloatArray) -> Example:
        inputs, unknown = _channels(task, task.dates[0])
        goal = truth - inputs[: len(truth)] if params.residual else truth.copy()
        goal[:, unknown] = np.nan
        return Example(inputs, goal)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(three_layer(channels, bands), seed, params.beginning)

    return train(lessons_of(samples, example), build, params, seed, THREE_LAYER_HALO, name="srcnn_pair")


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
