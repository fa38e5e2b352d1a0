"""Small lessons for tests: random ones, and numbered ones that tell which pixels a batch was cut from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.learning.feed import Feed
from stfuse.learning.lessons import Example, Lesson
from stfuse.learning.plan import Plan
from stfuse.task import FloatArray, Window


def make_plan(**changes: Any) -> Plan:
    """A plan of small numbers."""
    return Plan(**{"patch": 8, "batch": 4, "epochs": 3, "steps": 3, "held_share": 0.2, "min_valid": 0.5, **changes})


def example(shape: tuple[int, int] = (30, 36), bands: int = 1, channels: int = 2, seed: int = 0) -> Example:
    """Noise about 0.3, another one in the goal."""
    rng = np.random.default_rng(seed)
    inputs, goal = (rng.normal(0.3, 0.1, (n, *shape)).astype(np.float32) for n in (channels, bands))
    return Example(inputs, goal)


def numbered(shape: tuple[int, int], index: int = 0) -> Example:
    """Every pixel says which it is: channels lesson, row and column; the goal is the row and the column."""
    rows, columns = np.indices(shape).astype(np.float32)
    return Example(np.stack([np.full(shape, index, np.float32), rows, columns]), np.stack([rows, columns]))


def numbers(feed: Feed, inputs: FloatArray) -> FloatArray:
    """Which pixels a batch's inputs (patch, channel, y, x) of numbered lessons are."""
    by = feed.scaling
    return np.rint(inputs * by.in_scale[:, None, None] + by.in_mean[:, None, None])


def lesson(one: Example, context: int = 0, grid: GeoBox | None = None, looked: list[Window] | None = None) -> Lesson:
    """All of an example, to be looked at by windows. The outer `context` pixels of a window are spoilt."""
    shape = one.goal.shape[1:]

    def see(window: Window) -> Example:
        if looked is not None:
            looked.append(window)
        assert all(0 <= w.start < w.stop <= n for w, n in zip(window, shape, strict=True))
        cut = Example(one.inputs[:, *window].copy(), one.goal[:, *window].copy())
        for axis, (part, n) in enumerate(zip(window, shape, strict=True), start=1):
            for values in (cut.inputs.swapaxes(0, axis), cut.goal.swapaxes(0, axis)):
                values[: context if part.start else 0] = 1e9
                values[len(values) - (context if part.stop < n else 0) :] = 1e9
        return cut

    return Lesson((shape[0], shape[1]), see, context, grid)


def lessons(examples: Sequence[Example]) -> list[Lesson]:
    """A lesson of each."""
    return [*map(lesson, examples)]
