"""What the reference sensor's images are laid on, the mean of clear ones: results/ard/{site}/frame.tif."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.ard import merge_day
from stfuse.grid import site_grid
from stfuse.harmonisation.frame import Shift, mean_frame
from stfuse.harmonisation.registration import register, register_bands, shift_in_units
from stfuse.job import job
from stfuse.raster import write_image
from stfuse.rawscene import read_native
from stfuse.task import FloatArray

logger = logging.getLogger("stfuse.ard_frame")


def make_frame(
    scenes: dict[str, list[Path]], sensor: dict[str, Any], site: dict[str, Any], bands: list[str], out: Path
) -> None:
    """Write the mean of the bands in which images are compared, as an image.

    Parameters
    ----------
    scenes : mapping of ISO date to list of Path
        Folders of the raw scenes of each day; none that an experiment hides.
    sensor, site
        Contents of their config files, with `name`.
    bands : list of str
        STAC common names, red or a near infrared among them.
    out : Path

    Raises
    ------
    InputError
        If a scene is missing or damaged.
    """
    grid = site_grid(site["crs"], tuple(site["bounds"]), sensor["resolution"])
    # Of two near infrared bands the one with smaller pixels: within one sensor their spectra are no matter.
    fine = [band for band in bands if band != "nir08" or sensor["bands"]["nir08"] <= sensor["bands"].get("nir", np.inf)]
    compared = [band for band, _ in register_bands(fine, fine)]
    dates = sorted(scenes)

    def look(i: int, shift: Shift) -> FloatArray:
        # Read anew each time: sixteen full tiles would not fit into memory.
        return merge_day(read_native(scenes[dates[i]], compared, sensor, site), grid, shift)

    def lie(image: FloatArray, frame: FloatArray) -> Shift | None:
        match = register(image, compared, grid, (frame, compared, grid), site.get("coregistration", "ecc"))
        return shift_in_units(match, grid) if match and match.accepted else None

    frame, shifts = mean_frame(look, len(dates), lie)
    for date, shift in zip(dates, shifts, strict=True):
        logger.info("%s lies in the frame when moved by %.2f m east, %.2f m north", date, *shift)
    write_image(out, frame, compared, grid, {"SENSOR": sensor["name"], "DATES": " ".join(dates)})


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_frame(
            scenes={date: [Path(p) for p in paths] for date, paths in snakemake.params.scenes.items()},
            sensor=snakemake.params.sensor,
            site=snakemake.params.site,
            bands=list(snakemake.params.bands),
            out=Path(snakemake.output[0]),
        )
