"""Reading back the folders that the stage `raw` wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from stfuse.ard import NativeScene, RawScene, to_physical
from stfuse.errors import InputError
from stfuse.harmonisation.angles import Angles, everywhere
from stfuse.harmonisation.masks import DILATION, join, mask_bands, required_bands
from stfuse.harmonisation.nbar import Correction, correction
from stfuse.harmonisation.scenemask import aids_of, ground_bands, recipe
from stfuse.products.facts import at_nadir
from stfuse.products.stored import Encoding
from stfuse.raster import REMAKE
from stfuse.raster_stored import read_stored

logger = logging.getLogger("stfuse.rawscene")

Shifts = Mapping[str, Sequence[float]]


def read_scene(folder: Path, bands: Sequence[str], shifts: Shifts | None = None) -> RawScene:
    """Read one raw scene.

    Parameters
    ----------
    folder : Path
    bands : sequence of str
        STAC common names.
    shifts : mapping of band to (east, north), optional
        Metres by which the archive's bands (and mask) are known to be displaced among themselves; their grids are moved
        by so much before anything is resampled.

    Raises
    ------
    InputError
        If the folder is not whole or lacks a band.
    """
    facts = _facts(folder)
    missing = [band for band in bands if band not in facts["bands"]]
    if missing:
        raise InputError(f"Scene {folder} lacks the bands {missing}", "delete the folder so that it is fetched anew")
    masks, required, ground, read = mask_bands(facts), required_bands(facts), ground_bands(facts), {}
    reflectance = list(dict.fromkeys([*bands, *ground]))
    for band in [*reflectance, *masks]:
        stored, grid = read_stored(folder / f"{band}.tif")
        east, north = (shifts or {}).get(band, (0.0, 0.0))
        read[band] = (stored, GeoBox(grid.shape, Affine.translation(east, north) @ grid.affine, grid.crs))
    return RawScene(
        facts["id"],
        {band: read[band] for band in reflectance},
        {band: Encoding.from_dict(facts["bands"][band]) for band in reflectance},
        (join([read[b][0] for b in required], facts["mask"]["kind"]), read[required[0]][1]) if required else None,
        facts["mask"]["kind"] if required else None,
        aids_of(facts, read),
        ground,
    )


def read_native(
    folders: Sequence[Path], bands: Sequence[str], sensor: Mapping[str, Any], site: Mapping[str, Any]
) -> list[NativeScene]:
    """Read raw scenes as reflectance or power on their own grids: scaled, masked and, as the site wishes, at nadir.

    Parameters
    ----------
    folders : sequence of Path
    bands : sequence of str
        STAC common names.
    sensor, site
        Contents of their config files, with `name`.

    Returns
    -------
    list of NativeScene
        Each tells by its attribute `told` what was done to it.

    Raises
    ------
    InputError
        If a folder is not whole or lacks a band, or a setting is unknown.
    """
    kind = sensor.get("quantity", "reflectance"), sensor.get("resampling", "sharp")
    dilation, snow = float(site.get("mask_dilation_m", DILATION)), site.get("snow", "drop")
    shifts, found = band_shifts(site, sensor["name"]), []
    for folder in folders:
        scene, facts = read_scene(folder, bands, shifts), _facts(folder)
        nbar = correction_of(facts, sensor, site)
        told = {
            "id": scene.id,
            "platform": str(facts.get("platform", "")),
            "encoding": " | ".join(sorted({scene.encodings[band].rule for band in bands})),
            "masks": recipe(scene.kind, scene.aids, dilation, snow),
            "nbar": nbar.described(list(bands)),
        }
        logger.info("%s: masks %s; to nadir: %s", scene.id, told["masks"], told["nbar"] or "not wanted")
        found.append(replace(to_physical(scene, bands, dilation, *kind, snow, nbar), told=told))
    return found


def correction_of(facts: Mapping[str, Any], sensor: Mapping[str, Any], site: Mapping[str, Any]) -> Correction:
    """How a raw scene is brought to nadir, by its ``scene.json`` and the site's setting ``nbar``.

    Raises
    ------
    InputError
        If the setting is unknown.
    """
    if sensor.get("quantity", "reflectance") != "reflectance":
        return Correction()
    if at_nadir(sensor, facts["collection"]):
        return Correction(why_not="delivered at nadir")
    left, bottom, right, top = site["bounds"]
    to_degrees = Transformer.from_crs(site["crs"], "EPSG:4326", always_xy=True)
    _, latitude = to_degrees.transform((left + right) / 2, (bottom + top) / 2)
    return correction(site.get("nbar", "scene"), _angles(facts), date.fromisoformat(facts["date"]), latitude)


def _angles(facts: Mapping[str, Any]) -> Angles | None:
    """Directions as grids, or for scenes of an earlier version as numbers; None where they are not known."""
    if "angles" in facts:
        return Angles.from_dict(facts["angles"])
    names = ("sun_elevation", "sun_azimuth", "view_zenith", "view_azimuth")
    if any(facts.get(name) is None for name in names):
        return None
    elevation, azimuth, zenith, towards = (float(facts[name]) for name in names)
    return everywhere((90 - elevation, azimuth), (zenith, towards), "item")


def scene_date(folder: Path) -> str:
    """ISO date of a raw scene.

    Raises
    ------
    InputError
        If the folder is not whole.
    """
    return str(_facts(folder)["date"])


def _facts(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "scene.json").read_text()))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'scene.json'} cannot be read ({error})", REMAKE) from error


def band_shifts(site: Mapping[str, object], sensor: str) -> Shifts:
    """The site's ``band_shifts_m`` for one sensor: ``{sensor: {band: [east, north]}}``, metres; empty where none."""
    every = site.get("band_shifts_m") or {}
    return dict(every.get(sensor, {})) if isinstance(every, Mapping) else {}


def tell(scenes: Sequence[NativeScene], name: str) -> str:
    """What the scenes of a day say of themselves, each once; see `NativeScene.told`."""
    return " | ".join(sorted({scene.told.get(name, "") for scene in scenes} - {""}))
