"""Where the sun stands: a simple astronomical model, and the hour at which Landsat and Sentinel-2 pass over."""

from __future__ import annotations

import math
from datetime import date

CROSSINGS, INCLINATION = (10.2, 10.5), 98.4
"""Mean local solar time in hours at which Landsat-8/9 and Sentinel-2 cross the equator southwards, and the mean
inclination of their orbits in degrees (98.2 and 98.6)."""


def sun(day: date, solar_hour: float, latitude: float) -> tuple[float, float]:
    """Elevation and azimuth (clockwise from north) of the sun in degrees, to about one and a half."""
    turn = 2 * math.pi * (day.timetuple().tm_yday - 81) / 365.25
    declination = math.radians(23.44) * math.sin(turn)
    angle, here = math.radians(15 * (solar_hour - 12)), math.radians(latitude)
    sine = math.sin(here) * math.sin(declination) + math.cos(here) * math.cos(declination) * math.cos(angle)
    elevation = math.asin(sine)
    east = -math.sin(angle) * math.cos(declination)
    north = math.cos(here) * math.sin(declination) - math.sin(here) * math.cos(declination) * math.cos(angle)
    return math.degrees(elevation), math.degrees(math.atan2(east, north)) % 360


def overpass_hour(latitude: float) -> float:
    """Mean local solar time in hours at which Landsat and Sentinel-2 pass over a latitude by day.

    North of the equator their orbits lie east of where they will cross it, so it is later there. Beyond 81 degrees,
    which they do not reach, it is as at their turning point.
    """
    lag = math.tan(math.radians(latitude)) / -math.tan(math.radians(INCLINATION))
    return sum(CROSSINGS) / len(CROSSINGS) + math.degrees(math.asin(max(-1.0, min(1.0, lag)))) / 15


def usual_zenith(day: date, latitude: float) -> float:
    """Zenith angle in degrees of the sun when Landsat and Sentinel-2 usually pass over, to bring both sensors to.

    Both see a place at nearly one hour, so a series brought to this angle follows the season alone: the idea of HLS
    (Claverie et al. 2018, RSE 219, 145-161) and of Zhang, Roy & Kovalskyy (2016, IEEE TGRS 54).

    Parameters
    ----------
    day : date
    latitude : float
        Degrees.
    """
    return 90 - sun(day, overpass_hour(latitude), latitude)[0]
