"""Sentinel-2 level 2A: whether the offset of 1000, which ESA adds from baseline 04.00 on, is still in the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.errors import InputError
from stfuse.products.stored import Encoding, Item, decode, stated

S2_OFFSET = -0.1  # BOA_ADD_OFFSET -1000 over QUANTIFICATION_VALUE 10000, processing baseline 04.00 and later
SCL_GROUND = (4, 5, 6)  # vegetation, bare, water; what is unclassified (7) is cloud too often
MIN_LOOKED_AT = 10_000  # pixels
SCL_LAND = (4, 5)  # vegetation, bare
MIN_LAND = 100  # pixels: fewer may well be mislabelled
BRIGHTEST = 0.6  # reflectance in red that the middle of no land has


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
    InputError
        If the item is level 1C, which is no surface reflectance.
    LookAtPixels
        If the flags contradict one another (known of one archive from baseline 04.00 on).
    """
    if _level_1c(item):
        raise InputError(
            f"Item {item['id']} is level 1C: reflectance at the top of the atmosphere, not at the surface",
            "take level 2A of the same scene, from collection sentinel-2-c1-l2a or sentinel-2-l2a",
        )
    says = stated(asset)
    offset, rule = _sentinel2_offset(item, says["offset"], str(settings.get("sentinel2_offset", "auto")))
    nodata = says["nodata"] if says["nodata"] is not None else 0
    return Encoding(float(says["scale"] or 1e-4), offset, float(nodata), None, rule)


def _level_1c(item: Item) -> bool:
    """Whether an item says that it is level 1C, by its kind of product or a name."""
    properties = item["properties"]
    kind, uri = properties.get("s2:product_type"), properties.get("s2:product_uri")
    return kind == "S2MSI1C" or any(re.search(r"_(MSI)?L1C(_|$)", str(name or "")) for name in (uri, item["id"]))


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

    With the offset in, ground cannot lie below 1000; with it out, the darkest ground in blue or red lies far below. Of
    real scenes of two Belgian patches, which have no offset, 85 show 2000 pixels of ground: all are told right, and so
    they are with 1000 added. With unclassified pixels as ground, one cloudy scene of 106 with 1000 pixels goes wrong.

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


def require_plausible(red: NDArray[Any], scl: NDArray[Any], encoding: Encoding, scene: str) -> None:
    """Refuse a scene whose numbers cannot be what its metadata led us to believe, whichever rule fired.

    Parameters
    ----------
    red, scl : ndarray, shape (y, x)
        Stored numbers of the red band and classes, on one grid.
    encoding : Encoding
        Of the red band.
    scene : str
        For the message.

    Raises
    ------
    InputError
        If the median of red over vegetation and bare ground is below 0 or above 0.6.
    """
    values = decode(red, encoding)[np.isin(scl, SCL_LAND)]
    values = values[np.isfinite(values)]
    if values.size < MIN_LAND:
        return
    median = float(np.median(values))
    if not 0 <= median <= BRIGHTEST:
        raise InputError(
            f"Half of the land of {scene} has a red reflectance {'below' if median < 0 else 'above'} {median:.3f}, "
            f"which no land has; the numbers were read so: {encoding.rule}",
            "write `sentinel2_offset: apply` or `none` in the site file, or name the day under `exclude:`",
        )
