"""The one training loop of all networks."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from stfuse.learning.devices import device, placed
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.patches import Places, Scaling, cut, measure, patch_size, split, turned
from stfuse.learning.plan import Plan
from stfuse.learning.weights import CURVE, weights
from stfuse.task import FloatArray, State

__all__ = ["CURVE", "masked_square", "train"]

logger = logging.getLogger(__name__)

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(said, goal, mask, inputs) -> scalar, all in units of the scaling, on one window of pixels."""

Build = Callable[[int, int], nn.Module]
"""(channels, bands) -> a network whose weights have begun."""


def masked_square(said: Tensor, goal: Tensor, mask: Tensor, inputs: Tensor) -> Tensor:
    """Mean squared error over what is observed."""
    return ((said - goal).square() * mask).sum() / mask.sum().clamp(min=1)


@contextlib.contextmanager
def _repeatable(where: torch.device) -> Iterator[None]:
    """Hold torch to the job's threads and to algorithms that give the same again."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:  # set by `stfuse.job`, maybe after OpenMP was loaded
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    # A few CUDA kernels have no deterministic form: better trained than refused.
    torch.use_deterministic_algorithms(True, warn_only=where.type == "cuda")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])


@dataclass(frozen=True)
class _Data:
    """The scenes, where patches lie in them, and how to scale them."""

    scenes: Sequence[Example]
    train: Places
    held: Places
    size: int
    halo: int
    scaling: Scaling
    where: torch.device

    def draw(self, batch: int, seed: int, step: int) -> tuple[Tensor, ...]:
        """A batch of turned patches; it depends on seed and step alone, so a training can resume."""
        rng = np.random.default_rng([seed, 1, step])
        places = self.train[rng.integers(len(self.train), size=batch)]
        turns = rng.integers(8, size=batch)
        arrays = cut(self.scenes, places, self.size, self.halo, self.scaling)
        return self._tensors(*(np.stack([turned(a, t) for a, t in zip(array, turns, strict=True)]) for array in arrays))

    def held_batches(self, batch: int) -> Iterator[tuple[Tensor, ...]]:
        """Every held-out patch once, as it lies."""
        for first in range(0, len(self.held), batch):
            yield self._tensors(*cut(self.scenes, self.held[first : first + batch], self.size, self.halo, self.scaling))

    def _tensors(self, *arrays: FloatArray) -> tuple[Tensor, ...]:
        form = torch.channels_last  # the faster layout for convolutions, on CPU and GPU
        return tuple(torch.from_numpy(a).to(self.where, memory_format=form) for a in arrays)


def _held_loss(network: nn.Module, data: _Data, batch: int, loss: Loss) -> float:
    """Loss over all held-out patches, each observed value counting once; NaN without any."""
    total, count = 0.0, 0.0
    network.eval()
    with torch.inference_mode():
        for inputs, goal, mask in data.held_batches(batch):
            n = float(mask.sum())
            total += float(loss(network(inputs), goal, mask, inputs)) * n
            count += n
    return total / count if count else math.nan


def _prepare(scenes: Sequence[Example], plan: Plan, seed: int, halo: int, where: torch.device) -> _Data:
    size = patch_size(scenes, plan.patch)
    train, held = split(scenes, size, plan.held_share, plan.min_valid, seed)
    if not len(held):
        logger.warning("no patch could be held out: training runs its %d epochs without early stopping", plan.epochs)
    logger.info(
        "%d scenes, %d training and %d held-out patches of %d x %d pixels, on %s",
        *(len(scenes), len(train), len(held), size, size, where),
    )
    return _Data(scenes, train, held, size, halo, measure(scenes, held, size), where)


def train(
    lessons: Sequence[Lesson],
    build: Build,
    plan: Plan,
    seed: int,
    halo: int,
    loss: Loss = masked_square,
    align: int = 1,
    tied: int = 0,
) -> State:
    """Train a network on patches of the scenes; the weights with the least held-out loss are kept.

    Parameters
    ----------
    lessons : sequence of Lesson
    build : callable
        (channels, bands) -> initialised network that takes (patch, channel, y + 2 halo, x + 2 halo) and gives
        (patch, band, y, x), both in standard deviations of the training data.
    seed : int
        Decides which blocks are held out and which patches are drawn and turned.
    halo : int
        Pixels of context that the network loses on every side.
    loss : callable
        (said, goal, mask, inputs) -> scalar; inputs as the network sees them, with their halo.
    align : int
        First rows and columns of patches, and their sides, are multiples of it.
    tied : int
        So many leading channels are scaled as the goal's bands are, in that order: a network may add them up.

    Returns
    -------
    dict of str to ndarray
        Weights (``net.*``), scaling, and ``curve`` (see `CURVE`).

    Raises
    ------
    InputError
        If the scenes are too few, too small or too cloudy to cut patches from.
    """
    where = device()
    with _repeatable(where):
        scenes = [lesson.see((slice(0, lesson.shape[0]), slice(0, lesson.shape[1]))) for lesson in lessons]
        data = _prepare(scenes, plan, seed, halo, where)
        network = placed(build(len(scenes[0].inputs), len(scenes[0].goal)), where)
        rows, best = _epochs(network, data, plan, seed, loss)
    logger.info("best of %d epochs: %d, held-out loss %.4g", len(rows) - 1, best[0], rows[best[0]][3])
    return {**best[1], "curve": np.array(rows, np.float64)}


def _epochs(
    network: nn.Module, data: _Data, plan: Plan, seed: int, loss: Loss
) -> tuple[list[tuple[float, ...]], tuple[int, State]]:
    """Rows of the curve, and the best epoch with its state."""
    optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
    last = plan.epochs * plan.steps
    fall = (lambda step: 0.5 + 0.5 * math.cos(math.pi * step / last)) if plan.schedule == "cosine" else (lambda _: 1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, fall)
    start = time.perf_counter()
    rows: list[tuple[float, ...]] = [
        (1.0, 0.0, math.nan, _held_loss(network, data, plan.batch, loss), math.nan, 0.0, 0.0)
    ]
    best = (0, weights(network, data.scaling))
    # disable=None: no bar where nobody watches.
    with tqdm(total=last, unit="step", disable=None) as bar:
        for epoch in range(1, plan.epochs + 1):
            network.train()
            total = 0.0
            for step in range((epoch - 1) * plan.steps, epoch * plan.steps):
                inputs, goal, mask = data.draw(plan.batch, seed, step)
                optimiser.zero_grad(set_to_none=True)
                value = loss(network(inputs), goal, mask, inputs)
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
                optimiser.step()
                scheduler.step()
                total += float(value.detach())
                bar.update()
            held = _held_loss(network, data, plan.batch, loss)
            rate = optimiser.param_groups[0]["lr"]
            rows.append((1.0, float(epoch), total / plan.steps, held, rate, time.perf_counter() - start, 0.0))
            bar.set_postfix(loss=f"{total / plan.steps:.3g}", held=f"{held:.3g}")
            # Without held-out patches the last epoch is the best known.
            if not len(data.held) or held < rows[best[0]][3]:
                best = (epoch, weights(network, data.scaling))
            elif epoch - best[0] >= plan.patience:
                break
    return rows, best
