"""The sensors: bands and grids, calendars, where the sun stands, and how a pixel gathers its light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import sparse
from scipy.special import erf

from stfuse.task import FloatArray

EPOCH = date(2023, 1, 1)


@dataclass(frozen=True)
class Channel:
    """One band of an instrument.

    Attributes
    ----------
    band : str
        STAC common name, also the asset's key.
    label : str
        The band's name in file names (``B04``, ``SR_B4``).
    pixel : float
        Metres.
    noise : float
        Standard deviation of the noise at reflectance 0; to it come 0.4 % of the signal.
    """

    band: str
    label: str
    pixel: float
    noise: float


@dataclass(frozen=True)
class Instrument:
    """One sensor.

    Attributes
    ----------
    name : str
    repeat : int
        Days between overpasses.
    hour : float
        Local solar time of the overpass in hours.
    origin : float
        Metres by which pixel edges are off the multiples of the pixel size.
    blur : float
        Standard deviation of the blur beyond the pixel's area, in pixels.
    mask_pixel : float
        Metres.
    channels : tuple of Channel
    """

    name: str
    repeat: int
    hour: float
    origin: float
    blur: float
    mask_pixel: float
    channels: tuple[Channel, ...]


SENTINEL2 = Instrument(
    "sentinel-2", 5, 10.7, 0.0, 0.0, 20,
    (
        Channel("blue", "B02", 10, 0.0012), Channel("green", "B03", 10, 0.0012), Channel("red", "B04", 10, 0.0013),
        Channel("nir", "B08", 10, 0.0025), Channel("nir08", "B8A", 20, 0.0020), Channel("swir16", "B11", 20, 0.0018),
        Channel("swir22", "B12", 20, 0.0018),
    ),
)  # fmt: skip
"""The truth's 10 m pixels are what its 10 m detectors see; its 20 m bands see area means of them."""

LANDSAT8 = Instrument(
    "landsat-8", 16, 10.4, 15.0, 0.39, 30,
    (
        Channel("blue", "SR_B2", 30, 0.0012), Channel("green", "SR_B3", 30, 0.0010),
        Channel("red", "SR_B4", 30, 0.0010), Channel("nir08", "SR_B5", 30, 0.0015),
        Channel("swir16", "SR_B6", 30, 0.0012), Channel("swir22", "SR_B7", 30, 0.0012),
        Channel("pan", "B8", 15, 0.0012),
    ),
)  # fmt: skip
"""Pixel centres lie on multiples of 30 m, as Collection 2 has them. Area mean and blur together have a modulation of
0.3 at the Nyquist frequency: 2 / pi * exp(-2 (pi * 0.39 / 2)^2) = 0.30."""


def overpasses(instrument: Instrument, period: tuple[date, date], phase: int) -> list[date]:
    """Days of a period on which a sensor passes over, `phase` days after `EPOCH` and every `repeat` days."""
    first = (EPOCH + timedelta(days=phase) - period[0]).days % instrument.repeat
    count = (period[1] - period[0]).days + 1
    return [period[0] + timedelta(days=i) for i in range(first, count, instrument.repeat)]


def overpass_time(instrument: Instrument, day: date, longitude: float) -> datetime:
    """When a sensor passes over, UTC, to the second."""
    hours = instrument.hour - longitude / 15
    return datetime(day.year, day.month, day.day) + timedelta(seconds=round(hours * 3600))


def sun(day: date, solar_hour: float, latitude: float) -> tuple[float, float]:
    """Elevation and azimuth (clockwise from north) of the sun in degrees, to about half a degree."""
    turn = 2 * math.pi * (day.timetuple().tm_yday - 81) / 365.25
    declination = math.radians(23.44) * math.sin(turn)
    angle, here = math.radians(15 * (solar_hour - 12)), math.radians(latitude)
    sine = math.sin(here) * math.sin(declination) + math.cos(here) * math.cos(declination) * math.cos(angle)
    elevation = math.asin(sine)
    east = -math.sin(angle) * math.cos(declination)
    north = math.cos(here) * math.sin(declination) - math.sin(here) * math.cos(declination) * math.cos(angle)
    return math.degrees(elevation), math.degrees(math.atan2(east, north)) % 360


def delivered_grid(
    bounds: tuple[float, float, float, float], crs: str, pixel: float, instrument: Instrument, margin: float
) -> GeoBox:
    """The sensor's own grid over the site and a margin.

    All bands of one sensor cover nearly the same ground: the window is snapped to its coarsest pixels. A band of half
    their size begins half a small pixel inside, as Landsat's panchromatic band does, if pixel centres are aligned.

    Parameters
    ----------
    bounds : (left, bottom, right, top)
        The site's.
    pixel : float
        Metres.
    margin : float
        Metres, at least.
    """
    coarsest = max(c.pixel for c in instrument.channels)
    origin = instrument.origin

    def snap(value: float, outwards: int) -> float:
        steps = (value - origin) / coarsest
        return origin + coarsest * (math.ceil(steps) if outwards > 0 else math.floor(steps))

    left, bottom = (snap(v - margin, -1) for v in bounds[:2])
    right, top = (snap(v + margin, 1) for v in bounds[2:])
    inset = pixel / 2 if origin and pixel < coarsest else 0.0
    width, height = (round((b - a - 2 * inset) / pixel) for a, b in ((left, right), (bottom, top)))
    return GeoBox((height, width), Affine(pixel, 0, left + inset, 0, -pixel, top - inset), crs)


def gather(
    values: FloatArray, source: GeoBox, target: GeoBox, blur: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """What the pixels of a sensor gather of an image: area mean, blurred by a Gaussian.

    Exact for square source pixels of even brightness, whatever the ratio and offset of the grids; rows and columns are
    weighted apart from one another.

    Parameters
    ----------
    values : ndarray, shape (..., y, x)
    source, target : GeoBox
        Of the same CRS, north up. The target must lie within the source.
    blur : float
        Standard deviation in target pixels.
    shift : (dx, dy)
        Metres east and north by which the sensor's image is displaced: a mark at x appears at x + dx.
    """
    pixel = abs(target.resolution.x)
    step = abs(source.resolution.x)
    left = (target.affine.c - source.affine.c - shift[0]) / step
    top = (source.affine.f - target.affine.f + shift[1]) / step
    across = _weights(source.width, target.width, left, pixel / step, blur * pixel / step)
    down = _weights(source.height, target.height, top, pixel / step, blur * pixel / step)
    flat = np.asarray(values, np.float32).reshape(-1, *source.shape)
    images = [(across @ (down @ image).T).T for image in flat]
    return np.ascontiguousarray(images, np.float32).reshape(*values.shape[:-2], *target.shape)


@lru_cache(maxsize=64)
def _weights(inputs: int, outputs: int, start: float, ratio: float, sigma: float) -> Any:
    """Share of each input cell in each output pixel: sparse, shape (outputs, inputs), rows summing to 1."""
    edges = np.arange(inputs + 1)[None, :]
    low = (start + ratio * np.arange(outputs))[:, None]
    if sigma > 0:
        # The integral of a box blurred by a Gaussian is a difference of integrals of the normal distribution.
        filled = sigma * (_normal_integral((edges - low) / sigma) - _normal_integral((edges - low - ratio) / sigma))
    else:
        filled = np.clip(edges - low, 0, ratio)
    weights = np.diff(filled, axis=1)
    weights[weights < 1e-7] = 0
    # Sparse, so that the work grows with the area and no library's threads change the last bit.
    return sparse.csr_matrix((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def _normal_integral(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(z * 0.5 * (1 + erf(z / math.sqrt(2))) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
