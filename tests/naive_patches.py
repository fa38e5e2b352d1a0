"""What the feed does to patches, the slow obvious way."""

from __future__ import annotations

import numpy as np

from stfuse.learning.patches import Scaling
from stfuse.task import FloatArray


def around(image: FloatArray, rows: slice, columns: slice, halo: int, align: int = 1) -> FloatArray:
    """A window of the mirrored whole, the slow obvious way.

    Cells of several pixels stay whole: the last is filled up with its last pixel, and mirrors stand on cells' edges.
    """
    edges = [(halo, halo + (-n % align)) for n in image.shape[1:]]
    if align == 1:
        mode = [("reflect" if n > 1 else "edge") for n in image.shape[1:]]
        image = np.pad(image, ((0, 0), edges[0], (0, 0)), mode=mode[0])
        image = np.pad(image, ((0, 0), (0, 0), edges[1]), mode=mode[1])
    else:
        image = np.pad(image, ((0, 0), *((0, -n % align) for n in image.shape[1:])), mode="edge")
        image = np.pad(image, ((0, 0), (halo, halo), (halo, halo)), mode="symmetric")
    return image[:, rows.start : rows.stop + 2 * halo, columns.start : columns.stop + 2 * halo]


def scaled(inputs: FloatArray, scaling: Scaling) -> FloatArray:
    """Inputs (..., channel, y, x) in standard deviations from the mean, gaps 0."""
    units = (inputs - scaling.in_mean[:, None, None]) / scaling.in_scale[:, None, None]
    return np.where(np.isfinite(units), units, 0).astype(np.float32)


def turned(image: FloatArray, turn: int) -> FloatArray:
    """One of the eight flips and rotations of (..., y, x), `turn` in 0..7; what `gather` does, written plainly."""
    image = np.rot90(image, turn % 4, axes=(-2, -1))
    return image[..., ::-1] if turn >= 4 else image
