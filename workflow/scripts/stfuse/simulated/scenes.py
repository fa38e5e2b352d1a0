"""One acquisition: from the truth of a day to the numbers and the mask that an archive stores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, polygon

from stfuse.simulated import clouds
from stfuse.simulated.covers import BANDS, BRIGHT, CODES, COVERS, NIR08, PAN_WEIGHTS, RED
from stfuse.simulated.instruments import (
    LANDSAT8,
    SENTINEL2,
    Channel,
    Instrument,
    delivered_grid,
    gather,
    overpass_time,
    sun,
)
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World
from stfuse.task import FloatArray

DELIVERED = 180.0  # metres around the site
MARGIN = 36  # pixels of 10 m around the site that the world needs for it

OLI_OF_MSI = {
    "blue": (0.9778, -0.0040), "green": (1.0053, -0.0009), "red": (0.9765, 0.0009), "nir08": (0.9983, -0.0001),
    "swir16": (0.9987, -0.0011), "swir22": (1.0030, -0.0012), "pan": (1.0, 0.0),
}  # fmt: skip
"""OLI = slope * MSI + offset: HLS v1.4 (Claverie et al. 2018), Sentinel-2A."""
CLASS_SPREAD = 0.012  # relative standard deviation of a class from that line
SIGNAL_NOISE = 0.004
PAN_HAZE, PAN_CLEARNESS = 0.030, 0.90  # path reflectance and transmission left in level 1
AEROSOL = dict(zip(BANDS, (0.0045, 0.0035, 0.0025, 0.0012, 0.0010, 0.0006, 0.0004), strict=True)) | {"pan": 0.0045}
OFFSET_SPREAD = 0.0012
BIAS, JITTER, LARGEST_SHIFT = 3.5, 1.2, 6.0  # metres


@dataclass(frozen=True)
class Acquisition:
    """One scene as stored.

    Attributes
    ----------
    instrument : Instrument
    day : date
    time : datetime
        UTC.
    sun : (elevation, azimuth)
        Degrees.
    platform : str
    stored : mapping of band to (ndarray (y, x) uint16, GeoBox)
    mask : (ndarray (y, x), GeoBox)
        SCL (uint8) or QA_PIXEL (uint16).
    cloud_cover : float
        Per cent of the delivered pixels, as the mask has it.
    edge : (east, north, distance) or None
        Where the scene ends: data lie where east * x + north * y <= distance, in metres from `centre`.
    centre : (x, y)
        The site's.
    """

    instrument: Instrument
    day: date
    time: datetime
    sun: tuple[float, float]
    platform: str
    stored: dict[str, tuple[NDArray[np.uint16], GeoBox]]
    mask: tuple[NDArray[np.uint8] | NDArray[np.uint16], GeoBox]
    cloud_cover: float
    edge: tuple[float, float, float] | None
    centre: tuple[float, ...]


class Observer:
    """A sensor over a world: what is the same for all its scenes is made once."""

    def __init__(self, instrument: Instrument, world: World, settings: Settings) -> None:
        self.instrument, self.world, self.settings = instrument, world, settings
        bounds, crs = world.site.extent.boundingbox.bbox, str(world.grid.crs)
        pixels = {c.pixel for c in instrument.channels} | {instrument.mask_pixel}
        self.grids = {p: delivered_grid(bounds, crs, p, instrument, DELIVERED) for p in pixels}
        self.mask_grid = self.grids[instrument.mask_pixel]
        self.water = gather(world.share_of([CODES["water"]]), world.grid, self.mask_grid)
        self.bright = gather(world.share_of(BRIGHT), world.grid, self.mask_grid)
        self.centre = tuple(world.site.extent.centroid.coords[0])
        self.longitude, self.latitude = world.site.extent.centroid.to_crs("EPSG:4326").coords[0]
        self.slopes = self._class_slopes()

    def _class_slopes(self) -> FloatArray:
        """Factor of each pixel by which this sensor's bands differ beyond the line of all classes: (channel, y, x)."""
        channels = self.instrument.channels
        if self.instrument is not LANDSAT8:
            return np.ones((len(channels), 1, 1), np.float32)
        spread = stream(self.settings.seed, "bandpass").normal(0, CLASS_SPREAD, (len(COVERS), len(channels)))
        objects = (1 + self.settings.bandpass * spread)[self.world.land.cover].astype(np.float32)
        return np.asarray(self.world.shares @ objects).T.reshape(-1, *self.world.grid.shape)

    def observe(self, truth: FloatArray, day: date) -> Acquisition:
        """The scene of a day, given the truth of that day, shape (band, y, x) on the world's grid."""
        name, instrument = self.instrument.name, self.instrument
        angles = sun(day, instrument.hour, self.latitude)
        sky = self._sky(day, angles)
        seen = clouds.through(self._bandpass(truth), tuple(c.band for c in instrument.channels), sky)
        shift = scene_shift(self.settings, name, day)
        edge = self._edge(day)
        stored = {}
        for channel, values in zip(instrument.channels, seen, strict=True):
            grid = self.grids[channel.pixel]
            gathered = gather(values, self.world.grid, grid, self.settings.psf * instrument.blur, shift)
            measured = self._disturb(gathered, channel, day)
            numbers = store(measured, instrument, channel.band, angles[0])
            numbers[_beyond(grid, self.centre, edge)] = 0
            stored[channel.band] = numbers, grid
        mask, cloud_cover = self._mask(sky, truth, day, shift)
        mask[_beyond(self.mask_grid, self.centre, edge)] = 0 if instrument is SENTINEL2 else 1
        time = overpass_time(instrument, day, self.longitude)
        return Acquisition(
            instrument,
            day,
            time,
            angles,
            self._platform(day),
            stored,
            (mask, self.mask_grid),
            cloud_cover,
            edge,
            self.centre,
        )

    def _platform(self, day: date) -> str:
        if self.instrument is not SENTINEL2:
            return self.instrument.name
        # Two satellites take turns.
        return "sentinel-2a" if (day.toordinal() // self.instrument.repeat) % 2 else "sentinel-2b"

    def _sky(self, day: date, angles: tuple[float, float]) -> clouds.Sky:
        shape = self.world.grid.height, self.world.grid.width
        if not self.settings.clouds:
            return clouds.clear_sky(shape)
        cover = float(self.world.weather.cloud[self.world.dates.index(day)])
        rng = stream(self.settings.seed, "clouds", self.instrument.name, day)
        return clouds.draw_sky(shape, abs(self.world.grid.resolution.x), cover, angles, rng)

    def _bandpass(self, truth: FloatArray) -> FloatArray:
        """The truth in this sensor's bands, shape (channel, y, x)."""
        known = dict(zip(BANDS, truth, strict=True))
        known["pan"] = sum(np.float32(w) * known[b] for b, w in PAN_WEIGHTS.items())
        own = np.stack([known[c.band] for c in self.instrument.channels])
        if self.instrument is not LANDSAT8:
            return own
        lines = np.array([OLI_OF_MSI[c.band] for c in self.instrument.channels], np.float32)
        strength = np.float32(self.settings.bandpass)
        slope, offset = 1 + strength * (lines[:, 0] - 1), strength * lines[:, 1]
        return np.asarray(own * slope[:, None, None] * self.slopes + offset[:, None, None], np.float32)

    def _disturb(self, values: FloatArray, channel: Channel, day: date) -> FloatArray:
        """What the atmosphere leaves, and the sensor's noise."""
        seed, name = self.settings.seed, self.instrument.name
        haze = stream(seed, "atmosphere", name, day)
        aerosol, own = haze.normal(size=2), stream(seed, "atmosphere", name, day, channel.band).normal()
        strength = self.settings.atmosphere
        residual = AEROSOL[channel.band] * float(np.clip(aerosol[0], -2, 2)) + OFFSET_SPREAD * own
        if channel.band == "pan":
            clearness = 1 - strength * (1 - PAN_CLEARNESS)
            values = np.asarray(values * np.float32(clearness) + np.float32(strength * PAN_HAZE), np.float32)
        noise = stream(seed, "noise", name, day, channel.band).standard_normal(values.shape, np.float32)
        spread = self.settings.noise * np.hypot(channel.noise, SIGNAL_NOISE * values)
        return np.asarray(values + np.float32(strength * residual) + spread * noise, np.float32)

    def _edge(self, day: date) -> tuple[float, float, float] | None:
        rng = stream(self.settings.seed, "gaps", self.instrument.name, day)
        falls, turn, place = rng.random(), rng.uniform(-0.25, 0.25), rng.uniform(-0.4, 0.4)
        if not self.settings.gaps or falls > 0.05:
            return None
        # Swaths run nearly north to south and end in the east or west.
        side = 1.0 if rng.random() < 0.5 else -1.0
        return side * math.cos(turn), math.sin(turn), place * self.world.site.extent.boundingbox.span_x

    def _mask(
        self, sky: clouds.Sky, truth: FloatArray, day: date, shift: tuple[float, float]
    ) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], float]:
        source, target = self.world.grid, self.mask_grid
        cloud, shadow = (gather(v, source, target, shift=shift) for v in (sky.cloud, sky.shadow))
        rng = stream(self.settings.seed, "mask", self.instrument.name, day)
        error = bool(self.settings.mask_error and self.settings.clouds)
        found = clouds.classify(cloud, shadow, self.bright, self.water, error, rng)
        share = 100 * float(found.cloud.mean())
        if self.instrument is not SENTINEL2:
            return clouds.qa_pixel(found, self.water), share
        red, nir = (gather(truth[i], source, target) for i in (RED, NIR08))
        return clouds.scl(found, np.asarray((nir - red) / (nir + red), np.float32), self.water), share


def scene_shift(settings: Settings, name: str, day: date) -> tuple[float, float]:
    """Metres east and north by which a scene is displaced against the truth; Sentinel-2 is the measure of all."""
    if name == SENTINEL2.name:
        return 0.0, 0.0
    turn = stream(settings.seed, "misregistration", name).uniform(0, 2 * math.pi)
    wobble = stream(settings.seed, "misregistration", name, day).normal(0, JITTER, 2)
    shift = np.array([BIAS * math.cos(turn), BIAS * math.sin(turn)]) + wobble
    shift *= settings.misregistration * min(1.0, LARGEST_SHIFT / float(np.hypot(*shift)))
    return float(shift[0]), float(shift[1])


def store(values: FloatArray, instrument: Instrument, band: str, elevation: float) -> NDArray[np.uint16]:
    """Numbers as the archives store them; 0 is left for missing data.

    Sentinel-2 level 2A from baseline 04.00: (reflectance + 0.1) / 1e-4. Landsat Collection 2 surface reflectance:
    (reflectance + 0.2) / 2.75e-5. Landsat level 1 (pan): (reflectance * sine of the sun's elevation + 0.1) / 2e-5.
    """
    if instrument is SENTINEL2:
        numbers = (values + 0.1) / 1e-4
    elif band == "pan":
        numbers = (values * math.sin(math.radians(elevation)) + 0.1) / 2e-5
    else:
        numbers = (values + 0.2) / 2.75e-5
    return np.asarray(np.clip(np.rint(numbers), 1, 65535), np.uint16)


def _beyond(grid: GeoBox, centre: tuple[float, ...], edge: tuple[float, float, float] | None) -> NDArray[np.bool_]:
    """Pixels beyond the scene's edge, shape (y, x)."""
    if edge is None:
        return np.zeros(grid.shape, bool)
    x = grid.affine.c + (np.arange(grid.width) + 0.5) * grid.affine.a - centre[0]
    y = grid.affine.f + (np.arange(grid.height) + 0.5) * grid.affine.e - centre[1]
    return np.asarray(edge[0] * x[None, :] + edge[1] * y[:, None] > edge[2])


def footprint(grid: GeoBox, edge: tuple[float, float, float] | None, centre: Sequence[float]) -> Geometry:
    """Outline of the pixels that a scene has, in longitude and latitude.

    Parameters
    ----------
    grid : GeoBox
        What is delivered.
    edge : (east, north, distance) or None
        Data lie where east * x + north * y <= distance, in metres from `centre`.
    centre : (x, y)
    """
    left, bottom, right, top = grid.extent.boundingbox.bbox
    corners = [(left, top), (left, bottom), (right, bottom), (right, top)]
    if edge is not None:
        corners = _cut(corners, edge, centre)
    return polygon([*corners, corners[0]], grid.crs).to_crs("EPSG:4326")


def _cut(
    corners: list[tuple[float, float]], edge: tuple[float, float, float], centre: Sequence[float]
) -> list[tuple[float, float]]:
    """The part of a convex polygon on one side of a line (one step of Sutherland & Hodgman's clipping)."""
    kept = []
    for here, following in zip(corners, [*corners[1:], corners[0]], strict=True):
        a, b = (edge[0] * (x - centre[0]) + edge[1] * (y - centre[1]) - edge[2] for x, y in (here, following))
        if a <= 0:
            kept.append(here)
        if (a <= 0) != (b <= 0):
            share = a / (a - b)
            kept.append((here[0] + share * (following[0] - here[0]), here[1] + share * (following[1] - here[1])))
    return kept
