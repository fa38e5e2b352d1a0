"""A frame for the images of one sensor: the mean of some of them, each laid on it before.

The dates of one archive do not lie on one another: those of Sentinel-2 over the Belgian patch of 2018 lie 6 m apart in
the median, more than half a pixel. The mean over dates keeps the edges that last and has the mean of their positions,
which is why Rossberg & Schmitt (2024, section II) lay every image on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from stfuse.task import FloatArray

Shift = tuple[float, float]

LEAST = 3  # images; the mean of fewer is not much better placed than any of them
ROUNDS = 2  # a third moved the Belgian images by less than half a metre


def mean_frame(
    look: Callable[[int, Shift], FloatArray], count: int, lie: Callable[[FloatArray, FloatArray], Shift | None]
) -> tuple[FloatArray, list[Shift]]:
    """The mean of several images that lie on one another, and how each was moved.

    The mean of the movements is taken out of them, so that the frame has the mean position of what was delivered and
    does not wander off from round to round. Images of which it cannot be told how they lie take no further part; where
    that leaves fewer than three, all stay where they are.

    Parameters
    ----------
    look : callable
        Image ``i``, moved by so many CRS units east and north: shape (band, y, x), float32, NaN = not observed. Called
        several times for each, so that one image is held at a time.
    count : int
    lie : callable
        By how much an image is to be moved onto the frame, in the same units; None where that cannot be told.

    Returns
    -------
    frame : ndarray, shape (band, y, x), float32
        NaN where no image shows anything.
    shifts : list of (east, north)
        (0, 0) for images that take no part.
    """
    shifts: dict[int, Shift] = dict.fromkeys(range(count), (0.0, 0.0))
    for _ in range(ROUNDS):
        frame = _mean(look, shifts)
        found = {i: shift for i in shifts if (shift := lie(look(i, (0.0, 0.0)), frame)) is not None}
        if len(found) < LEAST:
            break
        east, north = np.mean(list(found.values()), axis=0)
        shifts = {i: (float(x - east), float(y - north)) for i, (x, y) in found.items()}
    return _mean(look, shifts), [shifts.get(i, (0.0, 0.0)) for i in range(count)]


def _mean(look: Callable[[int, Shift], FloatArray], shifts: Mapping[int, Shift]) -> FloatArray:
    """The mean of the images where they show something, one held at a time."""
    total = seen = None
    for i, shift in shifts.items():
        image = look(i, shift)
        known = np.isfinite(image)
        if total is None or seen is None:
            total, seen = np.zeros(image.shape, np.float32), np.zeros(image.shape, np.uint16)
        total[known] += image[known]
        seen += known
    if total is None or seen is None:
        raise ValueError("a frame needs images, there is none")
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan).astype(np.float32)
