"""Every image's quality row in one table, with those that stand out of their season: results/ard/{site}/quality.csv."""

import csv
import logging
from collections.abc import Sequence
from datetime import date
from operator import itemgetter
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.quality import Standing, standing
from stfuse.job import job, whole
from stfuse.raster import REMAKE, read_image
from stfuse.task import FloatArray

logger = logging.getLogger("stfuse.ard_quality")

CELL, CELLS = 30.0, 100
"""Images are compared in cells of 30 m, which misregistration hardly moves, and of at most so many a side."""

Row = dict[str, str]


def collect(rows: list[Path], out: Path, images: Sequence[Path] = ()) -> None:
    """Join one-row tables, ordered by sensor and date, and add the columns ``suspect`` and ``doubtful``.

    Neither changes an image: ``doubtful`` is the share of an image's pixels that stand out of their season (see
    `harmonisation.quality`), ``suspect`` says why an image is that has many, and what line in the site file drops it.

    Parameters
    ----------
    rows : list of Path
        Tables of the same columns.
    out : Path
    images : sequence of Path
        Those that the tables describe, in the same order; without them nothing is suspect.

    Raises
    ------
    InputError
        If a table or an image cannot be read or there is none.
    """
    if not rows:
        raise InputError(f"There is no image to collect in {out}", "see that the site's scenes.csv keeps some scenes")
    read = [row | {"suspect": "", "doubtful": ""} for path in rows for row in _rows(path)]
    if images:
        pairs = sorted(zip(read, images, strict=True), key=_by_date)
        cells = Cells(images)
        for sensor in sorted({row["sensor"] for row in read}):
            _judge(sensor, pairs, cells)
    read.sort(key=itemgetter("sensor", "date"))
    _tell(read)
    with whole(out) as part, part.open("w", newline="") as joined:
        table_out = csv.DictWriter(joined, list(read[0]), lineterminator="\n")
        table_out.writeheader()
        table_out.writerows(read)


def _rows(path: Path) -> list[Row]:
    try:
        with path.open(newline="") as table:
            return list(csv.DictReader(table))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


class Cells:
    """Images as means over cells; each is read once, however many sensors it helps to judge."""

    def __init__(self, images: Sequence[Path]) -> None:
        self.headers = {image: _header(image) for image in images}
        self._wanted = {band for names, _ in self.headers.values() for band in _roles(names).values()}
        self._means: dict[tuple[Path, GeoBox], dict[str, FloatArray]] = {}

    def of(self, image: Path, bands: Sequence[str], cells: GeoBox) -> FloatArray:
        """Means of an image's bands, shape (band, cell y, cell x)."""
        if (image, cells) not in self._means:
            held = [band for band in self.headers[image][0] if band in self._wanted]
            values, _, source = read_image(image, held)
            self._means[image, cells] = dict(zip(held, degrade(values, source, cells), strict=True))
        return np.stack([self._means[image, cells][band] for band in bands])


def _judge(sensor: str, read: list[tuple[Row, Path]], means: Cells) -> None:
    """Fill in the two columns of a sensor's rows, by its images and those of sensors that see as finely."""
    own = [(row, image) for row, image in read if row["sensor"] == sensor]
    names, grid = means.headers[own[0][1]]
    wanted = _roles(names)
    if not wanted:
        return
    size = max(grid.shape) * abs(grid.resolution.x)
    cell = max(CELL, abs(grid.resolution.x), size / CELLS)
    cells = site_grid(str(grid.crs), tuple(grid.boundingbox.bbox), cell)
    stack, days, tested = [], [], []
    for row, image in read:
        has, fine = means.headers[image]
        if row["sensor"] != sensor and (not set(wanted.values()) <= set(has) or abs(fine.resolution.x) > cell):
            continue
        stack.append(means.of(image, list(wanted.values()), cells))
        days.append(date.fromisoformat(row["date"]).toordinal())
        tested.append(row["sensor"] == sensor)
    found = standing(np.stack(stack), np.array(days), list(wanted), np.array(tested))
    for (row, _), image_stands in zip(own, found, strict=True):
        _fill(row, image_stands)


def _fill(row: Row, stands: Standing) -> None:
    """A row's two columns."""
    row["doubtful"] = f"{stands.share:.4f}" if np.isfinite(stands.share) else ""
    if why := stands.words():
        row["suspect"] = f'{why}; to drop it: exclude: {{{row["sensor"]}: ["{row["date"]}"]}}'


def _roles(names: tuple[str, ...]) -> dict[str, str]:
    """Which of a sensor's bands serve the comparison, and as what; none of backscatter."""
    visible = next((band for band in ("blue", "green", "red", "pan") if band in names), None)
    if visible is None:
        return {}
    infrared = next((band for band in ("nir", "nir08") if band in names), None)
    roles = {"visible": visible}
    if "red" in names and visible != "red":
        roles["red"] = "red"
    return roles | ({"infrared": infrared} if infrared else {})


def _header(image: Path) -> tuple[tuple[str, ...], GeoBox]:
    """Bands and grid of an image."""
    return read_image(image, window=(slice(0, 1), slice(0, 1)))[1:]


def _by_date(pair: tuple[Row, Path]) -> str:
    return pair[0]["date"]


def _tell(rows: list[Row]) -> None:
    """Log what a user may paste into the site file."""
    suspects: dict[str, list[str]] = {}
    for row in rows:
        if row["suspect"]:
            suspects.setdefault(row["sensor"], []).append(f'"{row["date"]}"')
    if suspects:
        lines = "".join(f"\n  {sensor}: [{', '.join(dates)}]" for sensor, dates in suspects.items())
        logger.warning(
            "%d images of %s stand out of their season; they are used all the same. Look at them, and to drop them "
            "paste into its site file:\nexclude:%s",
            sum(len(dates) for dates in suspects.values()), rows[0]["site"], lines,
        )  # fmt: skip


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        collect(
            rows=[Path(p) for p in snakemake.input.rows],
            out=Path(snakemake.output[0]),
            images=[Path(p) for p in snakemake.input.images],
        )
