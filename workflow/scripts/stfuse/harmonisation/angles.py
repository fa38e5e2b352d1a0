"""Where sun and sensor stood over a site: small grids of angles that vary slowly, as archives state them.

All angles are in degrees. Azimuths are clockwise from north and point from the ground to the sun or to the sensor. That
is what every source here means: in Sentinel-2's granule metadata and Landsat's angle bands the view zenith grows away
from the stated view azimuth, and so it does in Landsat's orbit data. Simulated items mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy import ndimage

AngleArray = NDArray[np.float64]
Pair = tuple[AngleArray, AngleArray]
"""Zenith and azimuth, each of shape (y, x)."""

EVERY = "*"
"""Key of the view that holds for every band without one of its own."""
NODES, SPACING = 24, 2000.0
"""When a raster of angles is thinned out: most nodes along a side, and least metres between them."""


@dataclass(frozen=True)
class Angles:
    """Directions of sun and view on a grid of nodes over a site.

    Attributes
    ----------
    source : str
        What stated them, in words.
    crs : str
        Of the nodes; empty where one direction holds for all the site (grids of shape (1, 1)).
    first : (x, y)
        The first node's place, CRS units.
    step : (dx, dy)
        From node to node along a row and from row to row; dy is negative where rows go south.
    sun : (zenith, azimuth)
        Each of shape (y, x), degrees.
    view : mapping of band to (zenith, azimuth)
        The key `EVERY` stands for all bands that have none of their own.
    """

    source: str
    crs: str
    first: tuple[float, float]
    step: tuple[float, float]
    sun: Pair
    view: Mapping[str, Pair]

    def of_view(self, band: str) -> Pair | None:
        """View zenith and azimuth of a band, each (y, x); None where they are not known."""
        return self.view.get(band, self.view.get(EVERY))

    def over(self, bounds: tuple[float, float, float, float], crs: str) -> Angles:
        """The nodes around a box in units of `crs`, at least two along each side where there are as many."""
        if not self.crs or self.sun[0].size == 1:
            return self
        left, bottom, right, top = Transformer.from_crs(crs, self.crs, always_xy=True).transform_bounds(*bounds)
        (x, y), (dx, dy) = self.first, self.step
        rows, columns = self.sun[0].shape
        down = _nodes((top - y) / dy, (bottom - y) / dy, rows)
        across = _nodes((left - x) / dx, (right - x) / dx, columns)

        def cut(pair: Pair) -> Pair:
            return pair[0][down, across], pair[1][down, across]

        moved = (x + across.start * dx, y + down.start * dy)
        return replace(self, first=moved, sun=cut(self.sun), view={b: cut(v) for b, v in self.view.items()})

    def means(self) -> dict[str, float]:
        """Mean directions over all nodes and bands, as ``scene.json`` names them."""
        sun = mean_direction(*self.sun)
        zeniths, azimuths = (np.stack([pair[i] for pair in self.view.values()]) for i in (0, 1))
        view = mean_direction(zeniths, azimuths)
        found = {"sun_elevation": 90 - sun[0], "sun_azimuth": sun[1], "view_zenith": view[0], "view_azimuth": view[1]}
        return {name: round(float(value), 4) for name, value in found.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: a row of numbers is one text, so that a grid stays readable."""
        views = {band: {"zenith": _rows(v[0]), "azimuth": _rows(v[1])} for band, v in self.view.items()}
        return {
            "source": self.source, "crs": self.crs, "first": list(self.first), "step": list(self.step),
            "sun": {"zenith": _rows(self.sun[0]), "azimuth": _rows(self.sun[1])}, "view": views,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stated: Mapping[str, Any]) -> Angles:
        """The inverse of `as_dict`, to a hundredth of a degree."""

        def pair(grids: Mapping[str, Sequence[str]]) -> Pair:
            return _numbers(grids["zenith"]), _numbers(grids["azimuth"])

        (x, y), (dx, dy) = stated["first"], stated["step"]
        views = {band: pair(grids) for band, grids in stated["view"].items()}
        return cls(stated["source"], stated["crs"], (x, y), (dx, dy), pair(stated["sun"]), views)


def everywhere(sun: tuple[float, float], view: tuple[float, float], source: str) -> Angles:
    """One direction of the sun and one of view for all the site and all bands, each (zenith, azimuth)."""
    one, other = ((np.full((1, 1), float(zenith)), np.full((1, 1), float(turn))) for zenith, turn in (sun, view))
    return Angles(source, "", (0.0, 0.0), (0.0, 0.0), one, {EVERY: other})


def mean_direction(zenith: ArrayLike, azimuth: ArrayLike, axis: int | None = None) -> Pair:
    """The mean of directions as vectors; NaN counts as not stated, and where none is stated the mean is NaN.

    A mean of the numbers would be wrong around north and near the zenith, where azimuths of neighbouring detectors may
    differ by 180 degrees.

    Parameters
    ----------
    zenith, azimuth : array_like
        Degrees, of one shape.
    axis : int, optional
        Along which to take the mean; over everything if left out.
    """
    tilt, turn = np.radians(np.asarray(zenith, float)), np.radians(np.asarray(azimuth, float))
    stated = np.isfinite(tilt) & np.isfinite(turn)
    vectors = (np.sin(tilt) * np.sin(turn), np.sin(tilt) * np.cos(turn), np.cos(tilt))
    east, north, up = (np.where(stated, v, 0.0).sum(axis=axis) for v in vectors)
    # Twice: a little less than 0 is 360 after the first remainder.
    found = np.degrees(np.arctan2(np.hypot(east, north), up)), np.degrees(np.arctan2(east, north)) % 360 % 360
    none = ~stated.any(axis=axis)
    return np.where(none, np.nan, found[0]), np.where(none, np.nan, found[1])


def fill(pair: Pair) -> Pair | None:
    """Directions with every node that states none taken from the nearest that does; None if there is no such node."""
    missing = ~np.isfinite(pair[0]) | ~np.isfinite(pair[1])
    if missing.all():
        return None
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return pair[0][tuple(nearest)], pair[1][tuple(nearest)]


def from_rasters(rasters: Mapping[str, NDArray[Any]], grid: GeoBox, source: str) -> Angles | None:
    """Directions from rasters of angles in hundredths of a degree, thinned out to a few nodes.

    Parameters
    ----------
    rasters : mapping
        ``sun_zenith``, ``sun_azimuth``, ``view_zenith`` and ``view_azimuth``, each (y, x), as Landsat's level 1 has
        them (bands SZA, SAA, VZA, VAA); where all four are 0, nothing was seen.
    grid : GeoBox
        Of all four.
    source : str

    Returns
    -------
    Angles or None
        None where the rasters hold no data.
    """
    height, width = grid.shape
    apart = max(1, round(SPACING / abs(grid.affine.a)))
    # A raster narrower than that has one node, in its middle.
    down, across = (min(max(apart, -(-n // NODES)), n) for n in (height, width))
    thin = {name: np.asarray(values[down // 2 :: down, across // 2 :: across], float) / 100
            for name, values in rasters.items()}  # fmt: skip
    seen = np.any([values != 0 for values in thin.values()], axis=0)
    named = [np.where(seen, thin[n], np.nan) for n in ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")]
    sun, view = fill((named[0], named[1] % 360)), fill((named[2], named[3] % 360))
    if sun is None or view is None:
        return None
    to = grid.affine
    first = to.c + to.a * (across // 2 + 0.5), to.f + to.e * (down // 2 + 0.5)
    return Angles(source, str(grid.crs), first, (to.a * across, to.e * down), sun, {EVERY: view})


def _nodes(one: float, other: float, count: int) -> slice:
    """Indices of the nodes on both sides of an interval in units of nodes."""
    first = min(max(int(np.floor(min(one, other))), 0), max(count - 2, 0))
    last = max(min(int(np.ceil(max(one, other))), count - 1), first + 1)
    return slice(first, last + 1)


def _rows(values: AngleArray) -> list[str]:
    return [" ".join(f"{number:.2f}" for number in row) for row in values]


def _numbers(rows: Sequence[str]) -> AngleArray:
    return np.array([[float(number) for number in row.split()] for row in rows])
