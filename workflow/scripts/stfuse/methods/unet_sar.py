"""NDVI from radar: one image of backscatter in, the NDVI of that day out, by a U-Net.

Rossberg and Schmitt 2024 (section II-C), who take the network from their own work of 2023 (PFG 91, 171-188). Kind:
network, trained on pairs of a Sentinel-1 and a Sentinel-2 image of (nearly) the same day; in use it needs no optical
image. What the papers call an ensemble are five seeds of this method: ``seeds: [0, 1, 2, 3, 4]`` in its config entry.

The paper of 2024 says neither depth nor widths, loss or rate. Here: the U-Net of Ronneberger et al. 2015 with half its
widths, mean squared error, Adam.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import gaps, upsampled
from stfuse.errors import InputError
from stfuse.learning.inference import apply, corner_of
from stfuse.learning.lessons import Example, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.unet import Unet, unet_reach
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(references="none", coarse=False, aux=("sar",), samples="pairs", ndvi=True, gpu=True, cost=4.0)

VERSION = 1
"""Counted up when states made before no longer fit."""

BANDS = ("vv", "vh")
"""What the network sees of the radar, in this order."""


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    width : int
        Maps of the first level; 64 in Ronneberger et al. 2015.
    levels : int
        Poolings; 4 in Ronneberger et al. 2015.
    context : int
        Pixels around a training patch that the network sees. In use it always sees all that reaches a pixel.
    lowest, highest : float
        Backscatter in dB is held within these: beyond lie the noise of the sensor, and roofs and ships that would
        outweigh all fields. Not in the paper.
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`; not in the paper.
    patch, batch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        Not in the paper.
    """

    width: int = 32
    levels: int = 4
    context: int = 16
    lowest: float = -30.0
    highest: float = 5.0
    beginning: Beginning = "he"
    patch: int = 64
    batch: int = 8
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("width", 1), ("levels", 1), ("context", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} or more, found {getattr(self, name)}.")
        if not self.lowest < self.highest:
            raise ValueError(f"lowest must be below highest, found {self.lowest} and {self.highest}.")


def _step(params: Params) -> int:
    """Pixels that the last pooling makes one."""
    return 1 << params.levels


def _reach(params: Params) -> int:
    """Pixels around what is predicted in use, whole steps."""
    return -(-unet_reach(params.levels) // _step(params)) * _step(params)


def halo(params: Params) -> int:
    """Fine pixels that have a say in one: what the filters reach, and as windows begin at multiples of the step."""
    return _reach(params) + _step(params) - 1


def _require_ndvi(bands: tuple[str, ...]) -> None:
    if bands != ("ndvi",):
        raise InputError(
            f"Method unet_sar predicts NDVI, and was asked for {', '.join(bands)}",
            "write `variable: ndvi` and `bands: [red, nir]` in the experiment, or leave the method out there",
        )


def _backscatter(task: Task, date: np.datetime64, params: Params) -> FloatArray:
    """VV and VH nearest to a date on the fine grid, in dB, shape (2, y, x); NaN in gaps."""
    radar = task.aux["sar"]
    lacking = [band for band in BANDS if band not in radar.bands]
    if lacking:
        raise InputError(
            f"The radar images have the bands {', '.join(radar.bands)}, not {' and '.join(lacking)}",
            "name a sensor with vv and vh as `sar` under `aux:` of the experiment",
        )
    if not len(radar.dates):
        return np.full((len(BANDS), *task.fine.grid.shape), np.nan, np.float32)
    image = upsampled(radar, date, task.fine.grid)[[radar.bands.index(band) for band in BANDS]]
    return np.clip(image, np.float32(params.lowest), np.float32(params.highest))


def _network(channels: int, bands: int, params: Params, context: int) -> Unet:
    return Unet(channels, bands, params.width, params.levels, context)


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on radar images whose truth is the NDVI of (nearly) the same date.

    Raises
    ------
    InputError
        If the samples are not of NDVI, lack vv or vh, or are too few, too small or too cloudy.
    """

    def example(task: Task, truth: FloatArray) -> Example:
        _require_ndvi(task.fine.bands)
        inputs = _backscatter(task, task.dates[0], params)
        goal = truth.copy()
        goal[:, gaps(inputs)] = np.nan
        return Example(inputs, goal)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(_network(channels, bands, params, params.context), seed, params.beginning)

    return train(lessons_of(samples, example), build, params, seed, params.context, name="unet_sar")


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from the radar image nearest to it; the task's optical images are not looked at.

    Returns
    -------
    ndarray, shape (time, 1, y, x), float32
        NDVI in -1..1; NaN where the radar saw nothing.

    Raises
    ------
    InputError
        If something else than NDVI is asked for, vv or vh is missing, or the state is of another network.
    """
    bands = task.fine.bands
    _require_ndvi(bands)
    use = partial(apply, _network(len(BANDS), len(bands), params, _reach(params)), state)
    out = np.empty((len(task.dates), len(bands), *task.fine.grid.shape), np.float32)
    for said, date in zip(out, task.dates, strict=True):
        inputs = _backscatter(task, date, params)
        corner = corner_of(task.fine.grid)
        said[:] = use(inputs, _reach(params), align=_step(params), corner=corner, core=task.edges)
        said[:] = clip_to_valid(said, bands)
        said[:, gaps(inputs)] = np.nan
    return out
