"""What lies among the fields: patches with wavy outlines or along field boundaries, each up to its share; woods."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.simulated.covers import CODES
from stfuse.simulated.parcels import Polygon, fill
from stfuse.simulated.settings import stream

IntArray = NDArray[np.int32]

FIRST = ("verge", "tree", "track", "road")
VERGE, TREE, TRACK, ROAD = -1, -2, -3, -4  # labels of the first objects of every canvas
WAYSIDE = 42.0  # metres beside a way that a patch along it takes
OPEN = (TRACK, 2**31 - 1)  # labels of land that places may take: fields, verges, trees by a stream, tracks
WAVES = (2.3, 1.2, 0.6, 0.3)  # lengths of the waves of an outline, in radii


@dataclass(frozen=True)
class Plan:
    """How the land is to be.

    Attributes
    ----------
    land : mapping of class to share
        Sum 1, no zeros.
    seed : int
    field : float
        Median size of the fields in square metres.
    edges : bool
        Whether roads, tracks, verges and banks are drawn.
    houses : bool
        Whether villages are drawn house by house.
    sections : bool
        Whether the land is surveyed in square sections, north up.
    valleys : float
        Metres from one stream to the next; the first one runs near the middle of a square of this size at the corner.
    """

    land: Mapping[str, float]
    seed: int
    field: float
    edges: bool
    houses: bool
    sections: bool
    valleys: float


@dataclass
class Canvas:
    """Cells of one district being painted: fields count up from 1, all other objects down from -1.

    Attributes
    ----------
    labels : ndarray, shape (y, x), int32
    cell : float
        Metres.
    corner : (x, y)
        Of the first cell, in metres right and down from the site's top left corner.
    box : (first row, end row, first column, end column)
        The district's own cells; the rest is margin around the site.
    name : (column, row)
        Of the district.
    covers : list of int
        Classes of the objects below zero.
    middles : ndarray, shape (field, 2)
        Of the fields as laid out, in metres.
    roads : ndarray, shape (road, 4)
        Start (x, y) and end of each, in metres, whether or not the canvas reaches so far.
    """

    labels: IntArray
    cell: float
    corner: tuple[float, float]
    box: tuple[int, int, int, int]
    name: tuple[int, int]
    covers: list[int] = field(default_factory=lambda: [CODES[n] for n in FIRST])
    middles: Polygon = field(default_factory=lambda: np.zeros((0, 2)))
    roads: Polygon = field(default_factory=lambda: np.zeros((0, 4)))

    def new(self, name: str) -> int:
        """A label for a new object of a class."""
        self.covers.append(CODES[name])
        return -len(self.covers)

    def one(self, name: str) -> int:
        """The label of the last object of a class, new where there is none."""
        found = [i for i, c in enumerate(self.covers) if c == CODES[name]]
        return -found[-1] - 1 if found else self.new(name)

    def cells(self, polygon: Polygon) -> Polygon:
        """Metres from the site's corner -> cells from the canvas's."""
        return np.asarray((polygon - np.array(self.corner)) / self.cell)

    def paint(self, polygon: Polygon, value: int, over: tuple[int, int] = (-(2**31), 2**31 - 1)) -> None:
        """Paint a convex polygon (metres) where the labels are within a range."""
        fill(self.labels, self.cells(polygon), over[0], over[1], value)

    def region(self, outside: bool) -> int:
        """Number of cells of the district, or of the margin beside it."""
        own = (self.box[1] - self.box[0]) * (self.box[3] - self.box[2])
        return self.labels.size - own if outside else own

    def land(self, outside: bool) -> int:
        """Number of cells of the region that are no road."""
        r0, r1, c0, c1 = self.box
        own = int((self.labels[r0:r1, c0:c1] == ROAD).sum())
        return self.region(outside) - (int((self.labels == ROAD).sum()) - own if outside else own)

    def spot(self, outside: bool, rng: np.random.Generator) -> Polygon | None:
        """The middle of an open cell of the region, None where hardly any is left."""
        r0, r1, c0, c1 = self.box if not outside else (0, self.labels.shape[0], 0, self.labels.shape[1])
        for row, column in zip(rng.integers(r0, r1, 300), rng.integers(c0, c1, 300), strict=True):
            own = self.box[0] <= row < self.box[1] and self.box[2] <= column < self.box[3]
            if own != outside and self.labels[row, column] >= OPEN[0]:
                x, y = (column + 0.5) * self.cell, (row + 0.5) * self.cell
                return np.array([x + self.corner[0], y + self.corner[1]], np.float64)
        return None

    def holds(self, point: Polygon, outside: bool) -> bool:
        """Whether a point (metres) lies in the region."""
        column, row = np.floor(self.cells(point))
        own = self.box[0] <= row < self.box[1] and self.box[2] <= column < self.box[3]
        on = 0 <= row < self.labels.shape[0] and 0 <= column < self.labels.shape[1]
        return bool(on and own != outside)

    def patch(
        self,
        middle: Polygon,
        shape: Shape,
        value: int,
        outside: bool,
        over: tuple[int, int] = OPEN,
        most: float = np.inf,
        rim: tuple[float, int] = (0.0, 0),
        ways: Polygon | None = None,
    ) -> int:
        """Paint a patch.

        Parameters
        ----------
        middle : (x, y)
            Metres.
        shape : Shape
        value : int
        outside : bool
            In the margin beside the district, of which the own cells are then left alone.
        over : (lowest, highest)
            Labels that it may take.
        most : float
            Cells of the region that it may take; its outermost ones are left off.
        rim : (metres, label)
            Of a seam around it.
        ways : ndarray, shape (way, 5), optional
            Start, end, and how far from the middle the patch goes on beside each of them, in metres.

        Returns
        -------
        int
            How many cells of the region it took.
        """
        size = np.array([shape.radius, shape.step, rim[0], WAYSIDE]) / self.cell
        turn = np.array([shape.stretch, shape.bend, np.cos(shape.angle), np.sin(shape.angle), shape.hold])
        lines = np.zeros((0, 5)) if ways is None else ways / self.cell
        lines[:, :4] -= np.tile(np.array(self.corner) / self.cell, 2)
        limit = int(min(max(most, 1), self.labels.size))
        values = np.array([over[0], over[1], value, rim[1], limit])
        box = (*self.box, outside)
        places = self.cells(self.middles)
        return int(_patch(self.labels, places, self.cells(middle), size, turn, shape.waves, lines, values, box))


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
    """Waves of an outline, shape (wave, 4), see `Shape`; `strength`: amplitude per length."""
    turns, phases = rng.uniform(0, 2 * np.pi, (2, len(WAVES)))
    lengths = np.array(WAVES)
    amplitudes = strength * np.minimum(lengths, 1.6) * rng.uniform(0.6, 1.2, len(WAVES))
    number = 2 * np.pi / lengths
    return np.stack([amplitudes, number * np.cos(turns), number * np.sin(turns), phases], axis=1)


@njit(cache=True, nogil=True)
def _depth(dx, dy, radius, turn, waves):  # type: ignore[no-untyped-def]
    """How far inside the outline a place lies, in radii; `dx`, `dy` from the middle in cells."""
    dx, dy = dx / radius, dy / radius
    u, v = (dx * turn[2] + dy * turn[3]) / turn[0], (dy * turn[2] - dx * turn[3]) * turn[0]
    v += turn[1] * (u * u - 0.3)
    depth = 1 - np.sqrt(u * u + v * v)
    for i in range(len(waves)):
        depth += waves[i, 0] * np.sin(waves[i, 1] * dx + waves[i, 2] * dy + waves[i, 3])
    return depth


@njit(cache=True, nogil=True)
def _beside(x, y, ways, away, depth):  # type: ignore[no-untyped-def]
    """How far a place beside a way lies from the end of the patch there, in cells; -1 where it lies by none."""
    best = -1.0
    for way in ways:
        along, aside = way[2] - way[0], way[3] - way[1]
        t = ((x - way[0]) * along + (y - way[1]) * aside) / max(along * along + aside * aside, 1e-9)
        t = min(max(t, 0.0), 1.0)
        if way[4] > away and np.hypot(x - way[0] - t * along, y - way[1] - t * aside) < depth:
            best = max(best, way[4] - away)
    return best


@njit(cache=True, nogil=True)
def _patch(labels, places, middle, size, turn, waves, ways, values, box):  # type: ignore[no-untyped-def]
    radius, step, rim, wayside = size
    r0, r1, c0, c1, outside = box
    low, high, value, rim_value, most = values
    rows, columns = labels.shape
    x, y = middle
    end = 1 + turn[4] + np.abs(waves[:, 0]).sum()
    reach = radius * end * max(turn[0], (1 + abs(turn[1]) * end) / turn[0], 1.0) + step + rim + 2
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
            away = np.hypot(dx, dy)
            if away > reach:
                continue
            beside = _beside(column + 0.5, row + 0.5, ways, away, wayside)
            if abs(dx) <= 0.5 and abs(dy) <= 0.5:
                depth = 1e9  # where a patch is smaller than a cell, it takes the cell it lies in
            else:
                if step > 0:
                    u, v = dx * turn[2] + dy * turn[3], dy * turn[2] - dx * turn[3]
                    u, v = np.rint(u / step) * step, np.rint(v / step) * step
                    dx, dy = u * turn[2] - v * turn[3], v * turn[2] + u * turn[3]
                depth = _depth(dx, dy, radius, turn, waves)
                if turn[4] > 0:
                    if label != last:
                        last, kept = label, -0.4 * turn[4]
                        if 0 < label <= len(places):
                            kept = _depth(places[label - 1, 0] - x, places[label - 1, 1] - y, radius, turn, waves)
                    depth += min(max(1.5 * kept, -turn[4]), turn[4])
                depth = max(depth, beside / radius)
            depths[i, j] = depth
            if depth > 0 and own != outside:
                inside[count] = depth
                count += 1
    edge = np.float32(0)
    if count > most:
        edge = np.sort(inside[:count])[count - most - 1]
    taken = 0
    for i in range(height):
        for j in range(width):
            if depths[i, j] > edge:
                row, column = i + top, j + left
                labels[row, column] = value
                taken += (r0 <= row < r1 and c0 <= column < c1) != outside
            elif depths[i, j] > edge - rim / radius:
                labels[i + top, j + left] = rim_value
    return taken


def rest(target: float, smallest: float, cell: float) -> float:
    """Cells that may be missing in the end: what a patch of the smallest size (square metres) would take."""
    return max(0.5, min(smallest / cell**2, 0.05 * target))


def draw_radius(typical: float, missing: float, cell: float, rng: np.random.Generator) -> float:
    """Metres: as drawn, but no larger than what is missing."""
    drawn = typical * float(rng.lognormal(0, 0.5))
    return min(drawn, float(np.sqrt(missing / np.pi)) * cell)


def paint_woods(canvas: Canvas, plan: Plan, outside: bool) -> None:
    """Woods of broadleaved trees and of conifers, often side by side."""
    rng = stream(plan.seed, "woods", *canvas.name, outside)
    centres: list[tuple[Polygon, float]] = []
    land = canvas.land(outside)  # roads run through woods as they do through fields
    for name in ("needle_wood", "broadleaf_wood"):
        share = plan.land.get(name, 0.0)
        if not share:
            continue
        missing = share * land
        enough = rest(missing, 3000, canvas.cell)
        typical = float(np.clip(np.sqrt(missing / 10 / np.pi) * canvas.cell, 40, 150 + 600 * share))
        wood, neighbours = canvas.one(name), len(centres)
        for _ in range(600):
            middle = canvas.spot(outside, rng)
            if middle is None or missing < enough:
                break
            radius = draw_radius(typical, missing, canvas.cell, rng)
            if neighbours and rng.random() < 0.6:
                beside, reach = centres[int(rng.integers(neighbours))]
                turn = rng.uniform(0, 2 * np.pi)
                middle = beside + 0.9 * (reach + 0.5 * radius) * np.array([np.cos(turn), np.sin(turn)])
            # Most woods among fields have kept to field boundaries.
            hold = float(rng.choice([0.1, 0.45, 0.8])) if plan.edges else 0.0
            stretch, angle = float(rng.uniform(1, 1.5)), float(rng.uniform(0, np.pi))
            shape = Shape(radius, draw_waves(rng), stretch, float(rng.normal(0, 0.3)), angle, 0.0, hold)
            missing -= canvas.patch(middle, shape, wood, outside, most=missing)
            centres.append((middle, radius))
