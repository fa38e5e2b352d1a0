"""DSTFN: a deep network with attention that adds fine detail to the coarse image and must keep its means.

Wu et al. 2022 (Int. J. Appl. Earth Obs. Geoinf. 108, 102738). Kind: network, trained by the Wald protocol. Its two
stages are one network: first Sentinel-2's 20 m bands come to 10 m (`stfuse.learning.sharpening`), where there is
something to learn that from, then the coarse image comes to the fine grid with the fine dates beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from stfuse.bands import clip_to_valid
from stfuse.channels import aligned, bracket, filled, gaps, has, nesting, repeated, upsampled
from stfuse.errors import InputError
from stfuse.learning.degradation import degradation_loss
from stfuse.learning.inference import Lattice, apply, corner_of
from stfuse.learning.lessons import Example, Lesson, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.sharpening import fit_stages, predict_stages
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.dstfn import Dstfn
from stfuse.task import FloatArray, Needs, Sample, State, Task

NEEDS = Needs(
    references="bracketing",
    also=("nearest",),
    uses=("pan",),
    beside=("native", "guide"),
    samples="wald",
    gpu=True,
    cost=10.0,
)

VERSION = 1
"""Counted up when states made before no longer fit."""


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    dates : {"together", "apart"}
        How the fine dates are seen. ``together``: all of them at once, in order of time, so that the network can weigh
        the one before against the one after. ``apart``: one at a time, as in the paper, whose Z1 has the six bands of
        one date: training takes each Landsat image with the date before and once more with the date after (section
        3.2), prediction the nearest date. With ``references: nearest`` there is one date, and both are the same.
    sharpen : bool
        Whether there is a first stage, where there is something to learn it from: `stfuse.learning.sharpening`. It
        has the same settings, and a network of its own.
    features : int
        Feature maps; 64 in the paper (section 2.2.1).
    growth, reduction, fusion : int
        Left open by the paper; see `stfuse.networks.dstfn.Dstfn`. Growth is 32 here, not 64, for the sake of training
        on a CPU: 40 % of the multiplications.
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`; not in the paper.
    context : int
        Fine pixels seen around a patch or window without being answered for: the edge, beyond which nothing is known,
        then lies outside what counts. Rounded up to whole coarse pixels, at the cost of the window.
    window, overlap : int
        Fine pixels a side that are predicted at once, and how many of them neighbours share. Channel attention takes
        the mean and the maximum of all that it is given, so a window should not be much larger than a patch: see Notes.
        Brought to whole coarse pixels.
    batch, patch, epochs, steps, learning_rate, schedule, clip, patience, held_share, min_valid
        None of them is in the paper. These train in a few minutes on two CPU cores; 3e-4 was worse than 1e-3 in as many
        steps. A patch of 24 is what Wald samples of 72 x 72 pixels have room for.

    Notes
    -----
    RMSE by window / overlap and how often each pixel is computed: simulated six bands, one training with 32 features,
    growth 16 and 200 steps, Landsat-8 dates of the paper's training part that were left out of it. At 30 m there are 72
    pixels a side, and windows of 72 and 96 see all.

    =======================  ========  ========  ========  ========
    place, pixel, date        48 / 12    48 / 6   72 / 12   96 / 12
    =======================  ========  ========  ========  ========
    computed                      2.8       2.0       2.0       1.7
    Dezhou, 30 m, 8 Sept.    0.006795  0.006797  0.006817  0.006817
    Dezhou, 10 m, 8 Sept.    0.016019  0.016031  0.016072  0.016099
    Hailar, 30 m, 24 Feb.    0.003546  0.003544  0.003575  0.003575
    Hailar, 10 m, 24 Feb.    0.012330  0.012336  0.012365  0.012391
    =======================  ========  ========  ========  ========
    """

    dates: Literal["together", "apart"] = "together"
    sharpen: bool = True
    features: int = 64
    growth: int = 32
    reduction: int = 16
    fusion: int = 1
    beginning: Beginning = "he"
    context: int = 6
    window: int = 48
    overlap: int = 6
    patch: int = 24
    batch: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dates not in ("together", "apart"):
            raise ValueError(f"dates must be together or apart, found {self.dates!r}.")
        for name in ("features", "growth", "reduction", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, found {getattr(self, name)}.")
        if self.fusion < 1 or self.fusion % 2 == 0:
            raise ValueError(f"fusion must be an odd number of pixels, found {self.fusion}.")
        if self.context < 0:
            raise ValueError(f"context must be 0 or more, found {self.context}.")
        if not 0 <= self.overlap <= self.window // 2:
            raise ValueError(f"overlap must lie in 0..{self.window // 2}, half a window, found {self.overlap}.")

    def cells(self, ratio: Fraction) -> tuple[int, Lattice]:
        """Context and windows in whole cells of coarse pixels, in fine pixels; both together no more than `halo`.

        Raises
        ------
        InputError
            If a window is too small for two cells.
        """
        p = ratio.numerator
        context = math.ceil(self.context / p) * p
        window = (self.window + self.context - context) // p * p
        if window < 2 * p:
            raise InputError(
                f"A window of {self.window} fine pixels is too small for coarse pixels of {float(ratio):g}",
                f"set window of dstfn to {2 * p + context - self.context} or more",
            )
        return context, Lattice(window, min(math.ceil(self.overlap / p), window // p // 2) * p)


def halo(params: Params) -> int:
    """Fine pixels of a window and what it sees around, so that a tile holds whole windows, for each stage."""
    return (2 if params.sharpen else 1) * _reach(params)


def _reach(params: Params) -> int:
    return params.window + params.context


@dataclass(frozen=True)
class _Seen:
    """What the network sees of a date.

    Attributes
    ----------
    inputs : ndarray, shape (channel, y, x)
        Y repeated on the fine grid, pan where the task has it, the fine dates in order of time.
    unknown : ndarray, shape (y, x)
        Where some of it is.
    ratio : Fraction
    """

    inputs: FloatArray
    unknown: NDArray[np.bool_]
    ratio: Fraction


def _picked(task: Task, params: Params, which: int | None) -> list[int]:
    """Indices of the fine dates that the network sees; `which` of them where it is to see one."""
    date, count = task.dates[0], len(task.fine.dates)
    if not count:
        raise InputError(
            f"dstfn needs a fine image beside {date}, found none", "give it the references that its NEEDS ask for"
        )
    around = list(bracket(task.fine.dates, date)) if count > 1 else [0]
    if params.dates == "together":
        return around
    return [task.fine.nearest(date)] if which is None else around[which : which + 1]


def _see(task: Task, params: Params, which: int | None = None) -> _Seen:
    """Channels for the task's one date; see `stfuse.channels.filled` for their gaps."""
    date, grid = task.dates[0], task.fine.grid
    coarse, ratio, *_ = repeated(task.coarse, date, grid)
    pan = [upsampled(task.aux["pan"], date, grid)] if has(task, "pan") else []
    fine = task.fine.values[_picked(task, params, which)]
    unknown = gaps(np.concatenate([coarse, *pan, *fine]))
    # The guides of the first stage are other bands than those to sharpen: they cannot stand in for each other.
    if task.fine.bands == task.coarse.bands:
        smooth = upsampled(task.coarse, date, grid) if np.isnan(fine).any() else coarse
        coarse, fine = filled(coarse, fine, smooth)
    return _Seen(np.concatenate([coarse, *pan, *fine]), unknown, ratio)


def _network(channels: int, bands: int, ratio: Fraction, params: Params) -> Dstfn:
    context, _ = params.cells(ratio)
    sizes = {"features": params.features, "growth": params.growth, "reduction": params.reduction}
    return Dstfn(bands, channels - bands, bands, ratio, **sizes, fusion=params.fusion, context=context)


def _lessons(samples: Iterable[Sample], params: Params) -> tuple[list[Lesson], Fraction]:
    """Lessons that begin with a whole coarse pixel, one for each sample (and date, where apart); their common ratio."""

    def example(task: Task, truth: FloatArray, which: int | None) -> Example:
        seen = _see(task, params, which)
        goal = truth.copy()
        goal[:, seen.unknown] = np.nan
        return Example(seen.inputs, goal)

    found, ratios = [], set()
    for sample in samples:
        lie = nesting(next(iter(sample.grids)), sample.grid)
        ratios.add(lie.ratio)
        dates = min(len(sample.crop((slice(0, 1), slice(0, 1))).fine.dates), 2)
        for which in range(dates) if params.dates == "apart" and dates else [None]:
            lessons = lessons_of([sample], partial(example, which=which))
            found += [aligned(lesson, lie.row, lie.column) for lesson in lessons]
    if len(ratios) > 1:
        raise InputError(
            f"dstfn was given training images of different ratios: {sorted(map(float, ratios))}",
            "train it on sites with one ratio of coarse to fine pixels",
        )
    return found, ratios.pop() if ratios else Fraction(1)


def _train(samples: Sequence[Sample], params: Params, seed: int, name: str) -> State:
    lessons, ratio = _lessons(samples, params)
    bands = len(samples[0].bands) if samples else 0
    context, _ = params.cells(ratio)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(_network(channels, bands, ratio, params), seed, params.beginning)

    loss = degradation_loss(bands, ratio, context)
    return train(lessons, build, params, seed, context, loss, align=ratio.numerator, tied=bands, name=name)


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on degraded images whose truth is the observed coarse image (Wald protocol).

    Returns
    -------
    State
        Of the one training, or of two (``sharpen``, ``fuse``) where the samples hold what the first stage needs.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy, lack a reference, or differ in ratio.
    """
    return fit_stages(samples, params.sharpen, lambda of, name: _train(of, params, seed, name), "dstfn")


def _said(task: Task, state: State, params: Params, core: tuple[int, int, int, int]) -> FloatArray:
    """The prediction of the task's one date within its core, shape (band, y, x); NaN where an input is."""
    seen, bands = _see(task, params), len(task.coarse.bands)
    context, lattice = params.cells(seen.ratio)
    said = apply(
        _network(len(seen.inputs), bands, seen.ratio, params),
        state,
        seen.inputs,
        context,
        align=seen.ratio.numerator,
        corner=corner_of(task.fine.grid, task.coarse.grid),
        lattice=lattice,
        core=core,
    )
    said[:, seen.unknown] = np.nan
    return clip_to_valid(said, task.coarse.bands)


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
        other way round), for another number of fine dates, or if the task has none.
    """
    return predict_stages(task, state, lambda one, stage, core: _said(one, stage, params, core), _reach(params))
