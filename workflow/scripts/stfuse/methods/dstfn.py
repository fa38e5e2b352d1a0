"""DSTFN: a deep network with attention that adds fine detail to the coarse image and must keep its means.

Wu et al. 2022 (Int. J. Appl. Earth Obs. Geoinf. 108, 102738). Kind: network, trained by the Wald protocol. Its two
stages are one network: first Sentinel-2's 20 m bands come to 10 m (`stfuse.learning.sharpening`), where there is
something to learn that from, then the coarse image comes to the fine grid with the fine dates beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from stfuse.bands import clip_to_valid
from stfuse.channels import aligned, alike, bracket, filled, gaps, has, nesting, repeated, upsampled
from stfuse.errors import InputError
from stfuse.learning.inference import Lattice, apply, corner_of
from stfuse.learning.lessons import Example, Lesson, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.sharpening import native_samples, sharpened
from stfuse.learning.training import Loss, train
from stfuse.learning.weights import part, staged
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.dstfn import Dstfn, area_mean, pixels_of
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
        Left open by the paper; see `stfuse.networks.dstfn.Dstfn`.
    context : int
        Fine pixels seen around a patch or window without being answered for: the edge, beyond which nothing is known,
        then lies outside what counts. Rounded up to whole cells of coarse pixels.
    window, overlap : int
        Fine pixels a side that are predicted at once, and how many of them neighbours share. Channel attention takes
        the mean and the maximum of all that it is given, so a window should not be much larger than a patch.
        Rounded up to whole cells.
    patch : int
        As the rest of the training not in the paper.
    """

    dates: Literal["together", "apart"] = "together"
    sharpen: bool = True
    features: int = 64
    growth: int = 64
    reduction: int = 16
    fusion: int = 1
    beginning: Beginning = "he"
    context: int = 6
    window: int = 48
    overlap: int = 12
    patch: int = 36
    learning_rate: float = 1e-3

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
        """Context and windows in whole cells, in fine pixels."""
        p = ratio.numerator
        context, overlap = (math.ceil(n / p) * p for n in (self.context, self.overlap))
        window = max(math.ceil(self.window / p) * p, 2 * overlap)
        return context, Lattice(window, overlap)


LARGEST_CELL = 32
"""Fine pixels of a cell that `halo`, which does not know the ratio, leaves room for when it rounds up."""


def halo(params: Params) -> int:
    """Fine pixels of a window and what it sees around, so that a tile holds whole windows, for each stage."""
    return (2 if params.sharpen else 1) * (params.window + params.context + 2 * LARGEST_CELL)


def degradation_loss(bands: int, ratio: Fraction, context: int) -> Loss:
    """The paper's loss (equations 5 to 9), each term weighed by its own share of their sum.

    L_1 and L_f compare with the truth, L_d compares the coarse image Y with the mean of X over coarse pixels, of
    those that are known as a whole. All are means over pixels and bands: as sums, L_f and L_d would grow with
    the patch beside L_1. The shares (equation 6) are taken as they stand, not differentiated: else the
    gradient were that of the sum of squares of the terms over their sum. In standard deviations of the
    goal; in reflectance, squares would be too small beside L_1 to have a say.
    """

    def terms(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gap, count = (said - goal) * mask, mask.sum().clamp(min=1)
        height, width = (n - context for n in inputs.shape[-2:])
        coarse = pixels_of(inputs[:, :bands, context:height, context:width], ratio)
        whole = (area_mean(mask, ratio) > 0.999).to(said.dtype)
        change = (area_mean(said, ratio) - coarse) * whole
        return (
            gap.abs().sum() / count,
            gap.square().sum() / count / 2,
            change.square().sum() / whole.sum().clamp(min=1) / 2,
        )

    def loss(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
        values = terms(said, goal, mask, inputs)
        shares = weights(*values)
        total: Tensor = shares[0] * values[0] + shares[1] * values[1] + shares[2] * values[2]
        return total

    return loss


def weights(*terms: Tensor) -> list[Tensor]:
    """alpha, beta and gamma of equation 6: the share of each term in their sum, without gradient."""
    values = [term.detach() for term in terms]
    total = sum(values[1:], values[0]).clamp(min=1e-12)
    return [value / total for value in values]


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
    kept = alike(samples, "pan")
    native = native_samples(kept) if params.sharpen else []
    first = _train(native, params, seed, "dstfn, sharpening") if native else {}
    second = _train(kept, params, seed, "dstfn")
    return staged(sharpen=first, fuse=second) if first else second


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
    fuse = state
    if any(name.startswith("sharpen.") for name in state):
        first, fuse = part(state, "sharpen"), part(state, "fuse")
        around = params.window + params.context + 2 * LARGEST_CELL
        task = sharpened(task, lambda one, core: _said(one, first, params, core), around)
    dates = [task.dates[i : i + 1] for i in range(len(task.dates))]
    return np.stack([_said(replace(task, dates=date), fuse, params, task.edges) for date in dates])
