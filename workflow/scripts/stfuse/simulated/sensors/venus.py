"""Venus level 2A as cloud-optimised GeoTIFFs (`s3://venus-l2a-cogs`): four bands at 5 m, every second day.

Names of files, encoding and masks are those of that archive's and of MUSCATE's documentation. No real item of it could
be compared with, so the item's form is ours: assets are named by the end of their file's name (`SRE_B3`, `CLM_XS`), and
masks lie beside the bands instead of in a folder `MASKS`. The place is made up: `SIM`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.simulated.archive import band_asset, footprint, grid_fields, make_asset, make_item, sun_fields
from stfuse.simulated.delivery import Item, Product, Raster, Sensor
from stfuse.simulated.instruments import Channel, Instrument
from stfuse.simulated.sensors.optical import SNOWY, Acquisition, Optics, reach
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World

COLLECTION = "venus-l2a"
"""As the catalogue of the archive's maker names it, by a public client of it."""
VENUS_OF_MSI = {"blue": (0.985, 0.0025), "green": (1.012, -0.0015), "red": (0.990, 0.0020), "nir08": (1.015, -0.0030)}
"""Venus = slope * MSI + offset. No published line was found: these are of the size at which the bands' spectral
responses and two versions of one atmospheric correction differ. The paper fits its own line for every site and date
(Michel et al. 2022)."""
INSTRUMENT = Instrument(
    "venus", 10.5, 0.0, 0.39, 5,
    (
        Channel("blue", "SRE_B3", 5, 0.0016), Channel("green", "SRE_B4", 5, 0.0015),
        Channel("red", "SRE_B7", 5, 0.0015), Channel("nir08", "SRE_B11", 5, 0.0025),
    ),
    lines=VENUS_OF_MSI, spread=0.010, shift=(4.0, 1.5, 8.0),
)  # fmt: skip
"""Its blur is taken to be Landsat's in pixels: a modulation of 0.3 at the Nyquist frequency of 5 m pixels."""
WAVELENGTHS = {"blue": 0.492, "green": 0.555, "red": 0.666, "nir08": 0.861}
ZENITHS = 5.0, 30.0
"""Degrees; one drawn direction serves all scenes, as the mission sees each of its sites from one direction only."""
SCALE, OFFSET = 1e-4, -0.1
MASKS = {
    "CLM_XS": (
        "Cloud and shadow mask, bits: 0 cloud or shadow, 1 cloud but the thinnest, 2 shadow of a cloud in the scene, "
        "4 cloud found by brightness, 5 by comparison with other days, 6 thinnest cloud",
        ["cloud", "cloud-shadow"],
    ),
    "MG2_XS": (
        "Geophysical mask, bits: 0 water, 1 cloud, 2 snow, 3 cloud shadow",
        ["water-mask", "cloud", "snow-ice", "cloud-shadow"],
    ),
    "EDG_XS": ("Edge mask: 1 = no data", ["metadata"]),
}


class Observer:
    """Venus over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.optics = Optics(INSTRUMENT, view_of_site(settings), world, settings)

    def observe(self, day: date) -> list[Product]:
        """The level-2A product of a day."""
        scene = self.optics.acquire(day)
        stem = f"VENUS-XS_{scene.time:%Y%m%d-%H%M%S}-000_L2A_SIM"
        rasters = {
            f"{stem}_C_V3-1_{c.label}.tif": Raster(scene.stored(c.band, SCALE, OFFSET), scene.measured[c.band][1], 0)
            for c in INSTRUMENT.channels
        }
        masks = {"CLM_XS": cloud_mask(scene), "MG2_XS": ground_mask(scene), "EDG_XS": edge_mask(scene)}
        rasters |= {f"{stem}_C_V3-1_{key}.tif": Raster(mask, scene.mask_grid, None) for key, mask in masks.items()}
        return [Product(_item(scene, stem), rasters)]


def view_of_site(settings: Settings) -> tuple[float, float]:
    """Zenith and azimuth of the sensor as seen from the site, degrees."""
    rng = stream(settings.seed, "directions", INSTRUMENT.name)
    return round(rng.uniform(*ZENITHS), 2), round(rng.uniform(0, 360), 2)


def edge_mask(scene: Acquisition) -> NDArray[np.uint8]:
    """MUSCATE's EDG, shape (y, x)."""
    return scene.beyond(scene.mask_grid).astype(np.uint8)


def cloud_mask(scene: Acquisition) -> NDArray[np.uint8]:
    """MUSCATE's CLM of Venus, shape (y, x): bits as in `MASKS`, the others unset."""
    cloud, thick, shadow, veil = scene.found.cloud, scene.found.thick, scene.found.shadow, scene.found.veil
    flags = ((0, cloud | shadow), (1, cloud), (2, shadow), (4, cloud & thick), (5, cloud), (6, veil))
    return _bits(scene, flags)


def ground_mask(scene: Acquisition) -> NDArray[np.uint8]:
    """MUSCATE's MG2, shape (y, x): bits 0 to 3 as in `MASKS`; those of the relief unset, as the land is flat."""
    cloud, shadow = scene.found.cloud | scene.found.veil, scene.found.shadow
    return _bits(scene, ((0, scene.water > 0.5), (1, cloud), (2, (scene.snow > SNOWY) & ~cloud), (3, shadow)))


def _bits(scene: Acquisition, flags: tuple[tuple[int, NDArray[np.bool_]], ...]) -> NDArray[np.uint8]:
    out = np.zeros(scene.mask_grid.shape, np.uint8)
    for bit, here in flags:
        out |= here.astype(np.uint8) << np.uint8(bit)
    out[scene.beyond(scene.mask_grid)] = 0
    return out


def _item(scene: Acquisition, stem: str) -> Item:
    properties = {
        "platform": "venus",
        "instruments": ["vssc"],
        "gsd": 5,
        "eo:cloud_cover": round(scene.cloud_cover, 2),
        "view:incidence_angle": scene.view[0],
        "view:azimuth": scene.view[1],
        **sun_fields(scene.sun),
        "grid:code": "VENUS-SIM",
        **grid_fields(scene.mask_grid),
    }
    assets: dict[str, dict[str, Any]] = {}
    for channel in INSTRUMENT.channels:
        asset = band_asset(channel, f"{stem}_C_V3-1_{channel.label}.tif", (SCALE, OFFSET))
        asset["eo:bands"][0]["center_wavelength"] = WAVELENGTHS[channel.band]
        assets[channel.label] = asset
    for key, (title, roles) in MASKS.items():
        layer = {"data_type": "uint8", "spatial_resolution": 5}
        assets[key] = make_asset(f"{stem}_C_V3-1_{key}.tif", title, roles, **{"raster:bands": [layer]})
    outline = footprint(scene.mask_grid, scene.edge, scene.centre)
    return make_item(COLLECTION, f"{stem}_D", scene.time, outline, properties, assets, scene.mask_grid)


SENSOR = Sensor(
    name=INSTRUMENT.name,
    every=2,
    first=date(2023, 1, 2),
    reach=lambda settings, site: reach(INSTRUMENT, settings),
    collections={
        COLLECTION: (
            "Venus Level-2A, simulated",
            "Surface reflectance = number * 1e-4 - 0.1, 0 = no data; masks in MUSCATE's bits.",
        )
    },
    observer=Observer,
)
