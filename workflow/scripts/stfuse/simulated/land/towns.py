"""Villages and towns, house by house."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit

from stfuse.simulated.land.farms import FARM, farm_count, paint_farms
from stfuse.simulated.land.parcels import Polygon, divide, rectangle
from stfuse.simulated.land.patches import Shape, draw_radius, draw_waves, rest
from stfuse.simulated.land.places import ROAD, WAYSIDE, Canvas, Plan, street_angle, to_road
from stfuse.simulated.settings import stream

STREET = 7.5  # metres
PLOT = 24.0  # metres; villages end along lines so far apart
ROOFS = ("red_roof", "grey_roof", "bright_roof")
TRAITS = 12  # of a plot, see `_plots`


def paint_villages(canvas: Canvas, plan: Plan, outside: bool) -> None:
    """Farms in the open and villages, or towns where much is built up, up to their share of the area.

    Parameters
    ----------
    canvas : Canvas
    plan : Plan
    outside : bool
        In the margin beside the district.
    """
    rng = stream(plan.seed, "villages", *canvas.name, outside)
    share = plan.land["built_up"]
    missing = share * canvas.region(outside)
    enough = rest(missing, 8000, canvas.cell)
    farms = farm_count(canvas, missing, outside) if plan.houses else 0
    missing -= farms * FARM / canvas.cell**2
    typical, town = 200 * float(np.exp(2.4 * share)), canvas.one("built_up")
    gardens = [canvas.new("garden") for _ in range(4)]
    centres: list[Polygon] = []
    for _ in range(300):
        tries = [spot for spot in (canvas.spot(outside, rng) for _ in range(6)) if spot is not None]
        if not tries or missing < enough:
            break
        gaps = [min((float(np.hypot(*(t - c))) for c in centres), default=0.0) for t in tries]
        middle, radius = tries[int(np.argmax(gaps))], draw_radius(typical, missing, canvas.cell, rng)
        angle, ways = street_angle(plan, rng), None
        if plan.houses and len(canvas.roads):
            place, turn = to_road(canvas, middle, angle, outside)
            if all(np.hypot(*(place - c)) > radius for c in centres):  # else another village stands there
                middle, angle = place, turn
            ways = None if plan.sections else _ways(canvas, middle, radius, rng)
        centres.append(middle)
        shape = Shape(0.85 * radius, draw_waves(rng), float(rng.uniform(1, 1.4)), 0.0, angle, min(PLOT, radius / 2.5))
        missing -= canvas.patch(middle, shape, town, outside, most=missing, ways=ways)
        if plan.houses:
            reach = 1.8 * radius + PLOT
            square = rectangle(*(middle - reach), *(middle + reach))
            build(canvas, square, (town, gardens), angle, plan, rng, ways)
    if plan.houses:
        canvas.labels[canvas.labels == town] = gardens[0]  # corners that no plot reaches
        paint_farms(canvas, plan, outside, farms)


def _ways(canvas: Canvas, middle: Polygon, radius: float, rng: np.random.Generator) -> Polygon:
    """Roads through a village and how far from its middle houses stand along them, shape (way, 5)."""
    start, along = canvas.roads[:, :2], canvas.roads[:, 2:] - canvas.roads[:, :2]
    share = ((middle - start) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-9)
    gaps = np.hypot(*(start + np.clip(share, 0, 1)[:, None] * along - middle).T)
    near = canvas.roads[gaps < 0.8 * radius]
    reach = radius + min(radius, 300) * rng.uniform(-0.5, 1, (len(near), 1))
    return np.hstack([near, reach])


def build(
    canvas: Canvas,
    square: Polygon,
    ground: tuple[int, list[int]],
    angle: float,
    plan: Plan,
    rng: np.random.Generator,
    ways: Polygon | None = None,
) -> None:
    """Streets, and blocks of plots with their houses, wherever the canvas has a town's label.

    Parameters
    ----------
    canvas : Canvas
    square : ndarray, shape (corner, 2)
        Around all of it, in metres.
    ground : (label of the town, labels of its gardens)
    angle : float
        Of the streets in radians.
    plan : Plan
    rng : Generator
    ways : ndarray, shape (way, 5), optional
        Roads with a row of houses on either side, and how far from the middle of the square these go on.
    """

    def size(rng: np.random.Generator) -> float:
        return float(np.clip(rng.lognormal(np.log(9500), 0.5), 4500, 25000))

    def street(_: float, rng: np.random.Generator) -> tuple[str, float]:
        return "road", STREET

    kinds = {n: canvas.one(n) for n in ("yard", *ROOFS)}
    kinds["tree"] = canvas.new("tree")
    town, gardens = ground
    pieces = divide(square, angle, size, street, rng, tilt=0.0 if plan.sections else 0.1)
    for strip in pieces.strips:
        canvas.paint(strip.outline, ROAD, (town, town))
    busy = 0.04 + 0.15 * plan.land["built_up"]  # share of blocks with shops, halls or factories
    rows = [] if ways is None else _rows(ways, square.mean(axis=0))
    # Each block has draws of its own, so that those outside the canvas can be left out.
    seeds = rng.integers(2**62, size=len(pieces.leaves) + len(rows))
    for number, (block, seed) in enumerate(zip(rows + pieces.leaves, seeds, strict=True)):
        if _touches(canvas, block, town):
            single = number < len(rows)
            _paint_block(canvas, block, town, kinds, gardens, busy, np.random.default_rng(seed), single)


def _rows(ways: Polygon, middle: Polygon) -> list[Polygon]:
    """Blocks one plot deep along both sides of ways, their first side on the way."""
    blocks = []
    for x0, y0, x1, y1, reach in ways:
        start, end = np.array([x0, y0]), np.array([x1, y1])
        length = float(np.hypot(*(end - start)))
        axis = (end - start) / max(length, 1e-9)
        foot = float((middle - start) @ axis)
        aside = float(np.hypot(*(start + foot * axis - middle)))
        half = float(np.sqrt(max(reach**2 - aside**2, 0)))
        first, last = max(0.0, foot - half), min(length, foot + half)
        if last - first < PLOT:
            continue
        edges = np.linspace(first, last, max(1, round((last - first) / 110)) + 1)
        for a, b in pairwise(edges):
            for here, there in ((a, b), (b, a)):
                one, other = start + here * axis, start + there * axis
                out = np.array([-axis[1], axis[0]]) * np.sign(b - a) * (1 if here == a else -1)
                blocks.append(
                    np.array([p + d * out for p, d in ((one, 3), (other, 3), (other, WAYSIDE), (one, WAYSIDE))])
                )
    return blocks


def _touches(canvas: Canvas, polygon: Polygon, label: int) -> bool:
    """Whether there can be cells of a label in it."""
    corners = canvas.cells(polygon)
    low, high = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    return bool(high.min() > 0 and (canvas.labels[low[1] : high[1] + 1, low[0] : high[0] + 1] == label).any())


def _paint_block(
    canvas: Canvas,
    block: Polygon,
    town: int,
    kinds: dict[str, int],
    gardens: list[int],
    busy: float,
    rng: np.random.Generator,
    single: bool,
) -> None:
    """Rows of plots back to back along the longer side of a block; or one large building; or a park.

    `single`: one row, along the block's first side.
    """
    sides = block[[*range(1, len(block)), 0]] - block
    along = sides[0 if single else int(np.argmax(np.hypot(*sides.T)))]
    axis = along / np.hypot(*along)
    u, v = block @ axis, block @ np.array([-axis[1], axis[0]])
    frame = np.array([axis[0], axis[1], u.min(), v.min(), np.ptp(u), np.ptp(v)])
    use = rng.random()
    rows, columns = max(1, round(frame[5] / 36)), max(1, round(frame[4] / rng.uniform(17, 34)))
    if single:
        rows, use = 1, max(use, busy)
    if use < busy:
        rows, columns = 1, 1
    wide, deep, count = frame[4] / columns, frame[5] / rows, rows * columns
    plots, faces = np.zeros((count, TRAITS), np.float32), np.empty((count, 2), np.int32)
    dice = rng.random((count, TRAITS))
    plots[:, 0] = wide * (0.42 + 0.16 * dice[:, 0])
    plots[:, 1] = wide * (0.24 + 0.12 * dice[:, 1])
    plots[:, 2] = STREET / 2 + 3 + 5 * dice[:, 2]
    plots[:, 3] = np.where(dice[:, 3] < rng.uniform(0, 0.3), 0, 8 + 6 * dice[:, 3])
    plots[:, 4] = plots[:, 2] + np.where(dice[:, 4] < 0.7, 3.0, 10.0)  # end of the drive beside the house
    for k in (6, 9):
        plots[:, k], plots[:, k + 1] = wide * dice[:, k], deep * (0.35 + 0.6 * dice[:, k + 1])
        plots[:, k + 2] = np.where(dice[:, k + 2] < 0.4, 0, 1.5 + 4.5 * dice[:, k + 2])
    faces[:, 0] = rng.choice([kinds[n] for n in ROOFS], count, p=(0.5, 0.42, 0.08))
    faces[:, 1] = rng.choice(gardens, count)
    if use < busy:
        plots[0, :5] = wide / 2, wide / 2 - 14, 14, max(deep - 28, 0), 0
        faces[0] = kinds[str(rng.choice(ROOFS[1:], p=(0.75, 0.25)))], kinds["yard"]
    elif use > 0.93:
        plots[:, 3:5], faces[:, 1] = 0, faces[0, 1]
        plots[:, [8, 11]] *= 1.8
    yard, tree = kinds["yard"], kinds["tree"]
    origin, cell = np.array(canvas.corner), canvas.cell
    corners = canvas.cells(block)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    window = canvas.labels[low[1] : high[1], low[0] : high[0]]
    _plots(window, origin + low * cell, cell, frame, rows, columns, plots, faces, town, yard, tree)


@njit(cache=True, nogil=True)
def _plots(window, origin, cell, frame, rows, columns, plots, faces, town, yard, tree):  # type: ignore[no-untyped-def]
    """Paint one block.

    `frame`: direction (x, y), first u, first v, length, depth. A row of `plots`, in metres from its street corner:
    middle and half width of the house, distance from the street, depth, end of the drive, -, and twice a tree
    (u, v, radius). A row of `faces`: labels of the roof and of the ground.
    """
    wide, deep = frame[4] / columns, frame[5] / rows
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            if window[i, j] != town:
                continue
            x, y = origin[0] + (j + 0.5) * cell, origin[1] + (i + 0.5) * cell
            u = x * frame[0] + y * frame[1] - frame[2]
            v = y * frame[0] - x * frame[1] - frame[3]
            if u < 0 or v < 0 or u > frame[4] or v > frame[5]:
                continue
            row, column = min(int(v / deep), rows - 1), min(int(u / wide), columns - 1)
            plot, face = plots[row * columns + column], faces[row * columns + column]
            u, v = u - column * wide, v - row * deep
            if row == rows - 1 and rows > 1:
                v = deep - v  # its street is on the other side
            label = face[1]
            for k in (6, 9):
                if (u - plot[k]) ** 2 + (v - plot[k + 1]) ** 2 < plot[k + 2] ** 2:
                    label = tree
            inside = abs(u - plot[0]) < plot[1]
            if v < plot[4] and (inside or 0 < u - plot[0] - plot[1] < 3.5):
                label = yard
            if inside and plot[2] < v < plot[2] + plot[3]:
                label = face[0]
            window[i, j] = label


def town_everywhere(canvas: Canvas, plan: Plan, extent: Polygon) -> None:
    """Build on all open land of the canvas: what is left where nothing else is in the mix.

    Parameters
    ----------
    canvas : Canvas
    plan : Plan
    extent : ndarray, shape (4, 2)
        The district with its margin, in metres.
    """
    town = canvas.one("built_up")
    canvas.labels[canvas.labels > 0] = town
    if plan.houses:
        rng = stream(plan.seed, "town", *canvas.name)
        gardens = [canvas.new("garden") for _ in range(4)]
        build(canvas, extent, (town, gardens), street_angle(plan, rng), plan, rng)
        canvas.labels[canvas.labels == town] = gardens[0]
