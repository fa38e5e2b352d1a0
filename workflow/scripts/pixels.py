"""Stage `pixels`: the data set of a gap experiment at a site, whole series of every so many pixels."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.filling.files import SeriesFiles
from stfuse.filling.pixels import PixelStore, write_pixels
from stfuse.job import job
from stfuse.state import image_name

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def gather(sample: dict[str, Any], bands: list[str], lattice: int, labels: dict[str, Any], out: Path) -> None:
    """Write the store of a site.

    Parameters
    ----------
    sample : dict
        See `stfuse.filling.files.SeriesFiles`.
    bands : list of str
        The red and the near-infrared band.
    lattice : int
        Rows and columns from one pixel to the next.
    labels : dict
        Experiment and site, kept as attributes.
    out : path
        The folder to write.

    Raises
    ------
    InputError
        If an image or a guide is missing, damaged or of another grid, there is no optical image, or no pixel lies on
        the lattice.
    """
    said = {name: str(value) for name, value in labels.items()}
    said["optical_images"] = " ".join(map(image_name, sample["fine"]))
    said |= {f"{name}_images": " ".join(map(image_name, paths)) for name, paths in sample["aux"].items()}
    said |= {f"{name}_guide": " ".join(map(str, paths)) for name, paths in sample["guides"].items()}
    write_pixels(out, SeriesFiles(sample, bands), lattice, said)
    store = PixelStore(out)
    logger.info("%d x %d series of %d dates, every %d pixels", *store.grid.shape, len(store.dates), lattice)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        gather(
            sample=dict(snakemake.params.sample),
            bands=list(snakemake.params.bands),
            lattice=int(snakemake.params.lattice),
            labels=dict(snakemake.params.labels),
            out=Path(snakemake.output[0]),
        )
