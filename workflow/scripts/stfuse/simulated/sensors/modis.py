"""MODIS: daily nadir reflectance at 500 m (MCD43A4), as Planetary Computer delivers it in `modis-43A4-061`.

A day's value is a mean over the clear looks of 16 days, the nearest counting most; it stands for the ninth of them, the
day in the item's id. What is disturbed is the single look; the mean over looks makes the disturbances smaller, as in
the real product. Only a window around the site is written, cut where tiles meet. Tile numbers are those of the place,
but no production time is 0000000000000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.harmonisation.sun import sun
from stfuse.simulated import sinusoidal
from stfuse.simulated.archive import footprint, grid_fields, make_asset, make_item
from stfuse.simulated.clouds import draw_sky
from stfuse.simulated.covers import BANDS, COVERS
from stfuse.simulated.delivery import Product, Raster, Sensor, cloud_cover, site_centre
from stfuse.simulated.directions import reflectance_factor
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NAME, COLLECTION = "modis", "modis-43A4-061"
CHANNELS = {
    "red": (1, 0.645, 0.5), "nir08": (2, 0.8585, 0.35), "blue": (3, 0.469, 0.2), "green": (4, 0.555, 0.2),
    "swir16": (6, 1.64, 0.24), "swir22": (7, 2.13, 0.5),
}  # fmt: skip
"""Number, centre and width as the items state them. Band 5 (1.24 um) is left out: the truth has no such band."""
MODIS_OF_MSI = {
    "red": (0.985, 0.0030), "nir08": (0.995, 0.0000), "blue": (0.970, -0.0010), "green": (1.010, 0.0010),
    "swir16": (1.020, 0.0020), "swir22": (1.030, 0.0010),
}  # fmt: skip
"""MODIS = slope * MSI + offset. Of typical size and direction (its red band lies farther from the deepest absorption,
its 1.64 um nearer to the peak), not measured."""
CLASS_SPREAD = 0.012  # relative standard deviation of a class from that line
LOOK_NOISE = 0.004, 0.013
"""Standard deviation of a look at reflectance 0, and as a share of it: 0.0015 and 0.5 % in a mean of many looks."""
MAGNITUDE_NOISE = 0.003, 0.020
"""Likewise, what an inversion of few looks adds: the shape of the scattering comes from a data base."""
AEROSOL = {"red": 0.0025, "nir08": 0.0010, "blue": 0.0045, "green": 0.0035, "swir16": 0.0006, "swir22": 0.0004}
OFFSET_SPREAD = 0.0012
SHIFT = 50.0
"""Metres; standard deviation of a look's displacement (Wolfe et al. 2002, RSE 83, 31-49: 50 m at nadir)."""
BEFORE, AFTER = 8, 7
"""Days of the composite beside its nominal one."""
FADE = 5.0  # days in which a look's weight falls to 1/e
FULL, FEWEST = 7, 2
"""Clear looks of 16 for a full inversion, and for any."""
CLOUDIEST = 0.3  # share of a pixel that may be cloudy
SKY_PIXEL = 100.0  # metres
OPAQUE = 0.05  # opacity from which a look is cloudy
FILL, FILL_QUALITY = 32767, 255


@dataclass(frozen=True)
class Look:
    """What is seen of one day: reflectance of shape (band, y, x), and where it is clear, shape (y, x)."""

    values: Float64Array
    clear: BoolArray


class Modis:
    """MODIS over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.grid = sinusoidal.coarse_grid(world.site, settings.modis_pixel)
        self.bands = [BANDS.index(band) for band in CHANNELS]
        blur = settings.psf * sinusoidal.TYPICAL_BLUR
        self.mixture, self.known = sinusoidal.mixing(world, self.grid, blur)
        _, self.place = site_centre(world)
        lines = np.array([MODIS_OF_MSI[band] for band in CHANNELS])
        self.offset = settings.bandpass * lines[:, 1]
        spread = stream(settings.seed, "bandpass", NAME).normal(0, CLASS_SPREAD, (len(COVERS), len(CHANNELS)))
        slope = (1 + settings.bandpass * (lines[:, 0] - 1)) * (1 + settings.bandpass * spread)
        self.slope = slope[world.land.cover]  # (object, band)
        # Each is pure in its day, so remembering it changes nothing.
        self.look = lru_cache(maxsize=2 * (BEFORE + AFTER))(self._look)
        self.sky_grid, self.sky_weights = self._sky_grid()

    def observe(self, day: date) -> list[Product]:
        """The day's items, one for each tile that the window lies in."""
        values, quality = self.composite(day) if self.settings.composite else self._single(day)
        numbers = np.clip(np.rint(values / 1e-4), 0, FILL - 1)
        numbers = np.where(quality == FILL_QUALITY, FILL, numbers).astype(np.int16)
        return [
            _product(day, tile, self.grid[cut], numbers[(slice(None), *cut)], quality[cut])
            for tile, cut in self._tiles()
        ]

    def composite(self, day: date) -> tuple[Float64Array, NDArray[np.uint8]]:
        """Mean over the clear looks of 16 days, shape (band, y, x), and its quality, shape (y, x).

        Where the period ends within the 16 days, the looks that there are count for those that are missing.
        """
        near = [day + timedelta(days=i) for i in range(-BEFORE, AFTER + 1)]
        days = [d for d in near if self.world.dates[0] <= d <= self.world.dates[-1]]
        looks = [self.look(d) for d in days]
        clear = np.stack([look.clear for look in looks])
        if day in self.settings.clear.get(NAME, ()):
            clear[:] = True
        weights = clear * np.exp([-abs((d - day).days) / FADE for d in days])[:, None, None]
        total = weights.sum(axis=0)
        scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
        values = np.einsum("tyx,tbyx->byx", weights * scale, np.stack([look.values for look in looks]))
        count = clear.sum(axis=0) * (len(near) / len(days))
        quality = np.where(count >= FULL, 0, np.where(count >= FEWEST, 1, FILL_QUALITY))
        quality = np.where(self.known, quality, FILL_QUALITY).astype(np.uint8)
        disturbed = values + self._noise("magnitude", day, MAGNITUDE_NOISE, values)
        return np.where(quality == 1, disturbed, values), quality

    def _single(self, day: date) -> tuple[Float64Array, NDArray[np.uint8]]:
        look = self.look(day)
        return look.values, np.where(look.clear & self.known, 0, FILL_QUALITY).astype(np.uint8)

    def _look(self, day: date) -> Look:
        elevation, azimuth = sun(day, 12.0, self.place[1])
        factor = reflectance_factor(self.world, self.settings, day, 90 - elevation, 0.0, 0.0)
        spectra = self.world.spectra[self.world.index(day)][:, :, self.bands].astype(np.float64)
        spectra *= (factor[:, self.bands] * self.slope)[:, None, :]
        mixed = self.mixture @ spectra.swapaxes(0, 1).reshape(-1, len(CHANNELS))
        values = mixed.T.reshape(-1, *self.grid.shape) + self.offset[:, None, None]
        values = self._displaced(values, day) + self._haze(day)[:, None, None]
        return Look(values + self._noise("noise", day, LOOK_NOISE, values), self._clear(day, (elevation, azimuth)))

    def _displaced(self, values: Float64Array, day: date) -> Float64Array:
        """The image shifted by a part of a pixel, linear between neighbours as far as they are known."""
        draw = np.clip(stream(self.settings.seed, "misregistration", NAME, day).normal(size=2), -2, 2)
        east, north = self.settings.misregistration * SHIFT / abs(self.grid.resolution.x) * draw
        if east == north == 0:
            return values
        known = self.known.astype(float)
        share = ndimage.shift(known, (-north, east), order=1)
        moved = ndimage.shift(values * known, (0, -north, east), order=1)
        return np.where(share > 0.01, moved / np.maximum(share, 0.01), values)

    def _haze(self, day: date) -> Float64Array:
        """Offset that the atmosphere leaves in each band."""
        rng = stream(self.settings.seed, "atmosphere", NAME, day)
        aerosol, own = float(np.clip(rng.normal(), -2, 2)), rng.normal(size=len(CHANNELS))
        return np.asarray(self.settings.atmosphere * (aerosol * np.array(list(AEROSOL.values())) + OFFSET_SPREAD * own))

    def _noise(self, name: str, day: date, size: tuple[float, float], values: Float64Array) -> Float64Array:
        draw = stream(self.settings.seed, name, NAME, day).normal(size=values.shape)
        return np.asarray(self.settings.noise * np.hypot(size[0], size[1] * values) * draw)

    def _sky_grid(self) -> tuple[tuple[int, int], sinusoidal.Sparse]:
        """Shape of the sky over the world, and the weights of its pixels in those of MODIS."""
        world = self.world.grid
        step = SKY_PIXEL / self.world.pixel
        shape = math.ceil(world.height / step), math.ceil(world.width / step)
        sky = GeoBox(shape, world.affine @ world.affine.scale(step), world.crs)
        return shape, sinusoidal.means(sinusoidal.mean_weights(sky, self.grid, 0.0, slice(0, shape[0])))

    def _clear(self, day: date, angles: tuple[float, float]) -> BoolArray:
        cover = cloud_cover(self.world, self.settings, NAME, day)
        # A sky wholly clear or closed needs no pattern.
        if cover <= 0 or cover >= 0.99:
            return np.full(self.grid.shape, cover <= 0)
        rng = stream(self.settings.seed, "clouds", NAME, day)
        sky = draw_sky(self.sky_grid, SKY_PIXEL, cover, angles, rng)
        cloudy = self.sky_weights @ (sky.cloud.ravel() > OPAQUE).astype(float)
        return np.asarray(cloudy.reshape(self.grid.shape) < CLOUDIEST)

    def _tiles(self) -> list[tuple[tuple[int, int], tuple[slice, slice]]]:
        """Tiles (h, v) and rows and columns of the window in each; the centre's tile where pixels are aligned."""
        if self.settings.modis_pixel:
            return [(sinusoidal.tile_of(*self.place), (slice(None), slice(None)))]
        return sinusoidal.tiles(self.grid)


def _product(
    day: date, tile: tuple[int, int], grid: GeoBox, numbers: NDArray[np.int16], quality: NDArray[np.uint8]
) -> Product:
    name = f"MCD43A4.A{day:%Y%j}.h{tile[0]:02d}v{tile[1]:02d}.061.0000000000000"
    assets, rasters = {}, {}
    for values, (band, (number, centre, width)) in zip(numbers, CHANNELS.items(), strict=True):
        key = f"Nadir_Reflectance_Band{number}"
        facts = {"name": key, "common_name": band, "center_wavelength": centre, "full_width_half_max": width}
        # As in the archive, the item does not say what means "no data".
        fields = {"eo:bands": [facts], "raster:bands": [{"scale": 0.0001, "data_type": "int16", **PIXEL_SIZE}]}
        title = f"NBAR at local solar noon for Band {number}"
        assets[key] = make_asset(f"{name}_{key}.tif", title, ("data", "reflectance"), **fields)
        rasters[f"{name}_{key}.tif"] = Raster(values, grid, FILL)
    for number, _, _ in CHANNELS.values():
        key = f"BRDF_Albedo_Band_Mandatory_Quality_Band{number}"
        fields = {"eo:bands": [{"name": key}], "raster:bands": [{"data_type": "uint8", **PIXEL_SIZE}]}
        title = f"BRDF Albedo Mandatory Quality for Band {number}"
        fields["classification:classes"] = [dict(c) for c in QUALITY]
        assets[key] = make_asset(f"{name}_{key}.tif", title, ("data",), **fields)
        rasters[f"{name}_{key}.tif"] = Raster(quality, grid, FILL_QUALITY)
    properties = _properties(day, tile, grid)
    return Product(make_item(COLLECTION, name, None, footprint(grid), properties, assets, None, EXTENSIONS), rasters)


def _properties(day: date, tile: tuple[int, int], grid: GeoBox) -> dict[str, Any]:
    start = datetime(day.year, day.month, day.day)
    middle = start + timedelta(days=4, microseconds=-500)
    epsg = grid.crs.epsg if grid.crs is not None else None
    return {
        # The middle of start and end, four days off the day that is meant: so the archive has it.
        "datetime": f"{middle.isoformat()}Z",
        "start_datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end_datetime": f"{start + timedelta(days=7):%Y-%m-%d}T23:59:59.999000Z",
        "platform": "",
        "instruments": [],
        "modis:tile-id": f"51{tile[0]:03d}{tile[1]:03d}",
        "modis:horizontal-tile": tile[0],
        "modis:vertical-tile": tile[1],
        "proj:epsg": epsg,
        "proj:geometry": grid.extent.json,
        **({} if epsg else {"proj:wkt2": sinusoidal.WKT}),
        **grid_fields(grid),
    }


PIXEL_SIZE = {"spatial_resolution": 500}
EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v1.1.0", "raster/v1.1.0", "eo/v1.1.0", "classification/v1.0.0")
)
QUALITY = (
    {"value": 0, "description": "Processed, good quality (full BRDF inversions)"},
    {"value": 1, "description": "Processed, see other QA (magnitude BRDF inversions)"},
)
SENSOR = Sensor(
    name=NAME,
    every=1,
    first=date(2023, 1, 1),
    reach=lambda settings, site: sinusoidal.reach(site, settings.modis_pixel),
    collections={
        COLLECTION: (
            "MODIS Nadir BRDF-Adjusted Reflectance (MCD43A4), simulated",
            "Surface reflectance = number * 1e-4, 32767 = no data; quality 0 full, 1 magnitude inversion, 255 none.",
        )
    },
    observer=Modis,
)
