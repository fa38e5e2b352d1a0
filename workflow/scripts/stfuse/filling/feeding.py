"""Batches of sequences for a training, drawn from series of pixels while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from stfuse.filling.hiding import hide
from stfuse.filling.sequences import MONTH, Form, Sequences, cut, joined
from stfuse.filling.stack import Inputs, Stack
from stfuse.learning.athand import AtHand
from stfuse.learning.feed import AHEAD, MAKERS, Batch
from stfuse.learning.plan import Plan
from stfuse.threads import in_order

__all__ = ["Drawing", "SequenceFeed"]

DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Drawing:
    """What is shown of series, and what is hidden.

    Attributes
    ----------
    inputs : {"ndvi_fusion", "optical_only", "ndvi_backscatter"}
    months : (float, float)
        Shortest and longest sequence.
    hidden_share : float
        Of the optical values of a series, 0..1: hidden anew whenever it is drawn, to be said.
    flags, residual : bool
        See `stfuse.filling.sequences.Form`.
    """

    inputs: Inputs
    months: tuple[float, float]
    hidden_share: float
    flags: bool = False
    residual: bool = False


@dataclass(frozen=True)
class _Draw:
    """Series to show: their blocks, pixels, where in the series and how long (shares 0..1), and a seed."""

    pieces: Callable[[int], Stack]
    which: NDArray[np.int64]
    pixels: NDArray[np.int64]
    shares: NDArray[np.float64]
    seed: tuple[int, ...]
    part: slice


class SequenceFeed:
    """What a training on sequences is fed with; see `stfuse.filling.opening.open_sequences`.

    Attributes
    ----------
    unit : str
    form : Form
        How sequences are shown; its scaling is that of the training.
    scaling : Scaling
    train_count, held_count : int
        Series to draw from, and held-out ones.
    """

    unit = "series"

    def __init__(
        self,
        at_hand: AtHand[Stack],
        train: Sequence[NDArray[np.int32]],
        held: tuple[Sequence[Stack], Sequence[NDArray[np.int32]]],
        form: Form,
        drawing: Drawing,
        plan: Plan,
        seed: int,
        part: slice,
    ) -> None:
        self.form, self.scaling = form, form.scaling
        self._at_hand, self._train, self._held = at_hand, train, held
        self._drawing, self._plan, self._seed, self._part = drawing, plan, seed, part
        self.train_count, self.held_count = (sum(map(len, pixels)) for pixels in (train, held[1]))
        self._under_way: list[Generator[Batch, None, None]] = []

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """The batches of the steps from `first_step` to the one before `last_step`, some made ahead.

        Which series, which part of them and which values are hidden depends on the seed and the step alone.

        Yields
        ------
        inputs : ndarray, shape (series, feature, step, 1), float32
            See `stfuse.filling.sequences.Sequences.network_inputs`.
        goal : ndarray, shape (series, 1, step, 1), float32
            Labels 0.2..0.8, 0 where nothing is to be learnt.
        mask : ndarray, as `goal`
            1 where there is something to be learnt, else 0.
        """
        return self._ahead(self._draws(first_step, last_step))

    def held_batches(self) -> Iterator[Batch]:
        """Every held-out series once, the same part of it and the same values hidden each time; see `batches`."""
        return self._ahead(self._held_draws())

    def _held_draws(self) -> Iterator[_Draw]:
        pieces, pixels = self._held
        which = np.repeat(np.arange(len(pieces)), [len(p) for p in pixels])
        flat = np.concatenate([np.zeros(0, np.int64), *pixels])
        for number, k in enumerate(range(0, self.held_count, self._plan.batch)):
            these = slice(k, k + self._plan.batch)
            seed = (self._seed, 4, number)
            shares = np.random.default_rng(seed).random((2, len(which[these])))
            yield _Draw(pieces.__getitem__, which[these], flat[these], shares, seed, slice(None))

    def _draws(self, first_step: int, last_step: int) -> Iterator[_Draw]:
        epoch, size = -1, self._plan.batch
        for step in range(first_step, last_step):
            if step // self._plan.steps != epoch:
                epoch = step // self._plan.steps
                now, pieces = self._at_hand.at(epoch)
                counts = np.array([len(self._train[k]) for k in now])
                ends = counts.cumsum()
            seed = (self._seed, 1, step)
            rng = np.random.default_rng(seed)
            drawn = rng.integers(ends[-1], size=size)
            nth = np.searchsorted(ends, drawn, side="right")
            inner = drawn - ends[nth] + counts[nth]
            pixels = np.array([self._train[now[n]][k] for n, k in zip(nth, inner, strict=True)], np.int64)
            yield _Draw(pieces, now[nth], pixels, rng.random((2, size)), seed, self._part)

    def _ahead(self, draws: Iterator[_Draw]) -> Iterator[Batch]:
        made = in_order(self._make, draws, MAKERS, AHEAD - MAKERS)
        self._under_way.append(made)
        try:
            yield from made
        finally:
            made.close()
            self._under_way.remove(made)

    def _make(self, draw: _Draw) -> Batch:
        order = np.argsort(draw.which, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(draw.which[order])) + 1)
        found = [self._sequences(draw, rows) for rows in groups]
        together = joined(found, order)
        inputs = together.network_inputs(self.form)[draw.part]
        goal, mask = (part[draw.part] for part in together.goal())
        return inputs, goal, mask

    def _sequences(self, draw: _Draw, rows: NDArray[np.int64]) -> Sequences:
        """Some series of one block, with what is hidden of them, and cut."""
        block = int(draw.which[rows[0]])
        series = draw.pieces(block)
        values = series.values[..., draw.pixels[rows]]
        rng = np.random.default_rng([*draw.seed, block])
        hidden = hide(np.isfinite(values[0]), self._drawing.hidden_share, rng)
        label = np.where(hidden, values[0], np.float32(np.nan))
        values[0][hidden] = np.nan
        where, how_long = draw.shares[:, rows]
        shortest, longest = (MONTH * months for months in self._drawing.months)
        length = np.rint(shortest + how_long * (longest - shortest))
        room = np.maximum((series.days[-1] - series.days[0]) / DAY + 1 - length, 0)
        first = series.days[0] + np.floor(where * (room + 1)).astype(int) * DAY
        return cut(series.days, values, label, first, first + (length - 1).astype(int) * DAY)

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
