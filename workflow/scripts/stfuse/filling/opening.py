"""What a training on series begins with: their blocks, what is held out of them, and their scaling."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stfuse.errors import InputError, TooLittleError
from stfuse.filling.feeding import Drawing, SequenceFeed
from stfuse.filling.labels import doy_features
from stfuse.filling.sequences import Form
from stfuse.filling.stack import Inputs, Stack, stack
from stfuse.learning.athand import AtHand
from stfuse.learning.blocks import Cut, Limits, Piece
from stfuse.learning.heldout import hold_out
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.patches import Moments, Scaling
from stfuse.learning.plan import Plan
from stfuse.task import FloatArray, Sample, Window
from stfuse.threads import in_order

__all__ = ["LIMITS", "SeriesBlocks", "open_sequences"]

logger = logging.getLogger(__name__)

LIMITS: Final = Limits(block=64, held=2048)
"""Blocks of 64 x 64 series, and at most 2048 held-out series."""

_Cell = tuple[int, Window]

LEAST_VALUES: Final = 2
"""Optical values that a series needs: one to hide and one to keep."""


def open_sequences(
    samples: Sequence[Sample],
    drawing: Drawing,
    plan: Plan,
    seed: int,
    rank: int = 0,
    ranks: int = 1,
    limits: Limits = LIMITS,
) -> SequenceFeed:
    """Go through all series once, and be ready to draw batches of sequences from them.

    Held out is ground, in blocks of ``plan.patch`` pixels a side, because a neighbour tells what a pixel is. It takes
    no part in the scaling.

    Parameters
    ----------
    plan : Plan
        Its patch, batch, epochs, steps, held_share and min_valid (of a held-out block) count here.
    seed : int
        Decides what is held out and drawn.
    rank, ranks : int
        Of several that train together, each is given the series ``rank::ranks`` of every batch.
    limits : Limits, optional
        What bounds the memory; ``held`` counts series.

    Raises
    ------
    InputError
        If there are no samples, no series has two optical values, or radar is asked for and none is there.
    """
    if not samples:
        raise TooLittleError("There are no training series", "widen the period, or lower min_clear")
    blocks = SeriesBlocks(samples, drawing.inputs, limits, _threads())
    words = "%d samples of series in %d blocks, %s"
    logger.info(words, len(samples), len(blocks.all), "kept" if blocks.kept else "read in turn")
    cell = max(1, min(plan.patch, min(min(s.grid.shape) for s in samples) // 3))
    taken, cells = _held_out(blocks, Cut(1, 0, 1, cell, plan.min_valid), plan.held_share, seed)
    total, used, train = None, [], []
    for index, (moments, usable) in enumerate(blocks.survey(taken)):
        total = total + moments if total else moments
        if len(usable):
            used.append(index)
            train.append(usable)
    if total is None or not used:
        raise TooLittleError(
            f"None of the series of {len(samples)} training samples has {LEAST_VALUES} optical values",
            "add clearer training dates, or a longer period",
        )
    radar = total.count[1:-2]
    if not radar.all():
        raise InputError(
            f"The training series have no values of what `inputs: {drawing.inputs}` asks of radar",
            "give the experiment guides (NDVI from radar) or aux (vv, vh), or take inputs: optical_only",
        )
    form = Form(_scaling(total), drawing.flags, drawing.residual)
    at_hand = AtHand(blocks, used, limits.memory, plan, seed)
    part = slice(rank, None, ranks)
    return SequenceFeed(at_hand, train, _held(blocks, cells), form, drawing, plan, seed, part)


def _threads() -> int:
    """The job's (`stfuse.job`)."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _scaling(moments: Moments) -> Scaling:
    """That of all channels, sine and cosine; labels have their own (`stfuse.filling.labels`)."""
    own = moments.scaling(len(moments.count))
    return Scaling(own.in_mean, own.in_scale, np.zeros(1, np.float32), np.ones(1, np.float32))


def _held_out(blocks: SeriesBlocks, cut: Cut, share: float, seed: int) -> tuple[list[list[Window]], list[_Cell]]:
    """Of each sample the windows of ground that are held out, and all of these."""

    def counts(sample: int, window: Window) -> FloatArray:
        known = np.isfinite(blocks.read(sample, window).values[0]).sum(axis=0).reshape(_shape(window))
        return np.where(known >= LEAST_VALUES, known, np.nan)[None].astype(np.float32)

    def look(sample: int, window: Window) -> Piece:
        goal = counts(sample, window)
        return Piece(goal[:0], goal, window[0].start, window[1].start)

    def lesson(sample: int) -> Lesson:
        grid = blocks.samples[sample].grid

        def see(window: Window) -> Example:
            goal = counts(sample, window)
            return Example(goal[:0], goal)

        return Lesson((grid.height, grid.width), see, 0, grid)

    most = max(1, blocks.limits.held // cut.cell**2)
    return hold_out([*map(lesson, range(len(blocks.samples)))], cut, share, most, seed, look, blocks.threads)


def _held(blocks: SeriesBlocks, cells: Sequence[_Cell]) -> tuple[list[Stack], list[NDArray[np.int32]]]:
    """The held-out series: all that are observed, or as many of each cell as the limit allows."""
    with closing(in_order(lambda cell: blocks.read(*cell), cells, blocks.threads)) as read:
        stacks = list(read)
    usable = [np.flatnonzero(np.isfinite(s.values[0]).sum(axis=0) >= LEAST_VALUES).astype(np.int32) for s in stacks]
    step = -(-sum(map(len, usable)) // blocks.limits.held) or 1
    return stacks, [pixels[::step] for pixels in usable]


@dataclass(frozen=True)
class SeriesBlocks:
    """The series of all samples in blocks of ground, so that none need fit into memory together."""

    samples: Sequence[Sample]
    inputs: Inputs
    limits: Limits
    threads: int

    @cached_property
    def all(self) -> list[tuple[int, Window]]:
        """Sample and window of every block."""
        side, found = self.limits.block, list[tuple[int, Window]]()
        for i, sample in enumerate(self.samples):
            rows, columns = sample.grid.shape
            for row in range(0, rows, side):
                for column in range(0, columns, side):
                    window = slice(row, min(row + side, rows)), slice(column, min(column + side, columns))
                    found.append((i, window))
        return found

    @cached_property
    def _bytes(self) -> list[int]:
        one = [self.read(i, (slice(0, 1), slice(0, 1))).values.nbytes for i in range(len(self.samples))]
        return [one[i] * int(np.prod(_shape(window))) for i, window in self.all]

    @cached_property
    def kept(self) -> list[Stack]:
        """All blocks if they fit into memory together, else none."""
        if sum(self._bytes) > self.limits.memory:
            return []
        with closing(in_order(lambda block: self.read(*block), self.all, self.threads)) as read:
            return list(read)

    def room(self, memory: int) -> int:
        """How many of the largest blocks fit into so many bytes."""
        return memory // max(self._bytes)

    def read(self, sample: int, window: Window) -> Stack:
        """The series of a window of a sample."""
        return stack(self.samples[sample].crop(window), self.inputs)

    def piece(self, index: int) -> Stack:
        """A block, from memory or read anew."""
        return self.kept[index] if self.kept else self.read(*self.all[index])

    def survey(self, taken: Sequence[Sequence[Window]]) -> Iterator[tuple[Moments, NDArray[np.int32]]]:
        """Of each block: the moments of its channels, sine and cosine, and its series that can be trained on."""

        def look(index: int) -> tuple[Moments, NDArray[np.int32]]:
            (sample, window), series = self.all[index], self.piece(index)
            free = _free(window, taken[sample])
            turn = doy_features(series.days)
            there = np.isfinite(series.values).any(axis=0)
            days = [np.where(there, turn[:, k : k + 1], np.float32(np.nan)) for k in range(2)]
            images = [*series.values, *days]
            usable = free & (np.isfinite(series.values[0]).sum(axis=0) >= LEAST_VALUES)
            # Not all free ground: samples hide the optical values alone where others calibrate and score.
            moments = Moments.of(images, np.broadcast_to(usable, series.values.shape[1:]))
            return moments, np.flatnonzero(usable).astype(np.int32)

        # disable=None: no bar where nobody watches.
        bar = tqdm(total=len(self.all), unit="block", desc="training data", disable=None)
        with closing(bar), closing(in_order(look, range(len(self.all)), self.threads)) as done:
            for found in done:
                bar.update()
                yield found


def _shape(window: Window) -> tuple[int, int]:
    rows, columns = window
    return rows.stop - rows.start, columns.stop - columns.start


def _free(window: Window, taken: Sequence[Window]) -> NDArray[np.bool_]:
    """Pixels (pixel,) of a window that none of the others covers."""
    rows, columns = window
    free = np.ones(_shape(window), bool)
    for down, across in taken:
        top, left = max(down.start - rows.start, 0), max(across.start - columns.start, 0)
        free[top : max(down.stop - rows.start, 0), left : max(across.stop - columns.start, 0)] = False
    return free.ravel()
