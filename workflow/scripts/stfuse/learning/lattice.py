"""Where the windows lie that networks are given: on a lattice fixed to the ground, mirrored at an image's edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.channels import nesting
from stfuse.task import FloatArray

__all__ = ["Axis", "Lattice", "cells", "corner_of", "mirrored", "pieces"]


class Axis(NamedTuple):
    """Windows along one axis of an image.

    Attributes
    ----------
    starts : sequence of int
        Their first pixels, halo not counted, from the image's first; ascending.
    length : int
        Pixels of each, halo not counted.
    weights : ndarray, shape (window, length), float32
        How much each pixel counts. At each pixel wanted, the weights of all windows add up to 1.
    """

    starts: Sequence[int]
    length: int
    weights: FloatArray


@dataclass(frozen=True)
class Lattice:
    """Windows of one size at places fixed to the ground, for networks that look at the whole of what they are given.

    The mean of all pixels (global pooling) depends on where a window lies. So windows must not depend on the tile:
    each is the same wherever it is computed from. A method's ``halo()`` is at least `reach`, so that a tile
    holds whole windows.

    Attributes
    ----------
    window : int
        Pixels a side of what the network predicts at once, its halo not counted.
    overlap : int
        Pixels that neighbouring windows share, at most half of a window. Each counts with a raised cosine
        there, so that no edges are seen. Pixels are computed (window / (window - overlap))^2 times.

    Raises
    ------
    ValueError
        If the overlap is negative or more than half of a window.
    """

    window: int
    overlap: int

    def __post_init__(self) -> None:
        if self.window < 1 or not 0 <= self.overlap <= self.window // 2:
            raise ValueError(
                f"overlap must lie in 0..{max(self.window, 0) // 2}, half of a window, found {self.overlap}."
            )

    @property
    def stride(self) -> int:
        """Pixels from the beginning of a window to that of the next."""
        return self.window - self.overlap

    def reach(self, halo: int) -> int:
        """Pixels around a pixel that can have a say in it, for a network with this halo."""
        return self.window - 1 + halo

    def weights(self) -> FloatArray:
        """How much each of a window's rows (or columns) counts; with the next window's adds up to 1."""
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(self.overlap) + 0.5) / max(self.overlap, 1))
        return np.concatenate([rise, np.ones(self.window - 2 * self.overlap), rise[::-1]]).astype(np.float32)

    def along(self, wanted: tuple[int, int], whole: tuple[int, int], corner: int) -> Axis:
        """The windows that touch some pixels of an image.

        At the image's edge a window is moved inside, to see real pixels only, but counts just where
        it would have lain. An image smaller than a window is one window.

        Parameters
        ----------
        wanted, whole : (first, after the last)
            What is to be predicted, and what there is, counted from the image's first pixel.
        corner : int
            Of the image's first pixel, from a fixed point of the ground.
        """
        length = min(self.window, whole[1] - whole[0])
        ends, found = self.weights(), dict[int, FloatArray]()
        first = (wanted[0] + corner - self.window) // self.stride + 1
        for start in range(first * self.stride - corner, wanted[1], self.stride):
            seen_from = max(min(start, whole[1] - length), whole[0])
            row = found.setdefault(seen_from, np.zeros(length, np.float32))
            shared = slice(max(start, whole[0]), min(start + self.window, whole[1]))
            row[shared.start - seen_from : shared.stop - seen_from] += ends[shared.start - start : shared.stop - start]
        return Axis(list(found), length, np.stack(list(found.values())))


def pieces(wanted: tuple[int, int], side: int, align: int, corner: int) -> Axis:
    """Windows side by side that cover some pixels of an image, `side` pixels each at most.

    They are alike, not large ones and a rest, so that they go through a network together.
    They begin at multiples of `align` from the fixed point that `corner` is counted from.
    """
    begin = wanted[0] - (wanted[0] + corner) % align
    cells = math.ceil((wanted[1] - begin) / align)
    length = math.ceil(cells / math.ceil(cells / max(side // align, 1))) * align
    starts = range(begin, wanted[1], length)
    return Axis(starts, length, np.ones((len(starts), length), np.float32))


def cells(length: int, align: int, corner: int) -> tuple[int, int]:
    """First pixel, and the one after the last, of the whole cells that an image touches."""
    return -(corner % align), length + -(length + corner) % align


def mirrored(first: int, last: int, length: int, align: int = 1, corner: int = 0) -> NDArray[np.intp]:
    """Indices of the pixels `first` to `last` of an image that goes on mirrored beyond its edges.

    Parameters
    ----------
    first, last : int
        Counted from the image's first pixel; `last` itself is not among them.
    length : int
        Pixels that the image has; it may be shorter than what lies outside.
    align : int
        1: mirrored about the middle of the last pixel, which is not repeated. More: cells of so many
        pixels are kept whole. A cell that the edge cuts is filled with its last pixel, which has the right
        coarse value; then all is mirrored about the cell's edge, so that coarse values stay repeated.
    corner : int
        Of the image's first pixel, from the edge of any cell.
    """
    index = np.arange(first, last)
    if align == 1:
        index %= max(2 * length - 2, 1)
        return np.minimum(index, max(2 * length - 2, 0) - index)
    start, stop = cells(length, align, corner)
    index = (index - start) % (2 * (stop - start))
    index = np.minimum(index, 2 * (stop - start) - 1 - index) + start
    return np.clip(index, 0, length - 1)


def corner_of(grid: GeoBox, coarse: GeoBox | None = None) -> tuple[int, int]:
    """Row and column of a grid's first pixel, counted from a fixed point of the ground.

    All windows of one scene count from the same point, so that a lattice lies alike in each.

    Parameters
    ----------
    grid : GeoBox
        The fine grid, or a window of it.
    coarse : GeoBox, optional
        Then edges of fine and coarse pixels meet at multiples of the alignment: see `stfuse.channels.nesting`.
    """
    affine = grid.affine
    # A hair more, so that noise does not make whole numbers one less.
    own = math.floor(affine.f / affine.e + 1e-4), math.floor(affine.c / affine.a + 1e-4)
    if coarse is None:
        return own
    lie = nesting(coarse, grid)
    align = lie.ratio.numerator
    # Back to the cell's edge that `own` counts from: the same step in all windows, whose cells are the same.
    return own[0] - (own[0] + lie.row) % align, own[1] - (own[1] + lie.column) % align
