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
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stfuse.bands import clip_to_valid
from stfuse.channels import bracket, gaps, upsampled
from stfuse.errors import InputError
from stfuse.networks import THREE_LAYER_HALO, apply, initialise, three_layer
from stfuse.patches import Scene
from stfuse.task import FloatArray, Needs, Sample, State, Task
from stfuse.training import Plan, train

logger = logging.getLogger(__name__)

NEEDS = Needs(references="bracketing", uses=("pan",), samples="wald", gpu=True)


@dataclass(frozen=True)
class Params:
    """Settings; see `stfuse.training.Plan` for those of the training.

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
    beginning: Literal["he", "normal"] = "he"
    patch: int = 32
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
    pan = [upsampled(task.aux["pan"], date, grid)] if "pan" in task.aux and len(task.aux["pan"].dates) else []
    fine = task.fine.values[list(bracket(task.fine.dates, date))]
    unknown = gaps(np.concatenate([coarse, *pan, *fine]))
    between = np.where(np.isnan(fine[0]), fine[1], np.where(np.isnan(fine[1]), fine[0], fine.mean(axis=0)))
    references = np.where(np.isnan(fine), coarse, fine)
    return np.concatenate([np.where(np.isnan(coarse), between, coarse), *pan, *references]), unknown


def _scenes(samples: Iterable[Sample], residual: bool) -> list[Scene]:
    scenes = []
    for task, truth in samples:
        for date, target in zip(task.dates, truth, strict=True):
            inputs, unknown = _channels(task, date)
            goal = target - inputs[: len(target)] if residual else target.copy()
            goal[:, unknown] = np.nan
            scenes.append(Scene(inputs, goal))
    # Where some dates have pan and some have none, those without cannot train the same network.
    most = max((len(scene.inputs) for scene in scenes), default=0)
    kept = [scene for scene in scenes if len(scene.inputs) == most]
    if len(kept) < len(scenes):
        logger.warning(
            "%d of %d training dates have no pan image and are left out", len(scenes) - len(kept), len(scenes)
        )
    return kept


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on degraded images whose truth is the observed coarse image (Wald protocol).

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy, or lack a reference.
    """
    scenes = _scenes(samples, params.residual)
    network = three_layer(*((len(scenes[0].inputs), len(scenes[0].goal)) if scenes else (1, 1)))
    initialise(network, seed, params.beginning)
    return train(network, scenes, Plan.of(params), seed, THREE_LAYER_HALO)


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
