"""What lies among the fields: streams, lakes and woods, each up to its share of the area."""

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
OPEN = (TRACK, 2**31 - 1)  # labels of land that places may take: fields, verges, trees by a stream, tracks
WAVES = (2, 3, 5, 9)  # of a patch's outline, per turn


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
    """

    land: Mapping[str, float]
    seed: int
    field: float
    edges: bool
    houses: bool
    sections: bool


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
    """

    labels: IntArray
    cell: float
    corner: tuple[float, float]
    box: tuple[int, int, int, int]
    name: tuple[int, int]
    covers: list[int] = field(default_factory=lambda: [CODES[n] for n in FIRST])

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

    def blob(
        self, middle: Polygon, radius: float, value: int, outside: bool, shape: Outline, over: tuple[int, int] = OPEN
    ) -> int:
        """Paint a roundish patch; how many cells of the region it took."""
        x, y = self.cells(middle)
        r0, r1, c0, c1 = self.box
        grid = np.array([shape.step / self.cell, np.cos(shape.angle), np.sin(shape.angle)])
        box = (r0, r1, c0, c1, outside)
        return int(_blob(self.labels, x, y, radius / self.cell, shape.waves, grid, over[0], over[1], value, box))


@dataclass(frozen=True)
class Outline:
    """Shape of a patch.

    Attributes
    ----------
    waves : ndarray, shape (wave, 2)
        Amplitude, as a share of the radius, and phase.
    step : float
        Metres between the lines that the outline keeps to, 0 = none.
    angle : float
        Direction of these lines in radians.
    """

    waves: NDArray[np.float64]
    step: float = 0.0
    angle: float = 0.0

    @property
    def reach(self) -> float:
        """The most that it can reach out, as a multiple of the radius."""
        return 1 + float(np.abs(self.waves[:, 0]).sum())


def draw_outline(rng: np.random.Generator, step: float = 0.0, angle: float = 0.0) -> Outline:
    """A wavy outline."""
    waves = [(rng.normal(0, 0.32 / wave), rng.uniform(0, 2 * np.pi)) for wave in WAVES]
    return Outline(np.array(waves), step, angle)


@njit(cache=True, nogil=True)
def _blob(labels, x, y, radius, waves, grid, low, high, value, box):  # type: ignore[no-untyped-def]
    step, cosine, sine = grid
    r0, r1, c0, c1, outside = box
    reach, count = radius * (1 + np.abs(waves[:, 0]).sum()) + step, 0
    rows, columns = labels.shape
    for row in range(max(0, int(y - reach)), min(rows, int(y + reach) + 2)):
        for column in range(max(0, int(x - reach)), min(columns, int(x + reach) + 2)):
            label = labels[row, column]
            own = r0 <= row < r1 and c0 <= column < c1
            if label < low or label > high or (own and outside):
                continue
            dx, dy = column + 0.5 - x, row + 0.5 - y
            within = abs(dx) <= 0.5 and abs(dy) <= 0.5
            if step > 0:
                u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
                u, v = np.rint(u / step) * step, np.rint(v / step) * step
                dx, dy = u * cosine - v * sine, v * cosine + u * sine
            away = np.sqrt(dx * dx + dy * dy)
            if away > reach:
                continue
            turn, edge = np.arctan2(dy, dx), 1.0
            for i, wave in enumerate(WAVES):
                edge += waves[i, 0] * np.cos(wave * turn + waves[i, 1])
            # Where a patch is smaller than a cell, it takes the cell it lies in.
            if away < radius * max(edge, 0.4) or within:
                labels[row, column] = value
                count += own != outside
    return count


def paint_stream(canvas: Canvas, plan: Plan, height: float) -> tuple[int, int]:
    """A winding stream with banks and trees, the same line through all districts of a row.

    Returns
    -------
    (int, int)
        Cells of water in the district and in the margin.
    """
    width = float(np.clip(0.15 * plan.land["water"] * height, 0, 60))
    if width < max(4.0, 0.7 * canvas.cell):
        return 0, 0
    rng = stream(plan.seed, "stream", canvas.name[1])
    length = float(np.clip(0.35 * height, 250, 900))
    x = canvas.corner[0] + (np.arange(canvas.labels.shape[1]) + 0.5) * canvas.cell
    top = canvas.corner[1] + canvas.box[0] * canvas.cell
    line, slope = top + height * rng.uniform(0.3, 0.7) + 0 * x, 0 * x
    for part, swing in ((0.15, 0.1 * height), (1.0, 0.06 * length), (2.3, 0.026 * length)):
        wave, phase = 2 * np.pi * part / length, rng.uniform(0, 2 * np.pi)
        line = line + swing * np.sin(x * wave + phase)
        slope = slope + swing * wave * np.cos(x * wave + phase)
    wooded = np.sin(x * 0.019 + rng.uniform(0, 2 * np.pi)) + np.sin(x * 0.043) > -0.2
    first = int(max((line.min() - canvas.corner[1] - width - 20) // canvas.cell, 0))
    end = int(max((line.max() - canvas.corner[1] + width + 20) // canvas.cell + 1, 0))
    band = canvas.labels[first:end]
    y = canvas.corner[1] + (first + np.arange(len(band)) + 0.5) * canvas.cell
    away = np.abs(y[:, None] - line) / np.sqrt(1 + slope**2)
    land = band >= OPEN[0]
    if plan.edges:
        band[land & (away < width / 2 + 5.5)] = VERGE
        band[land & (away < width / 2 + 7.5) & wooded] = TREE
    water = canvas.new("water")
    band[land & (away < width / 2)] = water
    r0, r1, c0, c1 = canvas.box
    own = int((canvas.labels[r0:r1, c0:c1] == water).sum())
    return own, int((canvas.labels == water).sum()) - own


def paint_lakes(canvas: Canvas, plan: Plan, river: int, outside: bool) -> None:
    """Lakes and ponds with grassy banks."""
    rng = stream(plan.seed, "lakes", *canvas.name, outside)
    target = plan.land["water"] * canvas.region(outside)
    missing, enough = target - river, rest(target, 800, canvas.cell)
    water, typical = canvas.one("water"), float(np.sqrt(max(missing, 1) / 3 / np.pi)) * canvas.cell
    for _ in range(300):
        middle = canvas.spot(outside, rng)
        if middle is None or missing < enough:
            return
        radius = draw_radius(min(typical, 400.0), missing, canvas.cell, rng)
        shape = draw_outline(rng)
        if plan.edges:
            canvas.blob(middle, radius + 7, VERGE, outside, shape)
        missing -= canvas.blob(middle, radius, water, outside, shape)


def rest(target: float, smallest: float, cell: float) -> float:
    """Cells that may be missing in the end: what a patch of the smallest size (square metres) would take."""
    return max(0.5, min(smallest / cell**2, 0.05 * target))


def draw_radius(typical: float, missing: float, cell: float, rng: np.random.Generator) -> float:
    """Metres: as drawn, but no larger than what is missing."""
    drawn = typical * float(rng.lognormal(0, 0.4))
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
            step = min(float(rng.choice([0, 45, 90])), radius / 1.5)
            shape = draw_outline(rng, step, 0.0 if plan.sections else float(rng.uniform(0, np.pi / 2)))
            missing -= canvas.blob(middle, radius, wood, outside, shape)
            centres.append((middle, radius))
