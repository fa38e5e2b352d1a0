"""A site's field numbers on its fine grid, and what a map says of them: results/ard/{site}/fields.tif, fields.csv."""

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.fields import MIN_PIXELS, SMALLEST, IntArray, describe_fields, legend, mosaic, patches, segments
from stfuse.grid import ndvi, regrid, site_grid
from stfuse.job import job, whole
from stfuse.products.stored import decode
from stfuse.raster import REMAKE, read_image
from stfuse.raster_stored import read_stored, write_stored
from stfuse.rawscene import read_scene
from stfuse.task import FloatArray

logger = logging.getLogger("stfuse.ard_fields")

COLUMNS = ("field", "code", "name", "hectares")
MAP = "classes"  # the band that a map of classes has


def make_fields(
    site: dict[str, Any],
    field_map: Path | None,
    images: list[Path],
    resolution: float,
    out: Path,
    pieces: Sequence[Path] = (),
    table: Path | None = None,
    named: Mapping[int, str] | None = None,
) -> None:
    """Write the field numbers, int32, 0 = none.

    Parameters
    ----------
    site
        Content of its config file.
    field_map : Path or None
        A raster of field numbers or class codes: connected patches of equal value are fields.
    images : list of Path
        Without a map: images in whose NDVI segments are sought, on the site's grid of `resolution`.
    resolution : float
        Pixel size of the field numbers in metres.
    out : Path
    pieces : sequence of Path
        In place of `field_map`: folders of stage `raw` with the pieces of an archive's map of classes.
    table : Path, optional
        Where to write each field's number, the map's code and name for it, and its hectares.
    named : mapping, optional
        What the codes of `field_map` stand for: it is a map of crops then, whose smallest patches are no fields.

    Raises
    ------
    InputError
        If a file cannot be read, the map does not cover the site, an image lies on another grid, or there is
        neither map nor image.
    """
    grid = site_grid(site["crs"], tuple(site["bounds"]), resolution)
    names: dict[int, str] = dict(named or {})
    if field_map is not None or pieces:
        if pieces:
            values, names = _pieces(pieces, grid)
            least = int(np.ceil(SMALLEST / resolution**2))
        else:
            values, least = _raster(Path(str(field_map)), grid), MIN_PIXELS if names else 1
        if values is None:
            raise InputError(
                f"Field map {field_map or ', '.join(map(str, pieces))} does not cover site {site['name']}",
                "correct `fields:` of the site",
            )
        found = patches(values, least)
    elif images:
        found = values = segments(np.stack([_ndvi(path, grid) for path in images]))
    else:
        raise InputError(f"Site {site['name']} has neither a field map nor images to find fields in", "name `fields:`")
    logger.info("%d fields", len(np.unique(found[found > 0])))
    write_stored(out, found, grid, 0)
    if table is not None:
        _write_table(table, describe_fields(found, values, names, resolution))


def _raster(path: Path, grid: GeoBox) -> IntArray | None:
    """A map's values on the site's grid, None where it lies elsewhere."""
    values, source = read_stored(path)
    # Numbers above 2^24 merge in single precision: what is moved is the place of each in the list of all.
    numbers, places = np.unique(values, return_inverse=True)
    moved = regrid(places.reshape(values.shape).astype(np.float32), source, grid, "nearest")
    found = numbers[np.nan_to_num(moved).astype(np.intp)]
    seen = np.isfinite(moved) & np.isfinite(found)
    return np.where(seen, found, 0).astype(np.int32) if seen.any() else None


def _pieces(folders: Sequence[Path], grid: GeoBox) -> tuple[IntArray | None, dict[int, str]]:
    """A map's codes on the site's grid, each pixel the code of the map's pixel it lies in, and their names."""
    moved, names = [], {}
    for folder in sorted(folders):
        scene = read_scene(folder, [MAP])
        stored, source = scene.stored[MAP]
        piece = regrid(decode(stored, scene.encodings[MAP]), source, grid, "nearest")
        moved.append(np.asarray(np.nan_to_num(piece), np.int32))
        names.update(legend(json.loads((folder / "item.json").read_text())["assets"][MAP]))
    codes = mosaic(moved)
    return codes if codes.any() else None, names


def _ndvi(path: Path, grid: GeoBox) -> FloatArray:
    image, names, own = read_image(path)
    if own != grid:
        raise InputError(f"{path} lies on {own}, not on the site's grid {grid}", REMAKE)
    nir = names.index("nir08" if "nir08" in names else "nir")
    return ndvi(image[names.index("red")], image[nir])


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with whole(path) as part, part.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        maps = [Path(p) for p in snakemake.input.map]
        make_fields(
            site=snakemake.params.site,
            field_map=maps[0] if maps and not maps[0].is_dir() else None,
            images=[Path(p) for p in snakemake.input.images],
            resolution=float(snakemake.params.resolution),
            out=Path(snakemake.output[0]),
            pieces=maps if maps and maps[0].is_dir() else (),
            named={int(code): name for code, name in snakemake.params.names.items()},
            table=Path(str(listed)) if (listed := getattr(snakemake.output, "classes", None)) else None,
        )
