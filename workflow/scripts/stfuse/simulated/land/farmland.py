"""The farmland of a district: fields between roads, tracks and margins, and their crops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.covers import CODES, FIELD_CLASSES
from stfuse.simulated.land.parcels import Pieces, Polygon, Strip, divide, rectangle
from stfuse.simulated.land.places import ROAD, TRACK, VERGE, Canvas, Plan
from stfuse.simulated.settings import stream

SECTION = 1600.0  # metres; a mile, by which much of North America is surveyed
LARGER = 1.25  # than their median: dividing leaves more small fields than large ones
STEPS = {"verge": VERGE, "track": TRACK, "road": ROAD}


def paint_fields(canvas: Canvas, plan: Plan, extent: Polygon) -> int:
    """Fields between roads, tracks and grassy margins, labelled from 1 on; how many were laid out."""
    rng = stream(plan.seed, "parcels", *canvas.name)
    pieces = _lay_out(plan, extent, rng)
    for number, polygon in enumerate(pieces.leaves, 1):
        canvas.paint(polygon, number)
    for row, column in np.argwhere(canvas.labels == 0):  # centres that lie on a line to the last digit
        canvas.labels[row, column] = canvas.labels[row, column - 1] or canvas.labels[row - 1, column] or 1
    # Roads last, so that tracks and margins end at them.
    for strip in sorted(pieces.strips, key=lambda s: -STEPS[s.name]):
        canvas.paint(strip.outline, STEPS[strip.name])
    canvas.middles = np.array([polygon.mean(axis=0) for polygon in pieces.leaves])
    roads = [[*strip.start, *strip.end] for strip in pieces.strips if strip.name == "road"]
    canvas.roads = np.array(roads).reshape(-1, 4)
    return len(pieces.leaves)


def _lay_out(plan: Plan, extent: Polygon, rng: np.random.Generator) -> Pieces:
    """Fields and what runs between them, over the whole extent of a district."""
    pieces = Pieces([], [])
    squares, angle, tilt, halves = [extent], float(rng.uniform(0.2, 1.3)), 0.07, 0.0
    if plan.sections:
        squares, roads = _sections(extent)
        pieces.strips.extend(roads)
        angle, tilt, halves = 0.0, 0.0, 0.6

    def size(rng: np.random.Generator) -> float:
        return LARGER * plan.field * float(np.clip(rng.lognormal(0, 0.5), 0.36, 1.9))

    def edge(area: float, rng: np.random.Generator) -> tuple[str, float]:
        if area > max(12 * plan.field, 3e5) and not plan.sections:
            return "road", 7.0
        if area > max(3.8 * plan.field, 4e4) and not plan.sections:
            return "track", 3.0
        width = float(rng.choice([0.0, 2.6, 5.0], p=[0.75, 0.2, 0.05] if plan.sections else [0.4, 0.35, 0.25]))
        return "verge", min(width, 0.02 * float(np.sqrt(area)))  # small fields have narrow margins

    for square in squares:
        part = divide(square, angle, size, edge, rng, tilt, halves)
        pieces.leaves.extend(part.leaves)
        pieces.strips.extend(part.strips)
    return pieces if plan.edges else Pieces(pieces.leaves, [])


def _sections(extent: Polygon) -> tuple[list[Polygon], list[Strip]]:
    """Square miles from the site's corner on, as far as they lie in the extent, and the roads between them."""
    (left, top), (right, bottom) = extent[0], extent[2]
    x, y = (
        np.array([low, *np.arange(np.floor(low / SECTION) + 1, np.ceil(high / SECTION)) * SECTION, high])
        for low, high in ((left, right), (top, bottom))
    )
    squares = [
        rectangle(*np.array((x[i], y[j], x[i + 1], y[j + 1]))) for j in range(len(y) - 1) for i in range(len(x) - 1)
    ]
    roads = [Strip("road", 8.0, np.array([a, top]), np.array([a, bottom])) for a in x[1:-1]]
    return squares, roads + [Strip("road", 8.0, np.array([left, a]), np.array([right, a])) for a in y[1:-1]]


def assign_crops(canvas: Canvas, plan: Plan, leaves: int) -> NDArray[np.int64]:
    """A class for every field (label 1 on), so that the classes' areas in the district are as in the mix."""
    crops = {CODES[name]: share for name, share in plan.land.items() if name in FIELD_CLASSES}
    classes = np.zeros(leaves + 1, np.int64)
    r0, r1, c0, c1 = canvas.box
    own = np.bincount(np.maximum(canvas.labels[r0:r1, c0:c1], 0).ravel(), minlength=leaves + 1)
    everywhere = np.bincount(np.maximum(canvas.labels, 0).ravel(), minlength=leaves + 1)
    own[0] = everywhere[0] = 0
    for outside, areas in ((False, own), (True, np.where(own > 0, 0, everywhere))):
        chosen = np.flatnonzero(areas)
        classes[chosen] = quota(areas[chosen], crops, stream(plan.seed, "crops", *canvas.name, outside))
    return classes


def quota(areas: NDArray[np.int64], shares: Mapping[int, float], rng: np.random.Generator) -> NDArray[np.int64]:
    """Classes for pieces of these areas, by quota of area rather than by chance.

    Each piece goes to the class that lacks most, larger ones a little before smaller ones.
    """
    classes = np.zeros(len(areas), np.int64)
    if not shares or not len(areas):
        return classes
    kinds, missing = np.array(list(shares)), np.array(list(shares.values()))
    missing = missing / missing.sum() * areas.sum()
    for piece in np.argsort(-areas * rng.lognormal(0, 0.7, len(areas)), kind="stable"):
        kind = int(np.argmax(missing))
        classes[piece] = kinds[kind]
        missing[kind] -= areas[piece]
    return classes
