"""Coarse cells on fine pixels, at any ratio: where the cells' edges fall, and which pixels are theirs.

Edges are whole numbers of ticks, a small part of a fine pixel, so that a crop of a scene has the very same numbers
as the scene. Means of cells are the business of `stfuse.grid.degrade_inside`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.task import FloatArray

__all__ = ["Axis", "Stretch", "axes", "on_pixels", "tie_breaker"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TICKS = 4096
"""Ticks of a fine pixel at least."""

PHASES = 10
"""Most places of a cell's edge within a fine pixel that are told apart on an axis (ratio 16.7 has ten)."""

LARGE = 20
"""Ratio from which a quarter of a fine pixel more or less is nothing to a cell: then PHASES is 4."""

UNEVEN = 0.513
"""Rounding up begins here beyond one. Ties would fall to either side by the last bit of a coordinate, or to the even
number, which is another one in a crop: so rounding does not break at round numbers."""


@dataclass(frozen=True)
class Axis:
    """The cells and the fine pixels along one axis, in ticks from the edge of the first pixel.

    Attributes
    ----------
    edges : ndarray of int64, shape (cell + 1,)
        Ticks; cell i reaches from ``edges[i]`` to ``edges[i + 1]``.
    unit : int
        Ticks of a fine pixel, even.
    step : int
        Ticks between phases, the places of a cell's edge within its fine pixel.
    origin : int
        Ticks of the first phase.
    ratio : float
        Fine pixels of a cell.
    pixels : int
        Fine pixels of the axis.
    """

    edges: Ints
    unit: int
    step: int
    origin: int
    ratio: float
    pixels: int

    @property
    def phases(self) -> Floats:
        """Where a cell may begin within a fine pixel, fine pixels, shape (phase,)."""
        return (np.arange(self.unit // self.step) * self.step + self.origin) / self.unit

    @property
    def subs(self) -> int:
        """Fine pixels, counted from the one that a cell's phase is counted from, that hold every pixel of any cell."""
        rounding = self.step / (2 * self.unit)
        return int(np.ceil(self.phases[-1] + self.ratio - 0.5 + rounding - 1e-6))

    def places(self) -> tuple[Ints, Ints]:
        """Phase of each cell and the fine pixel that it is counted from, each of shape (cell,)."""
        nearest = self.edges[:-1] - self.origin + self.step // 2
        return nearest // self.step % len(self.phases), nearest // self.unit

    @property
    def starts(self) -> Ints:
        """Fine pixels whose centres lie in cell i: from the i-th of these up to the next, shape (cell + 1,)."""
        first = -(-(self.edges - self.unit // 2) // self.unit)
        return np.clip(first, 0, self.pixels)

    @property
    def cell(self) -> Ints:
        """The cell that holds each pixel's centre, shape (pixel,); -1 before the first cell, their number behind."""
        return np.searchsorted(self.edges, self._centres(), side="right") - 1

    @property
    def offset(self) -> Floats:
        """Of each pixel's centre from its cell's centre, in cells, shape (pixel,); 0 for pixels without a cell."""
        cell = self.cell
        inside = (cell >= 0) & (cell < len(self.edges) - 1)
        low, high = (self.edges[np.where(inside, cell + end, 0)] for end in (0, 1))
        return np.where(inside, (2 * self._centres() - low - high) / (2 * self.unit * self.ratio), 0.0)

    def _centres(self) -> Ints:
        return np.arange(self.pixels) * self.unit + self.unit // 2

    def centred(self, start: int, stop: int, cut: bool = False) -> slice:
        """The cells whose centres lie within fine pixels `start` to `stop`.

        Parameters
        ----------
        cut : bool
            Also those that the image's edge cuts off from their centres: they count as if centred at the edge.
        """
        twice, first, last = self.edges[:-1] + self.edges[1:], 0, len(self.edges) - 1
        if cut:
            end = self.pixels * self.unit
            twice = np.clip(twice, 0, 2 * end - 1)
            first = int(np.searchsorted(self.edges[1:], 0, side="right"))
            last = int(np.searchsorted(self.edges[:-1], end))
        low, high = np.searchsorted(twice, [2 * start * self.unit, 2 * stop * self.unit])
        return slice(max(int(low), first), max(min(int(high), last), max(int(low), first)))

    def touching(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Whether the centres of any of the fine pixels `start` to `stop` lie in each cell, shape (cell,)."""
        starts = self.starts
        touched: NDArray[np.bool_] = np.maximum(starts[:-1], start) < np.minimum(starts[1:], stop)
        return touched

    def around(self, start: int, stop: int) -> Stretch:
        """The pixels `start` to `stop`, cut at the image's end, and all others of the cells that hold them."""
        start, stop = max(start, 0), min(stop, self.pixels)
        cell, starts = self.cell, self.starts
        low, high = (int(n) for n in np.clip([cell[start], cell[stop - 1] + 1], 0, len(self.edges) - 1))
        if low < high:
            start, stop = min(start, int(starts[low])), max(stop, int(starts[high]))
        pixels = slice(start, stop)
        return Stretch(pixels, slice(low, high), starts[low : high + 1] - start, cell[pixels], self.offset[pixels])


@dataclass(frozen=True)
class Stretch:
    """A part of an axis.

    Attributes
    ----------
    pixels, cells : slice
        Of the axis.
    starts : ndarray of int64, shape (cells + 1,)
        Where the pixels of each cell begin, from the first of `pixels`.
    cell, offset : ndarray, shape (pixels,)
        As those of `Axis`.
    """

    pixels: slice
    cells: slice
    starts: Ints
    cell: Ints
    offset: Floats


def _axis(start: float, ratio: float, cells: int, pixels: int) -> Axis:
    """The axis of cells that begin at `start` (fine pixels) and are `ratio` fine pixels wide."""
    phases = PHASES if ratio < LARGE else 4
    simple = Fraction(ratio).limit_denominator(phases)
    if abs(float(simple) - ratio) < 1e-6:
        step = 2 * -(-TICKS // (2 * simple.denominator))
        unit = step * simple.denominator
        begin = int(np.floor(start * unit + UNEVEN))
        edges = begin + np.arange(cells + 1, dtype=np.int64) * (simple.numerator * step)
        return Axis(edges, unit, step, begin % step, ratio, pixels)
    edges = np.floor((start + np.arange(cells + 1) * ratio) * TICKS + UNEVEN).astype(np.int64)
    return Axis(edges, TICKS, TICKS // min(phases, 8), 0, ratio, pixels)


def axes(coarse: GeoBox, fine: GeoBox) -> tuple[Axis, Axis]:
    """Rows and columns of the coarse grid on those of the fine one.

    Raises
    ------
    InputError
        If the grids are turned or mirrored against each other or have not one CRS, or the coarse pixels are smaller.
    """
    to_fine = ~fine.affine @ coarse.affine
    turned = coarse.crs != fine.crs or abs(to_fine.b) + abs(to_fine.d) > 1e-9
    if turned or min(to_fine.a, to_fine.e) < 1 - 1e-6:
        raise InputError(
            "The coarse grid is turned or mirrored against the fine one, has another CRS, or smaller pixels",
            "give both on north-up grids of one CRS, the coarse one with the larger pixels",
        )
    return (
        _axis(to_fine.f, to_fine.e, coarse.height, fine.height),
        _axis(to_fine.c, to_fine.a, coarse.width, fine.width),
    )


def tie_breaker(coarse: GeoBox) -> Floats:
    """A number in 0..1 for each cell that looks random but belongs to its place on the ground, shape (y, x).

    The same cell gets the same number in every crop of the grid.
    """
    # Grids often begin at half a cell.
    row = int(np.floor(coarse.affine.f / abs(coarse.affine.e) + UNEVEN)) - np.arange(coarse.height)
    column = int(np.floor(coarse.affine.c / abs(coarse.affine.a) + UNEVEN)) + np.arange(coarse.width)
    mixed = (row.astype(np.uint64)[:, None] << np.uint64(32)) ^ (column.astype(np.uint64) & np.uint64(0xFFFFFFFF))
    # The finaliser of the random numbers SplitMix64.
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def on_pixels(values: FloatArray, rows: Ints, columns: Ints) -> FloatArray:
    """The value of the cell that each fine pixel lies in.

    Parameters
    ----------
    values : ndarray, shape (..., cell y, cell x)
    rows, columns : ndarray of int64, shapes (y,) and (x,)
        The cells, as `Axis.cell` has them; NaN comes out for pixels without a cell.

    Returns
    -------
    ndarray, shape (..., y, x)
    """
    padded = np.pad(values, (*[(0, 0)] * (values.ndim - 2), (1, 1), (1, 1)), constant_values=np.nan)
    return np.asarray(padded[..., rows + 1, :][..., columns + 1])
