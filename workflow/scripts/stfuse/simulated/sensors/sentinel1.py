"""Sentinel-1: terrain-corrected backscatter VV and VH at 10 m, as Planetary Computer delivers it in `sentinel-1-rtc`.

Two satellites see a site from an ascending and a descending orbit, each every six days: two scenes in six days, in
turn. Each orbit has its own angle of incidence and, as the archive's scenes share no grid, its own pixel edges. Orbits
are numbered 901 and 902 (there are 175), absolute orbit and data take are 0, so that no real scene can be meant. Swaths
are wide and lie the same each time: none ends within a site.
"""

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
from scipy import ndimage
from scipy.special import gammainccinv, ndtr

from stfuse.simulated.archive import footprint, grid_fields, make_asset, make_item
from stfuse.simulated.backscatter import POLARISATIONS, object_power, scatterers
from stfuse.simulated.delivery import Product, Raster, Sensor, site_centre
from stfuse.simulated.instruments import crop, gather
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World
from stfuse.task import FloatArray
from stfuse.truth import render

NAME, COLLECTION = "sentinel1", "sentinel-1-rtc"
PIXEL = 10.0
DELIVERED, BLUR_REACH = 180.0, 80.0
"""Metres around the site: what is delivered, and what of the world blur and shift need beyond."""
RESOLUTION = 0.9
"""Standard deviation of the response in pixels of 10 m: half its power lies within 21 m, between the system's 20 m
and 22 m."""
LOOKS = 4.4
"""Equivalent number of looks, as the archive states it."""
FLOOR = -27.0  # dB, thermal noise; IW's specification is -22 dB at worst
GAIN = 0.3  # dB, from scene to scene: calibration, dew, rain on leaves
BIAS, JITTER, LARGEST_SHIFT = 1.5, 1.0, 5.0  # metres
FAINTEST = 1e-5  # -50 dB; what is stored is a power above 0
NODATA = -32768.0
EVERY, FIRST = 3, date(2023, 1, 2)
SLICE = timedelta(seconds=25)


@dataclass(frozen=True)
class Orbit:
    """One relative orbit over a site.

    Attributes
    ----------
    state : str
        "ascending" or "descending".
    number : int
        Made up.
    incidence : float
        Degrees.
    hour : float
        Local solar time in hours.
    origin : (x, y)
        Metres by which its pixel edges are off the multiples of 10 m.
    """

    state: str
    number: int
    incidence: float
    hour: float
    origin: tuple[float, float]


def orbits(settings: Settings) -> tuple[Orbit, Orbit]:
    """The ascending and the descending orbit of a site."""
    found = []
    for state, number, hour, angles in (("ascending", 901, 17.4, (38, 40)), ("descending", 902, 5.8, (36, 43))):
        rng = stream(settings.seed, "orbit", state)
        x, y = rng.integers(1, 10, 2)
        found.append(Orbit(state, number, round(float(rng.uniform(*angles)), 2), hour, (float(x), float(y))))
    return found[0], found[1]


class Sentinel1:
    """Sentinel-1 over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.seen = scatterers(world, settings)
        self.orbits = orbits(settings)
        bounds = world.site.extent.boundingbox.bbox
        self.grids = {o.state: _grid(bounds, str(world.grid.crs), o.origin) for o in self.orbits}
        rows, columns = crop(world.grid, bounds, DELIVERED + BLUR_REACH)
        self.near = world.grid[rows, columns]
        n = world.land.labels.shape[0] // world.grid.height
        self.labels = world.land.labels[n * rows.start : n * rows.stop, n * columns.start : n * columns.stop]
        self.textures = world.textures[:, rows, columns]
        _, (self.longitude, _) = site_centre(world)

    def observe(self, day: date) -> list[Product]:
        """The day's scene."""
        orbit = self.orbit(day)
        grid = self.grids[orbit.state]
        powers = object_power(self.world, self.settings, self.seen, self.world.index(day), orbit.incidence)
        image = np.maximum(render(self.labels, self.textures, powers), np.float32(FAINTEST))
        shift = self.shift(day, orbit)
        values = self._disturb(gather(image, self.near, grid, self.settings.psf * RESOLUTION, shift), day)
        return [self._product(day, orbit, grid, values)]

    def orbit(self, day: date) -> Orbit:
        """Which orbit passes over on a day: the ascending one on the first, the other three days later."""
        return self.orbits[((day - FIRST).days // EVERY) % 2]

    def shift(self, day: date, orbit: Orbit) -> tuple[float, float]:
        """Metres east and north by which a scene is displaced: the orbit's own, and the scene's."""
        seed = self.settings.seed
        bias = stream(seed, "misregistration", NAME, orbit.state).normal(0, BIAS, 2)
        jitter = stream(seed, "misregistration", NAME, day).normal(0, JITTER, 2)
        x, y = self.settings.misregistration * np.clip(bias + jitter, -LARGEST_SHIFT, LARGEST_SHIFT)
        return float(x), float(y)

    def _disturb(self, values: FloatArray, day: date) -> FloatArray:
        """The scene's gain and the noise floor, with `noise`; then speckle, of the floor too."""
        seed, out = self.settings.seed, np.empty_like(values)
        gain = stream(seed, "noise", NAME, day).normal(0, GAIN)
        for power, name, found in zip(values, POLARISATIONS, out, strict=True):
            own = gain + stream(seed, "noise", NAME, day, name).normal(0, GAIN / 2)
            quiet = power * 10 ** (self.settings.noise * own / 10) + self.settings.noise * 10 ** (FLOOR / 10)
            if self.settings.speckle:
                drawn = speckle((power.shape[0], power.shape[1]), stream(seed, "speckle", NAME, day, name))
                quiet = quiet * np.maximum(1 + self.settings.speckle * (drawn - 1), 0)
            found[:] = np.maximum(quiet, FAINTEST)
        return out

    def _product(self, day: date, orbit: Orbit, grid: GeoBox, values: FloatArray) -> Product:
        # Hours are kept within the day that is meant, or the truth would be that of the day before.
        hours = (orbit.hour - self.longitude / 15) % 23.99
        time = datetime(day.year, day.month, day.day) + timedelta(seconds=round(hours * 3600))
        satellite = "AB"[((day - FIRST).days // (2 * EVERY)) % 2]
        start, end = time - SLICE / 2, time + SLICE / 2
        stamps = f"{start:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}"
        name = f"S1{satellite}_IW_GRDH_1SDV_{stamps}_000000_000000_rtc"
        assets = {key: _asset(key) for key in reversed(POLARISATIONS)}
        left, bottom, right, top = grid.extent.boundingbox.bbox
        properties = {
            "platform": f"SENTINEL-1{satellite}",
            "start_datetime": f"{start}+00:00",
            "end_datetime": f"{end}+00:00",
            "sat:orbit_state": orbit.state,
            "sat:absolute_orbit": 0,
            "sat:relative_orbit": orbit.number,
            "sat:platform_international_designator": {"A": "2014-016A", "B": "2016-025A"}[satellite],
            "s1:shape": [int(grid.width), int(grid.height)],
            "s1:datatake_id": "0",
            "proj:bbox": [left, bottom, right, top],
            **grid_fields(grid),
            "proj:transform": list(grid.affine),
            **CONSTANT,
        }
        item = make_item(COLLECTION, name, time, footprint(grid), properties, assets, grid, EXTENSIONS)
        rasters = {_file(key): Raster(v, grid, NODATA) for key, v in zip(POLARISATIONS, values, strict=True)}
        return Product(item, rasters)


def speckle(shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Factors of mean 1 and variance 1 / `LOOKS`, correlated as 10 m pixels of a 20 m system are.

    Each is of the gamma distribution that power has after so many looks (Oliver & Quegan 2004, Understanding SAR
    Images, section 4.3). White noise smoothed by the system's response is brought to it, value by value, by the
    distributions' quantiles.
    """
    far, kernel = _response()
    drawn = rng.standard_normal((shape[0] + 2 * far, shape[1] + 2 * far), np.float32)
    for axis in (0, 1):
        drawn = ndimage.correlate1d(drawn, kernel, axis=axis, mode="constant")
    return np.asarray(np.interp(drawn[far:-far, far:-far], *_quantiles()), np.float32)


@lru_cache(maxsize=1)
def _response() -> tuple[int, FloatArray]:
    """Reach in pixels, and weights along one axis that leave the variance of white noise as it is."""
    far = math.ceil(4 * RESOLUTION)
    line = np.exp(-0.5 * (np.arange(-far, far + 1) / RESOLUTION) ** 2)
    return far, (line / np.sqrt((line**2).sum())).astype(np.float32)


@lru_cache(maxsize=1)
def _quantiles() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of the normal distribution, and those of the looks' that are as likely to be exceeded."""
    normal = np.linspace(-6, 6, 2401)
    return normal, np.asarray(gammainccinv(LOOKS, ndtr(-normal)) / LOOKS, np.float64)


def _grid(bounds: tuple[float, float, float, float], crs: str, origin: tuple[float, float]) -> GeoBox:
    def snap(value: float, own: float, outwards: int) -> float:
        steps = (value - own) / PIXEL
        return own + PIXEL * (math.ceil(steps) if outwards > 0 else math.floor(steps))

    left, bottom = (snap(v - DELIVERED, o, -1) for v, o in zip(bounds[:2], origin, strict=True))
    right, top = (snap(v + DELIVERED, o, 1) for v, o in zip(bounds[2:], origin, strict=True))
    shape = round((top - bottom) / PIXEL), round((right - left) / PIXEL)
    return GeoBox(shape, Affine(PIXEL, 0, left, 0, -PIXEL, top), crs)


def _file(key: str) -> str:
    return f"iw-{key}.rtc.tiff"


def _asset(key: str) -> dict[str, Any]:
    received = {"vv": "vertical", "vh": "horizontal"}[key]
    layer = {"nodata": -32768, "data_type": "float32", "spatial_resolution": PIXEL}
    return make_asset(
        _file(key), f"{key.upper()}: vertical transmit, {received} receive", ("data",),
        description=f"Terrain-corrected gamma naught, vertical polarization sent and {received} received.",
        **{"raster:bands": [layer]},
    )  # fmt: skip


CONSTANT: dict[str, Any] = {
    "constellation": "Sentinel-1", "s1:resolution": "high", "s1:orbit_source": "PREORB", "s1:slice_number": "1",
    "s1:total_slices": "1", "s1:processing_level": "1", "s1:product_timeliness": "NRT-3h",
    "s1:instrument_configuration_ID": "7", "sar:looks_range": 5, "sar:looks_azimuth": 1, "sar:product_type": "GRD",
    "sar:polarizations": ["VV", "VH"], "sar:frequency_band": "C", "sar:instrument_mode": "IW",
    "sar:center_frequency": 5.405, "sar:resolution_range": 20, "sar:resolution_azimuth": 22,
    "sar:pixel_spacing_range": 10, "sar:pixel_spacing_azimuth": 10, "sar:observation_direction": "right",
    "sar:looks_equivalent_number": LOOKS,
}  # fmt: skip
EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("sar/v1.0.0", "sat/v1.0.0", "projection/v1.1.0", "file/v2.0.0", "raster/v1.1.0")
)
SENSOR = Sensor(
    name=NAME,
    every=EVERY,
    first=FIRST,
    reach=lambda settings, site: DELIVERED + 2 * PIXEL + BLUR_REACH,
    collections={
        COLLECTION: (
            "Sentinel-1 Radiometrically Terrain Corrected, simulated",
            "Backscatter gamma0, linear power; -32768 = no data.",
        )
    },
    observer=Sentinel1,
)
