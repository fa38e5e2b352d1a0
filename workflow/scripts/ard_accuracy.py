"""How near the analysis-ready images of a simulated place come to its truth: results/ard/{site}/accuracy.csv."""

import csv
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.harmonisation.agreement import Agreement, compare, pool
from stfuse.job import job, whole
from stfuse.raster import read_image
from stfuse.simulated.covers import BANDS
from stfuse.truth import read_truth

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.ard_accuracy")

COLUMNS = ("site", "sensor", "date", "band", "n", "rmse", "bias", "r")


def compare_with_truth(images: list[Path], truth: Path, site: str, out: Path) -> None:
    """Write one row per sensor, date and band, and one per sensor and band over all dates (date ``all``).

    Parameters
    ----------
    images : list of Path
        ``results/ard/{site}/{sensor}/{date}.tif``. Bands that the truth does not know, such as pan, are left out.
    truth : Path
        ``results/simulated/{site}/truth.nc``: reflectance in Sentinel-2's bands, seen from the zenith, without noise.
        Its area mean over the image's own pixels is compared with.
    site : str
    out : Path

    Raises
    ------
    InputError
        If a file cannot be read or the truth lacks a day.
    """
    found: dict[tuple[str, str], dict[str, Agreement]] = {}
    for path in sorted(images):
        values, names, grid = read_image(path)
        bands = [band for band in names if band in BANDS]
        known = read_truth(truth, path.stem, bands, "reflectance", abs(float(grid.resolution.x)))
        for i, band in enumerate(bands):
            result = compare(values[names.index(band)], known[i])
            found.setdefault((path.parent.name, band), {})[path.stem] = result
    with whole(out) as part, part.open("w", newline="") as table:
        rows = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for (sensor, band), dates in found.items():
            n, bias, rmse = pool(list(dates.values()))
            logger.info("%s %s: RMSE %.4f, bias %.4f over %d dates", sensor, band, rmse, bias, len(dates))
            for date, one in dates.items():
                rows.writerow(_row((site, sensor, date, band), one.n, one.rmse, one.bias, one.r))
            rows.writerow(_row((site, sensor, "all", band), n, rmse, bias, np.nan))


def _row(labels: tuple[str, str, str, str], n: int, rmse: float, bias: float, r: float) -> dict[str, Any]:
    """A row; empty where a number is not known."""
    numbers = [f"{value:.5f}" if np.isfinite(value) else "" for value in (rmse, bias, r)]
    return dict(zip(COLUMNS, [*labels, n, *numbers], strict=True))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        compare_with_truth(
            images=[Path(p) for p in snakemake.input.images],
            truth=Path(snakemake.input.truth),
            site=snakemake.wildcards.site,
            out=Path(snakemake.output[0]),
        )
