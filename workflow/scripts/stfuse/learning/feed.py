"""Batches of patches for a training, drawn from lessons while it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from stfuse.learning.lessons import Lesson
from stfuse.learning.patches import Scaling, cut, measure, patch_size, split, turned
from stfuse.learning.plan import Plan
from stfuse.task import FloatArray

__all__ = ["Batch", "Feed", "open_feed"]

Batch = tuple[FloatArray, FloatArray, FloatArray]
"""Inputs (patch, channel, y + 2 halo, x + 2 halo), goal (patch, band, y, x) and its mask, float32."""


class Feed:
    """What a training is fed with; see `open_feed`."""

    def __init__(self, lessons: Sequence[Lesson], plan: Plan, seed: int, halo: int, rank: int, ranks: int) -> None:
        self._scenes = [lesson.see((slice(0, lesson.shape[0]), slice(0, lesson.shape[1]))) for lesson in lessons]
        self.size = patch_size(self._scenes, plan.patch)
        self._train, self._held = split(self._scenes, self.size, plan.held_share, plan.min_valid, seed)
        self.scaling: Scaling = measure(self._scenes, self._held, self.size)
        self.channels, self.bands = len(self._scenes[0].inputs), len(self._scenes[0].goal)
        self.train_count, self.held_count = len(self._train), len(self._held)
        self._plan, self._seed, self._halo, self._rank, self._ranks = plan, seed, halo, rank, ranks

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """The batches of the steps `first_step` <= step < `last_step`."""
        for step in range(first_step, last_step):
            rng = np.random.default_rng([self._seed, 1, step])
            places = self._train[rng.integers(len(self._train), size=self._plan.batch)][self._rank :: self._ranks]
            turns = rng.integers(8, size=self._plan.batch)[self._rank :: self._ranks]
            arrays = cut(self._scenes, places, self.size, self._halo, self.scaling)
            one, two, three = (np.stack([turned(a, t) for a, t in zip(array, turns, strict=True)]) for array in arrays)
            yield one, two, three

    def held_batches(self) -> Iterator[Batch]:
        """Every held-out patch once, as it lies."""
        for first in range(0, len(self._held), self._plan.batch):
            yield cut(self._scenes, self._held[first : first + self._plan.batch], self.size, self._halo, self.scaling)

    def close(self) -> None:
        """End the threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_feed(
    lessons: Sequence[Lesson],
    plan: Plan,
    seed: int,
    halo: int,
    align: int = 1,
    tied: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> Feed:
    """Look through the lessons once and begin to draw batches from them."""
    return Feed(lessons, plan, seed, halo, rank, ranks)
