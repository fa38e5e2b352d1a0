"""A site's field numbers on its fine grid: results/ard/{site}/fields.tif."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.errors import InputError
from stfuse.fields import patches, segments
from stfuse.grid import ndvi, regrid, site_grid
from stfuse.job import job
from stfuse.raster import REMAKE, read_image
from stfuse.raster_stored import read_stored, write_stored

logger = logging.getLogger("stfuse.ard_fields")


def make_fields(site: dict[str, Any], field_map: Path | None, images: list[Path], resolution: float, out: Path) -> None:
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

    Raises
    ------
    InputError
        If a file cannot be read, the map does not cover the site, an image lies on another grid, or there is
        neither map nor image.
    """
    grid = site_grid(site["crs"], tuple(site["bounds"]), resolution)
    if field_map is not None:
        values, source = read_stored(field_map)
        moved = regrid(values.astype(np.float32), source, grid, "nearest")
        if not np.isfinite(moved).any():
            raise InputError(
                f"Field map {field_map} does not cover site {site['name']}", "correct `fields:` of the site"
            )
        found = patches(np.nan_to_num(moved).astype(np.int32))
    elif images:
        stack = []
        for path in images:
            image, names, own = read_image(path)
            if own != grid:
                raise InputError(f"{path} lies on {own}, not on the site's grid {grid}", REMAKE)
            nir = names.index("nir08" if "nir08" in names else "nir")
            stack.append(ndvi(image[names.index("red")], image[nir]))
        found = segments(np.stack(stack))
    else:
        raise InputError(f"Site {site['name']} has neither a field map nor images to find fields in", "name `fields:`")
    logger.info("%d fields", len(np.unique(found[found > 0])))
    write_stored(out, found, grid, 0)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_fields(
            site=snakemake.params.site,
            field_map=Path(snakemake.input.map[0]) if snakemake.input.map else None,
            images=[Path(p) for p in snakemake.input.images],
            resolution=float(snakemake.params.resolution),
            out=Path(snakemake.output[0]),
        )
