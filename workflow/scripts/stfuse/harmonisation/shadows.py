"""Clouds by their probability, and their shadows by the direction of the sun.

The recipe of Rossberg & Schmitt (2024, J-STARS 17, section II-B): cloud probability averaged over a disc of 40 m, above
40 %, widened by 20 m; shadows where the clouds, moved up to 2 km away from the sun, meet dark ground that is no water,
cleaned by an opening of 40 m that widens again by 100 m. Theirs is the probability of s2cloudless; archives deliver the
one of Sen2Cor, which the same numbers are used on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter1d

from stfuse.task import FloatArray

BoolArray = NDArray[np.bool_]

THRESHOLD = 40.0  # percent
AVERAGE, WIDENED = 40.0, 20.0  # radii in metres
DISTANCE = 2000.0  # metres from a cloud to the end of its shadow
DARKNESS = 0.3  # sum of the reflectance of B8, B11 and B12
EROSION, DILATION = 40.0, 100.0  # radii in metres

STRIP = 1024  # rows worked on at a time: whole tiles need no more memory than their flags


def clouds(
    probability: FloatArray,
    pixel: float,
    threshold: float = THRESHOLD,
    average: float = AVERAGE,
    widened: float = WIDENED,
) -> BoolArray:
    """Clouds with their rims, by their probability.

    Parameters
    ----------
    probability : ndarray, shape (y, x)
        Percent, NaN = unknown: it takes no part in the averages.
    pixel : float
        Pixel size in metres.
    threshold : float
        Percent; cloud is where the average is above it.
    average, widened : float
        Radii in metres of the disc that is averaged over and of the one by which clouds are widened.

    Returns
    -------
    ndarray, shape (y, x), bool
        False where nothing is known within either disc.
    """
    found = np.zeros(probability.shape, bool)
    reach = int(average / pixel + 1e-9)
    for core, rows, inside in _strips(len(found), reach):
        known = np.isfinite(probability[rows])
        # Float sums of whole percents are whole but for rounding: a uniform 40 % must not exceed 40 %.
        total = _disc_sum(np.where(known, probability[rows], 0).astype(np.float64), average / pixel)
        count = _disc_sum(known.astype(np.float64), average / pixel)
        found[core] = (total > threshold * count + 1e-6)[inside]
    return within(found, widened, pixel)


def cast(flags: BoolArray, sun_azimuth: float, pixel: float, distance: float = DISTANCE) -> BoolArray:
    """Everything that lies behind flagged pixels as the sun sees them, and those pixels themselves.

    Rows (or columns, for a sun in the east or west) are gone through once, away from the sun; each hands on to the next
    how far the shadow has still to run. Its edges are true to a pixel.

    Parameters
    ----------
    flags : ndarray, shape (y, x), bool
        On a grid with north up.
    sun_azimuth : float
        Degrees clockwise from north, where the sun stands. True north is up to 3 degrees off a UTM grid's, which at
        the end of a shadow are 100 m, as much as shadows are widened by.
    pixel : float
        Pixel size in metres.
    distance : float
        Metres on the ground.
    """
    east, south = -math.sin(math.radians(sun_azimuth)), math.cos(math.radians(sun_azimuth))
    if abs(east) > abs(south):
        # The grid laid on its side, its first axis the one along which the shadow runs further.
        return np.asarray(_run(flags.T, east, south, pixel, distance).T)
    return _run(flags, south, east, pixel, distance)


def _run(flags: BoolArray, along: float, across: float, pixel: float, distance: float) -> BoolArray:
    """`cast` along the first axis, of which a direction (along, across) of length 1 has the larger part."""
    if along < 0:
        return _run(flags[::-1], -along, across, pixel, distance)[::-1]
    steps = int(distance * along / pixel + 1e-9)
    slope = across / along
    out = np.empty(flags.shape, bool)
    left = np.full(flags.shape[1], -1, np.int32)  # steps still to run, -1 = no shadow
    columns = [math.floor(row * slope + 0.5) for row in range(len(flags) + 1)]
    for row, (before, here) in enumerate(pairwise([0, *columns[:-1]])):
        left = np.maximum(_moved(left, here - before) - 1, -1)
        left[flags[row]] = steps
        out[row] = left >= 0
    return out


def _moved(row: NDArray[np.int32], by: int) -> NDArray[np.int32]:
    """A row moved by one pixel to the right (1), to the left (-1) or not at all."""
    moved = np.roll(row, by)
    if by:
        moved[0 if by > 0 else -1] = -1
    return moved


def shadows(
    cloud: BoolArray,
    ground: FloatArray,
    sun_azimuth: float,
    pixel: float,
    water: BoolArray | None = None,
    distance: float = DISTANCE,
    darkness: float = DARKNESS,
    erosion: float = EROSION,
    dilation: float = DILATION,
) -> BoolArray:
    """Shadows that clouds cast on dark ground.

    Parameters
    ----------
    cloud : ndarray, shape (y, x), bool
        See `clouds`; shadows of clouds outside the array are not found.
    ground : ndarray, shape (y, x)
        Sum of the reflectance in near infrared and both short-wave infrared bands (B8 + B11 + B12); NaN = unknown,
        which is not called dark.
    sun_azimuth : float
        Degrees clockwise from north.
    pixel : float
        Pixel size in metres.
    water : ndarray, shape (y, x), bool, optional
        Dark without any shadow.
    distance, erosion, dilation : float
        Metres.
    darkness : float
        Ground is dark below this sum.
    """
    with np.errstate(invalid="ignore"):
        found = ground < darkness
    if water is not None:
        found &= ~water
    found &= cast(cloud, sun_azimuth, pixel, distance)
    # What is unknown, as all outside the array is, does not eat into the shadows at its edge.
    found &= ~within(np.isfinite(ground) & ~found, erosion, pixel)
    return within(found, dilation, pixel)


def within(flags: BoolArray, radius: float, pixel: float) -> BoolArray:
    """Pixels whose centre lies within a radius in metres of the centre of a flagged one: a dilation by a disc."""
    reach = int(radius / pixel + 1e-9)
    if reach == 0:
        return flags.copy()
    near = np.zeros(flags.shape, bool)
    for core, rows, inside in _strips(len(flags), reach):
        if flags[rows].any():
            near[core] = (distance_transform_edt(~flags[rows]) * pixel <= radius + 1e-6)[inside]
    return near


def _strips(rows: int, reach: int) -> Iterator[tuple[slice, slice, slice]]:
    """Rows to fill, rows to look at for them, and where the first lie among the second."""
    for start in range(0, rows, STRIP):
        stop = min(start + STRIP, rows)
        first = max(start - reach, 0)
        yield slice(start, stop), slice(first, min(stop + reach, rows)), slice(start - first, stop - first)


def _disc_sum(values: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Sum over the pixels whose centres lie within a radius (in pixels), nothing beyond the edge: one sum per chord."""
    total = np.zeros_like(values)
    for dy in range(int(radius + 1e-9) + 1):
        size = 2 * int(math.sqrt(max(radius**2 - dy**2, 0)) + 1e-9) + 1
        chord = uniform_filter1d(values, size, axis=1, mode="constant") * size
        if dy == 0:
            total += chord
        elif dy < len(values):
            total[dy:] += chord[:-dy]
            total[:-dy] += chord[dy:]
    return total
