"""The data set of a gap experiment, read window by window: whole series of every so many pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.filling.files import GUIDE, guided
from stfuse.filling.pixels_writer import PIECE, Part, lattice_grid, unpacked, write_pixels
from stfuse.task import FloatArray, Series, Task, Window

__all__ = ["PIECE", "PixelStore", "lattice_grid", "write_pixels"]

Dates = NDArray[np.datetime64]
_REMAKE = "delete the folder and run again so that it is made anew"


@dataclass(frozen=True)
class _Opened:
    """A store that was opened: its arrays, their dates and what it says of itself."""

    arrays: Mapping[str, Any]
    dates: Mapping[str, Dates]
    parts: tuple[Part, ...]
    site_grid: GeoBox
    lattice: int
    attrs: Mapping[str, Any]


@lru_cache(maxsize=64)
def _opened(path: str, changed: int) -> _Opened:
    try:
        store = zarr.open_group(path, mode="r", zarr_format=3)
        about: Any = store.attrs["stfuse"]
        parts = tuple(Part(**part) for part in about["parts"])
        arrays: dict[str, Any] = {part.array: store[part.array] for part in parts}
        days: dict[str, Any] = {part.axis: store[part.axis] for part in parts}
        dates = {axis: np.asarray(numbers[:]).astype("datetime64[D]") for axis, numbers in days.items()}
        crs = str(store["spatial_ref"].attrs["spatial_ref"])
        grid = GeoBox(tuple(about["shape"]), Affine(*about["transform"]), crs)
        lacking = sorted(name for name, array in arrays.items() if array.nchunks_initialized < array.nchunks)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as a store of pixels ({error})", _REMAKE) from error
    if lacking:
        raise InputError(f"{path} has lost pieces of {', '.join(lacking)}", _REMAKE)
    return _Opened(arrays, dates, parts, grid, int(about["lattice"]), dict(store.attrs))


@dataclass(frozen=True)
class PixelStore:
    """The series of a store, to learn from and to be scored on window by window; see `stfuse.task.Sample`.

    Windows are those of the lattice, and what is read is the pieces that they touch; several threads may read at once.
    It holds no values and may be sent to other processes.

    Attributes
    ----------
    path : path
    until, after : str, optional
        ISO dates: every series ends with `until`, that day included, and begins after `after`. What lies beyond is not
        there, in no array.
    """

    path: str | Path
    until: str | None = None
    after: str | None = None

    @property
    def _store(self) -> _Opened:
        head = Path(self.path) / "zarr.json"
        try:
            changed = head.stat().st_mtime_ns
        except OSError as error:
            raise InputError(f"{self.path} cannot be read as a store of pixels ({error})", _REMAKE) from error
        return _opened(str(self.path), changed)

    @property
    def lattice(self) -> int:
        """Fine pixels from one row or column to the next."""
        return self._store.lattice

    @property
    def site_grid(self) -> GeoBox:
        """The fine grid that the pixels were taken from."""
        return self._store.site_grid

    @property
    def offset(self) -> tuple[int, int]:
        """Row and column of the first pixel on `site_grid`."""
        return lattice_grid(self.site_grid, self.lattice)[1]

    @property
    def grid(self) -> GeoBox:
        """The lattice, as a grid of pixels so far apart."""
        return lattice_grid(self.site_grid, self.lattice)[0]

    @property
    def grids(self) -> list[GeoBox]:
        """None beside it: all series have its pixels."""
        return []

    @property
    def bands(self) -> tuple[str, ...]:
        """NDVI is what is predicted."""
        return ("ndvi",)

    @property
    def dates(self) -> Dates:
        """Dates of the optical values."""
        dates = self._store.dates["time"]
        return np.asarray(dates[self._between(dates)])

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What the store says of how it was made."""
        return self._store.attrs

    def _between(self, dates: Dates) -> slice:
        first = np.searchsorted(dates, np.datetime64(self.after), side="right") if self.after else 0
        last = np.searchsorted(dates, np.datetime64(self.until), side="right") if self.until else len(dates)
        return slice(int(first), max(int(first), int(last)))

    def crop(self, window: Window) -> Task:
        """Every series of a window (rows, columns) of the lattice; the dates to predict are the optical ones.

        Raises
        ------
        InputError
            If the store is missing or damaged.
        """
        roles: dict[str, list[Part]] = {}
        for part in self._store.parts:
            roles.setdefault(part.role, []).append(part)
        found = {role: self._series(parts, window) for role, parts in roles.items()}
        fine = found.pop("fine")
        guides = {GUIDE: found.pop("coarse")} if "coarse" in found else {}
        return guided(fine, guides, found, fine.dates)

    def truth(self, window: Window) -> FloatArray:
        """The optical values of a window, shape (time, 1, y, x), NaN = not observed."""
        return self._series([part for part in self._store.parts if part.role == "fine"], window).values

    def _series(self, parts: list[Part], window: Window) -> Series:
        """One of the series of a window, within the dates."""
        store = self._store
        dates = store.dates[parts[0].axis]
        span, (rows, columns) = self._between(dates), window
        try:
            bands = [unpacked(np.asarray(store.arrays[part.array][span, rows, columns])) for part in parts]
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{self.path} is damaged ({error})", _REMAKE) from error
        return Series(np.stack(bands, axis=1), dates[span], tuple(part.band for part in parts), self.grid[window])
