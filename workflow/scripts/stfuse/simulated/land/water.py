"""Streams and lakes."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.simulated.land.parcels import Polygon
from stfuse.simulated.land.patches import Shape, draw_radius, draw_waves, rest
from stfuse.simulated.land.places import OPEN, ROAD, TREE, VERGE, Canvas, Plan
from stfuse.simulated.settings import stream

NARROWEST = 4.0  # metres; smaller brooks are not drawn
SHORE = 7.0  # metres of grass around a lake


@dataclass(frozen=True)
class Streams:
    """Streams that wind side by side through the whole site, in one direction.

    Attributes
    ----------
    seed : int
    width : float
        Metres, on average.
    valleys : float
        Metres from one to the next.
    angle : float
        Direction in radians.
    """

    seed: int
    width: float
    valleys: float
    angle: float

    def frame(self, points: Polygon) -> Polygon:
        """Metres right and down from the site's corner -> along and across the valleys, the first one at 0."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        x, y = points[..., 0] - self.valleys / 2, points[..., 1] - self.valleys / 2
        return np.stack([x * cosine + y * sine, y * cosine - x * sine], axis=-1)

    def course(self, number: int, along: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far aside a stream runs, its width (metres), slope, and whether trees stand there, shape (4, place)."""
        rng = stream(self.seed, "stream", number)
        length = float(np.clip(0.35 * self.valleys, 250, 900))
        line = rng.uniform(-0.15, 0.15) * self.valleys + 0 * along
        slope = 0 * along
        swings = ((0.15, 0.1 * self.valleys), (1.0, 0.06 * length), (2.3, 0.03 * length), (5.1, 0.012 * length))
        for part, swing in swings:
            wave, phase = 2 * np.pi * part / length, rng.uniform(0, 2 * np.pi)
            line = line + swing * np.sin(along * wave + phase)
            slope = slope + swing * wave * np.cos(along * wave + phase)
        phases = rng.uniform(0, 2 * np.pi, 3)
        width = self.width * (1 + 0.2 * np.sin(along / 57 + phases[0]) + 0.15 * np.sin(along / 23 + phases[1]))
        wooded = np.sin(along * 0.019 + phases[2]) + np.sin(along * 0.043) > -0.2
        return np.stack([line, width, slope, wooded])

    def away(self, point: Polygon) -> tuple[float, float]:
        """Metres from a point to the stream in its valley, about, and the direction of the stream there."""
        along, across = self.frame(point)
        number = round(across / self.valleys)
        line, _, slope, _ = self.course(number, np.array([along]))[:, 0]
        aside = abs(across - number * self.valleys - line) / np.hypot(1, slope)
        return float(aside), float(self.angle + np.arctan(slope))


def make_streams(plan: Plan, cell: float) -> Streams | None:
    """The streams of the site, None where they would be narrower than the cells."""
    width = float(np.clip(0.15 * plan.land.get("water", 0.0) * plan.valleys, 0, 60))
    if width < max(NARROWEST, 0.7 * cell):
        return None
    angle = float(stream(plan.seed, "streams").uniform(0, np.pi))
    return Streams(plan.seed, width, plan.valleys, angle)


def paint_streams(canvas: Canvas, plan: Plan, streams: Streams) -> tuple[int, int]:
    """Streams with banks and trees.

    Returns
    -------
    (int, int)
        Cells of water in the district and in the margin.
    """
    rows, columns = canvas.labels.shape
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) * canvas.cell + np.array(canvas.corner)
    along, across = streams.frame(corners).T
    step = canvas.cell / 2
    # Always at the same places, however much land is drawn.
    first = int(np.floor(along.min() / step)) - 1
    places = np.arange(first, int(np.ceil(along.max() / step)) + 2, dtype=np.float64) * step
    numbers = range(round(across.min() / streams.valleys) - 1, round(across.max() / streams.valleys) + 2)
    courses = np.array([streams.course(number, places) for number in numbers])
    x, y = np.array(canvas.corner) - streams.valleys / 2 + canvas.cell / 2
    frame = np.array([x, y, np.cos(streams.angle), np.sin(streams.angle), streams.valleys, canvas.cell, step])
    water = canvas.new("water")
    labels = np.array([OPEN[0], water, VERGE, TREE])
    _streams(canvas.labels, frame, courses, numbers[0], first, labels, plan.edges)
    r0, r1, c0, c1 = canvas.box
    own = int((canvas.labels[r0:r1, c0:c1] == water).sum())
    return own, int((canvas.labels == water).sum()) - own


@njit(cache=True, nogil=True)
def _streams(labels, frame, courses, first_number, first_place, values, banks):  # type: ignore[no-untyped-def]
    x, y, cosine, sine, valleys, cell, step = frame
    lowest, water, verge, tree = values
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            dx, dy = x + column * cell, y + row * cell
            along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
            number = int(np.rint(across / valleys))
            aside, width, slope, wooded = courses[number - first_number, :, int(along / step) - first_place]
            away = abs(across - number * valleys - aside)
            if away > 5 * width + 50 or labels[row, column] < lowest:
                continue
            away /= np.sqrt(1 + slope * slope)
            if away < width / 2:
                labels[row, column] = water
            elif banks and away < width / 2 + 7.5 and wooded > 0:
                labels[row, column] = tree
            elif banks and away < width / 2 + 5.5:
                labels[row, column] = verge


def paint_lakes(canvas: Canvas, plan: Plan, river: int, outside: bool) -> None:
    """Lakes and ponds with grassy banks, half of them by a stream and lengthwise with it."""
    rng = stream(plan.seed, "lakes", *canvas.name, outside)
    streams = make_streams(plan, canvas.cell)
    target = plan.land["water"] * canvas.region(outside)
    missing, enough = target - river, rest(target, 800, canvas.cell)
    water, typical = canvas.one("water"), float(np.sqrt(max(missing, 1) / 4 / np.pi)) * canvas.cell
    over = (ROAD, OPEN[1])  # roads end at lakes
    for _ in range(300):
        spots = [spot for spot in (canvas.spot(outside, rng) for _ in range(12)) if spot is not None]
        if not spots or missing < enough:
            return
        middle, angle = spots[0], float(rng.uniform(0, np.pi))
        if streams and rng.random() < 0.6:
            near = [streams.away(spot) for spot in spots]
            best = min(range(len(spots)), key=lambda i: near[i][0])
            middle, angle = spots[best], near[best][1]
        radius = draw_radius(min(typical, 400.0), missing, canvas.cell, rng)
        shape = Shape(radius, draw_waves(rng, 0.15), float(rng.uniform(1.1, 1.6)), float(rng.normal(0, 0.5)), angle)
        rim = (SHORE, VERGE) if plan.edges else (0.0, 0)
        missing -= canvas.patch(middle, shape, water, outside, over, missing, rim)
