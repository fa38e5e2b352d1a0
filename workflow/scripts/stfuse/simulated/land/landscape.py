"""What lies where: fields with their margins, villages, farms, woods and water, drawn district by district on cells.

A district is a square of the site with streams of random numbers of its own, so work grows with the area, and the
shares of the land-cover mix come out everywhere. Its fields are laid out far beyond the site, so a wider margin shows
more of the same land.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.simulated.covers import CROPS, FIELD_CLASSES, check_land
from stfuse.simulated.land.farmland import assign_crops, paint_fields
from stfuse.simulated.land.parcels import Strip, rectangle
from stfuse.simulated.land.places import ROAD, VERGE, Canvas, Plan, paint_woods
from stfuse.simulated.land.towns import paint_villages, town_everywhere
from stfuse.simulated.land.water import make_streams, paint_lakes, paint_streams
from stfuse.simulated.settings import Settings

IntArray = NDArray[np.int32]
Bounds = tuple[float, float, float, float]

DISTRICT = 4800.0  # metres; three sections
SECTION_FIELDS = 10.0  # hectares; fields of this median size and more lie in sections
BEYOND = 2400.0  # metres around the site over which fields are laid out at least
LARGEST_HOUSE_CELL = 8.0  # metres; on larger cells a village is one mixture
SMALLEST = 3000.0  # square metres; smaller scraps of fields are left to grass


@dataclass(frozen=True)
class Landscape:
    """Objects on cells.

    Attributes
    ----------
    labels : ndarray, shape (y * n, x * n), int32
        Object of each cell, n cells along a pixel's side: 0..objects-1, the fields first.
    cover : ndarray, shape (object,), int64
        Class of each object, an index into `COVERS`.
    fields : int
        How many objects are fields; field f of the maps is object f - 1.
    parent : ndarray, shape (object,), int64
        The object whose growth it shares: itself, but for pieces that events cut out of a field.
    """

    labels: IntArray
    cover: NDArray[np.int64]
    fields: int
    parent: NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """A district along one axis, in metres from the site's corner: its own, and with the margin beside it."""

    start: float
    end: float
    first: float
    last: float


def draw_landscape(
    grid: GeoBox, inner: Bounds, settings: Settings, known: tuple[IntArray, NDArray[np.int64]] | None = None
) -> Landscape:
    """Draw the land.

    Parameters
    ----------
    grid : GeoBox
        The grid to fill, the site with a margin of whole pixels.
    inner : (left, bottom, right, top)
        The site's bounds. Only its own area counts for the shares of the mix; inside it a wider margin changes
        nothing, as long as the margin needs no more than the same number of steps of `BEYOND`.
    settings : Settings
    known : (labels, cover), optional
        Land from a map in place of the drawn land, see `land.landmap.land_of_map`.

    Raises
    ------
    InputError
        If the land-cover mix cannot be drawn.
    """
    if known is not None:
        labels, cover = known
        return Landscape(labels, cover, int(np.isin(cover, CROPS).sum()), np.arange(len(cover)))
    cell = float(abs(grid.resolution.x)) / settings.cells
    labels = np.zeros((grid.height * settings.cells, grid.width * settings.cells), np.int32)
    left, top = (round((a - b) / cell) for a, b in ((inner[0], grid.affine.c), (grid.affine.f, inner[3])))
    width, height = (round(d / cell) for d in (inner[2] - inner[0], inner[3] - inner[1]))
    plan = make_plan(settings, cell, min(DISTRICT, min(width, height) * cell))
    beyond = BEYOND * max(1, np.ceil(max(left, top) * cell / BEYOND))
    fields: list[int] = []
    places: list[int] = []
    for j, down in enumerate(spans(height * cell, beyond)):
        for i, across in enumerate(spans(width * cell, beyond)):
            canvas = _canvas(labels, cell, (left, top), (across, down), (i, j))
            classes = _draw_district(canvas, plan, (across, down))
            _number(canvas, plan, classes, fields, places)
    for row in labels:  # row by row, to need no second map
        row[:] = np.where(row > 0, row - 1, len(fields) - 1 - row)
    cover = np.array([*fields, *places], np.int64)
    return Landscape(labels, cover, len(fields), np.arange(len(cover)))


def make_plan(settings: Settings, cell: float, valleys: float) -> Plan:
    """What the settings ask of the land, on cells of this many metres, with a stream every so many metres."""
    check_land(settings.land, "`land:`")
    total = sum(settings.land.values())
    land = {name: share / total for name, share in settings.land.items() if share > 0}
    edges = settings.mixed and len(land) > 1
    houses = settings.mixed and cell <= LARGEST_HOUSE_CELL
    # No field is smaller than a few cells, or the larger ones would be all that is left.
    size = max(settings.field_ha * 1e4, 4 * cell**2)
    return Plan(land, settings.seed, size, edges, houses, settings.field_ha >= SECTION_FIELDS, valleys)


def spans(length: float, beyond: float) -> list[Span]:
    """Districts along one side of a site: none is smaller than half of `DISTRICT`, but for a site that is."""
    count = max(1, round(length / DISTRICT))
    edges = [DISTRICT * i for i in range(count)] + [length]
    reach = [-beyond, *edges[1:-1], length + beyond]
    return [Span(*edges[i : i + 2], *reach[i : i + 2]) for i in range(count)]


def _canvas(
    labels: IntArray, cell: float, corner: tuple[int, int], spans: tuple[Span, Span], name: tuple[int, int]
) -> Canvas:
    """The part of the labels that a district paints; `corner`: the site's first column and row."""
    own, window = [], []
    for span, offset, size in zip(spans, corner, labels.shape[::-1], strict=True):
        start, end = (min(offset + round(edge / cell), size) for edge in (span.start, span.end))
        first, last = 0 if span.first < span.start else start, size if span.last > span.end else end
        window.append((first, last))
        own.append((start - first, end - first))
    (c0, c1), (r0, r1) = window
    position = ((c0 - corner[0]) * cell, (r0 - corner[1]) * cell)
    return Canvas(labels[r0:r1, c0:c1], cell, position, (*own[1], *own[0]), name)


def _draw_district(canvas: Canvas, plan: Plan, spans: tuple[Span, Span]) -> NDArray[np.int64]:
    """Paint a district; the class of each of its fields (label 1 on)."""
    across, down = spans
    extent = rectangle(across.first, down.first, across.last, down.last)
    leaves = paint_fields(canvas, plan, extent)
    if plan.edges:
        _border_roads(canvas, spans)
    farmed = any(name in FIELD_CLASSES for name in plan.land)
    remains = max(plan.land, key=lambda name: plan.land[name])
    others = plan if farmed else Plan(**{**vars(plan), "land": {k: v for k, v in plan.land.items() if k != remains}})
    _paint_places(canvas, others)
    if not farmed:
        if remains == "built_up":
            town_everywhere(canvas, plan, extent)
        else:
            canvas.labels[canvas.labels > 0] = canvas.one(remains)
    return assign_crops(canvas, plan, leaves)


def _paint_places(canvas: Canvas, plan: Plan) -> None:
    """Everything that is no field, first in the district, then in the margin beside it."""
    names = set(plan.land)
    streams = make_streams(plan, canvas.cell)
    river = paint_streams(canvas, plan, streams) if streams else (0, 0)
    for outside in (False, True):
        if not canvas.region(outside):
            continue
        if "water" in names:
            paint_lakes(canvas, plan, river[outside], outside)
        if "built_up" in names:
            paint_villages(canvas, plan, outside)
        if names & {"needle_wood", "broadleaf_wood"}:
            paint_woods(canvas, plan, outside)


def _border_roads(canvas: Canvas, spans: tuple[Span, Span]) -> None:
    """Roads along the sides that a district shares with others."""
    across, down = spans
    for x in {across.first, across.last} & {across.start, across.end}:
        road = Strip("road", 8.0, np.array([x, down.first]), np.array([x, down.last]))
        canvas.paint(road.outline, ROAD)
    for y in {down.first, down.last} & {down.start, down.end}:
        road = Strip("road", 8.0, np.array([across.first, y]), np.array([across.last, y]))
        canvas.paint(road.outline, ROAD)


def _number(canvas: Canvas, plan: Plan, classes: NDArray[np.int64], fields: list[int], places: list[int]) -> None:
    """Renumber a district's objects in place: fields in connected pieces on from the last one, all others below zero.

    `fields` and `places` are the classes of all objects so far; this district's are added.
    """
    painted = canvas.labels.copy()
    smallest = min(SMALLEST, 0.1 * plan.field) / canvas.cell**2 if plan.edges else 0
    r0, r1, c0, c1 = canvas.box
    seen = np.flatnonzero(np.bincount(np.maximum(-painted, 0).ravel(), minlength=len(canvas.covers) + 1)[1:])
    rank = np.zeros(len(canvas.covers) + 1, np.int32)
    rank[seen + 1] = -len(places) - 1 - np.arange(len(seen))
    rest = painted < 0
    canvas.labels[rest] = rank[-painted[rest]]
    for number, where in enumerate(ndimage.find_objects(np.maximum(painted, 0)), 1):
        if where is None:
            continue
        parts, count = ndimage.label(painted[where] == number)
        areas = np.bincount(parts.ravel(), minlength=count + 1)
        # What touches the site's edge goes on outside; how large it is there must not matter.
        rows, columns = (np.arange(s.start, s.stop) for s in where)
        within = np.ix_((rows > r0) & (rows < r1 - 1), (columns > c0) & (columns < c1 - 1))
        open_ended = areas > np.bincount(parts[within].ravel(), minlength=count + 1)
        for part in range(1, count + 1):
            if rank[-VERGE] and areas[part] < smallest and not open_ended[part]:
                canvas.labels[where][parts == part] = rank[-VERGE]
            else:
                fields.append(int(classes[number]))
                canvas.labels[where][parts == part] = len(fields)
    places.extend(canvas.covers[i] for i in seen)
