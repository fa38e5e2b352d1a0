"""What is known of a scene beside its pixels: when and by whom it was taken, and where sun and sensor stood.

Directions come from what states them most finely: rasters of angles, then a metadata document, then the footprint
(Landsat), then the item's own numbers. A source that cannot be read is no reason to fail; the next one counts. One
that cannot be read now, but perhaps later, is: else what a scene's facts are would depend on when they were asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError

from stfuse.acquisition.scenes import acquired, platform, tile
from stfuse.errors import InputError, NotNowError
from stfuse.harmonisation.angles import Angles, everywhere, from_rasters
from stfuse.harmonisation.brdf import ROY
from stfuse.products.angle_documents import muscate, sentinel2_granule
from stfuse.products.landsat_directions import Box, from_footprint, from_orbit
from stfuse.products.mtl import sun as sun_of_mtl

logger = logging.getLogger("stfuse.products.facts")

Item = dict[str, Any]
Read = Callable[[dict[str, Any], Item], str]
Window = Callable[[dict[str, Any], Item], tuple[NDArray[Any], GeoBox]]

ORBIT = {"orbit": "sat:orbit_state", "relative_orbit": "sat:relative_orbit"}
UNUSABLE = (InputError, OSError, ValueError, LookupError, TypeError, ArithmeticError, ProjError)
"""What a document or raster from outside may raise that is missing, cut off or holds nonsense."""
ONE_PASS = timedelta(minutes=1)
"""Two items of one satellite and tile within it are products of one acquisition."""


def facts_of(
    item: Item,
    sensor: Mapping[str, Any],
    *,
    site: Mapping[str, Any] | None = None,
    read: Read | None = None,
    window: Window | None = None,
    others: Sequence[Item] = (),
) -> dict[str, Any]:
    """Facts of a scene for ``scene.json``.

    Parameters
    ----------
    item : dict
        STAC item.
    sensor : mapping
        Content of its config file, with `name`.
    site : mapping, optional
        Content of its config file: `crs` and `bounds`. Without it only what the item states is taken.
    read : callable, optional
        Text of an asset, (asset, item) -> str; may raise InputError or OSError. Without it no document is read.
    window : callable, optional
        The site's window of an asset's raster as delivered, (asset, item) -> (values (y, x), GeoBox); may raise
        InputError. Without it no rasters of angles are read.
    others : sequence of dict
        All items that the search found: a level-1 product of the same acquisition lends its rasters of angles.

    Returns
    -------
    dict
        Identity; ``sun_elevation``, ``sun_azimuth``, ``view_zenith``, ``view_azimuth`` in degrees (means over the site)
        as far as known; ``angles``, their grids as `Angles.as_dict`, where something beside the item states them.

    Raises
    ------
    NotNowError
        If an archive does not hand out now what may state them.
    """
    when, properties = acquired(item), item["properties"]
    stated = stated_angles(item)
    found = _finest(item, sensor, stated, site, read, window, others) if site and needs_angles(item, sensor) else None
    if found:
        stated |= found.means()
        logger.info("directions of sun and view of %s from: %s", item["id"], found.source)
    return {
        "id": item["id"],
        "sensor": sensor["name"],
        "date": when[:10],
        "datetime": when,
        "platform": platform(item),
        "collection": item["collection"],
        **{name: properties[key] for name, key in ORBIT.items() if properties.get(key) is not None},
        **stated,
        **({"angles": found.as_dict()} if found else {}),
    }


def stated_angles(item: Item) -> dict[str, float]:
    """Directions as numbers of an item, for all of the scene; degrees, as far as stated.

    ``view:off_nadir`` alone is no view direction: Landsat items state the satellite's roll there, old Sentinel-2 items
    0. Beside a view azimuth it is taken for the zenith angle, which is a tenth larger at most on a satellite's height.
    """
    properties = item["properties"]
    keys = {
        "sun_elevation": ("view:sun_elevation", "eo:sun_elevation"),
        "sun_azimuth": ("view:sun_azimuth", "eo:sun_azimuth", "s2:mean_solar_azimuth"),
        "view_zenith": ("view:incidence_angle", *(("view:off_nadir",) if "view:azimuth" in properties else ())),
        "view_azimuth": ("view:azimuth",),
    }
    chosen = {name: next((k for k in names if properties.get(k) is not None), None) for name, names in keys.items()}
    known = {name: float(properties[key]) for name, key in chosen.items() if key is not None}
    if "sun_elevation" not in known and properties.get("s2:mean_solar_zenith") is not None:
        known["sun_elevation"] = 90.0 - properties["s2:mean_solar_zenith"]
    for name in known.keys() & {"sun_azimuth", "view_azimuth"}:
        known[name] %= 360  # some archives count from -180
    return known


def needs_angles(item: Item, sensor: Mapping[str, Any]) -> bool:
    """Whether a sensor's reflectance depends on them and can be corrected: nadir products and pan cannot."""
    reflectance = sensor.get("quantity", "reflectance") == "reflectance"
    return reflectance and not at_nadir(sensor, item["collection"]) and not ROY.keys().isdisjoint(sensor["bands"])


def at_nadir(sensor: Mapping[str, Any], collection: str) -> bool:
    """Whether a collection's numbers are reflectance as seen from the zenith already, as MODIS NBAR's are."""
    return bool(sensor["collections"].get(collection, {}).get("encoding") == "modis_nbar")


def _finest(
    item: Item,
    sensor: Mapping[str, Any],
    stated: Mapping[str, float],
    site: Mapping[str, Any],
    read: Read | None,
    window: Window | None,
    others: Sequence[Item],
) -> Angles | None:
    where = tuple(site["bounds"]), site["crs"]
    sun = _sun(item, sensor, stated, read)
    attempts: list[Callable[[], Angles | None]] = [
        lambda: _from_rasters(item, sensor, window, others),
        lambda: _from_documents(item, sensor, read, where),
        lambda: from_footprint(item["geometry"] or {}, sun, *where) if sun and _is_landsat(item) else None,
    ]
    for attempt in attempts:
        try:
            found = attempt()
            if found:
                return found.over(*where)
        except NotNowError:
            raise  # the next source, and the directions, would depend on the archive's mood
        except UNUSABLE as error:
            logger.warning("a source of %s's directions cannot be used: %s", item["id"], error)
    if sun and "view_zenith" in stated and "view_azimuth" in stated:
        return everywhere(sun, (stated["view_zenith"], stated["view_azimuth"]), "item")
    logger.warning("no archive states where the sensor stood for %s: it is not brought to nadir", item["id"])
    return None


def _is_landsat(item: Item) -> bool:
    return platform(item).startswith("landsat")


def _sun(
    item: Item, sensor: Mapping[str, Any], stated: Mapping[str, float], read: Read | None
) -> tuple[float, float] | None:
    """Zenith and azimuth of the sun over the scene's centre, from the item or else from Landsat's MTL."""
    if "sun_elevation" in stated and "sun_azimuth" in stated:
        return 90 - stated["sun_elevation"], stated["sun_azimuth"]
    if read is None or not _is_landsat(item):
        return None
    for asset in _documents(item, sensor):
        try:
            elevation, azimuth = sun_of_mtl(read(asset, item))
        except NotNowError:
            raise
        except (InputError, OSError):
            continue
        return 90 - elevation, azimuth % 360
    return None


def _documents(item: Item, sensor: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Assets that the sensor file names as metadata documents, in its order."""
    keys = sensor["collections"].get(item["collection"], {}).get("metadata", [])
    names = [name for key in keys for name in item["assets"] if fnmatchcase(name, key)]
    return [dict(item["assets"][name]) for name in dict.fromkeys(names)]


def _from_documents(item: Item, sensor: Mapping[str, Any], read: Read | None, where: tuple[Box, str]) -> Angles | None:
    for asset in _documents(item, sensor) if read else []:
        try:
            found = _in_document(read(asset, item), sensor["bands"], where) if read else None
        except NotNowError:
            raise
        except UNUSABLE as error:
            logger.warning("a metadata document of %s cannot be used: %s", item["id"], error)
            continue
        if found:
            return found
    return None


def _in_document(text: str, bands: Iterable[str], where: tuple[Box, str]) -> Angles | None:
    """What a document states, of whichever kind it is; the grids of a whole tile are cut later."""
    if "<Tile_Angles" in text:
        return sentinel2_granule(text, bands)
    if "Muscate_Metadata_Document" in text:
        return muscate(text)
    return from_orbit(text, *where) if "EPHEMERIS" in text else None


def _from_rasters(
    item: Item, sensor: Mapping[str, Any], window: Window | None, others: Sequence[Item]
) -> Angles | None:
    """Rasters of angles of the product itself, or of another product of the same acquisition."""
    keys = sensor.get("angles")
    if window is None or not keys:
        return None
    for product in [item, *(other for other in others if other is not item and _one_pass(item, other))]:
        named = {name: next((k for k in choice if k in product["assets"]), None) for name, choice in keys.items()}
        if None in named.values():
            continue
        read = {name: window(product["assets"][key], product) for name, key in named.items()}
        grid = read["sun_zenith"][1]
        if any(other != grid for _, other in read.values()):
            raise InputError(f"The angle bands of {product['id']} lie on several grids", "fetch the product again")
        return from_rasters({n: values for n, (values, _) in read.items()}, grid, f"angle bands of {product['id']}")
    return None


def _one_pass(item: Item, other: Item) -> bool:
    try:
        apart = abs(datetime.fromisoformat(acquired(item)) - datetime.fromisoformat(acquired(other)))
    except (InputError, ValueError, TypeError):
        return False
    return apart <= ONE_PASS and platform(item) == platform(other) and tile(item) == tile(other)
