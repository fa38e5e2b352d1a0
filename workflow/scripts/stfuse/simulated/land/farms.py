"""Farms in the open."""

from __future__ import annotations

import numpy as np

from stfuse.simulated.land.patches import Shape, draw_waves
from stfuse.simulated.land.places import OPEN, Canvas, Plan, street_angle, to_road
from stfuse.simulated.settings import stream

FARM = 6700.0  # square metres of a farmstead


def farm_count(canvas: Canvas, built: float, outside: bool) -> int:
    """How many: an eighth of what is to be built up (cells), but no more than one to a square kilometre."""
    square = canvas.cell**2
    return round(min(canvas.region(outside) * square / 1.1e6, built * square / 8 / FARM))


def paint_farms(canvas: Canvas, plan: Plan, outside: bool, count: int) -> None:
    """Farmsteads in the open: barns around a yard, with a meadow and trees."""
    rng = stream(plan.seed, "farms", *canvas.name, outside)
    kinds = [canvas.new(n) for n in ("garden", "tree", "yard")]
    roofs = [canvas.new("grey_roof"), canvas.new("red_roof"), canvas.new("bright_roof")]
    for _ in range(count):
        middle = canvas.spot(outside, rng)
        if middle is None:
            break
        turn = street_angle(plan, rng)
        if len(canvas.roads) and rng.random() < 0.7:
            _, turn = to_road(canvas, middle, turn, outside)
        waves = draw_waves(rng)
        for radius, kind, under in ((46, 1, None), (39, 0, 1), (20, 2, 0)):
            shape = Shape(radius, waves, 1.15, 0.0, turn, 8.0)
            over = OPEN if under is None else (kinds[under], kinds[under])
            canvas.patch(middle, shape, kinds[kind], outside, over)
        for roof in rng.choice(roofs, 3, p=(0.5, 0.3, 0.2)):
            quarter = turn + float(rng.choice([0, np.pi / 2]))
            along = np.array([np.cos(quarter), np.sin(quarter)]) * rng.uniform(10, 20)
            aside = np.array([-along[1], along[0]]) / np.hypot(*along) * rng.uniform(5, 9)
            place = middle + rng.uniform(-22, 22, 2)
            barn = np.array(
                [place + along + aside, place - along + aside, place - along - aside, place + along - aside]
            )
            canvas.paint(barn, int(roof), (kinds[2], kinds[0]))
