"""The words every method speaks: `Series`, `Task`, `Needs`, `Sample`, `State`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.needs import Needs

__all__ = ["FloatArray", "Needs", "Sample", "Scene", "Series", "State", "Task", "Window", "days_of", "no_fit"]

FloatArray = NDArray[np.float32]
Window = tuple[slice, slice]
"""Rows and columns of a grid."""

EVERYWHERE: Window = (slice(None), slice(None))
State = dict[str, NDArray[Any]]
"""What `fit` learned: plain named arrays, so that a state file needs neither pickle nor torch."""


@dataclass(frozen=True)
class Series:
    """Images of one role on one grid.

    Attributes
    ----------
    values : ndarray, shape (time, band, y, x), float32
        Surface reflectance 0..1, NDVI -1..1 or backscatter in dB; NaN = not observed.
    dates : ndarray, shape (time,), datetime64[D]
        Acquisition dates, ascending.
    bands : tuple of str
        STAC common names, or ``("ndvi",)``.
    grid : GeoBox
        The grid that the pixels lie on, shape (y, x).

    Raises
    ------
    ValueError
        If shapes, dates and bands do not belong together.
    """

    values: FloatArray
    dates: NDArray[np.datetime64]
    bands: tuple[str, ...]
    grid: GeoBox

    def __post_init__(self) -> None:
        expected = (len(self.dates), len(self.bands), *self.grid.shape)
        if self.values.shape != expected:
            raise ValueError(f"Series expected values of shape {expected}, found {self.values.shape}.")
        if np.any(np.diff(self.dates).astype(int) < 0):
            raise ValueError(f"Series expected ascending dates, found {self.dates}.")

    def nearest(self, date: np.datetime64) -> int:
        """Index of the image nearest in time to `date` (the earlier one of two equally near).

        Raises
        ------
        ValueError
            If the series is empty.
        """
        if not len(self.dates):
            raise ValueError(f"No image to be nearest to {date}: the series is empty.")
        return int(np.argmin(np.abs((self.dates - date).astype(int))))


@dataclass(frozen=True)
class Task:
    """What a method is given to predict from. There is no truth in it: a method cannot peek.

    Attributes
    ----------
    fine : Series
        Reference (guide) images on the fine grid, 0..n of them. Predictions lie on ``fine.grid``.
    coarse : Series
        Coarse images on their own grid, the target date's among them.
    aux : mapping of str to Series
        Auxiliary series by name (``pan``, ``sar``), each on its own grid.
    ratio : float
        Coarse pixel / fine pixel, not always whole.
    dates : ndarray, shape (time,), datetime64[D]
        The dates to predict.
    core : (slice, slice)
        Rows and columns of the fine grid where the answer counts. What lies around them is there to look
        at: a method may save itself the work of answering for it.
    """

    fine: Series
    coarse: Series
    ratio: float
    dates: NDArray[np.datetime64]
    aux: Mapping[str, Series] = field(default_factory=dict)
    core: Window = EVERYWHERE

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """The core as numbers: first row, row after the last, first column, column after the last."""
        rows, columns = (part.indices(n)[:2] for part, n in zip(self.core, self.fine.grid.shape, strict=True))
        return *rows, *columns


class Scene(Protocol):
    """A task that may be larger than the memory: what it is about, and a way to see any part of it."""

    @property
    def grid(self) -> GeoBox:
        """The fine grid."""

    @property
    def grids(self) -> Iterable[GeoBox]:
        """The grids of the coarse and the auxiliary series."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the prediction."""

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Dates to predict."""

    def crop(self, window: Window) -> Task:
        """The task for a window of the fine grid; called by several threads at a time."""


class Sample(Scene, Protocol):
    """A scene whose truth is known: what `fit` learns from."""

    def truth(self, window: Window) -> FloatArray:
        """The truth of a window, shape (time, band, y, x), NaN = not observed."""


def days_of(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Dates as days since 1970, which float32 holds exactly."""
    return np.asarray(dates, "datetime64[D]").astype(np.float64)


def no_fit(samples: Iterable[Scene], params: object, seed: int) -> State:
    """Learn nothing: what closed-form methods use as their `fit`."""
    return {}
