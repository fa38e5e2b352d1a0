"""Landsat's metadata file, MTL: what it was made from, how its numbers scale, and where the sun stood.

Archives deliver it as JSON, XML or text in the grouped form of the first Landsats; all hold the same groups and keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stfuse.checks import safe_name
from stfuse.errors import InputError
from stfuse.products.xmldoc import read_xml

Groups = Mapping[str, Any]
"""Nested groups: name -> group or value, a value a string without quotes."""

KEYS = ("mtl.json", "MTL.json", "mtl.xml", "MTL.xml", "mtl.txt", "MTL.txt")
CURE = "take the MTL file of the scene from the archive again"
RESCALING = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")  # Collection 2, and before


def mtl_asset(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The asset of an item that is its MTL, the easiest form first; None where it has none."""
    assets = item["assets"]
    return next((dict(assets[key]) for key in KEYS if key in assets), None)


def read_mtl(text: str) -> Groups:
    """The groups of an MTL in any of its three forms.

    Raises
    ------
    InputError
        If the text is none of them: a page that asks to log in, for instance.
    """
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        try:
            found = json.loads(start)
        except ValueError as error:
            raise InputError(f"The MTL is no JSON ({error})", CURE) from error
        groups: Groups = found if isinstance(found, dict) else {}
    elif start.startswith("<") and not re.match(r"(?i)<(!doctype\s+)?html", start):
        root = read_xml(start, "The MTL")
        groups = {root.tag: {group.tag: {key.tag: key.text or "" for key in group} for group in root}}
    else:
        groups = _grouped(start)
    if not any(name.endswith("METADATA_FILE") for name in groups):
        raise InputError(f"The MTL has no group LANDSAT_METADATA_FILE, it begins with {start[:40]!r}", CURE)
    return groups


def _grouped(text: str) -> dict[str, Any]:
    """The text form: ``GROUP = X``, ``KEY = VALUE``, ``END_GROUP = X``."""
    root: dict[str, Any] = {}
    inside = [root]
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            inside.append(inside[-1].setdefault(value, {}))
        elif key == "END_GROUP" and len(inside) > 1:
            inside.pop()
        elif value:
            inside[-1][key] = value.strip('"')
    return root


def level1_id(mtl: str | Groups) -> str:
    """Name of the level-1 product that a product is, or is made from: ``LC09_L1TP_010065_20220129_20220129_02_T1``.

    It cannot be made from a level-2 name: the day of processing differs, and L2SP may stem from L1GT.

    Raises
    ------
    InputError
        If it is not stated, or is no name.
    """
    groups = _groups(mtl)
    for name in ("LEVEL1_PROCESSING_RECORD", "METADATA_FILE_INFO"):
        found = _find(groups, name).get("LANDSAT_PRODUCT_ID")
        if found:
            return safe_name(str(found), "The level-1 product of an MTL")
    raise InputError("The MTL does not name its level-1 product (LEVEL1_PROCESSING_RECORD, LANDSAT_PRODUCT_ID)", CURE)


def reflectance_scale(mtl: str | Groups, band: str) -> tuple[float, float]:
    """Factor and addend that make top-of-atmosphere reflectance of a level-1 band's numbers, before the sun's height.

    Parameters
    ----------
    mtl : str or mapping
        Text of an MTL, or its groups.
    band : str
        The archive's number of the band, "8".

    Raises
    ------
    InputError
        If the MTL has none for the band: a thermal band, say.
    """
    groups = _groups(mtl)
    for name in RESCALING:
        group = _find(groups, name)
        stated = [group.get(f"REFLECTANCE_{word}_BAND_{band}") for word in ("MULT", "ADD")]
        if None not in stated:
            return _number(stated[0]), _number(stated[1])
    raise InputError(f"The MTL has no REFLECTANCE_MULT_BAND_{band} and REFLECTANCE_ADD_BAND_{band}", CURE)


def sun(mtl: str | Groups) -> tuple[float, float]:
    """Elevation and azimuth of the sun at the scene's centre, degrees.

    Raises
    ------
    InputError
        If they are not stated.
    """
    group = _find(_groups(mtl), "IMAGE_ATTRIBUTES")
    stated = group.get("SUN_ELEVATION"), group.get("SUN_AZIMUTH")
    if None in stated:
        raise InputError("The MTL states no SUN_ELEVATION and SUN_AZIMUTH (IMAGE_ATTRIBUTES)", CURE)
    return _number(stated[0]), _number(stated[1])


def _groups(mtl: str | Groups) -> Groups:
    return read_mtl(mtl) if isinstance(mtl, str) else mtl


def _find(groups: Groups, name: str) -> Groups:
    """The group of a name, directly or one level down; empty where there is none."""
    for where in (groups, *(group for group in groups.values() if isinstance(group, Mapping))):
        if isinstance(where.get(name), Mapping):
            return dict(where[name])
    return {}


def _number(stated: object) -> float:
    try:
        return float(str(stated))
    except ValueError as error:
        raise InputError(f"The MTL holds {stated!r} where a number should be", CURE) from error
