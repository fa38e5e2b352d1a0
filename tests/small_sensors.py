"""Scenes of the optical sensors over the small world, and what their numbers mean."""

import math
from dataclasses import replace
from datetime import date

import numpy as np

import small_world
from stfuse.harmonisation.masks import rejected
from stfuse.simulated.covers import BANDS, PAN_WEIGHTS
from stfuse.simulated.sensors import landsat8, sentinel2, venus

DAY = date(2023, 6, 10)
MODULES = {"sentinel2": sentinel2, "landsat8": landsat8, "venus": venus}
NAMES = tuple(MODULES)
KIND = {"sentinel2": "scl", "landsat8": "qa_pixel"}


def truth():
    world = small_world.world()
    known = dict(zip(BANDS, world.reflectance(world.index(DAY)), strict=True))
    return known | {"pan": sum(np.float32(w) * known[b] for b, w in PAN_WEIGHTS.items())}


def observe(name, world=None, day=DAY, **changes):
    """Products of one day with the given settings; all nuisances are off unless asked for."""
    world = world or small_world.world()
    if changes.get("clouds"):
        # A sky of broken cloud on every day.
        world = replace(world, weather=replace(world.weather, cloud=np.full(len(world.dates), 0.2)))
    return MODULES[name].SENSOR.observer(world, small_world.settings(**{**small_world.OFF, **changes})).observe(day)


def decoded(products):
    """Band -> (reflectance, grid), NaN where there are no data."""
    out = {}
    for product in products:
        for asset in product.item["assets"].values():
            if "eo:bands" not in asset:
                continue
            band = asset["eo:bands"][0]["common_name"]
            raster = product.rasters[asset["href"].removeprefix("./")]
            if band == "pan":
                values = raster.values * 2e-5 - 0.1
                values = values / math.sin(math.radians(product.item["properties"]["view:sun_elevation"]))
            else:
                layer = asset["raster:bands"][0]
                values = raster.values * layer["scale"] + layer["offset"]
            out[band] = np.where(raster.values == 0, np.nan, values), raster.grid
    return out


def mask_of(name, products):
    """The mask that tells clouds, and its grid."""
    ends = {"sentinel2": "SCL.tif", "landsat8": "QA_PIXEL.TIF", "venus": "MG2_XS.tif"}
    (raster,) = (r for file, r in products[0].rasters.items() if file.endswith(ends[name]))
    return raster.values, raster.grid


def unusable(name, mask):
    return (mask & 0b1110) != 0 if name == "venus" else rejected(mask, KIND[name])


def step(name, band):
    return 5.1e-5 if name != "landsat8" else 2e-5 if band == "pan" else 1.5e-5
