"""Landsat-8 Collection 2: level 2 as Earth Search delivers it, and of level 1 the panchromatic band and the angles.

Path and row are made up: 000. Level-1 items have the keys of USGS's `landsat-c2l1` (`pan`, `qa_pixel`, `SAA`, `SZA`,
`VAA`, `VZA`, `MTL.json`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stfuse.simulated.archive import NOTE, band_asset, footprint, grid_fields, make_asset, make_item, sun_fields
from stfuse.simulated.delivery import Item, Product, Raster, Sensor
from stfuse.simulated.instruments import Channel, Instrument
from stfuse.simulated.sensors.optical import SNOWY, Acquisition, Optics, reach
from stfuse.simulated.settings import Settings, stream
from stfuse.simulated.surface import World

LEVEL2, LEVEL1 = "landsat-c2-l2", "landsat-c2-l1"
OLI_OF_MSI = {
    "blue": (0.9778, -0.0040), "green": (1.0053, -0.0009), "red": (0.9765, 0.0009), "nir08": (0.9983, -0.0001),
    "swir16": (0.9987, -0.0011), "swir22": (1.0030, -0.0012),
}  # fmt: skip
"""OLI = slope * MSI + offset: HLS v1.4 (Claverie et al. 2018), Sentinel-2A."""
INSTRUMENT = Instrument(
    "landsat8", 10.4, 15.0, 0.39, 30,
    (
        Channel("blue", "SR_B2", 30, 0.0012), Channel("green", "SR_B3", 30, 0.0010),
        Channel("red", "SR_B4", 30, 0.0010), Channel("nir08", "SR_B5", 30, 0.0015),
        Channel("swir16", "SR_B6", 30, 0.0012), Channel("swir22", "SR_B7", 30, 0.0012),
        Channel("pan", "B8", 15, 0.0012),
    ),
    lines=OLI_OF_MSI, spread=0.012, shift=(3.5, 1.2, 6.0),
)  # fmt: skip
"""Pixel centres lie on multiples of 30 m, as Collection 2 has them. Area mean and blur together have a modulation of
0.3 at the Nyquist frequency: 2 / pi * exp(-2 (pi * 0.39 / 2)^2) = 0.30."""
PAN = INSTRUMENT.channels[-1]
WIDEST, AZIMUTHS = 6.5, (98.0, 278.0)
"""Degrees: largest view zenith angle that is drawn, and where the sensor can stand as seen from the ground."""
SCALE, OFFSET = 2.75e-5, -0.2
PAN_SCALE, PAN_OFFSET = 2e-5, -0.1
ANGLES = {
    "SAA": "Solar Azimuth Angle Band", "SZA": "Solar Zenith Angle Band",
    "VAA": "Sensor Azimuth Angle Band", "VZA": "Sensor Zenith Angle Band",
}  # fmt: skip
CENTIDEGREE = 0.01
FILL = 1


class Observer:
    """Landsat-8 over a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.optics = Optics(INSTRUMENT, view_of_site(settings), world, settings)

    def observe(self, day: date) -> list[Product]:
        """The level-2 and the level-1 product of a day."""
        scene = self.optics.acquire(day)
        mask = Raster(qa_pixel(scene), scene.mask_grid, FILL)
        return [_level2(scene, mask), _level1(scene, mask)]


def view_of_site(settings: Settings) -> tuple[float, float]:
    """Zenith and azimuth of the sensor as seen from the site, degrees: one path's swath covers it, somewhere."""
    rng = stream(settings.seed, "directions", INSTRUMENT.name)
    return round(rng.uniform(0, WIDEST), 2), AZIMUTHS[int(rng.integers(2))]


def qa_pixel(scene: Acquisition, dilation: int = 3) -> NDArray[np.uint16]:
    """QA_PIXEL of Collection 2, shape (y, x).

    Bits: 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 5 snow, 6 clear (neither cloud nor dilated), 7 water,
    then two bits each for the confidence of cloud (8), shadow (10), snow (12) and cirrus (14): 1 low, 2 medium, 3 high.

    Parameters
    ----------
    scene : Acquisition
    dilation : int
        Pixels around clouds.
    """
    cloud, shadow, cirrus = scene.found.cloud, scene.found.shadow, scene.found.veil
    wide = ndimage.binary_dilation(cloud, iterations=dilation, structure=np.ones((3, 3), bool)) & ~cloud
    snow = (scene.snow > SNOWY) & ~cloud
    out = np.where(cloud, 3, np.where(wide, 2, 1)).astype(np.uint16) << 8
    for bit, sure in ((10, shadow), (12, snow), (14, cirrus)):
        out |= np.where(sure, 3, 1).astype(np.uint16) << bit
    flags = ((1, wide), (2, cirrus), (3, cloud), (4, shadow), (5, snow), (6, ~cloud & ~wide), (7, scene.water > 0.5))
    for bit, here in flags:
        out |= here.astype(np.uint16) << bit
    out[scene.beyond(scene.mask_grid)] = FILL
    return np.asarray(out, np.uint16)


def _level2(scene: Acquisition, mask: Raster) -> Product:
    name = f"LC08_L2SP_000000_{scene.day:%Y%m%d}_02_T1"
    bands = [c for c in INSTRUMENT.channels if c is not PAN]
    rasters = {
        f"{name}_{c.label}.TIF": Raster(scene.stored(c.band, SCALE, OFFSET), scene.measured[c.band][1], 0)
        for c in bands
    }
    assets = {c.band: band_asset(c, f"{name}_{c.label}.TIF", (SCALE, OFFSET)) for c in bands}
    layer = {"nodata": FILL, "data_type": "uint16", "spatial_resolution": 30, "unit": "bit index"}
    assets["qa_pixel"] = {**_qa_asset(name), "raster:bands": [layer]}
    return Product(_item(scene, LEVEL2, name, "L2SP", assets), {**rasters, f"{name}_QA_PIXEL.TIF": mask})


def _level1(scene: Acquisition, mask: Raster) -> Product:
    name = f"LC08_L1TP_000000_{scene.day:%Y%m%d}_02_T1"
    # Level-1 numbers are of light, not of reflectance: the sine of the sun's elevation is still in them.
    light = float(np.sin(np.radians(scene.sun[0])))
    grid = scene.measured["pan"][1]
    rasters = {
        f"{name}_B8.TIF": Raster(scene.stored("pan", PAN_SCALE, PAN_OFFSET, light), grid, 0),
        f"{name}_QA_PIXEL.TIF": mask,
    }
    # Level-1 items state neither scale nor nodata; the metadata file does.
    assets = {
        "pan": {**band_asset(PAN, f"{name}_B8.TIF", None), **grid_fields(grid)},
        "qa_pixel": _qa_asset(name),
        "MTL.json": {"href": f"./{name}_MTL.json", "type": "application/json", "roles": ["metadata"]},
    }
    for key, degrees in angles(scene).items():
        numbers = np.full(scene.mask_grid.shape, round(degrees / CENTIDEGREE), np.int16)
        rasters[f"{name}_{key}.TIF"] = Raster(numbers, scene.mask_grid, None)
        assets[key] = make_asset(f"{name}_{key}.TIF", ANGLES[key], ["data"])
    return Product(_item(scene, LEVEL1, name, "L1TP", assets), rasters, {f"{name}_MTL.json": _metadata(scene, name)})


def angles(scene: Acquisition) -> dict[str, float]:
    """What the angle bands hold, in degrees: azimuths -180 to 180; the same over all of a site."""
    elevation, azimuth = scene.sun
    zenith, towards = scene.view
    return {
        "SAA": (azimuth + 180) % 360 - 180,
        "SZA": 90 - elevation,
        "VAA": (towards + 180) % 360 - 180,
        "VZA": zenith,
    }


def _metadata(scene: Acquisition, name: str) -> dict[str, Any]:
    return {
        "LANDSAT_METADATA_FILE": {
            "PRODUCT_CONTENTS": {"ORIGIN": NOTE, "LANDSAT_PRODUCT_ID": name, "FILE_NAME_BAND_8": f"{name}_B8.TIF"},
            "IMAGE_ATTRIBUTES": {
                "SPACECRAFT_ID": "LANDSAT_8",
                "DATE_ACQUIRED": f"{scene.day}",
                "SUN_ELEVATION": f"{scene.sun[0]:.8f}",
                "SUN_AZIMUTH": f"{scene.sun[1]:.8f}",
            },
            "LEVEL1_RADIOMETRIC_RESCALING": {
                "REFLECTANCE_MULT_BAND_8": "2.0000E-05",
                "REFLECTANCE_ADD_BAND_8": "-0.100000",
            },
        }
    }


def _item(scene: Acquisition, collection: str, name: str, correction: str, assets: dict[str, dict[str, Any]]) -> Item:
    cover = round(scene.cloud_cover, 2)
    properties = {
        "platform": "landsat-8",
        "instruments": ["oli", "tirs"],
        "gsd": 30,
        "eo:cloud_cover": cover,
        "view:off_nadir": 0,
        **sun_fields(scene.sun),
        "landsat:correction": correction,
        "landsat:wrs_type": "2",
        "landsat:wrs_path": "000",
        "landsat:wrs_row": "000",
        "landsat:collection_category": "T1",
        "landsat:collection_number": "02",
        "landsat:cloud_cover_land": cover,
        "grid:code": "WRS2-000000",
        **grid_fields(scene.mask_grid),
    }
    outline = footprint(scene.mask_grid, scene.edge, scene.centre)
    return make_item(collection, name, scene.time, outline, properties, assets, scene.mask_grid)


def _qa_asset(name: str) -> dict[str, Any]:
    roles = ["cloud", "cloud-shadow", "snow-ice", "water-mask"]
    return make_asset(f"{name}_QA_PIXEL.TIF", "Pixel Quality Assessment Band", roles)


SENSOR = Sensor(
    name=INSTRUMENT.name,
    every=16,
    first=date(2023, 1, 1),
    reach=lambda settings, site: reach(INSTRUMENT, settings),
    collections={
        LEVEL2: (
            "Landsat-8 Collection 2 Level-2, simulated",
            "Surface reflectance = number * 2.75e-5 - 0.2, 0 = no data; QA_PIXEL in bits, 1 = fill.",
        ),
        LEVEL1: (
            "Landsat-8 Collection 2 Level-1, panchromatic band and angles, simulated",
            "Top-of-atmosphere reflectance = (number * 2e-5 - 0.1) / sine of the sun's elevation, 0 = no data; angles "
            "in hundredths of a degree, the sensor's as seen from the ground.",
        ),
    },
    observer=Observer,
)
