"""ESRCNN: the coarse image, the panchromatic band and the fine dates around it, through one three-layer network.

Shao et al. 2019 (Remote Sensing of Environment 235, 111425), in the form that Wu et al. 2022 compare with: one fine
date before and one after the target. Kind: network, trained by the Wald protocol on degraded images. There are two:
the first sharpens Sentinel-2's 20 m bands (`stfuse.learning.sharpening`) where there is something to learn that from;
else those bands come to 10 m by cubic interpolation in the stage `ard`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import bracket, filled, gaps, has, upsampled
from stfuse.errors import InputError
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.sharpening import fit_stages, predict_stages
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(
    references="bracketing",
    also=("nearest",),
    uses=("pan",),
    beside=("native", "guide"),
    samples="wald",
    gpu=True,
)

VERSION = 1
"""Counted up when states made before no longer fit."""


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the upsampled coarse image. False: it says the fine image
        itself, as in the public code, which trains 500,000 steps. Chosen on Wald samples of the real patch near
        Kortrijk whose dates no experiment tests (2017-10-02, 2018-02-23, 2018-07-01; four bands, three seeds):
        RMSE 0.0119-0.0123 against 0.0148-0.0156, bilinear 0.0197.
    sharpen : bool
        Whether there is a first stage where there is something to learn it from.
    beginning : {"he", "normal"}
        ``normal`` is the public code's N(0, 0.01); ``he`` needs far fewer steps.
    patch : int
        32, the public code's crop.
    batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        The public code has batch 64, 500,000 steps, a constant 1e-4 and no held-out
        patches; these were found by experiment on simulated field mosaics.
    """

    residual: bool = True
    sharpen: bool = True
    beginning: Beginning = "he"
    patch: int = 32


def halo(params: Params) -> int:
    """Fine pixels that the three filters reach, in both stages."""
    return (2 if params.sharpen else 1) * THREE_LAYER_HALO


def _channels(task: Task, date: np.datetime64) -> tuple[FloatArray, NDArray[np.bool_]]:
    """What the network sees, and the pixels (y, x) where some of it is unknown.

    Channels: upsampled coarse bands, pan where the task has it, bands of the fine date before, of
    the one after (or of the only one). See `stfuse.channels.filled` for their gaps.
    """
    count = len(task.fine.dates)
    if not count:
        raise InputError(
            f"esrcnn needs a fine image before and one after {date}, found none",
            "give it the references that its NEEDS ask for",
        )
    grid = task.fine.grid
    coarse = upsampled(task.coarse, date, grid)
    pan = [upsampled(task.aux["pan"], date, grid)] if has(task, "pan") else []
    fine = task.fine.values[list(bracket(task.fine.dates, date)) if count > 1 else [0]]
    unknown = gaps(np.concatenate([coarse, *pan, *fine]))
    # The guides of the first stage are other bands than those to sharpen: they cannot stand in for each other.
    if task.fine.bands == task.coarse.bands:
        coarse, fine = filled(coarse, fine, coarse)
    return np.concatenate([coarse, *pan, *fine]), unknown


def _train(samples: Sequence[Sample], params: Params, seed: int, name: str) -> State:
    def example(task: Task, truth: FloatArray) -> Example:
        inputs, unknown = _channels(task, task.dates[0])
        goal = truth - inputs[: len(truth)] if params.residual else truth.copy()
        goal[:, unknown] = np.nan
        return Example(inputs, goal)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(three_layer(channels, bands), seed, params.beginning)

    return train(lessons_of(samples, example), build, params, seed, THREE_LAYER_HALO, name=name)


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on degraded images whose truth is the observed coarse image (Wald protocol).

    Returns
    -------
    State
        Of the one training, or of two (``sharpen``, ``fuse``) where the samples hold what the first stage needs.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy, or lack a reference.
    """
    return fit_stages(samples, params.sharpen, lambda of, name: _train(of, params, seed, name), "esrcnn")


def _said(task: Task, state: State, params: Params, core: tuple[int, int, int, int]) -> FloatArray:
    """The prediction of the task's one date within its core, shape (band, y, x); NaN where an input is."""
    bands = task.coarse.bands
    inputs, unknown = _channels(task, task.dates[0])
    said = apply(three_layer(len(inputs), len(bands)), state, inputs, THREE_LAYER_HALO, core=core)
    said = said + inputs[: len(bands)] if params.residual else said
    said[:, unknown] = np.nan
    return clip_to_valid(said, bands)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image and the fine dates around it.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where any input is.

    Raises
    ------
    InputError
        If the state was trained for other bands, for another number of fine dates, or with pan and the task has
        none (or the other way round), or if the task has no fine image.
    """
    return predict_stages(task, state, lambda one, stage, core: _said(one, stage, params, core), THREE_LAYER_HALO)
