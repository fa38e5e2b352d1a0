"""What phenology reads of a dense series: window by window, and when each field was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stfuse.cube import TILE, read_window
from stfuse.phenology.courses import FieldCourses
from stfuse.series import FUSED, NOISE, OBSERVED, day_numbers
from stfuse.task import FloatArray, Window

__all__ = ["LAYERS", "NOWHERE", "days_seen", "read_values", "windows"]

BLOCK: Final = 2 * TILE
"""Pixels on each side of a window: whole pieces of the series' file and of the images, some ten thousand series."""
LAYERS: Final = ("ndvi", "flags", "weight")
NOWHERE: Final = (slice(0, 0), slice(0, 0))


def windows(shape: tuple[int, int]) -> Iterator[Window]:
    """Windows of at most `BLOCK` pixels a side that cover an image, row by row."""
    for row in range(0, shape[0], BLOCK):
        for column in range(0, shape[1], BLOCK):
            yield slice(row, min(row + BLOCK, shape[0])), slice(column, min(column + BLOCK, shape[1]))


def read_values(series: Path, window: Window) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Values, what each counts, and whether it was seen on its day; shape (time, y, x) each.

    Raises
    ------
    InputError
        If the file cannot be read or lacks a layer.
    """
    cube = read_window(series, LAYERS, window)
    flags = cube.values["flags"]
    seen = (flags & (OBSERVED | FUSED) > 0) & (flags & NOISE == 0)
    return cube.values["ndvi"], np.nan_to_num(cube.values["weight"]), seen


def days_seen(series: Path, fields: NDArray[np.integer], year: int) -> Mapping[int, NDArray[np.float64]]:
    """Days, counted from 1 January of `year`, on which each field was observed or fused over half of it or more.

    Parameters
    ----------
    series : path
        NetCDF of stage `series`.
    fields : ndarray of int, shape (y, x)
        Field numbers on the series' grid, 0 = none.

    Raises
    ------
    InputError
        If the file cannot be read or lacks a layer.
    """
    days = day_numbers(read_window(series, LAYERS, NOWHERE).dates["time"], year)
    courses = FieldCourses(fields, len(days))
    for window in windows((fields.shape[0], fields.shape[1])):
        courses.add(window, *read_values(series, window))
    found = courses.courses()
    return {int(number): days[found.seen[:, i] > 0] for i, number in enumerate(found.numbers)}
