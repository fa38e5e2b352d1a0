"""The one way in which all networks are trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from stfuse.errors import InputError
from stfuse.learning.checkpoints import arrays, put_aside, read_checkpoint, tensors, write_checkpoint
from stfuse.learning.devices import device, placed, steady
from stfuse.learning.feed import Feed, open_feed
from stfuse.learning.lessons import Lesson
from stfuse.learning.loop import Feeding, Loop, Loss
from stfuse.learning.plan import Plan
from stfuse.learning.ranks import rank, ranks, together
from stfuse.learning.resuming import next_place
from stfuse.learning.weights import CURVE
from stfuse.task import State

__all__ = ["CURVE", "Build", "Loss", "OpenFeed", "masked_square", "train", "train_on"]

logger = logging.getLogger(__name__)

Build = Callable[[int, int], nn.Module]
"""(channels, bands) -> a network whose weights have begun."""


class OpenFeed(Feeding, AbstractContextManager[Any], Protocol):
    """A feed that can be closed."""

    def __enter__(self) -> Self:
        return self


F = TypeVar("F", bound=OpenFeed)


def masked_square(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
    """Mean squared error over what is observed."""
    return ((said - goal).square() * mask).sum() / mask.sum().clamp(min=1)


def train(
    lessons: Sequence[Lesson],
    build: Build,
    plan: Plan,
    seed: int,
    halo: int,
    loss: Loss = masked_square,
    align: int = 1,
    tied: int = 0,
    name: str = "training",
) -> State:
    """Train a network on patches of the lessons; the weights with the least held-out loss are kept.

    Within `stfuse.learning.resuming.resuming` it writes checkpoints and goes on from the last one: then the result is
    the same, bit for bit, as that of a training on the same device that nobody interrupted. Within a process group of
    torch, every process calls it alike and gets the same result: each takes its share of every batch.

    Parameters
    ----------
    lessons : sequence of Lesson
    build : callable
        (channels, bands) -> initialised network that takes (patch, channel, y + 2 halo, x + 2 halo) and gives
        (patch, band, y, x), both in standard deviations of the training data. Its dropout, if any, follows the seed.
    seed : int
        Decides which blocks are held out, which patches are drawn and turned, and what dropout drops.
    halo : int
        Pixels of context that the network loses on every side.
    loss : callable
        (said, goal, mask, inputs) -> scalar; inputs as the network sees them, with their halo.
    align : int
        First rows and columns of patches, and their sides, are multiples of it.
    tied : int
        So many leading channels are scaled as the goal's bands are, in that order: a network may add them up.
    name : str
        What to call the training in the log and beside the progress bar.

    Returns
    -------
    dict of str to ndarray
        Weights (``net.*``), scaling, and ``curve`` (see `stfuse.learning.weights.CURVE`).

    Raises
    ------
    InputError
        If the scenes are too few, too small or too cloudy to cut patches from, if the training diverges, or if the
        network was to be compiled and cannot be.
    """

    def feed(rank: int, ranks: int) -> Feed:
        return open_feed(lessons, plan, seed, halo, align, tied, rank, ranks)

    def network(feed: Feed) -> nn.Module:
        return build(feed.channels, feed.bands)

    return train_on(feed, network, plan, seed, loss, name, halo, align, tied)


def train_on(
    feed: Callable[[int, int], F],
    build: Callable[[F], nn.Module],
    plan: Plan,
    seed: int,
    loss: Loss = masked_square,
    name: str = "training",
    *things: Any,
) -> State:
    """Train a network on whatever feeds it; see `train`, which does so with patches.

    Parameters
    ----------
    feed : callable
        (rank, ranks) -> an open feed, of every batch of which this process is given its share. It is closed here.
    build : callable
        The open feed -> a network whose weights have begun.
    *things
        What the training depends on beside the plan and the seed, as JSON can say it.

    Raises
    ------
    InputError
        If the training diverges, or if the network was to be compiled and cannot be.
    """
    where = device()
    place = next_place(asdict(plan), seed, *things, name)
    found = read_checkpoint(place) if place else None
    together()  # all have read before anyone writes
    if place and found is None and rank() == 0:
        put_aside(place)
    if found and "state" in found:
        logger.info("%s was finished before", name)
        return arrays(found["state"])
    with steady(where, plan.precision), feed(rank(), ranks()) as opened:
        counts = opened.train_count, opened.held_count
        if not opened.held_count:
            logger.warning("nothing could be held out: %s runs its %d epochs without early stopping", name, plan.epochs)
        logger.info("%s: %d for training and %d held out (%s), on %s x %d", name, *counts, opened.unit, where, ranks())
        torch.manual_seed(seed)
        loop = Loop(placed(build(opened), where), opened, plan, seed, loss, where, place, name)
        if found:
            loop.go_on_from(found)
        state = _run(loop, plan)
    if place and rank() == 0:
        write_checkpoint(place, {"state": tensors(state)})
    return state


def _run(loop: Loop, plan: Plan) -> State:
    try:
        return loop.run()
    except Exception as error:
        # Named by its module: importing torch's compiler takes seconds that most trainings do not need.
        if plan.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise InputError(
                f"torch cannot compile the network here ({str(error).splitlines()[0]})",
                "install a C++ compiler (on a GPU Triton), or leave out the method's setting compile",
            ) from error
        raise
