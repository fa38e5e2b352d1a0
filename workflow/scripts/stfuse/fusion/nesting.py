"""How fine pixels nest in the cells of a coarse grid, at any ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import POSITION_STEP
from stfuse.task import FloatArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """Fine pixels and coarse cells along one axis.

    Attributes
    ----------
    cell : ndarray of int64, shape (pixel,)
        The cell that holds each pixel's centre; may lie outside the coarse grid.
    offset : ndarray, shape (pixel,)
        Of the pixel's centre from that cell's centre, in cells, -0.5..0.5.
    edges : ndarray, shape (pixel + 1,)
        Of the pixels, in cells.
    first, last : ndarray of int64, shape (cell,)
        The pixels that touch each cell: from `first` up to, not including, `last`.
    start : ndarray of int64, shape (cell + 1,)
        Pixels whose centres a cell c holds: ``start[c]`` up to, not including, ``start[c + 1]``.
    centre : ndarray, shape (cell,)
        The cells' centres in fine pixels, held within the fine image.
    """

    cell: Ints
    offset: Floats
    edges: Floats
    first: Ints
    last: Ints
    start: Ints
    centre: Floats

    def owned(self, first: int, last: int) -> slice:
        """The cells that touch the fine image and have their centres from one of its rows or columns to another."""
        mine = np.flatnonzero((self.last > self.first) & (self.centre >= first) & (self.centre < last))
        return slice(int(mine[0]), int(mine[-1]) + 1) if len(mine) else slice(0, 0)

    def around(self, first: int, last: int) -> Stretch:
        """The pixels from `first` up to `last`, cut at the image's end, and all others of the cells that hold them."""
        first, last = max(first, 0), min(last, len(self.cell))
        low, high = (int(n) for n in np.clip([self.cell[first], self.cell[last - 1] + 1], 0, len(self.first)))
        low = min(low, high)
        if low < high:
            first, last = min(first, int(self.start[low])), max(last, int(self.start[high]))
        pixels = slice(first, last)
        return Stretch(
            pixels, slice(low, high), self.start[low : high + 1] - first, self.cell[pixels], self.offset[pixels]
        )


@dataclass(frozen=True)
class Stretch:
    """A part of an axis.

    Attributes
    ----------
    pixels, cells : slice
        Of the axis.
    start : ndarray of int64, shape (cells + 1,)
        Where the pixels of each cell begin, from the first of `pixels`.
    cell, offset : ndarray, shape (pixels,)
        As those of `Axis`.
    """

    pixels: slice
    cells: slice
    start: Ints
    cell: Ints
    offset: Floats


def _axis(scale: float, origin: float, pixels: int, cells: int) -> Axis:
    # Rounded so that a crop of the scene finds the very same numbers as the scene; see POSITION_STEP.
    places = np.round((origin + scale * np.arange(2 * pixels + 1) / 2) / POSITION_STEP) * POSITION_STEP
    middle, edges = places[1::2], places[::2]
    cell = np.floor(middle).astype(np.int64)
    numbers = np.arange(cells)
    return Axis(
        cell,
        middle - cell - 0.5,
        edges,
        np.searchsorted(edges[1:], numbers, side="right"),
        np.searchsorted(edges[:-1], numbers + 1, side="left"),
        np.searchsorted(cell, np.arange(cells + 1)),
        np.clip(np.round((numbers + 0.5 - origin) / scale, 6), 0, np.nextafter(pixels, 0)),
    )


@dataclass(frozen=True)
class Nesting:
    """Fine pixels and coarse cells: `rows` and `columns` one by one."""

    rows: Axis
    columns: Axis


def nesting_of(fine: GeoBox, coarse: GeoBox) -> Nesting:
    """How the pixels of a fine grid lie in the cells of a coarse one.

    Raises
    ------
    InputError
        If the grids have not the same CRS and directions.
    """
    to_coarse = ~coarse.affine * fine.affine
    if fine.crs != coarse.crs or abs(to_coarse.b) + abs(to_coarse.d) > 1e-9 or min(to_coarse.a, to_coarse.e) <= 0:
        raise InputError(
            "The coarse grid is turned or mirrored against the fine one, or has another CRS",
            "bring both series to grids of one CRS with north up",
        )
    return Nesting(
        _axis(to_coarse.e, to_coarse.f, fine.height, coarse.height),
        _axis(to_coarse.a, to_coarse.c, fine.width, coarse.width),
    )


def tie_breaker(coarse: GeoBox) -> Floats:
    """A number in 0..1 for each cell that looks random but belongs to its place on the ground, shape (y, x).

    The same cell gets the same number in every crop of the grid.
    """
    row = round(coarse.affine.f / abs(coarse.affine.e)) - np.arange(coarse.height)
    column = round(coarse.affine.c / abs(coarse.affine.a)) + np.arange(coarse.width)
    mixed = (row.astype(np.uint64)[:, None] << np.uint64(32)) ^ (column.astype(np.uint64) & np.uint64(0xFFFFFFFF))
    # The finaliser of SplitMix64 (Steele et al. 2014, OOPSLA).
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
        The cells; NaN comes out for those outside.

    Returns
    -------
    ndarray, shape (..., y, x)
    """
    padded = np.pad(values, (*[(0, 0)] * (values.ndim - 2), (1, 1), (1, 1)), constant_values=np.nan)
    inside_y = np.clip(rows + 1, 0, padded.shape[-2] - 1)
    inside_x = np.clip(columns + 1, 0, padded.shape[-1] - 1)
    return np.asarray(padded[..., inside_y, :][..., inside_x])
