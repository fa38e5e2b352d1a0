"""What lies where: fields with their margins, a village, farms, woods, a river and a pond, drawn on 2.5 m cells."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.simulated.covers import CODES, COVERS, CROPS
from stfuse.simulated.parcels import divide
from stfuse.simulated.settings import stream

IntArray = NDArray[np.int32]
CELLS = 4  # cells along a 10 m pixel's side
SMALLEST = 3000.0  # square metres; smaller scraps of fields are left to grass


@dataclass(frozen=True)
class Landscape:
    """Objects on cells.

    Attributes
    ----------
    labels : ndarray, shape (y, x), int32
        Object of each cell: 0..n-1, the fields first.
    cover : ndarray, shape (object,), int
        Class of each object, an index into `COVERS`.
    fields : int
        How many objects are fields; field f of the maps is object f - 1.
    """

    labels: IntArray
    cover: NDArray[np.int64]
    fields: int


@dataclass
class Canvas:
    """Cells being painted. Objects that are no fields have negative labels until all is painted."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    cell: float
    labels: IntArray
    covers: list[int] = field(default_factory=list)

    def new(self, name: str) -> int:
        """A label for a new object of a class."""
        self.covers.append(CODES[name])
        return -len(self.covers)


def draw_landscape(world: GeoBox, inner: tuple[float, float, float, float], seed: int) -> Landscape:
    """Draw the land.

    Parameters
    ----------
    world : GeoBox
        The 10 m grid to fill.
    inner : (left, bottom, right, top)
        The site's bounds, within which the village, woods and water lie.
    seed : int
    """
    cell = abs(world.resolution.x) / CELLS
    rows, columns = (n * CELLS for n in world.shape)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(cell)
    y = (np.arange(rows, dtype=np.float32) + 0.5) * np.float32(cell)
    across, down = np.meshgrid(x, y)
    canvas = Canvas(across, down, cell, np.zeros((rows, columns), np.int32))
    left, bottom, right, top = inner
    width, height = right - left, top - bottom
    corner = (left - world.affine.c, world.affine.f - top)
    rng = stream(seed, "landscape")
    angle = float(rng.uniform(0.2, 1.3))
    paint_fields(canvas, angle, stream(seed, "parcels"))
    places = _places(rng, min(width, height))
    for place in places[1:]:
        paint_wood(canvas, *_at(place, corner, width, height), rng)
    paint_water(canvas, corner, (width, height), places[0][1], stream(seed, "water"))
    paint_village(canvas, *_at(places[0], corner, width, height), angle, stream(seed, "village"))
    paint_farms(canvas, corner, (width, height), angle, stream(seed, "farms"))
    return _number(canvas, stream(seed, "crops"))


def _places(rng: np.random.Generator, side: float) -> list[tuple[float, float, float]]:
    """Village and woods: relative positions and radius in metres, apart from one another."""
    radii = [float(np.clip(s * side, 85, 350)) for s in (0.125, 0.11, 0.07)]
    found: list[tuple[float, float, float]] = []
    for radius in radii:
        tries = rng.uniform(0.14, 0.86, (60, 2))
        gaps = [min([np.hypot(*(t - f[:2])) - f[2] / side for f in found], default=1.0) for t in tries]
        apart = [t for t, gap in zip(tries, gaps, strict=True) if gap > radius / side + 0.08]
        best = apart[0] if apart else tries[int(np.argmax(gaps))]
        found.append((float(best[0]), float(best[1]), radius))
    return found


def _at(
    place: tuple[float, float, float], corner: tuple[float, float], width: float, height: float
) -> tuple[float, float, float]:
    return corner[0] + place[0] * width, corner[1] + place[1] * height, place[2]


def _field_size(rng: np.random.Generator) -> float:
    return float(np.clip(rng.lognormal(np.log(42e3), 0.5), 15e3, 80e3))


def _field_edge(area: float, rng: np.random.Generator) -> tuple[str, float]:
    if area > 5e5:
        return "road", 7.0
    if area > 1.6e5:
        return "track", 4.5
    return "verge", float(rng.choice([0.0, 2.6, 5.0], p=[0.4, 0.35, 0.25]))


def paint_fields(canvas: Canvas, angle: float, rng: np.random.Generator) -> None:
    """Parcels of one to ten hectares between roads, tracks and grassy margins."""
    kinds = {name: canvas.new(name) for name in ("road", "track", "verge")}
    pieces = divide(canvas.x.ravel(), canvas.y.ravel(), canvas.cell, angle, _field_size, _field_edge, rng)
    flat = canvas.labels.ravel()
    for number, cells in enumerate(pieces.leaves, 1):
        flat[cells] = number
    for name, cells in pieces.strips:
        flat[cells] = kinds[name]


def _blob(canvas: Canvas, x: float, y: float, radius: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A roundish patch with a wavy outline."""
    dx, dy = canvas.x - np.float32(x), canvas.y - np.float32(y)
    turn = np.arctan2(dy, dx)
    outline = np.ones_like(turn)
    for wave in (2, 3, 5, 9):
        outline += np.float32(rng.normal(0, 0.32 / wave)) * np.cos(wave * turn + np.float32(rng.uniform(0, 6.3)))
    return np.asarray(np.hypot(dx, dy) < radius * np.maximum(outline, 0.4))


def paint_wood(canvas: Canvas, x: float, y: float, radius: float, rng: np.random.Generator) -> None:
    """A wood of broadleaved trees with a stand of conifers and a bush edge."""
    wood = _blob(canvas, x, y, radius, rng)
    canvas.labels[wood] = canvas.new("broadleaf_wood")
    shift = rng.uniform(-0.5, 0.5, 2) * radius
    stand = _blob(canvas, x + shift[0], y + shift[1], 0.5 * radius, rng) & wood
    canvas.labels[stand] = canvas.new("needle_wood")


def paint_water(
    canvas: Canvas,
    corner: tuple[float, float],
    size: tuple[float, float],
    village: float,
    rng: np.random.Generator,
) -> None:
    """A winding stream with trees along it, on the side of the site where the village is not, and a pond."""
    roads = np.isin(canvas.labels, [-1, -2])
    # Near the middle of the half that the village leaves free.
    middle = corner[1] + size[1] * (0.75 if village < 0.5 else 0.25)
    slope = rng.uniform(-0.25, 0.25)
    length = float(np.clip(0.35 * size[0], 250, 900))
    x = canvas.x - np.float32(corner[0] + size[0] / 2)
    line = middle + slope * x
    for part in (1.0, 2.3):
        wave = np.float32(2 * np.pi * part / length)
        line = line + np.float32(0.06 * length / part) * np.sin(x * wave + np.float32(rng.uniform(0, 6.3)))
    away = np.abs(canvas.y - line) * np.float32(np.cos(np.arctan(slope)))
    trees = (away < 14) & (np.sin(x * 0.019 + rng.uniform(0, 6.3)) + np.sin(x * 0.043) > -0.2)
    canvas.labels[(away < 12) & ~roads] = canvas.new("verge")
    canvas.labels[trees & ~roads] = canvas.new("tree")
    water = canvas.new("water")
    canvas.labels[(away < 6.5) & ~roads] = water
    pond = float(np.clip(0.03 * min(size), 28, 65))
    where = corner[0] + size[0] * rng.uniform(0.2, 0.8), corner[1] + size[1] * rng.uniform(0.2, 0.8)
    canvas.labels[_blob(canvas, *where, pond + 7, rng) & (canvas.labels != water)] = canvas.new("verge")
    canvas.labels[_blob(canvas, *where, pond, rng)] = water


def paint_village(canvas: Canvas, x: float, y: float, radius: float, angle: float, rng: np.random.Generator) -> None:
    """Streets, and plots with a house, a yard and a garden with trees."""
    flat = canvas.labels.ravel()
    old_roads = flat == -1
    inside = np.flatnonzero(_blob(canvas, x, y, radius, rng))
    kinds = {n: canvas.new(n) for n in ("road", "yard", "red_roof", "grey_roof", "bright_roof", "tree")}
    gardens = [canvas.new("garden") for _ in range(4)]

    def plot_size(rng: np.random.Generator) -> float:
        return float(np.clip(rng.lognormal(np.log(750), 0.5), 350, 3000))

    def street(area: float, rng: np.random.Generator) -> tuple[str, float]:
        return ("road", 7.5) if area > 6000 else ("garden", 0.0)

    xs, ys = canvas.x.ravel()[inside], canvas.y.ravel()[inside]
    pieces = divide(xs, ys, canvas.cell, angle + 0.3, plot_size, street, rng, tilt=0.12)
    for cells in pieces.leaves:
        plot = inside[cells]
        flat[plot] = gardens[int(rng.integers(len(gardens)))]
        _build(flat, plot, xs[cells], ys[cells], kinds, angle + 0.3, rng)
    for _, cells in pieces.strips:
        flat[inside[cells]] = kinds["road"]
    flat[old_roads] = kinds["road"]


def _build(
    flat: IntArray,
    plot: NDArray[np.int64],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    kinds: dict[str, int],
    angle: float,
    rng: np.random.Generator,
) -> None:
    """A house with a yard beside it, and a tree or two, on one plot."""
    along = (x - x.mean()) * np.cos(angle) + (y - y.mean()) * np.sin(angle)
    across = (y - y.mean()) * np.cos(angle) - (x - x.mean()) * np.sin(angle)
    side = np.sqrt(len(plot)) * 2.5
    long, wide = side * rng.uniform(0.32, 0.6), side * rng.uniform(0.25, 0.42)
    offset = rng.uniform(-0.15, 0.15) * side
    for _ in range(int(rng.integers(0, 4))):
        tree = rng.integers(len(plot))
        flat[plot[np.hypot(x - x[tree], y - y[tree]) < rng.uniform(2.5, 5.5)]] = kinds["tree"]
    yard = (np.abs(along) < long / 2 + 4) & (np.abs(across - offset) < wide / 2 + 4) & (across > offset - 2)
    flat[plot[yard]] = kinds["yard"]
    roof = str(rng.choice(["red_roof", "grey_roof", "bright_roof"], p=[0.55, 0.37, 0.08]))
    flat[plot[(np.abs(along) < long / 2) & (np.abs(across - offset) < wide / 2)]] = kinds[roof]


def paint_farms(
    canvas: Canvas, corner: tuple[float, float], size: tuple[float, float], angle: float, rng: np.random.Generator
) -> None:
    """Farmsteads in the open: barns around a yard, with a meadow and trees."""
    kinds = {n: canvas.new(n) for n in ("yard", "grey_roof", "bright_roof", "tree", "garden")}
    for _ in range(max(1, round(size[0] * size[1] / 1.1e6))):
        x0, y0 = (corner[i] + size[i] * rng.uniform(0.08, 0.92) for i in (0, 1))
        here = _blob(canvas, x0, y0, 48, rng) & (canvas.labels > 0)
        canvas.labels[here] = kinds["garden"]
        canvas.labels[here & ~_blob(canvas, x0, y0, 40, rng)] = kinds["tree"]
        canvas.labels[here & _blob(canvas, x0, y0, 26, rng)] = kinds["yard"]
        for roof in ("grey_roof", "bright_roof", "grey_roof"):
            turn = angle + float(rng.choice([0, np.pi / 2]))
            x = canvas.x - np.float32(x0 + rng.uniform(-22, 22))
            y = canvas.y - np.float32(y0 + rng.uniform(-22, 22))
            along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
            barn = (np.abs(along) < rng.uniform(12, 22)) & (np.abs(across) < rng.uniform(5, 10))
            canvas.labels[barn & here] = kinds[roof]


def _number(canvas: Canvas, rng: np.random.Generator) -> Landscape:
    """Fields in connected pieces, numbered from 0 on, then everything else; a crop for every field."""
    painted = canvas.labels
    out = np.full(painted.shape, -1, np.int32)
    fields = 0
    for number, where in enumerate(ndimage.find_objects(np.maximum(painted, 0)), 1):
        if where is None:
            continue
        parts, count = ndimage.label(painted[where] == number)
        areas = np.bincount(parts.ravel(), minlength=count + 1) * canvas.cell**2
        for part in range(1, count + 1):
            if areas[part] >= SMALLEST:
                out[where][parts == part] = fields
                fields += 1
    shares = np.array([COVERS[c].share for c in CROPS])
    # By quota rather than by chance, so that small sites have every crop that fits.
    marks = (np.arange(fields) + 0.5) / max(fields, 1) * shares.sum()
    crops = np.array(CROPS)[np.searchsorted(np.cumsum(shares), marks)]
    rng.shuffle(crops)
    scrap = (painted > 0) & (out < 0)
    rest = painted < 0
    out[rest] = fields - 1 - painted[rest]
    out[scrap] = fields + canvas.covers.index(CODES["verge"])
    return Landscape(out, np.concatenate([crops, canvas.covers]).astype(np.int64), fields)
