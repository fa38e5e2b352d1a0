"""CARN: the coarse image of the target date alone, made fine by a deep network that learned on other images.

Ahn et al. 2018 (ECCV, 252-268), the single-image super-resolution that Michel et al. 2022 compare with: trained once on
pairs of coarse and fine images, from then on it needs no fine image. Kind: network, for ratios of 1.5, 2, 2.5, 3, 4
and 5. At another ratio, or at one it was not trained for, the coarse image is first brought to pixels of the
nearest ratio, or of the one trained for, by bicubic convolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from torch import Tensor, nn

from stfuse.bands import clip_to_valid
from stfuse.channels import aligned, gaps, nesting, repeated, upsampled
from stfuse.errors import InputError
from stfuse.grid import regrid
from stfuse.learning.inference import apply, corner_of
from stfuse.learning.lessons import Example, Lesson, lessons_of
from stfuse.learning.plan import Plan
from stfuse.learning.training import train
from stfuse.networks.beginning import Beginning, initialise
from stfuse.networks.carn import CARN_REACH, RATIOS, Carn
from stfuse.task import FloatArray, Needs, Sample, Series, State, Task

NEEDS = Needs(references="none", samples="pairs", gpu=True, cost=2.0)
VERSION = 1


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    residual : bool
        True: the network says what to add to the bicubic image. False: the fine image itself, as in the paper.
        With a handful of dates and a minute the paper's form spends its steps on learning to copy its input.
    beginning : {"he", "normal"}
        See `stfuse.networks.beginning.initialise`; the public code leaves it to torch.
    context : int
        Coarse pixels around a training patch that the network sees too. The paper has none: its filters meet
        zeros at the edge of every patch, which matters more the smaller patches are. Predictions always
        have all that the filters reach.
    patch : int
        In fine pixels.
    batch, epochs, steps, learning_rate, schedule, clip, patience
        The public code has batches of 64 patches of 64 x 64 coarse pixels, 200,000 steps, the rate 1e-4 halved at
        150,000 and gradients clipped at 10 times the rate's inverse; Michel et al. train on 132,955 patches. The
        defaults take one to three minutes on two cores.
    """

    residual: bool = True
    beginning: Beginning = "he"
    context: int = 4
    patch: int = 40
    batch: int = 8
    epochs: int = 25
    steps: int = 20
    learning_rate: float = 5e-4
    patience: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.context >= 0:
            raise ValueError(f"context must be 0 or more, found {self.context}.")


def halo(params: Params) -> int:
    """Fine pixels that the filters reach at the largest ratio, and the rest of a cell."""
    largest = max(RATIOS).numerator
    return _around(CARN_REACH, Fraction(largest)) + largest - 1


def _around(cells: int, ratio: Fraction) -> int:
    """Fine pixels of at least so many coarse ones, after which the edges of both meet."""
    return -(-cells // ratio.denominator) * ratio.numerator


def _nearest(coarse: GeoBox, fine: GeoBox) -> Fraction:
    """The ratio to enlarge by: the grids' own, or of those there are the one nearest to it."""
    true = abs(coarse.affine.a / fine.affine.a)
    return min(RATIOS, key=lambda ratio: abs(math.log(ratio / true)))


def _cells(coarse: GeoBox, fine: GeoBox, ratio: Fraction) -> GeoBox:
    """The coarse grid if it has this ratio and nests; else one over the fine grid that does.

    The stand-in is laid from a fixed point of the ground, so that it is the same for every window.
    """
    lie = nesting(coarse, fine)
    if lie.exact and lie.ratio == ratio:
        return coarse
    corner = corner_of(fine)
    first = [math.floor(c / ratio) for c in corner]
    after = [math.ceil((c + n) / ratio) for c, n in zip(corner, fine.shape, strict=True)]
    top, left = (float(k * ratio) - c for k, c in zip(first, corner, strict=True))
    place = fine.affine @ Affine.translation(left, top) @ Affine.scale(float(ratio))
    return GeoBox((after[0] - first[0], after[1] - first[1]), place, fine.crs)


def _coarse(task: Task, date: np.datetime64, cells: GeoBox) -> FloatArray:
    """The coarse image of a date on cells of the network's ratio, each value repeated over its fine pixels."""
    series = task.coarse
    if cells != series.grid:
        values = regrid(series.values[[series.nearest(date)]], series.grid, cells, "cubic")
        series = Series(values, series.dates[[series.nearest(date)]], series.bands, cells)
    return repeated(series, date, task.fine.grid).values


def absolute(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
    """Mean absolute error over what is observed: the paper's L1 loss."""
    return ((said - goal).abs() * mask).sum() / mask.sum().clamp(min=1)


def _lessons(samples: Iterable[Sample], params: Params) -> tuple[list[Lesson], Fraction]:
    """A lesson for each date that begins with a whole coarse pixel, and the ratio of all."""

    def example(task: Task, truth: FloatArray) -> Example:
        base = upsampled(task.coarse, task.dates[0], task.fine.grid)
        goal = truth - base if params.residual else truth.copy()
        goal[:, gaps(base)] = np.nan
        ratio = _nearest(task.coarse.grid, task.fine.grid)
        return Example(_coarse(task, task.dates[0], _cells(task.coarse.grid, task.fine.grid, ratio)), goal)

    found: list[Lesson] = []
    ratios = set()
    for sample in samples:
        coarse = next(iter(sample.grids))
        ratio = _nearest(coarse, sample.grid)
        lie = nesting(_cells(coarse, sample.grid, ratio), sample.grid)
        ratios.add(ratio)
        found += [aligned(lesson, lie.row, lie.column) for lesson in lessons_of([sample], example)]
    if len(ratios) > 1:
        raise InputError(
            f"carn was given training images of different ratios: {sorted(map(float, ratios))}",
            "train it on sites with one ratio of coarse to fine pixels",
        )
    return found, ratios.pop() if ratios else Fraction(2)


def fit(samples: Iterable[Sample], params: Params, seed: int) -> State:
    """Train on coarse images whose truth is the fine image of (nearly) the same date.

    Raises
    ------
    InputError
        If the samples are too few, too small or too cloudy, or their ratios differ.
    """
    lessons, ratio = _lessons(samples, params)
    around = _around(params.context, ratio)

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(Carn(bands, ratio, around), seed, params.beginning)

    state = train(lessons, build, params, seed, around, absolute, align=ratio.numerator, name="carn")
    return {**state, "ratio": np.array([ratio.numerator, ratio.denominator])}


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Predict each date from its coarse image alone.

    Returns
    -------
    ndarray, shape (time, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where the coarse image is, and outside the core.

    Raises
    ------
    InputError
        If the state was trained for another number of bands.
    """
    bands, grid = task.coarse.bands, task.fine.grid
    ratio = Fraction(*map(int, state["ratio"])) if "ratio" in state else _nearest(task.coarse.grid, grid)
    cells, around = _cells(task.coarse.grid, grid, ratio), _around(CARN_REACH, ratio)
    corner, align = corner_of(grid, cells), ratio.numerator
    out = np.empty((len(task.dates), len(bands), *grid.shape), np.float32)
    for i, date in enumerate(task.dates):
        network, image = Carn(len(bands), ratio, around), _coarse(task, date, cells)
        said = apply(network, state, image, around, align=align, corner=corner, core=task.edges)
        base = upsampled(task.coarse, date, grid)
        out[i] = clip_to_valid(said + base if params.residual else said, bands)
        out[i][:, gaps(base)] = np.nan
    return out
