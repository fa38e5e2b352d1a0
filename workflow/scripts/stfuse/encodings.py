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
from numpy.typing import NDArray

from stfuse.errors import InputError
from stfuse.stored import Encoding, Item, decode, stated

__all__ = ["Encoding", "Item", "LookAtPixels", "baseline", "decode", "find_encoding", "offset_from_pixels"]

S2_OFFSET = -0.1  # BOA_ADD_OFFSET -1000 over QUANTIFICATION_VALUE 10000, processing baseline 04.00 and later
SCL_GROUND = (4, 5, 6, 7)
MIN_LOOKED_AT = 10_000  # pixels
POWER = (float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))  # what backscatter can be: positive


class LookAtPixels(Exception):
    """The metadata do not tell whether the Sentinel-2 offset is still in the numbers; the pixels must."""


def baseline(item: Item) -> float | None:
    """Sentinel-2 processing baseline of an item (5.09), or None where nothing states it."""
    properties = item["properties"]
    for key in ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version"):
        found = re.fullmatch(r"N?(\d\d)\.?(\d\d)", str(properties.get(key, "")))
        if found:
            return float(f"{found[1]}.{found[2]}")
    for text in (properties.get("s2:product_uri"), properties.get("sentinel:product_id"), item["id"]):
        found = re.search(r"_N(\d\d)(\d\d)_", str(text or ""))
        if found:
            return float(f"{found[1]}.{found[2]}")
    return None


def sentinel2_l2a(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Sentinel-2 level 2A; decided by baseline and flags, never by the date.

    Raises
    ------
    LookAtPixels
        If the flags contradict one another (known of one archive from baseline 04.00 on).
    """
    says = stated(asset)
    offset, rule = _sentinel2_offset(item, says["offset"], str(settings.get("sentinel2_offset", "auto")))
    nodata = says["nodata"] if says["nodata"] is not None else 0
    return Encoding(float(says["scale"] or 1e-4), offset, float(nodata), None, rule)


def _sentinel2_offset(item: Item, says: float | None, choice: str) -> tuple[float, str]:
    if choice in ("apply", "none"):
        return (S2_OFFSET if choice == "apply" else 0.0), f"site says sentinel2_offset: {choice}"
    if choice != "auto":
        raise InputError(f"sentinel2_offset: {choice} is unknown", "write auto, apply or none in the site file")
    properties = item["properties"]
    keys = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
    flag = next((properties[key] for key in keys if key in properties), None)
    version = baseline(item)
    name = "unknown" if version is None else f"{version:05.2f}"
    if flag is True:
        # One archive's items state -0.1 beside this flag; following them would lower reflectance by 0.1.
        return 0.0, f"offset taken out by the archive (its flag), baseline {name}"
    if version is not None and version < 4.0:
        return 0.0, f"baseline {name} has no offset"
    if flag is None and version is None and says is not None:
        return float(says), f"baseline unknown, item states {says:g}"
    if flag is None and version is not None and says != 0:
        return S2_OFFSET, f"baseline {name} has the offset"
    raise LookAtPixels


def offset_from_pixels(blue: NDArray[Any], red: NDArray[Any], scl: NDArray[Any]) -> tuple[float, str]:
    """Whether the Sentinel-2 offset is still in the numbers, by the darkest ground.

    With the offset in, ground cannot lie below 1000; with it out, the darkest ground in blue or red lies far below.

    Parameters
    ----------
    blue, red, scl : ndarray, shape (y, x)
        Stored numbers on one grid; 0 = no data.

    Returns
    -------
    offset : float
    rule : str

    Raises
    ------
    ValueError
        If there is too little ground to tell, or the numbers lie between the two cases.
    """
    ground = np.isin(scl, SCL_GROUND) & (blue > 0) & (red > 0)
    count = int(ground.sum())
    if count < MIN_LOOKED_AT:
        raise ValueError(f"only {count} of {MIN_LOOKED_AT} ground pixels needed")
    darkest = min(float(np.percentile(band[ground], 2)) for band in (blue, red))
    if darkest < 900:
        return 0.0, f"pixels: 2nd percentile of ground is {darkest:.0f} < 900, so the offset is out"
    if darkest > 1000:
        return S2_OFFSET, f"pixels: 2nd percentile of ground is {darkest:.0f} > 1000, so the offset is in"
    raise ValueError(f"the 2nd percentile of the ground is {darkest:.0f}, between 900 and 1000")


def landsat_c2_sr(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 2 surface reflectance: one scale everywhere, whether the item states it or not.

    Raises
    ------
    InputError
        If the item states another scale: then it is not this product.
    """
    _agree(item, stated(asset), 2.75e-5, None, "Collection 2")
    return Encoding(2.75e-5, -0.2, 0.0, None, "Collection 2 surface reflectance")


def landsat_c1_sr(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 1 surface reflectance: int16 by 1e-4; numbers outside 0..10000 occur and are invalid."""
    nodata = stated(asset)["nodata"]
    return Encoding(1e-4, 0.0, -9999.0 if nodata is None else float(nodata), (0.0, 1e4), "Collection 1 reflectance")


def landsat_c2_l1_toa(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Landsat Collection 2 level 1: top-of-atmosphere reflectance, divided by the sine of the sun's elevation.

    Scale and offset are the metadata file's ``REFLECTANCE_MULT/ADD_BAND_n`` where `settings` bring it (key ``mtl``),
    else what the item states (radiance is refused), else the constants of OLI, equal in every scene.

    Raises
    ------
    InputError
        If the sun's elevation or the scale is unknown.
    """
    elevation = item["properties"].get("view:sun_elevation")
    if elevation is None or float(elevation) <= 0:
        raise InputError(f"Item {item['id']} states no sun elevation above 0", "take the item from another catalogue")
    scale, offset, rule = _level1_scale(item, asset, settings.get("mtl"))
    sine = math.sin(math.radians(float(elevation)))
    return Encoding(scale / sine, offset / sine, 0.0, None, f"{rule}, sun at {float(elevation):.1f} degrees")


def _level1_scale(item: Item, asset: Mapping[str, Any], mtl: Mapping[str, Any] | None) -> tuple[float, float, str]:
    says = stated(asset)
    band = re.search(r"_B(\d+)\.", str(asset.get("href", "")), re.IGNORECASE)
    if mtl is not None and band:
        group = mtl["LANDSAT_METADATA_FILE"]["LEVEL1_RADIOMETRIC_RESCALING"]
        values = [float(group[f"REFLECTANCE_{word}_BAND_{band[1]}"]) for word in ("MULT", "ADD")]
        return values[0], values[1], "metadata file"
    # Reflectance has 2e-5 or thereabouts; a scale of 1e-2 with the unit left out is radiance.
    if says["scale"] is not None and "W" not in str(says["unit"] or "") and float(says["scale"]) < 3e-3:
        return float(says["scale"]), float(says["offset"] or 0.0), "item's scale"
    if str(item["properties"].get("platform", "")).lower().replace("_", "-") in ("landsat-8", "landsat-9"):
        return 2.0e-5, -0.1, "constants of OLI"
    raise InputError(
        f"Item {item['id']} does not state a reflectance scale", "take a catalogue whose items have the asset mtl.json"
    )


def modis_nbar(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """MODIS MCD43A4: int16 by 1e-4; 32767 is fill, which the archive's items leave unsaid; valid are 0..32766."""
    _agree(item, stated(asset), 1e-4, None, "MCD43A4")
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


def sentinel1_rtc(item: Item, asset: Mapping[str, Any], settings: Mapping[str, Any]) -> Encoding:
    """Sentinel-1, radiometrically terrain corrected: float32 linear power; what is not positive is no data.

    Raises
    ------
    InputError
        If the item states integers: detected counts (GRD) are neither calibrated nor gridded.
    """
    says = stated(asset)
    if says["data_type"] is not None and not str(says["data_type"]).startswith("float"):
        raise InputError(
            f"Item {item['id']} states {says['data_type']} numbers, terrain-corrected backscatter is float32",
            "take a terrain-corrected collection (sentinel-1-rtc); GRD has no map geometry",
        )
    nodata = -32768.0 if says["nodata"] is None else float(says["nodata"])
    return Encoding(1.0, 0.0, nodata, POWER, "linear power")


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
    "sentinel1_rtc": sentinel1_rtc,
    "sentinel1_db": sentinel1_db,
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
