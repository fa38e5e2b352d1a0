"""Sentinel-2 level 2A, as Earth Search's `sentinel-2-c1-l2a` delivers it; the measure of all other sensors.

The tile is made up: square `SIM` of the site's UTM zone.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.simulated.archive import (
    band_asset,
    footprint,
    grid_fields,
    make_asset,
    make_item,
    sun_fields,
    utm_zone,
)
from stfuse.simulated.delivery import Item, Product, Raster, Sensor
from stfuse.simulated.instruments import SENTINEL2_HOUR, Channel, Instrument
from stfuse.simulated.sensors.optical import SNOWY, Acquisition, Optics, reach
from stfuse.simulated.settings import Settings
from stfuse.simulated.surface import World
from stfuse.task import FloatArray

COLLECTION = "sentinel-2-c1-l2a"
EVERY = 5
INSTRUMENT = Instrument(
    "sentinel2", SENTINEL2_HOUR, 0.0, 0.0, 20,
    (
        Channel("blue", "B02", 10, 0.0012), Channel("green", "B03", 10, 0.0012), Channel("red", "B04", 10, 0.0013),
        Channel("nir", "B08", 10, 0.0025), Channel("nir08", "B8A", 20, 0.0020), Channel("swir16", "B11", 20, 0.0018),
        Channel("swir22", "B12", 20, 0.0018),
    ),
    shift=(0.0, 1.0, 3.0),
)  # fmt: skip
"""It is what other sensors are measured by: its pixels see area means, and its scenes lie around the truth without a
bias, within 0.3 pixels of one another, as the mission means them to; earlier ones often lay farther apart."""
VIEW = 4.2, 104.0
"""Zenith and azimuth of the sensor as seen from the ground, degrees."""
SCALE, OFFSET = 1e-4, -0.1
"""From processing baseline 04.00 on."""
BASELINE = "05.09"
NOTHING, SHADOW, VEGETATION, BARE, WATER, MEDIUM, HIGH, CIRRUS, SNOW = 0, 3, 4, 5, 6, 8, 9, 10, 11
"""Classes of the SCL."""


class Observer:
    """Sentinel-2 over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.optics = Optics(INSTRUMENT, VIEW, world, settings)

    def observe(self, day: date) -> list[Product]:
        """The level-2A product of a day."""
        scene = self.optics.acquire(day)
        classes = classify_scene(scene, self.optics.ndvi(day))
        rasters = {
            f"{c.label}.tif": Raster(scene.stored(c.band, SCALE, OFFSET), scene.measured[c.band][1], 0)
            for c in INSTRUMENT.channels
        }
        rasters["SCL.tif"] = Raster(classes, scene.mask_grid, 0)
        return [Product(_item(scene), rasters)]


def classify_scene(scene: Acquisition, ndvi: FloatArray) -> NDArray[np.uint8]:
    """Scene classification (SCL), shape (y, x); `ndvi` tells vegetation from bare ground."""
    found = scene.found
    out = np.where(ndvi > 0.35, VEGETATION, BARE).astype(np.uint8)
    out[scene.water > 0.5] = WATER
    out[scene.snow > SNOWY] = SNOW
    out[found.veil] = CIRRUS
    out[found.shadow] = SHADOW
    out[found.cloud] = MEDIUM
    out[found.cloud & found.thick] = HIGH
    out[scene.beyond(scene.mask_grid)] = NOTHING
    return out


def _item(scene: Acquisition) -> Item:
    zone = utm_zone(scene.mask_grid)
    # Two satellites take turns.
    satellite = "a" if (scene.day.toordinal() // EVERY) % 2 else "b"
    properties = {
        "platform": f"sentinel-2{satellite}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": round(scene.cloud_cover, 2),
        "grid:code": f"MGRS-{zone}SIM",
        "view:incidence_angle": scene.view[0],
        "view:azimuth": scene.view[1],
        **sun_fields(scene.sun),
        "s2:processing_baseline": BASELINE,
        "s2:product_type": "S2MSI2A",
    }
    assets = {}
    for channel in INSTRUMENT.channels:
        asset = band_asset(channel, f"{channel.label}.tif", (SCALE, OFFSET))
        grid = scene.measured[channel.band][1]
        assets[channel.band] = {**asset, "gsd": int(channel.pixel), **grid_fields(grid)}
    assets["scl"] = mask_asset("SCL.tif", scene.mask_grid)
    name = f"S2{satellite.upper()}_T{zone}SIM_{scene.time:%Y%m%dT%H%M%S}_L2A"
    outline = footprint(scene.mask_grid, scene.edge, scene.centre)
    return make_item(COLLECTION, name, scene.time, outline, properties, assets, scene.mask_grid)


def mask_asset(file: str, grid: GeoBox) -> dict[str, object]:
    """The asset of an SCL."""
    pixel = abs(grid.resolution.x)
    layer = {"nodata": 0, "data_type": "uint8", "spatial_resolution": int(pixel) if pixel == int(pixel) else pixel}
    title = "Scene classification map (SCL)"
    return {**make_asset(file, title, ["data"]), "raster:bands": [layer], **grid_fields(grid)}


SENSOR = Sensor(
    name=INSTRUMENT.name,
    every=EVERY,
    first=date(2023, 1, 3),
    reach=lambda settings, site: reach(INSTRUMENT, settings),
    collections={
        COLLECTION: (
            "Sentinel-2 Level-2A, simulated",
            "Surface reflectance = number * 1e-4 - 0.1, 0 = no data; 20 m bands and SCL on their own grid.",
        )
    },
    observer=Observer,
)
