"""Pixels as a perceptron sees them: what guides say of each, at the fine resolution or at the coarse one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stfuse.fusion.cells import axes
from stfuse.fusion.guides import Weighting, mixed, seen, time_weights
from stfuse.grid import degrade
from stfuse.learning.lessons import Example
from stfuse.task import FloatArray, Scene, Task
from stfuse.tiles import plan

__all__ = ["Seen", "blocks", "coarse_image", "of_scene", "scene_shares", "useful"]

BLOCK = 128
"""Coarse pixels a side, at most, of what is read of the scene at once."""

SLIGHT = 1e-5
"""Ridge of the least squares, in units of the inputs' variance: guides may be copies of each other."""

SPREAD = 1e-4
"""Standard deviation below which an input says nothing: the step that images are stored with."""


@dataclass(frozen=True)
class Seen:
    """What is seen of a pixel.

    Attributes
    ----------
    start : {"linear", "mean"}
        How time alone weighs the guides; see `stfuse.fusion.guides.time_weights`.
    flags : bool
        Whether a guide's being observed is a channel of its own.
    distances : bool
        Whether the days to the last and the next observation are.
    """

    start: Weighting
    flags: bool
    distances: bool

    def inputs(self, guides: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
        """What is seen of guides (guide, band, y, x), and what time alone says (band, y, x).

        Channels: how each guide differs from that, band after band of the first guide, then of the next; the guides
        themselves; their flags; days to the last and the next. NaN = not observed.
        """
        observed = seen(guides)
        share, days = time_weights(observed, task.fine.dates, task.dates[0], self.start)
        before = mixed(share, guides)
        shape = guides.shape[2:]
        values = np.where(observed[:, None], guides, np.float32(np.nan))
        channels = [(values - before).reshape(-1, *shape), values.reshape(-1, *shape)]
        if self.flags:
            channels.append(observed.astype(np.float32))
        if self.distances:
            channels.append(days)
        return np.concatenate(channels), before

    def example(self, task: Task) -> Example:
        """The coarse pixels whose centres lie in the task's core."""
        rows, columns = axes(task.coarse.grid, task.fine.grid)
        top, bottom, left, right = task.edges
        window = rows.centred(top, bottom), columns.centred(left, right)
        cells = task.coarse.grid[window]
        inputs, before = self.inputs(degrade(task.fine.values, task.fine.grid, cells), task)
        return Example(inputs, coarse_image(task)[:, *window] - before)


def coarse_image(task: Task) -> FloatArray:
    """The coarse image (band, y, x) of the date, NaN = not observed."""
    if not len(task.coarse.dates):
        return np.full(task.coarse.values.shape[1:], np.nan, np.float32)
    image: FloatArray = task.coarse.values[task.coarse.nearest(task.dates[0])]
    return np.where(np.isfinite(image), image, np.float32(np.nan))


def blocks(scene: Scene, most: int) -> Iterator[Task]:
    """Pieces of the scene, of nearly the same size, with whole coarse pixels around their cores.

    Parameters
    ----------
    most : int
        Coarse pixels in all of them, roughly. Of larger scenes only every second, third ... piece is read.
    """
    height, width = scene.grid.shape
    cell = max(scene.crop((slice(0, 1), slice(0, 1))).ratio, 1.0)
    down, across = (max(1, round(n / (BLOCK * cell))) for n in (height, width))
    tiles = list(plan((height, width), (-(-height // down), -(-width // across)), int(np.ceil(2 * cell))))
    wanted = max(1, round(most / (BLOCK * BLOCK)))
    step = max(1, -(-len(tiles) // wanted))
    for tile in tiles[::step]:
        yield replace(scene.crop(tile.outer), core=tile.inner)


def useful(examples: Sequence[Example], least: int) -> NDArray[np.bool_]:
    """Which channels say something of the coarse pixels that are learned from, shape (channel,)."""
    found = []
    for k in range(len(examples[0].inputs)):
        values = np.concatenate([e.inputs[k][np.isfinite(e.goal).all(axis=0)] for e in examples])
        values = values[np.isfinite(values)]
        found.append(len(values) >= least and float(values.std(dtype=np.float64)) > SPREAD)
    return np.array(found)


def scene_shares(examples: Sequence[Example], used: NDArray[np.bool_], guides: int) -> tuple[FloatArray, FloatArray]:
    """Shares (guide, band) of the whole scene and offsets (band,), by least squares; 0 for what is not used."""
    bands = len(examples[0].goal)
    shares, level = np.zeros((guides, bands), np.float32), np.zeros(bands, np.float32)
    for b in range(bands):
        own = [n for n in range(guides) if used[n * bands + b]]
        x = np.concatenate([e.inputs[b : guides * bands : bands].reshape(guides, -1) for e in examples], 1)[own]
        y = np.concatenate([e.goal[b].ravel() for e in examples])
        clear = np.isfinite(y)
        x, y = np.nan_to_num(x[:, clear]).astype(np.float64), y[clear].astype(np.float64)
        middle, scale = x.mean(axis=1), np.maximum(x.std(axis=1), SPREAD)
        units = (x - middle[:, None]) / scale[:, None]
        normal = units @ units.T / len(y) + SLIGHT * np.eye(len(own))
        found = np.linalg.solve(normal, units @ (y - y.mean()) / len(y)) / scale
        shares[own, b], level[b] = found, y.mean() - found @ middle
    return shares, level


def of_scene(inputs: FloatArray, shares: FloatArray, level: FloatArray) -> FloatArray:
    """What the scene's shares add to what time alone says, shape (band, y, x)."""
    values = np.nan_to_num(inputs[: shares.size]).reshape(*shares.shape, *inputs.shape[1:])
    return np.asarray(np.einsum("nb,nbyx->byx", shares, values) + level[:, None, None], np.float32)
