"""Patches of land with outlines such as woods, lakes and villages have."""

# ruff: noqa: ANN001, ANN201, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

WAVES = (2.3, 1.2, 0.6, 0.3)  # lengths of the waves of an outline, in radii


@dataclass(frozen=True)
class Shape:
    """Shape of a patch.

    Attributes
    ----------
    radius : float
        Metres.
    waves : ndarray, shape (wave, 4)
        Amplitude, two wave numbers (x, y) and phase; lengths in radii.
    stretch : float
        Length by width is its square.
    bend : float
        By how much of the radius its ends are bent aside.
    angle : float
        Direction of its length, and of the lines it keeps to, in radians.
    step : float
        Metres between these lines, 0 = none.
    hold : float
        How strongly it keeps to field boundaries: a field whose middle lies inside is taken farther out, by so many
        radii at most, and one whose middle lies outside less far.
    """

    radius: float
    waves: NDArray[np.float64]
    stretch: float = 1.0
    bend: float = 0.0
    angle: float = 0.0
    step: float = 0.0
    hold: float = 0.0


def draw_waves(rng: np.random.Generator, strength: float = 0.16) -> NDArray[np.float64]:
    """Waves of an outline, shape (wave, 4), see `Shape`; `strength`: of those one radius long."""
    turns, phases = rng.uniform(0, 2 * np.pi, (2, len(WAVES)))
    lengths = np.array(WAVES)
    amplitudes = strength * np.minimum(lengths**1.3, 1.7) * rng.uniform(0.6, 1.2, len(WAVES))
    number = 2 * np.pi / lengths
    return np.stack([amplitudes, number * np.cos(turns), number * np.sin(turns), phases], axis=1)


@njit(cache=True, nogil=True)
def _depth(dx, dy, radius, turn, waves, slack):  # type: ignore[no-untyped-def]
    """How far inside the outline a place lies, in radii; `dx`, `dy` from the middle in cells.

    Places farther out than `slack` radii are not told apart, which saves most of the time.
    """
    dx, dy = dx / radius, dy / radius
    u, v = (dx * turn[2] + dy * turn[3]) / turn[0], (dy * turn[2] - dx * turn[3]) * turn[0]
    v += turn[1] * (u * u - 0.3)
    depth = 1 - np.sqrt(u * u + v * v)
    if depth < -slack:
        return -1e9
    for i in range(len(waves)):
        depth += waves[i, 0] * np.sin(waves[i, 1] * dx + waves[i, 2] * dy + waves[i, 3])
    return depth


@njit(cache=True, nogil=True)
def _beside(x, y, ways, away, depth):  # type: ignore[no-untyped-def]
    """How far a place beside a way lies from the end of the patch there, in cells; far below 0 where by none."""
    best = -1e9
    for way in ways:
        if way[4] <= away:
            continue
        along, aside = way[2] - way[0], way[3] - way[1]
        t = ((x - way[0]) * along + (y - way[1]) * aside) / max(along * along + aside * aside, 1e-9)
        t = min(max(t, 0.0), 1.0)
        if np.hypot(x - way[0] - t * along, y - way[1] - t * aside) < depth:
            best = max(best, way[4] - away)
    return best


@njit(cache=True, nogil=True)
def _snapped(dx, dy, step, cosine, sine):  # type: ignore[no-untyped-def]
    """The nearest crossing of lines `step` apart in the patch's direction."""
    u, v = np.rint((dx * cosine + dy * sine) / step) * step, np.rint((dy * cosine - dx * sine) / step) * step
    return u * cosine - v * sine, v * cosine + u * sine


@njit(cache=True, nogil=True)
def _paint(labels, depths, corner, edge, rim, value, rim_value, box):  # type: ignore[no-untyped-def]
    """Give cells deeper than `edge` one label and those deeper than `rim` another; how many of those meant it took."""
    r0, r1, c0, c1, outside = box
    taken = 0
    for i in range(depths.shape[0]):
        for j in range(depths.shape[1]):
            row, column = i + corner[0], j + corner[1]
            if depths[i, j] > edge:
                labels[row, column] = value
                taken += (r0 <= row < r1 and c0 <= column < c1) != outside
            elif depths[i, j] > rim:
                labels[row, column] = rim_value
    return taken


@njit(cache=True, nogil=True)
def grow(labels, places, middle, size, turn, waves, ways, values, box):  # type: ignore[no-untyped-def]
    """Paint a patch on cells; all lengths are in cells.

    Parameters
    ----------
    labels : ndarray, shape (y, x), int32
        Painted in place.
    places : ndarray, shape (field, 2)
        The middle of the field with label 1, 2 ...
    middle : (x, y)
    size : (radius, step, width of the rim, width beside a way)
    turn : (stretch, bend, cosine, sine, hold)
    waves : ndarray, shape (wave, 4)
    ways : ndarray, shape (way, 5)
        Start, end, and how far from the middle the patch goes on beside it.
    values : (lowest label, highest label, new label, label of the rim, most cells)
    box : (first row, end row, first column, end column, outside)
        The district's own cells, and whether those outside it are meant.

    Returns
    -------
    int
        How many of the cells that are meant it took.
    """
    radius, step, rim, wayside = size
    r0, r1, c0, c1, outside = box
    low, high, value, rim_value, most = values
    rows, columns = labels.shape
    x, y = middle
    slack = turn[4] + np.abs(waves[:, 0]).sum() + rim / radius
    end = 1 + slack
    reach = radius * end * max(turn[0], (1 + abs(turn[1]) * end) / turn[0], 1.0) + step + 2
    for way in ways:
        reach = max(reach, way[4])
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    height, width = min(rows, int(y + reach) + 2) - top, min(columns, int(x + reach) + 2) - left
    if height <= 0 or width <= 0:
        return 0
    depths = np.full((height, width), -np.inf, np.float32)
    inside, count, last, kept = np.empty(height * width, np.float32), 0, 0, 0.0
    for i in range(height):
        for j in range(width):
            row, column = i + top, j + left
            label = labels[row, column]
            own = r0 <= row < r1 and c0 <= column < c1
            if label < low or label > high or (own and outside):
                continue
            dx, dy = column + 0.5 - x, row + 0.5 - y
            if np.hypot(dx, dy) > reach:
                continue
            beside = _beside(column + 0.5, row + 0.5, ways, np.hypot(dx, dy), wayside)
            if abs(dx) <= 0.5 and abs(dy) <= 0.5:
                depth = 1e9  # where a patch is smaller than a cell, it takes the cell it lies in
            else:
                if step > 0:
                    dx, dy = _snapped(dx, dy, step, turn[2], turn[3])
                depth = _depth(dx, dy, radius, turn, waves, slack)
                if turn[4] > 0 and depth > -1e9:
                    if label != last:
                        last, kept = label, -0.4 * turn[4]
                        if 0 < label <= len(places):
                            kept = _depth(places[label - 1, 0] - x, places[label - 1, 1] - y, radius, turn, waves, 1e9)
                    depth += min(max(1.5 * kept, -turn[4]), turn[4])
                depth = max(depth, beside / radius)
            depths[i, j] = depth
            if depth > 0 and own != outside:
                inside[count] = depth
                count += 1
    edge = np.float32(0)
    if count > most:
        edge = np.sort(inside[:count])[count - most - 1]
    return _paint(labels, depths, (top, left), edge, edge - rim / radius, value, rim_value, box)


def rest(target: float, smallest: float, cell: float) -> float:
    """Cells that may be missing in the end: what a patch of the smallest size (square metres) would take."""
    return max(0.5, min(smallest / cell**2, 0.05 * target))


def draw_radius(typical: float, missing: float, cell: float, rng: np.random.Generator) -> float:
    """Metres: as drawn, but no larger than what is missing."""
    drawn = typical * float(rng.lognormal(0, 0.5))
    return min(drawn, float(np.sqrt(missing / np.pi)) * cell)
