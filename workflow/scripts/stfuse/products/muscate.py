"""What the metadata file of a Theia product (MUSCATE format, ``*_MTD_ALL.xml``) says, in the words of STAC."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from odc.geo.geom import Geometry, box
from pyproj.exceptions import CRSError

from stfuse.acquisition.scenes import normal_platform
from stfuse.errors import InputError
from stfuse.products.xmldoc import number_at, read_xml

CURE = "fetch the product from the archive again"
REFLECTANCES = ("Surface_Reflectance", "Flat_Reflectance")
MASKS = ("CLM", "EDG", "MG2", "SAT")


@dataclass(frozen=True)
class Muscate:
    """One product's metadata.

    Attributes
    ----------
    collection : str
        ``venus-muscate``, ``sentinel-2-muscate``, ``landsat-8-muscate``.
    properties : dict
        Of the STAC item.
    geometry : dict
        Its outline in degrees, as GeoJSON.
    bbox : tuple of float
    scale, nodata : float
        ``reflectance = stored * scale`` where the stored number is not `nodata`.
    files : tuple of str
        Names, without folders, of the images and masks that it lists.
    """

    collection: str
    properties: dict[str, Any]
    geometry: dict[str, Any]
    bbox: tuple[float, float, float, float]
    scale: float
    nodata: float
    files: tuple[str, ...]


def read_muscate(text: str, name: str) -> Muscate:
    """Read a product's metadata.

    Parameters
    ----------
    text : str
        The XML.
    name : str
        Which file it is, for messages.

    Raises
    ------
    InputError
        If it is no such file, the product is not level 2A, or a number is missing that must not be guessed.
    """
    root = read_xml(text, name)
    if root.tag != "Muscate_Metadata_Document":
        raise InputError(f"{name} is no metadata of a Theia product, its root is <{root.tag}>", CURE)
    level = _text(root, ".//Product_Characteristics/PRODUCT_LEVEL", name)
    if level.upper() not in ("L2A", "N2A"):
        raise InputError(
            f"{name} is of level {level}: only level 2A is surface reflectance",
            "take the product of level L2A (THEIA_REFLECTANCE_...) of the same day",
        )
    quantification = number_at(root, ".//Radiometric_Informations/REFLECTANCE_QUANTIFICATION_VALUE", name)
    nodata = number_at(root, ".//Special_Values_List/SPECIAL_VALUE[@name='nodata']", name)
    if quantification <= 0:
        raise InputError(f"{name}: REFLECTANCE_QUANTIFICATION_VALUE is {quantification:g}", CURE)
    satellite = normal_platform(_text(root, ".//Product_Characteristics/PLATFORM", name))
    grid, outline = _grid(root, name)
    properties = {
        "datetime": _moment(_text(root, ".//Product_Characteristics/ACQUISITION_DATE", name)),
        "platform": satellite,
        **_optional(root),
        **grid,
        **_angles(root, name),
    }
    family = satellite.rstrip("abcd") if satellite.startswith("sentinel") else satellite
    return Muscate(
        collection=f"{family}-muscate",
        properties=properties,
        geometry=json.loads(json.dumps(outline.json)),  # lists, as a file would give them
        bbox=outline.boundingbox.bbox,
        scale=1 / quantification,
        nodata=nodata,
        files=tuple(_files(root)),
    )


def _text(root: Element, path: str, name: str) -> str:
    found = (root.findtext(path) or "").strip()
    if not found:
        raise InputError(f"{name} has no {path.removeprefix('.//')}", CURE)
    return found


def _moment(text: str) -> str:
    """ISO, UTC; the products leave the Z out at times."""
    text = text.replace(" ", "T")
    return text if text.endswith("Z") or "+" in text else f"{text}Z"


def _optional(root: Element) -> dict[str, Any]:
    """What a product may leave unsaid: its tile, when it was made, and the share of clouds in percent."""
    said: dict[str, Any] = {
        "grid:code": root.findtext(".//Dataset_Identification/GEOGRAPHICAL_ZONE"),
        "created": root.findtext(".//Product_Characteristics/PRODUCTION_DATE"),
    }
    cloud = root.findtext(".//Current_Product//QUALITY_INDEX[@name='CloudPercent']")
    with suppress(ValueError):
        said["eo:cloud_cover"] = float(cloud or "")
    return {key: value for key, value in said.items() if value not in (None, "")}


def _grid(root: Element, name: str) -> tuple[dict[str, Any], Geometry]:
    """CRS, shape and transform of the product's finest images, and their outline in degrees."""
    code = _text(root, ".//Horizontal_Coordinate_System/HORIZONTAL_CS_CODE", name).upper().removeprefix("EPSG:")
    groups = root.findall(".//Group_Geopositioning_List/Group_Geopositioning")
    if not groups:
        raise InputError(f"{name} has no Group_Geopositioning", CURE)
    keys = ("ULX", "ULY", "XDIM", "YDIM", "NROWS", "NCOLS")
    read = [[number_at(group, key, name) for key in keys] for group in groups]
    left, top, width, height, rows, columns = min(read, key=lambda group: abs(group[2]))
    right, bottom = left + columns * width, top - rows * abs(height)
    try:
        outline = box(left, bottom, right, top, f"EPSG:{code}").to_crs("EPSG:4326", resolution=5000)
    except (CRSError, ValueError) as error:
        raise InputError(f"{name}: its coordinate reference system {code} is unknown", CURE) from error
    return {
        "proj:code": f"EPSG:{code}",
        "proj:shape": [int(rows), int(columns)],
        "proj:transform": [width, 0.0, left, 0.0, -abs(height), top],
    }, outline


def _angles(root: Element, name: str) -> dict[str, float]:
    """Where sun and sensor stood, degrees: the sun's, and the mean over the bands or detectors of the sensor's."""
    mean = root.find(".//Geometric_Informations/Mean_Value_List")
    if mean is None:
        return {}
    said = {}
    if mean.find("Sun_Angles") is not None:
        said["view:sun_elevation"] = 90.0 - number_at(mean, "Sun_Angles/ZENITH_ANGLE", name)
        said["view:sun_azimuth"] = number_at(mean, "Sun_Angles/AZIMUTH_ANGLE", name)
    views = [
        (number_at(view, "ZENITH_ANGLE", name), math.radians(number_at(view, "AZIMUTH_ANGLE", name)))
        for view in mean.iter("Mean_Viewing_Incidence_Angle")
    ]
    if views:
        said["view:incidence_angle"] = sum(zenith for zenith, _ in views) / len(views)
        # Azimuths meet at north: their directions are averaged, not their numbers.
        east, north = (sum(turn(azimuth) for _, azimuth in views) for turn in (math.sin, math.cos))
        said["view:azimuth"] = math.degrees(math.atan2(east, north)) % 360.0
    return {key: round(value, 6) for key, value in said.items()}


def _files(root: Element) -> Iterator[str]:
    """Names of the reflectance images and masks that the product says it has."""
    for image in root.findall(".//Image_List/Image"):
        if image.findtext("Image_Properties/NATURE") in REFLECTANCES:
            yield from (_file(entry) for entry in image.findall("Image_File_List/IMAGE_FILE") if entry.text)
    for entry in root.findall(".//Mask_List/Mask/Mask_File_List/MASK_FILE"):
        if entry.text and any(f"_{kind}_" in entry.text for kind in MASKS):
            yield _file(entry)


def _file(entry: Element) -> str:
    return str(entry.text).strip().rsplit("/", 1)[-1]
