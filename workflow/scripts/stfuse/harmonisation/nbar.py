"""Reflectance as seen from the zenith: the c-factor of Roy et al. (2016) on a scene's native bands.

The factor is computed on the few nodes at which the directions are known and interpolated to the pixels, bilinearly:
it varies by a few per cent over a hundred kilometres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy import ndimage

from stfuse.errors import InputError
from stfuse.harmonisation.angles import AngleArray, Angles, mean_direction
from stfuse.harmonisation.brdf import ROY, c_factor
from stfuse.harmonisation.sun import usual_zenith
from stfuse.task import FloatArray

SETTINGS = ("scene", "latitude", "none")
LOWEST_SUN = 80.0
"""Largest zenith angle of the sun for which the kernels hold; scenes under a lower sun are left as they are."""
BLOCK = 256
"""Rows that are corrected at once: what the factors take beside the image is so many rows."""
FINER = 2
"""Between two nodes of the angles lie so many of the grid from which pixels are interpolated."""
UNKNOWN = "directions unknown"


@dataclass(frozen=True)
class Correction:
    """What is to be done to a scene's reflectance.

    Attributes
    ----------
    angles : Angles or None
        None where nothing is done.
    target : float or None
        Zenith angle to which the sun is moved, degrees; None leaves it where it stood.
    why_not : str
        Why nothing is done; empty where nothing has to be.
    """

    angles: Angles | None = None
    target: float | None = None
    why_not: str = ""

    def factors(self, band: str) -> FloatArray | None:
        """The factor at the nodes, shape (y, x); None for a band without parameters (pan) or directions at a node."""
        view = self.angles.of_view(band) if self.angles and band in ROY else None
        if self.angles is None or view is None:
            return None
        sun, turn = self.angles.sun[0], view[1] - self.angles.sun[1]
        found = c_factor(band, sun, view[0], turn, self.target).astype(np.float32)
        return found if np.isfinite(found).all() else None

    def apply(self, values: FloatArray, grid: GeoBox, band: str) -> None:
        """Bring one band to the view from the zenith, in place; a band without factors is left as it is.

        Parameters
        ----------
        values : ndarray, shape (y, x), float32
            Reflectance on its native grid, NaN = not observed.
        grid : GeoBox
        band : str
            STAC common name.
        """
        factors = self.factors(band)
        if factors is not None and self.angles is not None:
            _multiply(values, grid, factors, self.angles)

    def described(self, bands: list[str]) -> str:
        """For the quality table: mean factor and directions of one band, by whom they are stated, and what is left out.

        Red stands for all bands, or the first that is corrected where there is no red.
        """
        done = [band for band in bands if self.factors(band) is not None]
        if self.angles is None or not done:
            why = self._lacking(bands) if self.angles or self.why_not == UNKNOWN else self.why_not
            return f"not done: {why}" if why else ""
        shown = "red" if "red" in done else done[0]
        factors, view = self.factors(shown), self.angles.of_view(shown)
        zeniths = [float(mean_direction(*pair)[0]) for pair in (view, self.angles.sun) if pair is not None]
        moved = "" if self.target is None else f" moved to {self.target:.1f}"
        left = [band for band in bands if band not in done]
        rest = f", not {' '.join(left)}" if left else ""
        mean = float(np.mean(factors)) if factors is not None else 1.0
        return f"c {mean:.3f} ({shown}), view {zeniths[0]:.1f} sun {zeniths[1]:.1f}{moved}, {self.angles.source}{rest}"

    @staticmethod
    def _lacking(bands: list[str]) -> str:
        return UNKNOWN if any(band in ROY for band in bands) else f"no parameters of {' '.join(bands)}"


def correction(setting: str, angles: Angles | None, day: date, latitude: float) -> Correction:
    """What a site's setting ``nbar`` means for a scene of reflectance that was seen from aside.

    Parameters
    ----------
    setting : {"scene", "latitude", "none"}
        To the zenith with the sun where it stood, or where it usually stands on that day at that latitude when Landsat
        and Sentinel-2 pass over (see `sun.usual_zenith`); or not at all.
    angles : Angles or None
        None where no archive states them.
    day : date
    latitude : float
        The site's, degrees.

    Raises
    ------
    InputError
        If the setting is unknown.
    """
    if setting not in SETTINGS:
        raise InputError(f"nbar: {setting} is unknown", f"write one of {', '.join(SETTINGS)} in the site file")
    if setting == "none":
        return Correction()
    if angles is None or not np.isfinite(angles.sun).all():
        return Correction(why_not=UNKNOWN)
    target = usual_zenith(day, latitude) if setting == "latitude" else None
    lowest = max(float(angles.sun[0].max()), target or 0.0)
    if lowest > LOWEST_SUN:
        return Correction(why_not=f"sun {lowest:.1f} degrees from the zenith, the kernels hold to {LOWEST_SUN:.0f}")
    return Correction(angles, target)


def _multiply(values: FloatArray, grid: GeoBox, factors: FloatArray, angles: Angles) -> None:
    if factors.size == 1:
        values *= factors.item()
        return
    rows, columns = values.shape
    step = min(abs(s) for s in angles.step) / FINER
    down, across = (_places(n, abs(size) * n / step) for n, size in ((rows, grid.affine.e), (columns, grid.affine.a)))
    lattice = _at_places(factors, angles, grid, down, across)
    along = _weights(columns, across)
    for top in range(0, rows, BLOCK):
        here = slice(top, min(top + BLOCK, rows))
        values[here] *= (_weights(rows, down, here) @ lattice) @ along.T


def _places(count: int, intervals: float) -> AngleArray:
    """Pixel numbers, first and last among them, at which the factor is looked up."""
    return np.linspace(0, count - 1, math.ceil(intervals) + 1 if count > 1 else 1)


def _at_places(factors: FloatArray, angles: Angles, grid: GeoBox, down: AngleArray, across: AngleArray) -> FloatArray:
    """Factors at pixels of a grid in whatever CRS, shape (down, across); beyond the nodes the nearest one's."""
    column, row = np.meshgrid(across + 0.5, down + 0.5)
    to = grid.affine
    x, y = to.a * column + to.b * row + to.c, to.d * column + to.e * row + to.f
    if str(grid.crs) != angles.crs:
        x, y = Transformer.from_crs(str(grid.crs), angles.crs, always_xy=True).transform(x, y)
    (left, top), (dx, dy) = angles.first, angles.step
    found = ndimage.map_coordinates(factors, [(y - top) / dy, (x - left) / dx], order=1, mode="nearest")
    return np.asarray(found, np.float32)


def _weights(count: int, places: AngleArray, part: slice | None = None) -> FloatArray:
    """Shares of the values at `places` in each pixel of a row or column, or of a part of it, shape (pixel, place)."""
    pixels = np.arange(count)[part or slice(None)]
    if len(places) == 1:
        return np.ones((len(pixels), 1), np.float32)
    step = places[1] - places[0]
    return np.asarray(np.maximum(0, 1 - np.abs(pixels[:, None] - places) / step), np.float32)
