"""Dividing land by straight lines, as fields and building plots are, and painting what lies between the lines."""

# ruff: noqa: ANN001, ANN201 - numba infers the types of what it compiles

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Polygon = NDArray[np.float64]

SLACK = 1.5  # a piece is divided while it is so many times larger than the size drawn for it


@dataclass(frozen=True)
class Strip:
    """What runs along a dividing line from `start` to `end`, `width` metres wide."""

    name: str
    width: float
    start: Polygon
    end: Polygon

    @property
    def outline(self) -> Polygon:
        """Its four corners, shape (4, 2)."""
        along = self.end - self.start
        aside = np.array([-along[1], along[0]]) * (self.width / 2 / max(float(np.hypot(*along)), 1e-9))
        return np.array([self.start + aside, self.end + aside, self.end - aside, self.start - aside])


@dataclass(frozen=True)
class Pieces:
    """What a division leaves.

    Attributes
    ----------
    leaves : list of ndarray, shape (corner, 2)
        Outline of each piece, convex, from line to line.
    strips : list of Strip
        What runs along the lines, the first line first.
    """

    leaves: list[Polygon]
    strips: list[Strip]


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    """Corners, shape (4, 2); y runs down."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def area(polygon: Polygon) -> float:
    """Square metres."""
    x, y = polygon[:, 0], polygon[:, 1]
    last = x[-1] * y[0] - y[-1] * x[0]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:]) + last) / 2)


def divide(
    outline: Polygon,
    angle: float,
    size: Callable[[np.random.Generator], float],
    strip: Callable[[float, np.random.Generator], tuple[str, float]],
    rng: np.random.Generator,
    tilt: float = 0.07,
    halves: float = 0.0,
) -> Pieces:
    """Divide an area again and again across its longer side until the pieces are small enough.

    Parameters
    ----------
    outline : ndarray, shape (corner, 2)
        Convex, in metres.
    angle : float
        Direction of the first lines in radians; pieces inherit it, tilted a little at every line.
    size : function of generator
        Draws the area in square metres that a piece may have.
    strip : function of (area, generator)
        Name and width in metres of what runs along a line through a piece of that area; width 0 = nothing.
    rng : Generator
    tilt : float
        Standard deviation of the tilt in radians.
    halves : float
        Probability that a line lies in the very middle.
    """
    pieces = Pieces([], [])
    queue: list[tuple[Polygon, float]] = [(outline, angle)]
    while queue:
        polygon, direction = queue.pop()
        extent = area(polygon)
        if extent <= SLACK * size(rng):
            pieces.leaves.append(polygon)
            continue
        direction += float(rng.normal(0, tilt)) if tilt else 0.0
        share = 0.5 if rng.random() < halves else rng.uniform(0.36, 0.64)
        one, other, line = _cut(polygon, direction, share, rng.uniform(0.85, 1.2))
        name, width = strip(extent, rng)
        if width > 0:
            pieces.strips.append(Strip(name, width, *line))
        queue += [(one, direction), (other, direction)]
    return pieces


def _cut(
    polygon: Polygon, direction: float, share: float, favour: float
) -> tuple[Polygon, Polygon, tuple[Polygon, Polygon]]:
    """Two parts and the line between them, across the longer side at this share of its length.

    Nearly square pieces may be divided either way (`favour` around 1), so that not all fields lie alike.
    """
    axis = np.array([np.cos(direction), np.sin(direction)])
    one, other = polygon @ axis, polygon @ np.array([-axis[1], axis[0]])
    values = one if np.ptp(one) * favour > np.ptp(other) else other
    side = (values - (values.min() + share * np.ptp(values))).tolist()
    points = polygon.tolist()
    parts: tuple[list[list[float]], list[list[float]]] = ([], [])
    crossings: list[list[float]] = []
    for i, (here, there) in enumerate(zip(side, side[1:] + side[:1], strict=True)):
        parts[0 if here > 0 else 1].append(points[i])
        if (here > 0) != (there > 0):
            (x, y), (x_next, y_next) = points[i], points[(i + 1) % len(points)]
            t = here / (here - there)
            crossing = [x + t * (x_next - x), y + t * (y_next - y)]
            crossings.append(crossing)
            parts[0].append(crossing)
            parts[1].append(crossing)
    line = np.array(crossings)
    return np.array(parts[0]), np.array(parts[1]), (line[0], line[1])


@njit(cache=True, nogil=True)
def fill(labels, polygon, low, high, value):  # type: ignore[no-untyped-def]
    """Paint the cells whose centres lie in a convex polygon and whose labels are in low..high.

    Parameters
    ----------
    labels : ndarray, shape (y, x), int32
        Painted in place.
    polygon : ndarray, shape (corner, 2)
        In cells from the first cell's outer corner.
    low, high, value : int

    Returns
    -------
    int
        How many cells were painted.
    """
    rows, columns = labels.shape
    corners, count = polygon.shape[0], 0
    top, bottom = polygon[:, 1].min(), polygon[:, 1].max()
    for row in range(max(0, int(np.ceil(top - 0.5))), min(rows, int(np.ceil(bottom - 0.5)))):
        y = row + 0.5
        left, right = np.inf, -np.inf
        for i in range(corners):
            j = (i + 1) % corners
            y0, y1 = polygon[i, 1], polygon[j, 1]
            if (y0 <= y) != (y1 <= y):
                x = polygon[i, 0] + (y - y0) / (y1 - y0) * (polygon[j, 0] - polygon[i, 0])
                left, right = min(left, x), max(right, x)
        if left > right:
            continue
        first, last = max(0.0, np.ceil(left - 0.5)), min(float(columns), np.ceil(right - 0.5))
        for column in range(int(first), int(last)):
            if low <= labels[row, column] <= high:
                labels[row, column] = value
                count += 1
    return count
