"""Batches of patches for a training, drawn from lessons while it goes on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import TooLittleError
from stfuse.learning.athand import AtHand
from stfuse.learning.blocks import Blocks, Cut, Limits, Piece
from stfuse.learning.heldout import hold_out
from stfuse.learning.lessons import Lesson
from stfuse.learning.patches import Moments, Scaling, gather, patch_size, warm_up, window_sums
from stfuse.learning.plan import Plan
from stfuse.task import FloatArray, Window
from stfuse.threads import in_order

__all__ = ["Batch", "Feed", "open_feed"]

logger = logging.getLogger(__name__)

Batch = tuple[FloatArray, FloatArray, FloatArray]
"""Inputs (patch, channel, y + 2 halo, x + 2 halo), goal (patch, band, y, x) and its mask, float32."""

MAKERS, AHEAD = 2, 4
"""Threads that make batches, and batches that are ready or being made while one is used."""

LEAST_CELL = 8
"""Pixels a side of what is held out as one, at least (where the images have room)."""

NO_MASK = np.empty((0, 0, 0, 0), np.float32)


@dataclass(frozen=True)
class _Places:
    """First pixels (n, 2) of patches in pieces; those of piece k are ``starts[k]:starts[k + 1]``."""

    pixels: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, each: Sequence[NDArray[np.integer[Any]]]) -> Self:
        pixels = np.concatenate([np.zeros((0, 2)), *each]).astype(np.int32)
        return cls(pixels, np.concatenate([[0], np.cumsum([len(one) for one in each])]).astype(np.int64))


@dataclass(frozen=True)
class _Draw:
    """Patches to cut: their pieces, first pixels (n, 2) and turns."""

    pieces: Callable[[int], Piece]
    which: NDArray[np.int64]
    pixels: NDArray[np.int32]
    turns: NDArray[np.int64]


class Feed:
    """What a training is fed with; see `open_feed`.

    Attributes
    ----------
    unit : str
    channels, bands : int
        Of inputs and goal.
    size : int
        Side of a patch in pixels.
    scaling : Scaling
    train_count, held_count : int
        Patches to draw from, and held-out ones.
    """

    unit = "patch"

    def __init__(
        self,
        at_hand: AtHand[Piece],
        train: _Places,
        held: tuple[Sequence[Piece], _Places],
        cut: Cut,
        scaling: Scaling,
        plan: Plan,
        seed: int,
        part: slice,
    ) -> None:
        self.size, self.scaling = cut.size, scaling
        self.channels, self.bands = len(scaling.in_mean), len(scaling.out_mean)
        self._at_hand, self._train, self._held, self._cut = at_hand, train, held, cut
        self._plan, self._seed, self._part = plan, seed, part
        self.train_count, self.held_count = len(train.pixels), len(held[1].pixels)
        self._under_way: list[Generator[Batch, None, None]] = []

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """The batches of the steps from `first_step` to the one before `last_step`, some made ahead.

        What is drawn depends on the seed and the step alone: a training that resumes is fed the same.
        Call it once for all epochs, so that batches are made ahead across their ends too.

        Yields
        ------
        inputs : ndarray, shape (patch, channel, size + 2 halo, size + 2 halo), float32
            In units of the scaling. Free of NaN: gaps hold 0, the mean.
        goal : ndarray, shape (patch, band, size, size), float32
            0 where nothing is to be learnt.
        mask : ndarray, as `goal`
            1 where there is something to be learnt, else 0.
        """
        return self._ahead(self._draws(first_step, last_step))

    def held_batches(self) -> Iterator[Batch]:
        """Every held-out patch once, as it lies; see `batches`."""
        pieces, places = self._held
        which = np.repeat(np.arange(len(pieces)), np.diff(places.starts))
        parts = [slice(k, k + self._plan.batch) for k in range(0, self.held_count, self._plan.batch)]
        return self._ahead(
            _Draw(pieces.__getitem__, which[p], places.pixels[p], np.zeros(len(which[p]), np.int64)) for p in parts
        )

    def _ahead(self, draws: Iterator[_Draw]) -> Iterator[Batch]:
        made = in_order(self._make, draws, MAKERS, AHEAD - MAKERS)
        self._under_way.append(made)
        try:
            yield from made
        finally:
            made.close()
            self._under_way.remove(made)

    def _draws(self, first_step: int, last_step: int) -> Iterator[_Draw]:
        epoch = -1
        for step in range(first_step, last_step):
            if step // self._plan.steps != epoch:
                epoch = step // self._plan.steps
                now, pieces = self._at_hand.at(epoch)
                counts = np.diff(self._train.starts)[now]
                ends = counts.cumsum()
            rng = np.random.default_rng([self._seed, 1, step])
            drawn = rng.integers(ends[-1], size=self._plan.batch)[self._part]
            turns = rng.integers(8, size=self._plan.batch)[self._part]
            nth = np.searchsorted(ends, drawn, side="right")
            which = now[nth]
            pixels = self._train.pixels[self._train.starts[which] + drawn - ends[nth] + counts[nth]]
            yield _Draw(pieces, which, pixels, turns)

    def _make(self, draw: _Draw) -> Batch:
        n, size, wide = len(draw.which), self.size, self.size + 2 * self._cut.halo
        inputs = np.empty((n, self.channels, wide, wide), np.float32)
        goal = np.empty((n, self.bands, size, size), np.float32)
        mask, by = np.empty_like(goal), self.scaling
        order = np.argsort(draw.which, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(draw.which[order])) + 1) if n else []:
            piece = draw.pieces(int(draw.which[rows[0]]))
            (down, across), turns = draw.pixels[rows].T, draw.turns[rows]
            gather(piece.inputs, down, across, turns, by.in_mean, by.in_scale, rows, inputs, NO_MASK)
            gather(piece.goal, down, across, turns, by.out_mean, by.out_scale, rows, goal, mask)
        return inputs, goal, mask

    def close(self) -> None:
        """End the threads and whatever is being drawn."""
        self._at_hand.close()
        for made in [*self._under_way]:
            made.close()

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
    limits: Limits | None = None,
) -> Feed:
    """Go through all lessons once, and be ready to draw batches of patches from them.

    Held-out patches overlap no training patch on any date, and take no part in the scaling. (What the network sees
    around a training patch, its halo, may reach into their inputs.)

    Parameters
    ----------
    lessons : sequence of Lesson
    plan : Plan
        Its patch, batch, epochs, steps, held_share and min_valid count here.
    seed : int
        Decides what is held out, drawn and turned.
    halo : int
        Pixels around a patch that the network sees.
    align : int
        First rows and columns of patches, and their sides, are multiples of it.
    tied : int
        So many leading channels are scaled as the goal's bands are.
    rank, ranks : int
        Of several that train together, each is given the patches ``rank::ranks`` of every batch.
    limits : Limits, optional
        What bounds the memory.

    Raises
    ------
    InputError
        If the lessons are too few, too small, too cloudy, or differ in their channels.
    ValueError
        If more channels are tied than there are.
    """
    limits, threads = limits or Limits(), _threads()
    cut = _cut([lesson.shape for lesson in lessons], plan, halo, align)
    blocks = Blocks(lessons, cut, limits, threads)
    if not 0 <= tied <= min(blocks.channels, blocks.bands):
        raise ValueError(f"tied must lie in 0..{min(blocks.channels, blocks.bands)}, found {tied}.")
    taken, cells = hold_out(lessons, cut, plan.held_share, blocks.most_cells(limits), seed, blocks.look, threads)
    moments, used, places = _survey(blocks, taken, limits, seed)
    if not used:
        raise TooLittleError(
            f"No {cut.size} x {cut.size} patch of the {len(lessons)} training images is observed over "
            f"{plan.min_valid:.0%} of it",
            "add clearer training dates, or lower the method's setting min_valid",
        )
    with closing(in_order(lambda cell: blocks.look(*cell), cells, threads)) as looked:
        held = list(looked)
    on_raster = [np.argwhere(window_sums(p.seen, cut.size)[:: cut.size, :: cut.size] >= cut.need) for p in held]
    held_places = _Places.of([found * cut.size for found in on_raster])
    at_hand = AtHand(blocks, used, limits.memory, plan, seed)
    warm_up()
    scaling = moments.scaling(blocks.channels, tied)
    logger.info("%d images in %d blocks, %s", len(lessons), len(blocks.all), "kept" if blocks.kept else "read in turn")
    return Feed(at_hand, places, (held, held_places), cut, scaling, plan, seed, slice(rank, None, ranks))


def _threads() -> int:
    """The job's (`stfuse.job`)."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _cut(shapes: Sequence[tuple[int, int]], plan: Plan, halo: int, align: int) -> Cut:
    size = patch_size(shapes, plan.patch, align)
    room = min(min(shape) for shape in shapes) // 3 // size
    return Cut(size, halo, align, size * max(1, min(-(-LEAST_CELL // size), room)), plan.min_valid)


def _survey(
    blocks: Blocks, taken: Sequence[Sequence[Window]], limits: Limits, seed: int
) -> tuple[Moments, list[int], _Places]:
    """Moments of all that is not held out; the blocks with training patches, and these."""
    share = limits.places / sum(blocks.pixels) * blocks.cut.align**2
    total, used, places = None, [], []
    for index, (moments, found) in enumerate(blocks.survey(taken)):
        total = total + moments if total else moments
        if share < 1 and len(found):
            rng = np.random.default_rng([seed, 3, index])
            found = found[np.sort(rng.permutation(len(found))[: max(1, round(share * len(found)))])]
        if len(found):
            used.append(index)
            places.append(found.astype(np.int32))
    assert total is not None
    return total, used, _Places.of(places)
