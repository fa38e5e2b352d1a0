"""Every image's quality row in one table, with those that stand out in their season: results/ard/{site}/quality.csv."""

import csv
from pathlib import Path

import numpy as np

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.quality import standing_out
from stfuse.raster import REMAKE


def collect(rows: list[Path], out: Path) -> None:
    """Join one-row tables, ordered by sensor and date, and add the column ``suspect``.

    Parameters
    ----------
    rows : list of Path
        Tables of the same columns.
    out : Path

    Raises
    ------
    InputError
        If a table cannot be read or there is none.
    """
    if not rows:
        raise InputError(f"There is no image to collect in {out}", "see that the site's scenes.csv keeps some scenes")
    read: list[dict[str, str]] = []
    for path in rows:
        try:
            with path.open(newline="") as table:
                read += list(csv.DictReader(table))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error})", REMAKE) from error
    read.sort(key=lambda row: (row["sensor"], row["date"]))
    for sensor in {row["sensor"] for row in read}:
        own = [row for row in read if row["sensor"] == sensor]
        bright = np.array([float(row["brightness"] or "nan") for row in own])
        for row, excess in zip(own, standing_out(bright), strict=True):
            row["suspect"] = f"brighter than its neighbours in time by {excess:.3f}" if excess > 0 else ""
    with whole(out) as part, part.open("w", newline="") as joined:
        table_out = csv.DictWriter(joined, list(read[0]), lineterminator="\n")
        table_out.writeheader()
        table_out.writerows(read)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        collect(rows=[Path(p) for p in snakemake.input.rows], out=Path(snakemake.output[0]))
