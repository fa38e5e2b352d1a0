"""Sentinel-2 downsampled to 25 m and 12.5 m, the coarse series of Michel et al. (2022).

Made from the very numbers of the day's 10 m scene and written in its encoding. The pixels begin at the site's top left
corner: the series is derived, no mission has such a grid.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import stfuse.simulated.sensors.sentinel2 as sentinel2
from stfuse.simulated.archive import band_asset, grid_fields
from stfuse.simulated.delivery import Item, Product, Raster, Sensor
from stfuse.simulated.instruments import gather
from stfuse.simulated.settings import Settings
from stfuse.simulated.surface import World

PIXELS = {"25m": 25.0, "12.5m": 12.5}
BANDS = ("blue", "green", "red", "nir", "nir08")
MARGIN = 150.0
"""Metres around the site: with a pixel that reaches over the site's edge, no more than the 10 m scene has."""
WHOLE = 1 - 1e-5
"""Share of a pixel's area that must be observed, but for rounding."""
UNUSABLE = (sentinel2.SHADOW, sentinel2.MEDIUM, sentinel2.HIGH, sentinel2.CIRRUS)


class Observer:
    """The downsampled scenes of Sentinel-2 over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.fine = sentinel2.Observer(world, settings)
        self.grids = {name: coarse_grid(world.site, pixel) for name, pixel in PIXELS.items()}

    def observe(self, day: date) -> list[Product]:
        """Two products of a day, 25 m and 12.5 m."""
        (fine,) = self.fine.observe(day)
        return [_downsampled(fine, name, grid) for name, grid in self.grids.items()]


def coarse_grid(site: GeoBox, pixel: float) -> GeoBox:
    """Pixels from the site's top left corner, over the site and as many as `MARGIN` holds around it."""
    left, bottom, right, top = site.extent.boundingbox.bbox
    around = math.floor(MARGIN / pixel)
    width, height = (math.ceil(length / pixel - 1e-6) + 2 * around for length in (right - left, top - bottom))
    return GeoBox((height, width), Affine(pixel, 0, left - around * pixel, 0, -pixel, top + around * pixel), site.crs)


def mean_numbers(numbers: NDArray[np.uint16], source: GeoBox, target: GeoBox) -> NDArray[np.uint16]:
    """Area mean of stored numbers, shape (y, x); 0 where less than all of a pixel's area is observed."""
    share = gather((numbers > 0).astype(np.float32), source, target)
    out = np.rint(gather(numbers.astype(np.float32), source, target)).astype(np.uint16)
    out[share < WHOLE] = 0
    return out


def main_class(classes: NDArray[np.uint8], source: GeoBox, target: GeoBox) -> NDArray[np.uint8]:
    """The SCL in larger pixels, shape (y, x).

    The class that fills most of a pixel; where it has any cloud or shadow, the one of these that fills most; no data
    where less than all of its area is observed.
    """
    present = np.unique(classes)
    shares = gather(np.stack([(classes == c).astype(np.float32) for c in present]), source, target)
    unusable = np.isin(present, UNUSABLE)
    touched = shares[unusable].sum(axis=0) > 1 - WHOLE
    shares[~unusable] *= ~touched
    out = present[shares.argmax(axis=0)]
    missing = gather((classes == sentinel2.NOTHING).astype(np.float32), source, target)
    out[missing > 1 - WHOLE] = sentinel2.NOTHING
    return np.asarray(out, np.uint8)


def _downsampled(fine: Product, name: str, grid: GeoBox) -> Product:
    channels = [c for c in sentinel2.INSTRUMENT.channels if c.band in BANDS]
    rasters, assets = {}, {}
    for channel in channels:
        file, pixel = f"{channel.label}.tif", PIXELS[name]
        source = fine.rasters[file]
        rasters[file] = Raster(mean_numbers(source.values, source.grid, grid), grid, 0)
        asset = band_asset(replace(channel, pixel=pixel), file, (sentinel2.SCALE, sentinel2.OFFSET))
        assets[channel.band] = {**asset, "gsd": pixel, **grid_fields(grid)}
    classes = fine.rasters["SCL.tif"]
    rasters["SCL.tif"] = Raster(main_class(classes.values, classes.grid, grid), grid, 0)
    assets["scl"] = sentinel2.mask_asset("SCL.tif", grid)
    return Product(_item(fine.item, name, assets), rasters)


def _item(fine: Item, name: str, assets: dict[str, Any]) -> Item:
    """The fine scene's item with other assets; its outline too, of which the pixels fill the inner part."""
    return {**fine, "id": f"{fine['id']}_{name}", "collection": f"sentinel-2-l2a-{name}", "assets": assets}


class _Derived(Sensor):
    """Of the very days of Sentinel-2, whatever the site says of them."""

    def days(self, period: tuple[date, date], settings: Settings) -> list[date]:
        return sentinel2.SENSOR.days(period, settings)


SENSOR = _Derived(
    name="sentinel2_coarse",
    every=sentinel2.EVERY,
    first=sentinel2.SENSOR.first,
    reach=sentinel2.SENSOR.reach,
    collections={
        f"sentinel-2-l2a-{name}": (
            f"Sentinel-2 Level-2A downsampled to {pixel:g} m, simulated",
            "Area mean of the 10 m scene's numbers: surface reflectance = number * 1e-4 - 0.1, 0 = no data.",
        )
        for name, pixel in PIXELS.items()
    },
    observer=Observer,
)
