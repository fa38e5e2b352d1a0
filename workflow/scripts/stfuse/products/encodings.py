"""From stored numbers to reflectance or backscatter, by rules named in the sensor files.

Archives contradict their own metadata, so a rule decides from several signs and says which one it followed;
that sentence travels into ``scene.json`` and the quality table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stfuse.errors import InputError
from stfuse.products.mtl import Groups, reflectance_scale, sun
from stfuse.products.sentinel2_offset import LookAtPixels, baseline, offset_from_pixels, sentinel2_l2a
from stfuse.products.stored import Encoding, Item, decode, projection, stated

__all__ = ["Encoding", "Item", "LookAtPixels", "baseline", "decode", "find_encoding", "offset_from_pixels"]

POWER = (float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))  # what backscatter can be: positive


def landsat_c2_sr(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 2 surface reflectance: one scale everywhere, whether the item states it or not.

    Raises
    ------
    InputError
        If the item states another scale or offset: then it is not this product.
    """
    _agree(item, stated(asset), 2.75e-5, -0.2, "Collection 2")
    return Encoding(2.75e-5, -0.2, 0.0, None, "Collection 2 surface reflectance")


def landsat_c1_sr(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 1 surface reflectance: int16 by 1e-4; numbers outside 0..10000 occur and are invalid."""
    nodata = stated(asset)["nodata"]
    return Encoding(1e-4, 0.0, -9999.0 if nodata is None else float(nodata), (0.0, 1e4), "Collection 1 reflectance")


def landsat_c2_l1_toa(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 2 level 1: top-of-atmosphere reflectance, divided by the sine of the sun's elevation.

    Scale and offset are the metadata file's ``REFLECTANCE_MULT/ADD_BAND_n`` where `settings` bring it (key ``mtl``, its
    text), else what the item states (radiance is refused), else the constants of OLI, equal in every scene.

    Raises
    ------
    InputError
        If the sun's elevation or the scale is unknown.
    """
    mtl = settings.get("mtl")
    elevation = item["properties"].get("view:sun_elevation")
    if elevation is None and mtl is not None:
        elevation = sun(mtl)[0]
    if elevation is None or float(elevation) <= 0:
        raise InputError(f"Item {item['id']} states no sun elevation above 0", "take the item from another catalogue")
    scale, offset, rule = _level1_scale(item, asset, mtl)
    sine = math.sin(math.radians(float(elevation)))
    return Encoding(scale / sine, offset / sine, 0.0, None, f"{rule}, sun at {float(elevation):.1f} degrees")


def _level1_scale(item: Item, asset: Mapping[str, Any], mtl: str | Groups | None) -> tuple[float, float, str]:
    says = stated(asset)
    band = re.search(r"_B(\d+)\.", str(asset.get("href", "")), re.IGNORECASE)
    if mtl is not None and band:
        return *reflectance_scale(mtl, band[1]), "metadata file"
    # Reflectance has 2e-5 or thereabouts; a scale of 1e-2 with the unit left out is radiance.
    if says["scale"] is not None and "w" not in str(says["unit"] or "").lower() and float(says["scale"]) < 3e-3:
        return float(says["scale"]), float(says["offset"] or 0.0), "item's scale"
    satellite = str(item["properties"].get("platform", ""))
    if satellite.lower().replace("_", "-") in ("landsat-8", "landsat-9"):
        return 2.0e-5, -0.1, "constants of OLI"
    raise InputError(
        f"Item {item['id']} of {satellite or 'an unknown satellite'} does not state a reflectance scale: "
        f"its numbers are {says['unit'] or 'radiance'}",
        "take surface reflectance (collection landsat-c2-l2), or a catalogue whose items have the asset mtl.json",
    )


def modis_nbar(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """MODIS MCD43A4: int16 by 1e-4; 32767 is fill, which the archive's items leave unsaid; valid are 0..32766."""
    _agree(item, stated(asset), 1e-4, 0.0, "MCD43A4")
    return Encoding(1e-4, 0.0, 32767.0, (0.0, 32766.0), "MCD43A4 reflectance at nadir")


def venus_l2a(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Venus level 2A as cloud-optimised files: 1e-4 and -0.1 by the archive's own description.

    Other distributions of the same product have other scales, so an item that states one must state this one.

    Raises
    ------
    InputError
        If the item states another scale or offset.
    """
    says = stated(asset)
    _agree(item, says, 1e-4, -0.1, "the Venus archive")
    sign = "item's scale and offset" if says["scale"] is not None else "the archive's scale and offset"
    return Encoding(1e-4, -0.1, 0.0 if says["nodata"] is None else float(says["nodata"]), None, f"Venus, {sign}")


def muscate(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Level 2A of Theia as delivered (Venus, Sentinel-2, Landsat-8): scale and fill as the product's metadata state.

    They differ between versions of the product (1/1000 and -1000, 1/10000 and -10000), so nothing stands in for them.

    Raises
    ------
    InputError
        If the item states no scale or no fill number.
    """
    says = stated(asset)
    if says["scale"] is None or says["nodata"] is None:
        raise InputError(
            f"Item {item['id']} does not state scale and nodata of its numbers, which differ between versions",
            "give the product's zip, whose metadata state them",
        )
    rule = f"scale {says['scale']:g} and fill {says['nodata']:g} of the product's metadata"
    return Encoding(float(says["scale"]), float(says["offset"] or 0.0), float(says["nodata"]), None, rule)


def as_stated(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """The user's own files: scale, offset and fill as their sheet or the file states them.

    Raises
    ------
    InputError
        If whole numbers come without a scale: reflectance runs from 0 to 1.
    """
    says = stated(asset)
    scale = 1.0 if says["scale"] is None else float(says["scale"])
    if scale == 1 and re.match("u?int", str(says["data_type"])):
        raise InputError(
            f"Item {item['id']} holds {says['data_type']} numbers without a scale, reflectance runs from 0 to 1",
            "write `scale` (and `offset`, `nodata`) into the sheet, 0.0001 for reflectance times 10000",
        )
    nodata = None if says["nodata"] is None else float(says["nodata"])
    return Encoding(scale, float(says["offset"] or 0.0), nodata, None, "as its sheet or file states")


def classes(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """A map's class codes, as they are; 0 is no data where the item states no other number."""
    nodata = stated(asset)["nodata"]
    return Encoding(1.0, 0.0, 0.0 if nodata is None else float(nodata), None, "class codes")


def sentinel1_rtc(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Sentinel-1, radiometrically terrain corrected: float32 linear power; what is not positive is no data.

    Raises
    ------
    InputError
        If the item states integers or no map projection: detected counts (GRD) are neither calibrated nor gridded.
    """
    says = stated(asset)
    cure = "take a terrain-corrected collection (sentinel-1-rtc); GRD has no map geometry and is not calibrated"
    if says["data_type"] is not None and not str(says["data_type"]).startswith("float"):
        raise InputError(
            f"Item {item['id']} states {says['data_type']} numbers, terrain-corrected backscatter is float32", cure
        )
    if _ungridded(item):
        raise InputError(f"Item {item['id']} is GRD in ground range, without a map projection", cure)
    nodata = -32768.0 if says["nodata"] is None else float(says["nodata"])
    return Encoding(1.0, 0.0, nodata, POWER, "linear power")


def _ungridded(item: Item) -> bool:
    """Whether an item was made from GRD and not brought to a map: GRD items state no projection, or degrees."""
    return item["properties"].get("sar:product_type") == "GRD" and projection(item) in ("", "EPSG:4326")


def sentinel1_db(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Sentinel-1 backscatter kept as decibels times 10000; 0 is fill.

    Raises
    ------
    InputError
        If the item states another unit or scale.
    """
    says = stated(asset)
    _agree(item, says, 1e-4, 0.0, "backscatter stored as dB")
    if str(says["unit"] or "dB").lower() != "db":
        raise InputError(f"Item {item['id']} is in {says['unit']}, not in dB", "write `encoding: sentinel1_rtc`")
    nodata = 0.0 if says["nodata"] is None else float(says["nodata"])
    return Encoding(1e-4, 0.0, nodata, None, "decibels, averaged as power", decibel=True)


def _agree(item: Item, says: Mapping[str, Any], scale: float, offset: float | None, product: str) -> None:
    """Refuse an item that states another scale or offset than its product has; `offset` None is not looked at."""
    for name, known in (("scale", scale), ("offset", offset)):
        said = says[name]
        if said is not None and known is not None and not math.isclose(said, known, rel_tol=1e-6, abs_tol=1e-12):
            raise InputError(
                f"Item {item['id']} states {name} {said}, {product} has {known:g}",
                "give its collection another `encoding:` in the sensor file",
            )


RULES: dict[str, Callable[[Item, Mapping[str, Any], Mapping[str, Any]], Encoding]] = {
    "sentinel2_l2a": sentinel2_l2a,
    "landsat_c2_sr": landsat_c2_sr,
    "landsat_c1_sr": landsat_c1_sr,
    "landsat_c2_l1_toa": landsat_c2_l1_toa,
    "modis_nbar": modis_nbar,
    "venus_l2a": venus_l2a,
    "muscate": muscate,
    "as_stated": as_stated,
    "sentinel1_rtc": sentinel1_rtc,
    "sentinel1_db": sentinel1_db,
    "classes": classes,
}


def find_encoding(rule: str, item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """The encoding of one asset by the rule that the sensor file names.

    Parameters
    ----------
    rule : str
        A name in `RULES`.
    item, asset : mapping
        STAC item and one of its assets, as JSON.
    settings : mapping
        The site's settings (``sentinel2_offset``), and ``mtl`` where a level-1 metadata file was read.

    Raises
    ------
    InputError
        If the rule is unknown or the item does not tell enough.
    LookAtPixels
        If only the pixels can tell.
    """
    if rule not in RULES:
        raise InputError(f"Encoding {rule} is unknown", f"write one of {sorted(RULES)} in the sensor file")
    return RULES[rule](item, asset, settings)
