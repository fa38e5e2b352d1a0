"""One optical acquisition: from the truth of a day to the reflectance and the clouds that a sensor measures.

    truth -> directions -> the sensor's bands -> clouds and shadows -> pixels -> atmosphere and noise

What depends on the class alone (directions, bands) is applied to the spectra of the objects, before any image exists;
the truth is linear in them, so this is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.harmonisation.sun import sun
from stfuse.simulated import clouds
from stfuse.simulated.archive import Edge
from stfuse.simulated.covers import BANDS, BRIGHT, CODES, COVERS, NIR08, PAN_WEIGHTS, RED
from stfuse.simulated.delivery import cloud_cover, site_centre
from stfuse.simulated.directions import reflectance_factor
from stfuse.simulated.instruments import (
    Channel,
    Instrument,
    crop,
    delivered_grid,
    gather,
    mean_matrix,
    overpass_time,
)
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World
from stfuse.task import FloatArray
from stfuse.truth import render

DELIVERED = 180.0
"""Metres around the site that are delivered, at least."""
SIGNAL_NOISE = 0.004
PAN_HAZE, PAN_CLEARNESS = 0.030, 0.90
"""Path reflectance, and transmission left, of level-1 pan."""
AEROSOL = dict(zip(BANDS, (0.0045, 0.0035, 0.0025, 0.0012, 0.0010, 0.0006, 0.0004), strict=True)) | {"pan": 0.0045}
"""Standard deviation of what a wrong aerosol leaves in all bands together."""
OFFSET_SPREAD = 0.0012
GAIN_SPREAD = 0.025, 0.010
"""Relative standard deviation of a scene against its neighbours in time, of all bands together and of each. Surface
reflectance is held to 0.005 + 5 % (Vermote & Kotchenova 2008, JGR 113, D23S90), taken here as twice what is usual."""
SNOWY = 0.15
"""Share of white from which a pixel is classified as snow."""
UNSETTLED = 0.06
"""Share of the sky that clouds must fill for a veil to lie above them: clear days are clear."""
GAPS = 0.05
"""Share of the scenes that end within the site."""


@dataclass(frozen=True)
class Acquisition:
    """One scene as measured.

    Attributes
    ----------
    day : date
    time : datetime
        UTC.
    sun : (elevation, azimuth)
        Degrees.
    view : (zenith, azimuth)
        Of the sensor as seen from the ground, degrees.
    measured : mapping of band to (ndarray (y, x) float32, GeoBox)
        Reflectance of every pixel of the grid, beyond the scene's edge too.
    found : Found
        Cloud and shadow as classified, on `mask_grid`.
    water, snow : ndarray, shape (y, x)
        Share of each pixel of the mask where they are seen.
    mask_grid : GeoBox
    edge : (east, north, distance) or None
        Where the scene ends.
    centre : (x, y)
        The site's.
    """

    day: date
    time: datetime
    sun: tuple[float, float]
    view: tuple[float, float]
    measured: dict[str, tuple[FloatArray, GeoBox]]
    found: clouds.Found
    water: FloatArray
    snow: FloatArray
    mask_grid: GeoBox
    edge: Edge
    centre: tuple[float, float]

    @property
    def cloud_cover(self) -> float:
        """Per cent of the delivered pixels that are classified as cloud, thin high cloud too."""
        return 100 * float((self.found.cloud | self.found.veil).mean())

    def beyond(self, grid: GeoBox) -> NDArray[np.bool_]:
        """Pixels of a grid beyond the scene's edge, shape (y, x)."""
        if self.edge is None:
            return np.zeros(grid.shape, bool)
        x = grid.affine.c + (np.arange(grid.width) + 0.5) * grid.affine.a - self.centre[0]
        y = grid.affine.f + (np.arange(grid.height) + 0.5) * grid.affine.e - self.centre[1]
        return np.asarray(self.edge[0] * x[None, :] + self.edge[1] * y[:, None] > self.edge[2])

    def stored(self, band: str, scale: float, offset: float, factor: float = 1.0) -> NDArray[np.uint16]:
        """Numbers as an archive stores them: (factor * reflectance - offset) / scale, 0 where there are no data."""
        values, grid = self.measured[band]
        numbers = np.rint((values * np.float32(factor) - np.float32(offset)) * np.float32(1 / scale))
        out: NDArray[np.uint16] = np.clip(numbers, 1, 65535).astype(np.uint16)
        out[self.beyond(grid)] = 0
        return out


class Optics:
    """An instrument over a world: what is the same for all its scenes is made once.

    Parameters
    ----------
    instrument : Instrument
    view : (zenith, azimuth)
        Where the sensor stands as seen from the site, degrees.
    world : World
    settings : Settings
    """

    def __init__(self, instrument: Instrument, view: tuple[float, float], world: World, settings: Settings) -> None:
        self.instrument, self.view, self.world, self.settings = instrument, view, world, settings
        self.centre, (self.longitude, self.latitude) = site_centre(world)
        bounds, crs = world.site.extent.boundingbox.bbox, str(world.grid.crs)
        pixels = {c.pixel for c in instrument.channels} | {instrument.mask_pixel}
        self.grids = {p: delivered_grid(bounds, crs, p, instrument, DELIVERED) for p in pixels}
        self.mask_grid = self.grids[instrument.mask_pixel]
        window = crop(world.grid, bounds, reach(instrument, settings))
        rows, columns = window
        self.source = world.grid[rows, columns]
        cells = world.land.labels.shape[0] // int(world.grid.height)
        enlarged = (slice(rows.start * cells, rows.stop * cells), slice(columns.start * cells, columns.stop * cells))
        self.labels = np.ascontiguousarray(world.land.labels[enlarged])
        self.textures = np.ascontiguousarray(world.textures[:, rows, columns])
        here = np.arange(world.grid.height * world.grid.width).reshape(world.grid.shape)[window].ravel()
        self.shares = mean_matrix(self.source, self.mask_grid) @ world.shares[here]
        self.bright = self.of_objects(np.isin(world.land.cover, BRIGHT))
        self.lines, self.offsets = self._lines()

    def _lines(self) -> tuple[FloatArray, FloatArray]:
        """Slope of each object, shape (object, channel), and offset, shape (channel,), against Sentinel-2's bands."""
        instrument, strength = self.instrument, self.settings.bandpass
        lines = np.array([instrument.lines.get(c.band, (1.0, 0.0)) for c in instrument.channels])
        draws = stream(self.settings.seed, "bandpass", instrument.name).normal(size=(len(COVERS), len(lines)))
        slopes = (1 + strength * (lines[:, 0] - 1)) * (1 + strength * instrument.spread * draws)
        return slopes.astype(np.float32)[self.world.land.cover], np.asarray(strength * lines[:, 1], np.float32)

    def of_objects(self, values: NDArray[Any]) -> FloatArray:
        """Area mean over each pixel of the mask of a value per object, shape (y, x)."""
        return np.asarray(self.shares @ values.astype(np.float32), np.float32).reshape(self.mask_grid.shape)

    def acquire(self, day: date) -> Acquisition:
        """The scene of a day of the world."""
        instrument, settings = self.instrument, self.settings
        angles = sun(day, instrument.hour, self.latitude)
        sky = self._sky(day, angles)
        ground = render(self.labels, self.textures, self._spectra(day, angles))
        seen = clouds.through(ground, [c.band for c in instrument.channels], sky)
        shift, blur = scene_shift(instrument, settings, day), settings.psf * instrument.blur
        measured, water = {}, self._water(day)
        for channel, values in zip(instrument.channels, seen, strict=True):
            grid = self.grids[channel.pixel]
            gathered = gather(values, self.source, grid, blur, shift)
            measured[channel.band] = self._disturb(gathered, channel, day), grid
        return Acquisition(
            day=day,
            time=overpass_time(instrument.hour, day, self.longitude),
            sun=angles,
            view=self.view,
            measured=measured,
            found=self._classify(sky, water, day, blur, shift),
            water=water,
            snow=self._snow(day, water),
            mask_grid=self.mask_grid,
            edge=self._edge(day),
            centre=self.centre,
        )

    def _spectra(self, day: date, angles: tuple[float, float]) -> FloatArray:
        """Spectra of the objects in this sensor's bands and directions, shape (object, answer, channel)."""
        turn = self.view[1] - angles[1]
        factor = reflectance_factor(self.world, self.settings, day, 90 - angles[0], self.view[0], turn)
        spectra = self.world.spectra[self.world.index(day)] * factor[:, None, :]
        known = {band: spectra[..., i] for i, band in enumerate(BANDS)}
        known["pan"] = sum(np.float32(w) * known[b] for b, w in PAN_WEIGHTS.items())
        own = np.stack([known[c.band] for c in self.instrument.channels], axis=-1) * self.lines[:, None, :]
        own[:, 0] += self.offsets
        return np.asarray(own, np.float32)

    def _sky(self, day: date, angles: tuple[float, float]) -> clouds.Sky:
        cover = cloud_cover(self.world, self.settings, self.instrument.name, day)
        rng = stream(self.settings.seed, "clouds", self.instrument.name, day)
        shape = int(self.source.height), int(self.source.width)
        sky = clouds.draw_sky(shape, self.world.pixel, cover, angles, rng)
        if cover <= UNSETTLED:
            return sky
        veil = stream(self.settings.seed, "veil", self.instrument.name, day)
        return replace(sky, veil=clouds.draw_veil(shape, self.world.pixel, veil))

    def _disturb(self, values: FloatArray, channel: Channel, day: date) -> FloatArray:
        """What the atmosphere leaves, and the sensor's noise."""
        seed, name = self.settings.seed, self.instrument.name
        haze, own = stream(seed, "atmosphere", name, day), stream(seed, "atmosphere", name, day, channel.band)
        strength = self.settings.atmosphere
        aerosol = float(np.clip(haze.normal(), -2, 2))
        residual = np.float32(strength * (AEROSOL[channel.band] * aerosol + OFFSET_SPREAD * own.normal()))
        gain = GAIN_SPREAD[0] * np.clip(haze.normal(), -2, 2) + GAIN_SPREAD[1] * own.normal()
        values = values * np.float32(1 + strength * gain)
        if channel.band == "pan":
            clearness = 1 - strength * (1 - PAN_CLEARNESS)
            values = values * np.float32(clearness) + np.float32(strength * PAN_HAZE)
        if not self.settings.noise:
            return values + residual
        noise = stream(seed, "noise", name, day, channel.band).standard_normal(values.shape, np.float32)
        noise *= np.hypot(np.float32(channel.noise), np.float32(SIGNAL_NOISE) * values)
        noise *= np.float32(self.settings.noise)
        noise += values
        noise += residual
        return noise

    def _classify(
        self, sky: clouds.Sky, water: FloatArray, day: date, blur: float, shift: tuple[float, float]
    ) -> clouds.Found:
        seen = clouds.clear_sky((int(self.mask_grid.height), int(self.mask_grid.width)))
        if not sky.empty:
            layers = np.stack([sky.cloud, sky.shadow, sky.veil])
            seen = clouds.Sky(*gather(layers, self.source, self.mask_grid, blur, shift))
        rng = stream(self.settings.seed, "mask", self.instrument.name, day)
        error = bool(self.settings.mask_error and self.settings.clouds)
        return clouds.classify(seen, self.bright, water, error, rng)

    def _edge(self, day: date) -> Edge:
        rng = stream(self.settings.seed, "gaps", self.instrument.name, day)
        falls, turn, place = rng.random(), rng.uniform(-0.25, 0.25), rng.uniform(-0.4, 0.4)
        if not self.settings.gaps or falls > GAPS or day in self.settings.clear.get(self.instrument.name, ()):
            return None
        # Swaths run nearly north to south and end in the east or west.
        side = 1.0 if rng.random() < 0.5 else -1.0
        return side * math.cos(turn), math.sin(turn), place * self.world.site.extent.boundingbox.span_x

    def _water(self, day: date) -> FloatArray:
        """Share where water is seen: lakes, floods, and paddies between their plants."""
        index, lakes = self.world.index(day), self.world.land.cover == CODES["water"]
        return self.of_objects(np.maximum(lakes, self.world.growth.water[index] * (1 - self.world.green[index])))

    def _snow(self, day: date, water: FloatArray) -> FloatArray:
        """Share where snow is seen: on ground that neither green plants nor water cover."""
        index = self.world.index(day)
        cover = float(self.world.weather.snow[index])
        if cover <= 0:
            return np.zeros(self.mask_grid.shape, np.float32)
        return np.asarray(np.float32(cover) * (self.of_objects(1 - self.world.green[index]) - water), np.float32)

    def ndvi(self, day: date) -> FloatArray:
        """True NDVI of each pixel of the mask, texture left out, shape (y, x)."""
        mean = self.world.spectra[self.world.index(day), :, 0]
        red, nir = self.of_objects(mean[:, RED]), self.of_objects(mean[:, NIR08])
        return np.asarray((nir - red) / (nir + red), np.float32)


def reach(instrument: Instrument, settings: Settings) -> float:
    """Metres beyond the site's bounds that an instrument sees."""
    coarsest = max(c.pixel for c in instrument.channels)
    blur = 5.5 * settings.psf * instrument.blur * coarsest
    return DELIVERED + coarsest + blur + settings.misregistration * instrument.shift[2]


def scene_shift(instrument: Instrument, settings: Settings, day: date) -> tuple[float, float]:
    """Metres east and north by which a scene is displaced against the truth."""
    bias, jitter, largest = instrument.shift
    if not largest:
        return 0.0, 0.0
    turn = stream(settings.seed, "misregistration", instrument.name).uniform(0, 2 * math.pi)
    wobble = stream(settings.seed, "misregistration", instrument.name, day).normal(0, jitter, 2)
    shift = np.array([bias * math.cos(turn), bias * math.sin(turn)]) + wobble
    shift *= settings.misregistration * min(1.0, largest / float(np.hypot(*shift)))
    return float(shift[0]), float(shift[1])
