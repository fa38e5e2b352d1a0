"""What lies among the fields: a district's cells and how patches come on them; woods, up to their share of the area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.covers import CODES
from stfuse.simulated.land.parcels import Polygon, fill
from stfuse.simulated.land.patches import Shape, draw_radius, draw_waves, grow, rest
from stfuse.simulated.settings import stream

IntArray = NDArray[np.int32]

FIRST = ("verge", "tree", "track", "road")
VERGE, TREE, TRACK, ROAD = -1, -2, -3, -4  # labels of the first objects of every canvas
WAYSIDE = 42.0  # metres beside a way that a patch along it takes
NEAR = 500.0  # metres from which a village moves to a road
OPEN = (TRACK, 2**31 - 1)  # labels of land that places may take: fields, verges, trees by a stream, tracks


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
        return int(grow(self.labels, places, self.cells(middle), size, turn, shape.waves, lines, values, box))


def street_angle(plan: Plan, rng: np.random.Generator) -> float:
    """Radians."""
    return 0.0 if plan.sections else float(rng.uniform(0, np.pi / 2))


def to_road(canvas: Canvas, spot: Polygon, angle: float, outside: bool) -> tuple[Polygon, float]:
    """The nearest end of the nearest road, or the nearest place on it, with the road's direction."""
    start, end = canvas.roads[:, :2], canvas.roads[:, 2:]
    along = end - start
    share = ((spot - start) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-9)
    feet = start + np.clip(share, 0, 1)[:, None] * along
    best = int(np.argmin(np.hypot(*(feet - spot).T)))
    for place in (*sorted((start[best], end[best]), key=lambda p: float(np.hypot(*(p - spot)))), feet[best]):
        if np.hypot(*(place - spot)) < NEAR and canvas.holds(place, outside):
            return place, float(np.arctan2(along[best, 1], along[best, 0]))
    return spot, angle


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
