"""Whether a method's seeds know how sure they are: results/scores/{experiment}/{site}/{method}/ensemble.csv."""

import csv
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stfuse.against import image_on, truths
from stfuse.ensemble import SHARE, interval_rows, quantile_beyond, ratios, thinned, z_of
from stfuse.job import job, whole
from stfuse.metrics import rmse
from stfuse.raster import read_image
from stfuse.scores import Row
from stfuse.summary import Score
from stfuse.task import FloatArray

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.scores_ensemble")

Key = tuple[str, str, str]
"""Truth, band and date."""


class Look(NamedTuple):
    """One date against one kind of truth: its number and name, and images of shape (band, y, x)."""

    number: int
    date: str
    truth: str
    mean: FloatArray
    spread: FloatArray
    reference: FloatArray


@dataclass(frozen=True)
class Files:
    """The images of an ensemble, date by date in the same order.

    Attributes
    ----------
    mean, spread : sequence of Path
        Named ``{date}.tif`` and ``{date}_spread.tif``.
    members : sequence of (sequence of Path)
        Of each date, the prediction of every seed.
    observed : sequence of Path
        The observed image of each date; none in the product protocol.
    known : Path, optional
        ``truth.nc`` of a simulated site.
    """

    mean: Sequence[Path]
    spread: Sequence[Path]
    members: Sequence[Sequence[Path]]
    observed: Sequence[Path]
    known: Path | None


def score_ensemble(files: Files, labels: Mapping[str, str], bands: Sequence[str], variable: str, out: Path) -> None:
    """Write one row per date, truth, band, stratum and metric, with the columns of every table of scores.

    See `stfuse.ensemble.interval_rows` for the metrics; beside them ``rmse`` of the mean and ``rmse_members``, the
    mean of the members' own. The factor that calibrates the spread of a date is found on all others.

    Parameters
    ----------
    labels : mapping
        experiment, site and method, written into every row; the seed is called ``ensemble``.
    bands : sequence of str
        The experiment's bands; for the variable ``ndvi`` red and near-infrared.
    variable : {"reflectance", "ndvi"}

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band or lies on another grid.
    """
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    count, found = len(files.members[0]), dict[Key, FloatArray]()
    for look in _looks(files, names, bands, variable):
        valid = np.isfinite(look.mean + look.spread + look.reference).all(axis=0)
        for name, values in zip(names, ratios(look.mean, look.spread, look.reference), strict=True):
            found[look.truth, name, look.date] = thinned(values[valid])
    with whole(out) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Score._fields)
        for look in _looks(files, names, bands, variable):
            factors = {name: _factor(found, (look.truth, name, look.date), count) for name in names}
            rows = interval_rows(look.mean, look.spread, look.reference, names, count, factors)
            rows += _error_rows(look.mean, files.members[look.number], look.reference, names)
            for row in rows:
                words = [*(labels[w] for w in ("experiment", "site", "method")), "ensemble", look.date, look.truth]
                table.writerow([*words, row.band, row.stratum, row.metric, f"{row.value:.9g}", str(row.n)])
            logger.info("%s against the %s truth: factors %s", look.date, look.truth, factors)


def _looks(files: Files, names: Sequence[str], bands: Sequence[str], variable: str) -> Iterator[Look]:
    """Each date against each kind of truth, one in memory at a time."""
    for i, (path, beside) in enumerate(zip(files.mean, files.spread, strict=True)):
        mean, _, grid = read_image(path, names)
        spread = image_on(beside, names, grid)
        observed = files.observed[i] if files.observed else None
        for truth, reference in truths(observed, files.known, path.stem, bands, variable, grid):
            yield Look(i, path.stem, truth, mean, spread, reference)


def _factor(found: Mapping[Key, FloatArray], key: Key, members: int) -> float:
    """What spreads are multiplied with, found on all dates but this one; NaN without others."""
    others = [values for other, values in found.items() if other[:2] == key[:2] and other[2] != key[2]]
    return quantile_beyond(np.concatenate(others)) / z_of(members, SHARE) if others else math.nan


def _error_rows(mean: FloatArray, members: Sequence[Path], reference: FloatArray, names: Sequence[str]) -> list[Row]:
    """RMSE of the mean beside the mean RMSE of the members, on the same pixels."""
    valid = np.isfinite(mean).all(axis=0) & np.isfinite(reference).all(axis=0)
    images = [read_image(path, names)[0] for path in members]
    rows, n = [], int(valid.sum())
    for b, name in enumerate(names):
        own = [rmse(image[b], reference[b], valid) for image in images]
        rows.append(Row(name, "all", "rmse", rmse(mean[b], reference[b], valid), n))
        rows.append(Row(name, "all", "rmse_members", sum(own) / len(own), n))
    if tuple(names) != ("ndvi",):
        for metric in ("rmse", "rmse_members"):
            values = [row.value for row in rows if row.metric == metric]
            rows.append(Row("mean", "all", metric, sum(values) / len(values), n))
    return rows


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        given = snakemake.input
        dates, seeds = len(given.mean), len(snakemake.params.seeds)
        flat = [Path(p) for p in given.members]
        score_ensemble(
            files=Files(
                mean=[Path(p) for p in given.mean],
                spread=[Path(p) for p in given.spread],
                members=[flat[i * seeds : (i + 1) * seeds] for i in range(dates)],
                observed=[Path(p) for p in given.observed],
                known=Path(str(given.known)) if given.known else None,
            ),
            labels=dict(snakemake.params.labels),
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            out=Path(snakemake.output[0]),
        )
