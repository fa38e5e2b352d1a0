"""Which blocks are in memory in which epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stfuse.learning.plan import Plan

__all__ = ["AtHand", "Schedule", "Source"]

P = TypeVar("P")


class Source(Protocol[P]):
    """Blocks of training data, such as `stfuse.learning.blocks.Blocks`: kept all of them, or read when asked for."""

    @property
    def threads(self) -> int:
        """That read."""

    @property
    def kept(self) -> list[P]:
        """All blocks, or none."""

    def room(self, memory: int) -> int:
        """How many of the largest blocks fit into so many bytes."""

    def piece(self, index: int) -> P:
        """A block."""


@dataclass(frozen=True)
class Schedule:
    """Which blocks are at hand in which epoch: a matter of the seed and the epoch alone.

    Attributes
    ----------
    count : int
        Blocks in all.
    room : int
        Blocks that memory holds, those that are being read for the next epoch among them.
    seed : int
    """

    count: int
    room: int
    seed: int

    @property
    def all_fit(self) -> bool:
        """Whether every block is at hand all the time."""
        return self.count <= self.room

    def at(self, epoch: int) -> list[int]:
        """Numbers of the blocks at hand in an epoch, ascending.

        A window that slides along one shuffle of all the blocks after another, by a part of its length an epoch.
        """
        if self.all_fit:
            return list(range(self.count))
        fresh = max(1, self.room // 6)
        first = epoch * fresh
        return sorted({self._nth(n) for n in range(first, first + max(1, self.room - 2 * fresh))})

    def _nth(self, n: int) -> int:
        turn, place = divmod(n, self.count)
        return int(np.random.default_rng([self.seed, 2, turn]).permutation(self.count)[place])


class AtHand(Generic[P]):
    """The blocks of an epoch, and those that the next one adds, read by threads of its own.

    Parameters
    ----------
    used : sequence of int
        The blocks to take turns: those with training patches.
    memory : int
        Bytes for them, unless all blocks are kept already.
    """

    def __init__(self, blocks: Source[P], used: Sequence[int], memory: int, plan: Plan, seed: int) -> None:
        self._blocks, self._used, self._plan = blocks, used, plan
        room = len(used) if blocks.kept else max(2, blocks.room(memory))
        self._schedule = Schedule(len(used), room, seed)
        self._pool = ThreadPoolExecutor(blocks.threads)
        self._pieces: dict[int, Future[P]] = {}

    def at(self, epoch: int) -> tuple[NDArray[np.int64], Callable[[int], P]]:
        """Numbers of the blocks of an epoch, and what gives each; waits for nothing."""
        now = self._schedule.at(epoch)
        if self._blocks.kept:
            return np.array(now), lambda k: self._blocks.kept[self._used[k]]
        then = self._schedule.at(epoch + 1) if epoch + 1 < self._plan.epochs else []
        wanted, before = dict.fromkeys([*now, *then]), self._pieces
        self._pieces = {k: before.get(k) or self._pool.submit(self._blocks.piece, self._used[k]) for k in wanted}
        mine = {k: self._pieces[k] for k in now}
        return np.array(now), lambda k: mine[k].result()

    def close(self) -> None:
        """End the threads; what waits to be read is not read any more."""
        self._pool.shutdown(cancel_futures=True)
