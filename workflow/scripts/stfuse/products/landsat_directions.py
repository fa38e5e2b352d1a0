"""Where Landsat stood as seen from the ground: from its orbit data (``*_ANG.txt``), else from the scene's footprint.

Landsat looks straight down and 7.5 degrees to both sides. On the round earth that is a view zenith of 8.3 degrees at
the swath's edges and 0 along its middle. What items call ``view:off_nadir`` is the satellite's roll, and says nothing
of a place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from stfuse.harmonisation.angles import EVERY, Angles, Pair

HEIGHT, RADIUS = 705e3, 6371e3
"""Metres: of Landsat 4 to 9 above the ground, and the earth's mean radius."""
INCLINATION = 98.2
"""Degrees, of the orbit to the equator."""
TURN_OF_EARTH, TURNS_A_DAY = 360 / 86164.0905, 233 / 16
"""Degrees the earth turns in a second, and orbits a day."""
SWATH = 185e3
STEP = 5000.0
"""Metres between the nodes."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Nodes:
    """Nodes over a site, in its CRS and in degrees; arrays of shape (y, x)."""

    crs: str
    first: tuple[float, float]
    step: tuple[float, float]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]


def from_orbit(text: str, bounds: Box, crs: str) -> Angles | None:
    """Directions from the orbit and the sun's place in the angle coefficient file of a Landsat scene.

    The satellite's place at the moment when a node lies abreast of it tells the view direction; detectors look up to
    about a degree ahead or behind, which is left out. The moments are those of the file's samples, a second apart.

    Parameters
    ----------
    text : str
        Content of ``*_ANG.txt`` (groups EPHEMERIS and SOLAR_VECTOR, earth-centred and earth-fixed).
    bounds : (left, bottom, right, top)
        The site's, in units of `crs`.

    Returns
    -------
    Angles or None
        None where the document states no orbit, or did not pass the site.

    Raises
    ------
    ValueError
        If its numbers are none.
    """
    orbit, sun = _vectors(text, "EPHEMERIS_ECEF"), _vectors(text, "SOLAR_ECEF")
    if orbit is None or sun is None or len(orbit) != len(sun) or len(orbit) < 2:
        return None
    nodes = _nodes(bounds, crs)
    ground = np.stack(_geocentric().transform(nodes.longitude, nodes.latitude, np.zeros_like(nodes.latitude)), axis=-1)
    paths = np.diff(orbit, axis=0)
    ahead = np.einsum("yxtc,tc->yxt", ground[..., None, :] - orbit[:-1], paths / np.sum(paths**2, 1, keepdims=True))
    # Seconds by which a node is ahead at each sample fall through 0 when it is passed.
    moment = np.array([[np.interp(0.0, -one, np.arange(len(one)), -1.0, -1.0) for one in row] for row in ahead])
    if (moment < 0).any():
        return None
    stood, shone = (_at(moment, vectors) for vectors in (orbit, sun))
    view, light = (_from_ground(v, nodes) for v in (stood - ground, shone))
    return Angles("orbit data", crs, nodes.first, nodes.step, light, {EVERY: view})


def from_footprint(geometry: Mapping[str, Any], sun: tuple[float, float], bounds: Box, crs: str) -> Angles | None:
    """Directions from where the site lies in a scene's outline, and the sun's over its centre.

    The ground track goes through the outline's middle, its course follows from the latitude. A node at a distance d
    across it is seen from the zenith angle that d spans from the satellite's height.

    Parameters
    ----------
    geometry : dict
        GeoJSON polygon, degrees.
    sun : (zenith, azimuth)
        Over the scene's centre, degrees.
    bounds : (left, bottom, right, top)
        The site's, in units of `crs`.

    Returns
    -------
    Angles or None
        None where the outline is not that of a whole scene: narrower or wider than the swath, or askew to the course,
        as a tile or a box in degrees is.
    """
    corners = _outline(geometry)
    if corners is None:
        return None
    # Between the extremes: extra points along one edge must not draw it there.
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    course = course_over_ground(float(middle[1]))
    right = _to_the_right(corners, middle, course)
    if not _is_scene(right):
        return None
    nodes = _nodes(bounds, crs)
    places = np.stack([nodes.longitude.ravel(), nodes.latitude.ravel()], axis=1)
    off = _to_the_right(places, middle, course).reshape(nodes.latitude.shape)
    zenith = view_zenith(np.abs(off))
    # From the right of the track the sensor stands to the left.
    azimuth = np.where(off > 0, course - 90, course + 90) % 360
    light = np.full(off.shape, float(sun[0])), np.full(off.shape, float(sun[1]))
    return Angles("footprint", crs, nodes.first, nodes.step, light, {EVERY: (zenith, azimuth)})


def view_zenith(distance: Any) -> NDArray[np.float64]:
    """View zenith in degrees at a distance in metres from the ground track, on a round earth."""
    span = np.asarray(distance, float) / RADIUS
    return np.degrees(np.arctan2(RADIUS * np.sin(span), RADIUS + HEIGHT - RADIUS * np.cos(span)) + span)


def course_over_ground(latitude: float) -> float:
    """Where Landsat flies by day, degrees clockwise from north, over the turning earth."""
    here = math.radians(latitude)
    sine = max(-1.0, min(1.0, math.cos(math.radians(INCLINATION)) / math.cos(here)))
    inertial = math.radians(180) - math.asin(sine)
    speed = 360 * TURNS_A_DAY / 86400
    east = speed * math.sin(inertial) - TURN_OF_EARTH * math.cos(here)
    return math.degrees(math.atan2(east, speed * math.cos(inertial))) % 360


def _outline(geometry: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Corners of a polygon as (longitude, latitude), shape (corner, 2), without a jump at the date line."""
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    corners = np.array([point[:2] for part in parts for point in part[0][:-1]], float)
    if len(corners) < 3:
        return None
    corners[:, 0] = (corners[:, 0] - corners[0, 0] + 180) % 360 - 180 + corners[0, 0]
    return corners


def _is_scene(right: NDArray[np.float64]) -> bool:
    """Whether corners at these distances across the track, metres, are those of a scene as it was taken."""
    off = np.abs(right)
    return bool(0.9 * SWATH < np.ptp(right) < 1.25 * SWATH and (len(right) != 4 or off.min() > 0.8 * off.max()))


def _to_the_right(places: NDArray[np.float64], middle: NDArray[np.float64], course: float) -> NDArray[np.float64]:
    """Metres to the right of a track through `middle`, of places (longitude, latitude)."""
    turn, _, metres = Geod(ellps="WGS84").inv(
        np.full(len(places), middle[0]), np.full(len(places), middle[1]), places[:, 0], places[:, 1]
    )
    return np.asarray(metres * np.sin(np.radians(np.asarray(turn) - course)))


def _nodes(bounds: Box, crs: str) -> _Nodes:
    left, bottom, right, top = bounds
    columns, rows = (math.ceil((b - a) / STEP) + 1 for a, b in ((left, right), (bottom, top)))
    x, y = np.linspace(left, right, columns), np.linspace(top, bottom, rows)
    longitude, latitude = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*np.meshgrid(x, y))
    return _Nodes(crs, (left, top), (x[1] - x[0], y[1] - y[0]), longitude, latitude)


@cache
def _geocentric() -> Transformer:
    return Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def _vectors(text: str, name: str) -> NDArray[np.float64] | None:
    """Columns ``{name}_X``, ``_Y`` and ``_Z`` of the file, shape (sample, 3)."""
    columns = [re.search(rf"\b{name}_{axis}\s*=\s*\(([^)]*)\)", text) for axis in "XYZ"]
    if not all(columns):
        return None
    return np.array([[float(number) for number in found[1].split(",")] for found in columns if found]).T


def _at(moment: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors between the samples, shape (y, x, 3)."""
    samples = np.arange(len(vectors))
    return np.stack([np.interp(moment, samples, column) for column in vectors.T], axis=-1)


def _from_ground(vectors: NDArray[np.float64], nodes: _Nodes) -> Pair:
    """Zenith and azimuth of earth-fixed vectors of shape (y, x, 3) as seen from the nodes."""
    lon, lat = np.radians(nodes.longitude), np.radians(nodes.latitude)
    x, y, z = np.moveaxis(vectors, -1, 0)
    east = -np.sin(lon) * x + np.cos(lon) * y
    outwards = np.cos(lon) * x + np.sin(lon) * y
    north, up = np.cos(lat) * z - np.sin(lat) * outwards, np.sin(lat) * z + np.cos(lat) * outwards
    return np.degrees(np.arctan2(np.hypot(east, north), up)), np.degrees(np.arctan2(east, north)) % 360
