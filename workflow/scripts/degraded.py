"""Stage `degraded`: an analysis-ready image on a coarser grid of its site, by the mean over each larger pixel."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.bands import BACKSCATTER
from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.job import job
from stfuse.products.stored import to_decibels, to_power
from stfuse.raster import read_image, write_image

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def degrade_image(image: Path, site: dict[str, Any], resolution: float, out: Path) -> None:
    """Degrade one image.

    Parameters
    ----------
    image : path
        Of the stage `ard`.
    site : dict
        With ``crs`` and ``bounds``.
    resolution : float
        Pixel size to degrade to, in units of the CRS.
    out : path
        The COG to write, with the same bands.

    Raises
    ------
    InputError
        If the image cannot be read or is coarser than what is asked for.
    """
    values, bands, grid = read_image(image)
    if resolution < abs(grid.affine.a) * (1 - 1e-6):
        raise InputError(
            f"{image} has pixels of {abs(grid.affine.a):g}, which cannot be degraded to {resolution:g}",
            "exchange `fine` and `coarse` of the experiment, or correct the sensors' resolutions",
        )
    left, bottom, right, top = site["bounds"]
    target = site_grid(site["crs"], (left, bottom, right, top), resolution)
    # Decibels have no mean; power has.
    backscatter = not BACKSCATTER.isdisjoint(bands)
    degraded = to_decibels(degrade(to_power(values), grid, target)) if backscatter else degrade(values, grid, target)
    tags = {"source": image.name, "operator": "area mean", "resolution": f"{resolution:g}"}
    write_image(out, degraded, bands, target, tags, packed=not backscatter)
    logger.info("%s: %s pixels of %g degraded to %s of %g", image, grid.shape, grid.affine.a, target.shape, resolution)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        degrade_image(
            image=Path(snakemake.input.image),
            site=dict(snakemake.params.site),
            resolution=float(snakemake.params.resolution),
            out=Path(snakemake.output[0]),
        )
