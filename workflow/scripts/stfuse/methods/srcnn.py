"""SRCNN for NDVI or any bands: the coarse image of the target date, made fine by a three-layer network.

Htitiou et al. 2020 (ISPRS Archives XLIV-4/W3-2020, 249-254), after Dong et al. 2016. Kind: network,
no reference date needed in use. The text names three inputs, but the filter bank 64 x 1 x 9 x 9 has one:
this is the reading that the filters state. The other one is `srcnn_pair`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps, upsampled
from stfuse.networks import THREE_LAYER_HALO, apply, initialise, three_layer
from stfuse.patches import Scene
from stfuse.task import FloatArray, Needs, Sample, State, Task
from stfuse.training import Plan, train

NEEDS = Needs(references="none", samples="pairs", gpu=True)


@dataclass(frozen=True)
class Params:
    """Settings; see `stfuse.training.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the upsampled coarse image. False: it says the
        fine image itself, as in the paper. True is the default because with a handful of dates
        the paper's form spends its steps on learning to copy its input (up to 3 % more RMSE on
        simulated mosaics).
    beginning : {"he", "normal"}
        See `stfuse.networks.initialise`; the paper does not say.
    patch : int
        33 as in Dong et al. 2016 and Yang et al. 2021; the paper does not say.
    batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Not in the paper; found by experiment on simulated field mosaics.
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


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on coarse images whose truth is the fine image of (nearly) the same date.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy.
    """
    scenes = []
    for task, truth in samples:
        for date, goal in zip(task.dates, truth, strict=True):
            coarse = upsampled(task.coarse, date, task.fine.grid)
            goal = goal - coarse if params.residual else goal.copy()
            goal[:, gaps(coarse)] = np.nan
            scenes.append(Scene(coarse, goal))
    bands = len(scenes[0].goal) if scenes else 1
    network = three_layer(bands, bands)
    initialise(network, seed, params.beginning)
    return train(network, scenes, Plan.of(params), seed, THREE_LAYER_HALO)


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
