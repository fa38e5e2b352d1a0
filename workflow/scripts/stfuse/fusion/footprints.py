"""Coarse cells on fine pixels: where their edges fall, which fine pixels are theirs, and their area means. Compiled.

Edges are whole numbers of ticks, a small part of a fine pixel, so that a crop of a scene has the very same
cells, phases and means as the scene, whatever the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.task import FloatArray

__all__ = ["Axis", "axes", "cell_means"]

IntArray = NDArray[np.int64]

FINENESS = 4096
"""Ticks of a fine pixel at least."""

PHASES = 10
"""Most places of a cell's edge within a fine pixel that are told apart on an axis (ratio 16.7 has ten)."""

LARGE = 20
"""Ratio from which a quarter of a fine pixel more or less is nothing to a cell: then PHASES is 4."""

_FAST = {"contract"}  # multiply and add in one step; the order of sums stays as written


@dataclass(frozen=True)
class Axis:
    """The cells of one axis, in ticks from the edge of the first fine pixel.

    Attributes
    ----------
    edges : ndarray, shape (cells + 1,), int64
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

    edges: IntArray
    unit: int
    step: int
    origin: int
    ratio: float
    pixels: int

    @property
    def phases(self) -> NDArray[np.float64]:
        """Where a cell may begin within a fine pixel, fine pixels, shape (phase,)."""
        return (np.arange(self.unit // self.step) * self.step + self.origin) / self.unit

    @property
    def subs(self) -> int:
        """Fine pixels, counted from `base`, that hold every fine pixel of any cell."""
        rounding = self.step / (2 * self.unit)
        return int(np.ceil(self.phases[-1] + self.ratio - 0.5 + rounding - 1e-6))

    def places(self) -> tuple[IntArray, IntArray]:
        """Phase of each cell and the fine pixel `base` that the phase is counted from, each shape (cells,)."""
        nearest = self.edges[:-1] - self.origin + self.step // 2
        return nearest // self.step % len(self.phases), nearest // self.unit

    def owned(self) -> IntArray:
        """Fine pixels whose centres lie in cell i are those from the i-th to before the next, shape (cells + 1,)."""
        first = -(-(self.edges - self.unit // 2) // self.unit)
        return np.clip(first, 0, self.pixels)

    def centred(self, start: int, stop: int) -> slice:
        """The cells whose centres lie within fine pixels `start` to `stop`."""
        twice = self.edges[:-1] + self.edges[1:]
        first, last = np.searchsorted(twice, [2 * start * self.unit, 2 * stop * self.unit])
        return slice(int(first), int(last))

    def touching(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Whether cells own any of the fine pixels `start` to `stop`, shape (cells,)."""
        owned = self.owned()
        touched: NDArray[np.bool_] = np.maximum(owned[:-1], start) < np.minimum(owned[1:], stop)
        return touched


def _axis(start: float, ratio: float, cells: int, pixels: int) -> Axis:
    """The axis of cells that begin at `start` (fine pixels) and are `ratio` fine pixels wide."""
    phases = PHASES if ratio < LARGE else 4
    simple = Fraction(ratio).limit_denominator(phases)
    # Ties would fall to either side by the last bit of a coordinate: rounding does not break at round numbers.
    uneven = 0.513
    if abs(float(simple) - ratio) < 1e-6:
        step = 2 * -(-FINENESS // (2 * simple.denominator))
        unit = step * simple.denominator
        begin = int(np.floor(start * unit + uneven))
        edges = begin + np.arange(cells + 1, dtype=np.int64) * (simple.numerator * step)
        return Axis(edges, unit, step, begin % step, ratio, pixels)
    edges = np.floor((start + np.arange(cells + 1) * ratio) * FINENESS + uneven).astype(np.int64)
    return Axis(edges, FINENESS, FINENESS // min(phases, 8), 0, ratio, pixels)


def axes(coarse: GeoBox, fine: GeoBox) -> tuple[Axis, Axis]:
    """Rows and columns of the coarse grid on those of the fine one.

    Raises
    ------
    InputError
        If the grids are turned or mirrored against each other, or the coarse pixels are the smaller ones.
    """
    to_fine = ~fine.affine * coarse.affine
    turned = coarse.crs != fine.crs or abs(to_fine.b) + abs(to_fine.d) > 1e-9
    if turned or min(to_fine.a, to_fine.e) < 1 - 1e-6:
        raise InputError(
            "The coarse grid is turned against the fine grid, or its pixels are smaller",
            "give both on north-up grids of one CRS, the coarse one with the larger pixels",
        )
    return (
        _axis(to_fine.f, to_fine.e, coarse.height, fine.height),
        _axis(to_fine.c, to_fine.a, coarse.width, fine.width),
    )


def cell_means(values: FloatArray, rows: Axis, columns: Axis, min_valid: float = 0.5) -> FloatArray:
    """Area mean of the observed fine pixels of each cell; `stfuse.grid.degrade_inside` many times as fast.

    Parameters
    ----------
    values : ndarray, shape (image, y, x), float32
        NaN = not observed.
    min_valid : float
        A cell with less than this share of its area inside the image observed becomes NaN.

    Returns
    -------
    ndarray, shape (image, cell y, cell x), float32
    """
    out = np.empty((len(values), len(rows.edges) - 1, len(columns.edges) - 1), np.float32)
    _cell_means(values, rows.edges, rows.unit, columns.edges, columns.unit, min_valid, out)
    return out


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _cell_means(
    values: FloatArray,
    row_edges: IntArray,
    row_unit: int,
    column_edges: IntArray,
    column_unit: int,
    min_valid: float,
    out: FloatArray,
) -> None:
    """Down the columns first, then along the row, each sum in an order of the cell's own."""
    height, width = values.shape[1:]
    total, seen = np.empty(width), np.empty(width)
    for n in range(len(values)):
        for i in range(out.shape[1]):
            low, high = row_edges[i], row_edges[i + 1]
            first, last = max(low // row_unit, 0), min(-(-high // row_unit), height)
            total[:], seen[:], inside_y = 0.0, 0.0, 0.0
            for y in range(first, last):
                w = (min(high, (y + 1) * row_unit) - max(low, y * row_unit)) / row_unit
                inside_y += w
                for x in range(width):
                    value = values[n, y, x]
                    known = value == value
                    total[x] += w * (np.float64(value) if known else 0.0)
                    seen[x] += w if known else 0.0
            for j in range(out.shape[2]):
                low, high = column_edges[j], column_edges[j + 1]
                a, b, inside_x = 0.0, 0.0, 0.0
                for x in range(max(low // column_unit, 0), min(-(-high // column_unit), width)):
                    w = (min(high, (x + 1) * column_unit) - max(low, x * column_unit)) / column_unit
                    inside_x += w
                    a += w * total[x]
                    b += w * seen[x]
                enough = b > 0.0 and b >= (min_valid - 1e-9) * inside_y * inside_x
                out[n, i, j] = a / b if enough else np.nan
