"""ESRCNN: the coarse image, the panchromatic band and the fine dates around it, through one three-layer network.

Shao et al. 2019 (Remote Sensing of Environment 235, 111425), in the form that Wu et al. 2022 compare with: one fine
date before and one after the target. Kind: network, trained by the Wald protocol on degraded images.
This is their second network. Their first, which sharpens Sentinel-2's 20 m bands, is not made yet: those bands
come to 10 m by cubic interpolation in the stage `ard`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import bracket, gaps, upsampled
from stfuse.errors import InputError
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.three_layer import THREE_LAYER_HALO, three_layer
from stfuse.task import FloatArray, Needs, Sample, State, Task

logger = logging.getLogger(__name__)

NEEDS = Needs(references="bracketing", uses=("pan",), samples="wald", gpu=True)


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
    beginning : {"he", "normal"}
        ``normal`` is the public code's N(0, 0.01); ``he`` needs far fewer steps.
    patch : int
        32, the public code's crop.
    batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        The public code has batch 64, 500,000 steps, a constant 1e-4 and no held-out
        patches; these were found by experiment on simulated field mosaics.
    """

    residual: bool = True
    beginning: Beginning = "he"
    patch: int = 32


def halo(params: Params) -> int:
    """Fine pixels that the three filters reach."""
    return THREE_LAYER_HALO


def _channels(task: Task, date: np.datetime64) -> tuple[FloatArray, NDArray[np.bool_]]:
    """What the network sees, and the pixels (y, x) where some of it is unknown.

    Channels: upsampled coarse bands, pan where the task has it, bands of the fine date before, of
    the one after. A reference gap shows the coarse image, a coarse gap the mean of the references.
    """
    if len(task.fine.dates) < 2:
        raise InputError(
            f"esrcnn needs a fine image before and one after {date}, found {len(task.fine.dates)}",
            "give it the references that its NEEDS ask for",
        )
    grid = task.fine.grid
    coarse = upsampled(task.coarse, date, grid)
    pan = [upsampled(task.aux["pan"], date, grid)] if _has_pan(task) else []
    fine = task.fine.values[list(bracket(task.fine.dates, date))]
    unknown = gaps(np.concatenate([coarse, *pan, *fine]))
    between = np.where(np.isnan(fine[0]), fine[1], np.where(np.isnan(fine[1]), fine[0], fine.mean(axis=0)))
    references = np.where(np.isnan(fine), coarse, fine)
    return np.concatenate([np.where(np.isnan(coarse), between, coarse), *pan, *references]), unknown


def _has_pan(task: Task) -> bool:
    return "pan" in task.aux and len(task.aux["pan"].dates) > 0


def _alike(samples: Iterable[Sample]) -> list[Sample]:
    """Those with pan where some have it: the others cannot train the same network."""
    every = list(samples)
    with_pan = [sample for sample in every if _has_pan(sample.crop((slice(0, 1), slice(0, 1))))]
    kept = with_pan or every
    if len(kept) < len(every):
        logger.warning("%d of %d training dates have no pan image and are left out", len(every) - len(kept), len(every))
    return kept


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on degraded images whose truth is the observed coarse image (Wald protocol).

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

    return train(lessons_of(_alike(samples), example), build, params, seed, THREE_LAYER_HALO)


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image and the fine dates around it.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where any input is.

    Raises
    ------
    InputError
        If the state was trained for other bands, or with pan and the task has none (or the
        other way round), or if the task has fewer than two fine images.
    """
    bands = task.coarse.bands
    out = np.empty((len(task.dates), len(bands), *task.fine.grid.shape), np.float32)
    for i, date in enumerate(task.dates):
        inputs, unknown = _channels(task, date)
        said = apply(three_layer(len(inputs), len(bands)), state, inputs, THREE_LAYER_HALO)
        out[i] = clip_to_valid(said + inputs[: len(bands)] if params.residual else said, bands)
        out[i][:, unknown] = np.nan
    return out
