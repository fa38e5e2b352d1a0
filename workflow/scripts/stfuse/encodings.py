"""From stored numbers to reflectance, by rules named in the sensor files.

Archives contradict their own metadata, so a rule decides from several signs and says which one it followed;
that sentence travels into ``scene.json`` and the quality table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import InputError
from stfuse.task import FloatArray

Item = Mapping[str, Any]

S2_OFFSET = -0.1  # BOA_ADD_OFFSET -1000 over QUANTIFICATION_VALUE 10000, processing baseline 04.00 and later
SCL_GROUND = (4, 5, 6, 7)
MIN_LOOKED_AT = 10_000  # pixels


@dataclass(frozen=True)
class Encoding:
    """How one band of one scene is stored: ``reflectance = stored * scale + offset``.

    Attributes
    ----------
    scale, offset : float
    nodata : float or None
        Stored number that means "not observed"; masked before scaling.
    valid : (lowest, highest) or None
        Stored numbers outside are invalid.
    rule : str
        What decided, in words.
    """

    scale: float
    offset: float
    nodata: float | None
    valid: tuple[float, float] | None
    rule: str

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file; `from_dict` reads it back."""
        return asdict(self)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Encoding:
        """The inverse of `as_dict`."""
        valid = stored["valid"]
        return Encoding(
            stored["scale"], stored["offset"], stored["nodata"], tuple(valid) if valid else None, stored["rule"]
        )


class LookAtPixels(Exception):
    """The metadata do not tell whether the Sentinel-2 offset is still in the numbers; the pixels must."""


def decode(stored: NDArray[Any], encoding: Encoding) -> FloatArray:
    """Reflectance of stored numbers, any shape, float32; NaN where there is no data or the number is invalid."""
    values = stored.astype(np.float32)
    bad = ~np.isfinite(values)
    if encoding.nodata is not None:
        bad |= stored == encoding.nodata
    if encoding.valid is not None:
        bad |= (values < encoding.valid[0]) | (values > encoding.valid[1])
    values = values * np.float32(encoding.scale) + np.float32(encoding.offset)
    values[bad] = np.nan
    return values


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


def stated(asset: Mapping[str, Any]) -> dict[str, Any]:
    """What an asset says about its numbers: the first of ``raster:bands``, or of STAC 1.1 ``bands``."""
    bands = asset.get("raster:bands") or asset.get("bands") or [{}]
    first = dict(bands[0])
    for key in ("scale", "offset"):
        first.setdefault(key, first.get(f"raster:{key}", asset.get(f"raster:{key}")))
    for key in ("nodata", "data_type", "unit"):
        first.setdefault(key, asset.get(key))
    return first


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
    says = stated(asset)
    if says["scale"] is not None and not math.isclose(says["scale"], 2.75e-5, rel_tol=1e-6):
        raise InputError(
            f"Item {item['id']} states scale {says['scale']}, Collection 2 has 2.75e-05",
            "give its collection another `encoding:` in the sensor file",
        )
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


RULES: dict[str, Callable[[Item, Mapping[str, Any], Mapping[str, Any]], Encoding]] = {
    "sentinel2_l2a": sentinel2_l2a,
    "landsat_c2_sr": landsat_c2_sr,
    "landsat_c1_sr": landsat_c1_sr,
    "landsat_c2_l1_toa": landsat_c2_l1_toa,
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
