"""Which parts of the training samples a method that holds no more than a few of them looks at, and in what order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from stfuse.task import FloatArray, Scene, Series, Window

__all__ = ["columns_of", "drawn_windows"]

S = TypeVar("S", bound=Scene)


def drawn_windows(samples: Sequence[S], side: int, rng: np.random.Generator) -> list[tuple[S, Window]]:
    """Windows of `side` x `side` pixels that cover each sample's grid once, all samples' in one random order."""
    found = []
    for sample in samples:
        height, width = sample.grid.shape
        for y in range(0, height, side):
            for x in range(0, width, side):
                found.append((sample, (slice(y, min(y + side, height)), slice(x, min(x + side, width)))))
    return [found[i] for i in rng.permutation(len(found))]


def columns_of(series: Series) -> FloatArray:
    """Values as one series a column, shape (time, band * y * x); a view where that can be."""
    return series.values.reshape(len(series.dates), math.prod(series.values.shape[1:]))
