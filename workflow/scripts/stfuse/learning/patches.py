"""Training patches, cut from whole images while training; held-out ones lie in blocks of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import InputError
from stfuse.learning.lessons import Example
from stfuse.task import FloatArray

__all__ = ["Places", "Scaling", "cut", "measure", "patch_size", "scaled", "split", "turned", "window"]

Places = NDArray[np.int32]
"""Patches as rows of (scene, first row, first column)."""

SMALLEST = 4
MOST_PLACES = 1_000_000
"""Origins listed per scene; in larger images they are thinned to a regular raster."""


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of every channel and of every goal band, float32."""

    in_mean: FloatArray
    in_scale: FloatArray
    out_mean: FloatArray
    out_scale: FloatArray


def patch_size(scenes: Sequence[Example], wanted: int) -> int:
    """The patch side that all scenes have room for: a third of the shortest side at most.

    With thirds, an image of any size has nine blocks, of which some can be held out and
    still leave room to train between them.

    Raises
    ------
    InputError
        If there is no scene, or one is smaller than 12 pixels.
    """
    if not scenes:
        raise InputError("There are no training samples", "widen the period, lower min_clear, or raise pair_days")
    side = min(int(min(scene.goal.shape[1:])) for scene in scenes)
    if side // 3 < SMALLEST:
        raise InputError(
            f"A training image is {side} pixels wide, too small to cut patches of {SMALLEST} from",
            f"take a site of at least {3 * SMALLEST} pixels a side at the training resolution",
        )
    return min(wanted, side // 3)


def _window_sums(mask: NDArray[np.bool_], size: int) -> NDArray[np.int32]:
    """Count of True in every size x size window, by its first pixel."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    total[1:, 1:] = mask.astype(np.int32).cumsum(0).cumsum(1)
    return total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]


def _seen(scene: Example) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(scene.goal).all(axis=0))


def _choose_blocks(scenes: Sequence[Example], size: int, share: float, need: float, rng: np.random.Generator) -> Places:
    """Held-out blocks of scenes of one shape, (row, column) each: the same places on every date."""
    usable = np.zeros([n // size for n in scenes[0].goal.shape[1:]], bool)
    for scene in scenes:
        usable |= _window_sums(_seen(scene), size)[::size, ::size] >= need
    blocks = np.argwhere(usable).astype(np.int32) * size
    count = min(max(1, round(share * len(blocks))), len(blocks) - 1) if share > 0 else 0
    return blocks[rng.permutation(len(blocks))[: max(count, 0)]]


def split(
    scenes: Sequence[Example], size: int, held_share: float, min_valid: float, seed: int
) -> tuple[Places, Places]:
    """Places of training patches, and of held-out patches that overlap none of them on any date.

    A block is held out at the same place of all scenes of one shape: the same field seen on
    another date would tell on it. Training patches may start anywhere else.

    Parameters
    ----------
    size : int
        Patch side in pixels.
    held_share : float
        Share of the blocks to hold out, 0..1; 0 holds out nothing.
    min_valid : float
        Share of a patch that must be observed, 0..1.

    Returns
    -------
    train, held : ndarray, shape (n, 3) and (m, 3), int32
        `held` is empty when there are too few observed blocks to spare one.

    Raises
    ------
    InputError
        If no training patch is observed well enough.
    """
    need = max(1.0, min_valid * size * size)
    rng = np.random.default_rng([seed, 0])
    train, held = [np.zeros((0, 3), np.int32)], [np.zeros((0, 3), np.int32)]
    for shape in sorted({scene.goal.shape for scene in scenes}):
        alike = [i for i, scene in enumerate(scenes) if scene.goal.shape == shape]
        blocks = _choose_blocks([scenes[i] for i in alike], size, held_share, need, rng)
        taken = np.zeros(shape[1:], bool)
        for row, column in blocks:
            taken[row : row + size, column : column + size] = True
        free = _window_sums(taken, size) == 0
        stride = max(1, int(np.sqrt(free.size / MOST_PLACES)))
        for i in alike:
            enough = _window_sums(_seen(scenes[i]), size) >= need
            train.append(_with_scene(i, np.argwhere((enough & free)[::stride, ::stride]) * stride))
            held.append(_with_scene(i, blocks[enough[blocks[:, 0], blocks[:, 1]]]))
    if not sum(map(len, train)):
        raise InputError(
            f"No {size} x {size} patch of the {len(scenes)} training images is observed over {min_valid:.0%} of it",
            "add clearer training dates, or lower the method's setting min_valid",
        )
    return np.concatenate(train), np.concatenate(held)


def _with_scene(index: int, places: NDArray[np.integer]) -> Places:
    return np.column_stack([np.full(len(places), index), places]).astype(np.int32)


def measure(scenes: Sequence[Example], held: Places, size: int) -> Scaling:
    """Means and standard deviations of what may be trained on; held-out blocks take no part."""
    channels, bands = len(scenes[0].inputs), len(scenes[0].goal)
    count, total, square = (np.zeros(channels + bands) for _ in range(3))
    for i, scene in enumerate(scenes):
        free = np.ones(scene.goal.shape[1:], bool)
        for _, row, column in held[held[:, 0] == i]:
            free[row : row + size, column : column + size] = False
        for k, image in enumerate((*scene.inputs, *scene.goal)):
            values = image[free & np.isfinite(image)].astype(np.float64)
            count[k] += values.size
            total[k] += values.sum()
            square[k] += np.square(values).sum()
    mean = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0.0))
    # 1e-4 is the step that images are stored with: nothing finer is a signal.
    middle, scale = mean.astype(np.float32), np.maximum(spread, 1e-4).astype(np.float32)
    return Scaling(middle[:channels], scale[:channels], middle[channels:], scale[channels:])


def window(image: FloatArray, row: int, column: int, shape: tuple[int, int], halo: int) -> FloatArray:
    """Cut (..., y, x) with `halo` more pixels on every side, mirrored at the image's edges.

    The edge pixel itself is not repeated (``np.pad`` mode "reflect"), and the image may be
    smaller than the halo.
    """
    index = [
        np.pad(np.arange(n), halo, mode="reflect" if n > 1 else "edge")[first : first + length + 2 * halo]
        for n, first, length in zip(image.shape[-2:], (row, column), shape, strict=True)
    ]
    return image[..., index[0][:, None], index[1][None, :]]


def cut(
    scenes: Sequence[Example], places: Places, size: int, halo: int, scaling: Scaling
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Patches in units of the scaling.

    Returns
    -------
    inputs : ndarray, shape (patch, channel, size + 2 halo, size + 2 halo), float32
        Free of NaN: gaps hold 0, the mean.
    goal : ndarray, shape (patch, band, size, size), float32
        0 where nothing is to be learnt.
    mask : ndarray, as `goal`
        1 where there is something to be learnt, else 0.
    """
    inputs = np.stack([window(scenes[i].inputs, r, c, (size, size), halo) for i, r, c in places])
    goal = np.stack([scenes[i].goal[:, r : r + size, c : c + size] for i, r, c in places])
    goal = (goal - scaling.out_mean[:, None, None]) / scaling.out_scale[:, None, None]
    mask = np.isfinite(goal)
    return scaled(inputs, scaling), np.where(mask, goal, 0).astype(np.float32), mask.astype(np.float32)


def scaled(inputs: FloatArray, scaling: Scaling) -> FloatArray:
    """Inputs (..., channel, y, x) in standard deviations from the mean, gaps 0."""
    units = (inputs - scaling.in_mean[:, None, None]) / scaling.in_scale[:, None, None]
    return np.where(np.isfinite(units), units, 0).astype(np.float32)


def turned(image: FloatArray, turn: int) -> FloatArray:
    """One of the eight flips and rotations of (..., y, x), `turn` in 0..7."""
    image = np.rot90(image, turn % 4, axes=(-2, -1))
    return image[..., ::-1] if turn >= 4 else image
