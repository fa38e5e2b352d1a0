"""DDI: each pixel a mixture of itself at the guides' dates, its shares learned on the coarse image of the target date.

Data Driven Interpolation, Michel et al. 2022 (Living Planet Symposium; the Sentinel-HR phase-0 report hal-03643411 was
not at hand). Kind: network, trained anew for each target date. The slides give four facts: a pixel is a linear
combination of the same pixel at the guides' dates; a perceptron gives its weights; it learns at the coarse resolution
and is applied at the fine one, with a residual correction; each date has its own training. All else is a choice.

What is learned is how the coarse image T differs from what time alone says, ``P_0 = sum w_n G_n``:
``T - P_0 = sum s_n (G_n - P_0) + offset``, the shares s_n from the perceptron; at small sites it adds them to shares of
the whole scene, found by least squares. So the weights add up to 1 (a guide that is not observed has none), nothing
learned is an interpolation in time, and one guide alone is that guide with the correction. Where T is masked there is
a prediction, without correction.

Where the coarse grid does not nest (ratio 2.5), means weigh by area, as everywhere here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from stfuse.bands import clip_to_valid
from stfuse.errors import InputError, TooLittleError
from stfuse.fusion.guide_pixels import Seen, blocks, coarse_image, of_scene, scene_shares, useful
from stfuse.fusion.guides import Weighting, corrected, seen, time_weights
from stfuse.learning.inference import apply
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.patches import Scaling
from stfuse.learning.plan import Plan
from stfuse.learning.training import masked_square, train
from stfuse.learning.weights import weights
from stfuse.networks.beginning import initialise
from stfuse.networks.ddi import Shares, Weigher
from stfuse.task import FloatArray, Needs, Scene, State, Task

logger = logging.getLogger(__name__)

NEEDS = Needs(references="all", samples="target", layers=True, gpu=True)
VERSION = 1

STRIP = 64
"""Rows of fine pixels that are predicted at once: the network's inputs are twice as many as the guides' values."""


@dataclass(frozen=True)
class Params(Plan):
    """Settings; see `stfuse.learning.plan.Plan` for those of the training.

    Attributes
    ----------
    start : {"linear", "mean"}
        The weights w_n before anything is learned: linear interpolation in time, or all guides alike.
    fitted : int
        Clear coarse pixels below which shares of the whole scene are found by least squares before the network learns
        what differs from pixel to pixel: of so few it would learn too much. With 5,000 pixels of a simulated site the
        network alone had the smaller held-out error (0.0034 against 0.0040). 0: never.
    hidden, depth : int
        Units of a hidden layer, and hidden layers.
    flags : bool
        Whether the network also sees which guides are observed at a pixel, where that differs from pixel to pixel.
    distances : bool
        Whether it also sees the days to the last and to the next observation of a pixel. They differ between pixels
        only where guides have gaps; between dates they always do, but each date has a network of its own.
    clip_features : float
        Features are held to +- so many standard deviations of the coarse pixels; see `stfuse.networks.ddi.Weigher`.
    ridge : float
        Weight of the perceptron's mean squared shares in the loss: what must be gained by leaving those of the scene.
    spreading : {"cubic", "nearest", "none"}
        How the residual correction is brought to the fine pixels; see `stfuse.fusion.guides.corrected`.
    cells : int
        Coarse pixels to learn from, at most; of larger scenes so many are read in blocks spread over them.
    least : int
        Clear coarse pixels without which nothing is learned: w_n and the correction must do.
    patch, batch : int
        Single coarse pixels, 4096 a step; 8 x 8 of them are held out together.
    steps, epochs, patience, learning_rate, schedule, held_share
        Of 20 steps an epoch, 20 epochs.
    """

    start: Weighting = "linear"
    fitted: int = 2000
    hidden: int = 64
    depth: int = 2
    flags: bool = True
    distances: bool = False
    clip_features: float = 3.0
    ridge: float = 1e-2
    spreading: Literal["cubic", "nearest", "none"] = "cubic"
    cells: int = 250_000
    least: int = 100
    patch: int = 1
    batch: int = 4096
    epochs: int = 20
    steps: int = 20
    learning_rate: float = 3e-3
    patience: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("start", get_args(Weighting)), ("spreading", ("cubic", "nearest", "none"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, found {getattr(self, name)!r}.")
        for name in ("hidden", "depth", "clip_features", "cells", "least"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}.")
        if not self.ridge >= 0:
            raise ValueError(f"ridge must be 0 or more, found {self.ridge}.")


def halo(params: Params) -> int:
    """None of its own: the correction looks at the three coarse pixels around, and four are read around every tile."""
    return 0


def _seen(params: Params) -> Seen:
    return Seen(params.start, params.flags, params.distances)


def _masked(inputs: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    inputs[~used] = np.nan
    return inputs


def _network(kind: type[Weigher], channels: int, guides: int, bands: int, params: Params) -> Weigher:
    return kind(guides, bands, channels - guides * bands, params.hidden, params.depth, params.clip_features)


def _untrained(channels: int, guides: int, bands: int, params: Params) -> State:
    """A network all of whose shares are 0."""
    network = _network(Weigher, channels, guides, bands, params)
    for value in network.parameters():
        nn.init.zeros_(value)
    zeros, ones = (np.full(channels, v, np.float32) for v in (0, 1))
    return weights(network, Scaling(zeros, ones, zeros[:bands], ones[:bands]))


def fit(samples: Iterable[Scene], params: Params, seed: int) -> State:
    """Learn on the coarse pixels of the one scene that will be predicted.

    Returns
    -------
    dict of str to ndarray
        ``net.*`` and scaling; ``useful``, the channels that are used; ``shares`` and ``level`` of the whole scene;
        ``guides``, their dates; ``date``.
        Empty where no guide is observed; an untrained network where too few coarse pixels are clear.
    """
    scene = next(iter(samples))
    examples, observed = [], False
    for task in blocks(scene, params.cells):
        if not len(task.fine.dates):
            break
        observed = observed or bool(seen(task.fine.values).any())
        examples.append(_seen(params).example(task))
    date = scene.dates[0]
    if not observed:
        logger.warning("%s: no guide is observed: nothing is predicted", date)
        return {}
    guides, bands = task.fine.values.shape[:2]
    channels, dates = len(examples[0].inputs), task.fine.dates.astype("datetime64[D]")
    clear = sum(int(np.isfinite(e.goal).all(axis=0).sum()) for e in examples)
    used = useful(examples, params.least)
    shares, level, state = np.zeros((guides, bands), np.float32), np.zeros(bands, np.float32), None
    if used[: guides * bands].any():
        if clear < params.fitted:
            shares, level = scene_shares(examples, used, guides)
        for e in examples:
            e.goal[:] -= of_scene(e.inputs, shares, level)
        state = _learned(examples, guides, used, date, params, seed)
    if state is None:
        by = "one set of weights for the whole scene" if shares.any() else "time alone"
        words = "%s: %d clear coarse pixels, no network: guides are weighed by %s, and corrected"
        logger.warning(words, date, clear, by)
        state = _untrained(channels, guides, bands, params)
    return {**state, "useful": used, "shares": shares, "level": level, "guides": dates, "date": np.array(date)}


def _learned(
    examples: list[Example],
    guides: int,
    used: NDArray[np.bool_],
    date: np.datetime64,
    params: Params,
    seed: int,
) -> State | None:
    """The state of a trained network; None where there is too little to train on."""

    def lesson(example: Example) -> Lesson:
        inputs, goal = _masked(example.inputs, used), example.goal
        return Lesson(goal.shape[1:], lambda window: Example(inputs[:, *window], goal[:, *window]))

    def build(channels: int, bands: int) -> nn.Module:
        return initialise(_network(Weigher, channels, guides, bands, params), seed, "he")

    def loss(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
        bands = goal.shape[1]
        square, shares = masked_square(said[:, :bands], goal, mask, inputs), said[:, bands:]
        return square + params.ridge * shares.square().sum(1).mean() / bands if shares.numel() else square

    # Of a small scene no pixel is looked at many times in one step.
    clear = sum(int(np.isfinite(e.goal).all(axis=0).sum()) for e in examples)
    plan = replace(params, batch=min(params.batch, clear))
    try:
        return train([lesson(e) for e in examples], build, plan, seed, 0, loss, name=f"ddi {date}")
    except TooLittleError as error:
        logger.warning("%s: nothing could be learned from pixel to pixel (%s)", date, error)
        return None


def _require(task: Task, state: State) -> None:
    """Refuse a state that was learned for another date or from other guides."""
    own = task.fine.dates.astype("datetime64[D]")
    if list(task.dates) != [state["date"]] or not np.array_equal(own, state["guides"]):
        raise InputError(
            f"The state is that of {state['date']} with guides of {state['guides']}, not of {task.dates} with {own}",
            "train the method for each target date with the guides that it is predicted from",
        )


def _strips(task: Task) -> Iterator[slice]:
    """Rows of the task's fine grid, some at a time."""
    height = task.fine.grid.height
    return (slice(row, min(row + STRIP, height)) for row in range(0, height, STRIP))


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Mix the guides, and correct by what the coarse image has beyond the mixture's means.

    Returns
    -------
    ndarray, shape (1, band, y, x), float32
        NDVI in -1..1, reflectance in 0..1.2; NaN where no guide is observed.

    Raises
    ------
    InputError
        If the state was learned for another date, from other guides or for other bands.
    """
    out = np.full((len(task.dates), *task.fine.values.shape[1:]), np.nan, np.float32)
    if not state:
        return out
    _require(task, state)
    guides, bands = task.fine.values.shape[:2]
    for rows in _strips(task):
        inputs, before = _seen(params).inputs(task.fine.values[:, :, rows], task)
        network = _network(Weigher, len(inputs), guides, bands, params)
        before += of_scene(inputs, state["shares"], state["level"])
        out[0][:, rows] = before + apply(network, state, _masked(inputs, state["useful"]), 0)
    if params.spreading != "none":
        out[0] = corrected(out[0], coarse_image(task), task.fine.grid, task.coarse.grid, params.spreading)
    return clip_to_valid(out, task.fine.bands)


def layers(task: Task, state: State, params: Params) -> dict[str, FloatArray]:
    """How much each guide counts at each pixel.

    Returns
    -------
    dict of str to ndarray
        ``{band}_{date of the guide}``: weights (y, x), float32. They add up to 1 over the guides of a band. A guide
        that is not observed has 0; all are NaN where none is.
    """
    guides, bands = task.fine.values.shape[:2]
    shown = np.full((guides, bands, *task.fine.grid.shape), np.nan, np.float32)
    if state:
        _require(task, state)
        for rows in _strips(task):
            shown[:, :, rows] = _weights(task, rows, state, params)
    names = [f"{band}_{date}" for date in task.fine.dates.astype("datetime64[D]") for band in task.fine.bands]
    return dict(zip(names, shown.reshape(-1, *task.fine.grid.shape), strict=True))


def _weights(task: Task, rows: slice, state: State, params: Params) -> FloatArray:
    """Weights of some rows in units of the image, shape (guide, band, y, x)."""
    images = task.fine.values[:, :, rows]
    guides, bands = images.shape[:2]
    inputs, _ = _seen(params).inputs(images, task)
    network = _network(Shares, len(inputs), guides, bands, params)
    # Shares weigh standardised values, and sum to the goal's units.
    count = guides * bands
    plain = {"out_mean": np.zeros(count, np.float32), "out_scale": np.tile(state["out_scale"], guides)}
    shares = apply(network, {**state, **plain}, _masked(inputs, state["useful"]), 0)
    shares = (shares / state["in_scale"][:count, None, None]).reshape(images.shape).astype(np.float32)
    observed = seen(images)
    shares *= state["useful"][:count].reshape(guides, bands, 1, 1)
    shares = np.where(observed[:, None], shares + state["shares"][:, :, None, None], 0)
    share, _ = time_weights(observed, task.fine.dates, task.dates[0], params.start)
    out = shares + share[:, None] * (1 - shares.sum(axis=0))
    out[:, :, ~observed.any(axis=0)] = np.nan
    return np.asarray(out, np.float32)
