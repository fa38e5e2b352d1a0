"""Patches of images: their size, their scaling, and the kernel that cuts, turns and scales them in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.errors import TooLittleError
from stfuse.task import FloatArray

__all__ = ["Moments", "Scaling", "gather", "patch_size", "warm_up", "window_sums"]

SMALLEST = 4
STEP = 1e-4
"""The step that images are stored with: nothing finer is a signal."""

# Of each of the eight turns: what one row down, then one column across, is in rows and columns of the image.
_TURNS = np.array(
    [
        *([1, 0, 0, 1], [0, -1, 1, 0], [-1, 0, 0, -1], [0, 1, -1, 0]),
        *([1, 0, 0, -1], [0, -1, -1, 0], [-1, 0, 0, 1], [0, 1, 1, 0]),
    ]
)


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of every channel and of every goal band, float32."""

    in_mean: FloatArray
    in_scale: FloatArray
    out_mean: FloatArray
    out_scale: FloatArray


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of each channel and goal band, float64, shape (channel + band,)."""

    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, images: Iterable[FloatArray], free: NDArray[np.bool_]) -> Self:
        """Those of the finite pixels of each image (y, x) that are `free`."""
        found = []
        for image in images:
            values = image[free & np.isfinite(image)].astype(np.float64)
            mean = values.mean() if values.size else 0.0
            found.append((values.size, mean, np.square(values - mean).sum()))
        count, mean, squares = np.array(found, np.float64).T
        return cls(count, mean, squares)

    def __add__(self, other: Self) -> Self:
        """Those of both together (Chan et al. 1983): nothing cancels, however far the mean lies from 0."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * self.count * share
        return type(self)(count, self.mean + apart * share, squares)

    def scaling(self, channels: int, tied: int = 0) -> Scaling:
        """The scaling they give; the first `tied` channels take that of the goal's bands.

        What was never observed has mean 0 and scale 1; what never varies, the scale of a stored step.
        """
        spread = np.sqrt(self.squares / np.maximum(self.count, 1))
        middle = self.mean.astype(np.float32)
        scale = np.where(self.count > 0, np.maximum(spread, STEP), 1.0).astype(np.float32)
        in_mean, out_mean = middle[:channels].copy(), middle[channels:].copy()
        in_scale, out_scale = scale[:channels].copy(), scale[channels:].copy()
        in_mean[:tied], in_scale[:tied] = out_mean[:tied], out_scale[:tied]
        return Scaling(in_mean, in_scale, out_mean, out_scale)


def patch_size(shapes: Sequence[tuple[int, int]], wanted: int, align: int = 1) -> int:
    """The patch side that all images have room for: a third of the shortest side at most.

    With thirds, an image of any size has nine cells, of which some can be held out and
    still leave room to train between them.

    Parameters
    ----------
    shapes : sequence of (y, x)
    wanted : int
        Pixels a side.
    align : int
        The side is a multiple of it: the largest below, but once at least.

    Raises
    ------
    TooLittleError
        If there is no image, or one is smaller than three patches of 4 pixels (or `wanted`, or `align`).
    """
    if not shapes:
        raise TooLittleError("There are no training samples", "widen the period, lower min_clear, or raise pair_days")
    side, least = min(min(shape) for shape in shapes), max(align, min(SMALLEST, wanted))
    if side // 3 < least:
        raise TooLittleError(
            f"A training image is {side} pixels wide, too small to cut patches of {least} from",
            f"take a site of at least {3 * least} pixels a side at the training resolution",
        )
    return max(align, min(wanted, side // 3) // align * align)


def window_sums(mask: NDArray[np.bool_], size: int) -> NDArray[np.int32]:
    """Count of True in every size x size window, by its first pixel; empty where no window fits."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    total[1:, 1:] = mask.astype(np.int32).cumsum(0).cumsum(1)
    return total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]


def gather(
    images: FloatArray,
    rows: NDArray[np.integer[Any]],
    columns: NDArray[np.integer[Any]],
    turns: NDArray[np.integer[Any]],
    mean: FloatArray,
    scale: FloatArray,
    places: NDArray[np.integer[Any]],
    out: FloatArray,
    mask: FloatArray,
) -> None:
    """Cut square patches from images, turn them, bring them to units of the scaling and fill their gaps with 0.

    Parameters
    ----------
    images : ndarray, shape (channel, y, x), float32, contiguous
        Not finite = a gap.
    rows, columns : ndarray, shape (n,)
        First pixels.
    turns : ndarray, shape (n,)
        0..7, see `turned`.
    mean, scale : ndarray, shape (channel,), float32
    places : ndarray, shape (n,)
        Where in `out` each patch belongs.
    out : ndarray, shape (patch, channel, side, side), float32
        Written.
    mask : ndarray, as `out`, or of size 0
        Written, unless it is empty: 1 where a value was observed, 0 in gaps.
    """
    numbers = (np.ascontiguousarray(a, np.int64) for a in (rows, columns, turns, places))
    _gather(images, *numbers, mean, scale, out, mask, _TURNS)


def warm_up() -> None:
    """Compile `gather`, so that no training waits for it."""
    none, one = np.zeros(0, np.int64), np.zeros((1, 1, 1), np.float32)
    gather(one, none, none, none, one[0, 0], one[0, 0], none, one[None], one[None])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _gather(
    images: FloatArray,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    turns: NDArray[np.int64],
    places: NDArray[np.int64],
    mean: FloatArray,
    scale: FloatArray,
    out: FloatArray,
    mask: FloatArray,
    steps: NDArray[np.int64],
) -> None:
    side, width, zero, one = out.shape[2], images.shape[2], np.float32(0), np.float32(1)
    for k in range(len(places)):
        turn = steps[turns[k]]
        down, across = turn[0] * width + turn[1], turn[2] * width + turn[3]
        first_row = rows[k] + (side - 1 if turn[0] + turn[2] < 0 else 0)
        first_column = columns[k] + (side - 1 if turn[1] + turn[3] < 0 else 0)
        for channel in range(len(mean)):
            image, middle, spread = images[channel].ravel(), mean[channel], scale[channel]
            for y in range(side):
                start = first_row * width + first_column + y * down
                row = out[places[k], channel, y]
                for x in range(side):
                    value = (image[start + x * across] - middle) / spread
                    row[x] = value if np.isfinite(value) else zero
                    if mask.size:
                        mask[places[k], channel, y, x] = one if np.isfinite(value) else zero
