"""Reading back the folders that the stage `raw` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox

from stfuse.ard import RawScene
from stfuse.errors import InputError
from stfuse.masks import join, mask_bands
from stfuse.raster import REMAKE
from stfuse.raster_stored import read_stored
from stfuse.stored import Encoding

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
    masks, read = mask_bands(facts), {}
    for band in [*bands, *masks]:
        stored, grid = read_stored(folder / f"{band}.tif")
        east, north = (shifts or {}).get(band, (0.0, 0.0))
        read[band] = (stored, GeoBox(grid.shape, Affine.translation(east, north) @ grid.affine, grid.crs))
    return RawScene(
        facts["id"],
        {band: read[band] for band in bands},
        {band: Encoding.from_dict(facts["bands"][band]) for band in bands},
        (join([read[band][0] for band in masks], facts["mask"]["kind"]), read[masks[0]][1]) if masks else None,
        facts["mask"]["kind"] if masks else None,
    )


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


def describe(scenes: Sequence[RawScene], bands: Sequence[str]) -> str:
    """The rules by which the scenes' numbers were read, each once."""
    return " | ".join(sorted({scene.encodings[band].rule for scene in scenes for band in bands}))
