"""SRCNN for NDVI or any bands: the coarse image of the target date, made fine by a three-layer network.

Htitiou et al. 2020 (ISPRS Archives XLIV-4/W3-2020, 249-254), after Dong et al. 2016. Kind: network,
no reference date needed in use. The text names three inputs, but the filter bank 64 x 1 x 9 x 9 has one:
this is the reading that the filters state. The other one is `srcnn_pair`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps, upsampled
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(references="none", samples="pairs", gpu=True)
VERSION = 1


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the upsampled coarse image. False: it says the
        fine image itself, as in the paper. True is the default because with a handful of dates
        the paper's form spends its steps on learning to copy its input (up to 3 % more RMSE on
        simulated mosaics).
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`; the paper does not say.
    patch : int
        33 as in Dong et al. 2016 and Yang et al. 2021; the paper does not say.
    batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Not in the paper; found by experiment on simulated field mosaics.
    """

    residual: bool = True
    beginning: Beginning = "he"


def halo(params: Params) -> int:
    """Fine pixels that the three filters reach."""
    return THREE_LAYER_HALO


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on coarse images whose truth is the fine image of (nearly) the same date.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy.
    """

    def example(task: Task, truth: FloatArray) -> Example:
        coarse = upsampled(task.coarse, task.dates[0], task.fine.grid)
        goal = truth - coarse if params.residual else truth.copy()
        goal[:, gaps(coarse)] = np.nan
        return Example(coarse, goal)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(three_layer(channels, bands), seed, params.beginning)

    return train(lessons_of(samples, example), build, params, seed, THREE_LAYER_HALO, name="srcnn")


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image alone.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where the coarse image is.

    Raises
    ------
    InputError
        If the state was trained for another number of bands.
    """
    bands = task.coarse.bands
    out = np.empty((len(task.dates), len(bands), *task.fine.grid.shape), np.float32)
    for i, date in enumerate(task.dates):
        coarse = upsampled(task.coarse, date, task.fine.grid)
        said = apply(three_layer(len(bands), len(bands)), state, coarse, THREE_LAYER_HALO)
        out[i] = clip_to_valid(said + coarse if params.residual else said, bands)
        out[i][:, gaps(coarse)] = np.nan
    return out
