"""Dividing land by straight lines, as fields and building plots are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Coordinates = NDArray[np.float32]

SLACK = 1.5  # a piece is divided while it is so many times larger than the size drawn for it


@dataclass(frozen=True)
class Pieces:
    """What a division leaves.

    Attributes
    ----------
    leaves : list of ndarray
        Cells of each piece, as indices into the coordinates.
    strips : list of (str, ndarray)
        Cells along each dividing line, with the name that `strip` gave it.
    """

    leaves: list[Indices]
    strips: list[tuple[str, Indices]]


def divide(
    x: Coordinates,
    y: Coordinates,
    cell: float,
    angle: float,
    size: Callable[[np.random.Generator], float],
    strip: Callable[[float, np.random.Generator], tuple[str, float]],
    rng: np.random.Generator,
    tilt: float = 0.07,
) -> Pieces:
    """Divide an area again and again across its longer side until the pieces are small enough.

    Parameters
    ----------
    x, y : ndarray, shape (cells,)
        Positions in metres.
    cell : float
        Side of a cell in metres.
    angle : float
        Direction of the first lines in radians; pieces inherit it, tilted a little at every line.
    size : function of generator
        Draws the area in square metres that a piece may have.
    strip : function of (area, generator)
        Name and width in metres of what runs along a line through a piece of that area; width 0 = nothing.
    rng : Generator
    tilt : float
        Standard deviation of the tilt in radians.
    """
    pieces = Pieces([], [])
    queue: list[tuple[Indices, float]] = [(np.arange(len(x)), angle)]
    while queue:
        cells, direction = queue.pop()
        area = len(cells) * cell**2
        if area <= SLACK * size(rng):
            if len(cells):
                pieces.leaves.append(cells)
            continue
        direction += float(rng.normal(0, tilt))
        along = _side(x[cells], y[cells], direction, rng)
        name, width = strip(area, rng)
        beside = np.abs(along) < width / 2
        if beside.any():
            pieces.strips.append((name, cells[beside]))
        queue += [(cells[~beside & (along > 0)], direction), (cells[~beside & (along <= 0)], direction)]
    return pieces


def _side(x: Coordinates, y: Coordinates, direction: float, rng: np.random.Generator) -> Coordinates:
    """Signed distance in metres from a line across the longer side, somewhere near its middle."""
    cosine, sine = np.float32(np.cos(direction)), np.float32(np.sin(direction))
    one, other = x * cosine + y * sine, y * cosine - x * sine
    span_one, span_other = np.ptp(one), np.ptp(other)
    share = np.float32(rng.uniform(0.36, 0.64))
    # Nearly square pieces may be divided either way, so that not all fields lie alike.
    across_one = span_one * rng.uniform(0.85, 1.2) > span_other
    values, span = (one, span_one) if across_one else (other, span_other)
    return np.asarray(values - (values.min() + share * span), np.float32)
