"""Step after step, epoch after epoch: the loop that `stfuse.learning.training.train` runs."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from stfuse.errors import InputError
from stfuse.learning.checkpoints import arrays, tensors, write_checkpoint
from stfuse.learning.devices import bfloat16_here, choose_precision
from stfuse.learning.feed import Batch
from stfuse.learning.patches import Scaling
from stfuse.learning.plan import Plan
from stfuse.learning.ranks import joined, rank, ranks
from stfuse.learning.resuming import Place
from stfuse.learning.schedules import rate_at
from stfuse.learning.weights import CURVE, weights
from stfuse.task import State

__all__ = ["Feeding", "Loop", "Loss"]

logger = logging.getLogger(__name__)

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(said, goal, mask, inputs) -> scalar, all float32 in units of the scaling, on one window of pixels."""

EPOCH, TRAIN, HELD, SECONDS = (CURVE.index(name) for name in ("epoch", "train_loss", "held_loss", "seconds"))
LOG_EVERY = 10.0
"""Seconds at least between two epochs' lines in the log."""


class Feeding(Protocol):
    """What feeds a training: batches of patches (`stfuse.learning.feed.Feed`), or of anything else.

    Attributes
    ----------
    unit : str
        What a batch is made of, as the log counts it.
    scaling : Scaling
        Kept with the weights.
    train_count, held_count : int
        Units to draw from, and held-out ones.
    """

    unit: str
    scaling: Scaling
    train_count: int
    held_count: int

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """Inputs, goal and mask of each step, four axes each; they depend on the seed and the step alone."""

    def held_batches(self) -> Iterator[Batch]:
        """All that is held out, the same each time."""


class Loop:
    """A training under way: the network, its optimiser and how far they came.

    Everything that the next step depends on is in `content`: what is drawn, and what dropout drops, depends on the
    seed and the step alone. So a training that begins again from a checkpoint gives the same bits.

    Parameters
    ----------
    network : Module
        On the device `where`.
    place : Place or None
        Where checkpoints go.
    name : str
        Of the training, for the bar and the log.
    """

    def __init__(
        self,
        network: nn.Module,
        feed: Feeding,
        plan: Plan,
        seed: int,
        loss: Loss,
        where: torch.device,
        place: Place | None,
        name: str,
    ) -> None:
        self._network, self._feed, self._plan, self._seed = network, feed, plan, seed
        self._loss, self._where, self._place, self._name = loss, where, place, name
        self._optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
        self._dtype = choose_precision(where.type, plan.precision, bfloat16_here(where))
        # Small gradients would vanish in float16; bfloat16 reaches as far as float32.
        self._scaler = torch.amp.GradScaler(where.type, enabled=self._dtype == torch.float16)
        self._forward: nn.Module = torch.compile(network) if plan.compile else network  # type: ignore[assignment]
        self._parallel = DistributedDataParallel(self._forward) if ranks() > 1 else self._forward
        self._step, self._rows = 0, list[list[float]]()
        self._best, self._best_epoch = State(), 0
        self._total = torch.zeros((), dtype=torch.float64, device=where)
        self._waited, self._began = 0.0, 0.0
        self._start = self._written = self._logged = time.perf_counter()

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "step": self._step,
            "rows": self._rows,
            "best": tensors(self._best),
            "best_epoch": self._best_epoch,
            "total": self._total.item(),
            "seconds": self._seconds(),
            "waited": self._waited,
            "began": self._began,
            "device": str(self._where),
            "ranks": ranks(),
        }

    def go_on_from(self, content: dict[str, Any]) -> None:
        """Take up a training where a checkpoint left it."""
        self._network.load_state_dict(content["network"])
        self._optimiser.load_state_dict(content["optimiser"])
        if content["scaler"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(content["scaler"])
        self._step, self._rows = content["step"], content["rows"]
        self._best, self._best_epoch = arrays(content["best"]), content["best_epoch"]
        self._total.fill_(content["total"])
        self._waited, self._began = content["waited"], content["began"]
        self._start = time.perf_counter() - content["seconds"]
        logger.info("%s goes on from step %d", self._name, self._step)
        now, then = (str(self._where), ranks()), (content["device"], content["ranks"])
        if now != then:
            logger.warning("it began on %s x %d and goes on on %s x %d: last digits may differ", *then, *now)

    def run(self) -> State:
        """Train to the end and give the best weights, the scaling and the curve.

        Raises
        ------
        InputError
            If the losses grow beyond all bounds.
        """
        plan = self._plan
        if not self._rows:
            self._end_epoch(math.nan, math.nan)
        drawn = self._feed.batches(self._step, plan.epochs * plan.steps)
        with contextlib.closing(_closable(drawn)) as batches, self._bar() as bar:
            while len(self._rows) <= plan.epochs and not self._stale():
                self._epoch(batches, bar)
        shares = self._share_waited()
        logger.info(
            "%s: best of %d epochs: %d, held-out loss %.4g; %.1f s, %.1f %% of it waiting for data",
            *(self._name, len(self._rows) - 1, self._best_epoch, self._rows[self._best_epoch][HELD]),
            *(self._rows[-1][SECONDS], 100 * shares),
        )
        return {**self._best, "curve": np.array(self._rows, np.float64)}

    def _share_waited(self) -> float:
        curve = np.array(self._rows)
        spent = np.diff(curve[:, SECONDS], prepend=0.0)
        return float((spent * curve[:, CURVE.index("waiting")]).sum() / max(spent.sum(), 1e-9))

    def _stale(self) -> bool:
        """Whether the held-out loss has not become better for long enough; the same answer in every process."""
        return self._feed.held_count > 0 and len(self._rows) - 1 - self._best_epoch >= self._plan.patience

    def _epoch(self, batches: Iterator[Batch], bar: tqdm[Any]) -> None:
        """The steps of an epoch that are still to do, and its row of the curve."""
        plan, rate = self._plan, self._optimiser.param_groups[0]["lr"]
        losses = [row[HELD if self._feed.held_count else TRAIN] for row in self._rows]
        self._network.train()
        while self._step < len(self._rows) * plan.steps:
            rate = rate_at(plan, self._step, [loss for loss in losses if not math.isnan(loss)])
            self._learn(self._next(batches), rate)
            self._step += 1
            bar.update(plan.batch)
            if self._place and rank() == 0 and time.perf_counter() - self._written >= 60 * self._place.minutes:
                write_checkpoint(self._place, self.content())
                self._written = time.perf_counter()
        self._end_epoch(self._total.item() / plan.steps, rate)
        self._total.zero_()
        said = f"loss {self._rows[-1][TRAIN]:.3g}, held out {self._rows[-1][HELD]:.3g}"
        bar.set_postfix_str(said)
        if time.perf_counter() - self._logged >= LOG_EVERY:
            self._logged, speed = time.perf_counter(), self._step * plan.batch / self._seconds()
            left = (plan.epochs * plan.steps - self._step) * plan.batch / speed
            words = "%s: epoch %d of %d, %s, %.3g %s/s, at most %.0f s left"
            logger.info(words, self._name, len(self._rows) - 1, plan.epochs, said, speed, self._feed.unit, left)

    def _learn(self, batch: Batch | None, rate: float) -> None:
        """One step."""
        if batch is None:
            raise RuntimeError(f"The feed ended before step {self._step}.")
        torch.manual_seed(int(np.random.SeedSequence([self._seed, 2, self._step, rank()]).generate_state(1)[0]))
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        inputs, goal, mask = self._tensors(batch)
        self._optimiser.zero_grad(set_to_none=True)
        value, shown = _weighed(self._loss_of(self._parallel, inputs, goal, mask), mask)
        self._scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimiser)
        nn.utils.clip_grad_norm_(self._network.parameters(), self._plan.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._total += shown

    def _loss_of(self, network: nn.Module, inputs: Tensor, goal: Tensor, mask: Tensor) -> Tensor:
        shortened = self._dtype != torch.float32
        with torch.autocast(self._where.type, self._dtype) if shortened else contextlib.nullcontext():
            said = network(inputs)
        return self._loss(said.float(), goal, mask, inputs)

    def _held_loss(self) -> float:
        """Loss over all held-out patches, each observed value counting once; NaN without any."""
        sums = torch.zeros(2, dtype=torch.float64, device=self._where)
        self._network.eval()
        with torch.no_grad():
            batches, number = self._feed.held_batches(), 0
            while (batch := self._next(batches)) is not None:
                if number % ranks() == rank():  # each process takes its share
                    inputs, goal, mask = self._tensors(batch)
                    count = mask.sum()
                    sums += torch.stack([self._loss_of(self._forward, inputs, goal, mask) * count, count])
                number += 1
        total, count = joined(sums).tolist()
        return total / count if count else math.nan

    def _end_epoch(self, train_loss: float, rate: float) -> None:
        """Look at the held-out patches, write the epoch's row, and keep the weights if they are the best."""
        held, epoch = self._held_loss(), len(self._rows)
        if not math.isfinite(held if self._feed.held_count else train_loss if epoch else 0.0):
            raise InputError(
                f"{self._name} diverged in epoch {epoch}: the loss is {held if self._feed.held_count else train_loss}",
                "lower the method's learning_rate or clip",
            )
        seconds = self._seconds()
        waiting = min(self._waited / max(seconds - self._began, 1e-9), 1.0)
        self._rows.append([1.0, float(epoch), train_loss, held, rate, seconds, waiting])
        self._waited, self._began = 0.0, seconds
        # Without held-out patches the last epoch is the best known.
        if not self._feed.held_count or not epoch or held < self._rows[self._best_epoch][HELD]:
            self._best, self._best_epoch = weights(self._network, self._feed.scaling), epoch

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        """The next batch; the time until it is there counts as waiting."""
        before = time.perf_counter()
        batch = next(batches, None)
        self._waited += time.perf_counter() - before
        return batch

    def _tensors(self, batch: Batch) -> tuple[Tensor, ...]:
        """A batch on the device, in the layout in which convolutions are fastest."""
        found = [torch.from_numpy(part) for part in batch]
        if self._where.type == "cuda":
            found = [part.pin_memory() for part in found]
        form = torch.channels_last
        return tuple(part.to(self._where, memory_format=form, non_blocking=True) for part in found)

    def _seconds(self) -> float:
        return time.perf_counter() - self._start

    def _bar(self) -> tqdm[Any]:
        plan = self._plan
        return tqdm(
            total=plan.epochs * plan.steps * plan.batch,
            initial=self._step * plan.batch,
            unit=self._feed.unit,
            desc=self._name,
            disable=None if rank() == 0 else True,  # None: no bar where nobody watches
        )


def _weighed(value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of this process, so weighed that the mean gradient of all is that of the whole batch; the batch's loss.

    Each process counts by the values that it observes. That is exact for losses that are a mean over observed
    values; where a loss has terms of another count (blocks of pixels, say), it is as exact as the gaps are even.
    """
    if ranks() == 1:
        return value, value.detach()
    count = mask.sum()
    total, weight = joined(torch.stack([value.detach() * count, count]))
    return value * (count * ranks() / weight.clamp(min=1)), total / weight.clamp(min=1)


def _closable(batches: Iterator[Batch]) -> Any:
    """The same with a `close`, which generators have."""
    return batches if hasattr(batches, "close") else (batch for batch in batches)
