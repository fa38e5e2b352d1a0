"""Score one method's predictions: results/scores/{experiment}/{site}/{method}/seed{seed}.csv."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from stfuse.against import image_on, truths
from stfuse.job import job, whole
from stfuse.raster import read_image
from stfuse.scores import Row, compare_images, score_image

logger = logging.getLogger("stfuse.scores")

LABELS = ("experiment", "site", "method", "seed")
COLUMNS = (*LABELS, "date", "truth", "band", "stratum", "metric", "value", "n")


def score(
    fused: Sequence[Path],
    observed: Sequence[Path],
    known: Path | None,
    labels: Mapping[str, str],
    bands: Sequence[str],
    variable: str,
    ratio: float,
    out: Path,
    baselines: Mapping[str, Sequence[Path]] | None = None,
) -> None:
    """Write one row per date, truth, band, stratum and metric.

    Parameters
    ----------
    fused : sequence of Path
        Predictions named ``{date}.tif``.
    observed : sequence of Path
        The observed image of each prediction, in the same order; none in the product protocol.
    known : Path, optional
        ``truth.nc`` of a simulated site, read at the prediction's resolution.
    labels : mapping
        experiment, site, method and seed, written into every row.
    bands : sequence of str
        The experiment's bands; for the variable ``ndvi`` red and near-infrared.
    variable : {"reflectance", "ndvi"}
    ratio : float
        Coarse pixel / fine pixel.
    out : Path
    baselines : mapping of str to sequence of Path, optional
        Predictions of ``bilinear`` and ``nearest``. With them come rows ``{metric}_minus_{baseline}``,
        on just the pixels that method and baseline both predicted.

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band, or an observed one lies on another grid.
    ValueError
        If the number of observed images is neither zero nor that of the predictions.
    """
    if observed and len(observed) != len(fused):
        raise ValueError(f"Expected one observed image for each of {len(fused)} predictions, found {len(observed)}.")
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    others = {
        name: {Path(p).stem: p for p in paths} for name, paths in (baselines or {}).items() if name != labels["method"]
    }
    with whole(out) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for i, path in enumerate(fused):
            date = Path(path).stem
            predicted, _, grid = read_image(path, names)
            rivals = {name: image_on(paths[date], names, grid) for name, paths in others.items() if date in paths}
            for truth, reference in truths(observed[i] if observed else None, known, date, bands, variable, grid):
                rows = score_image(predicted, reference, names, ratio)
                pairs = [compare_images(predicted, b, reference, names, ratio, n, rows) for n, b in rivals.items()]
                for row in (*rows, *(r for pair in pairs for r in pair)):
                    table.writerow(_cells(labels, date, truth, row))
            logger.info("%s scored", path)


def _cells(labels: Mapping[str, str], date: str, truth: str, row: Row) -> list[str]:
    words = [str(labels[name]) for name in LABELS]
    return [*words, date, truth, row.band, row.stratum, row.metric, f"{row.value:.9g}", str(row.n)]


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        given = snakemake.input
        score(
            fused=[Path(p) for p in given.fused],
            observed=[Path(p) for p in given.observed],
            known=Path(str(given.known)) if given.known else None,
            labels=dict(snakemake.params.labels),
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            ratio=float(snakemake.params.ratio),
            out=Path(snakemake.output[0]),
            baselines={name: [Path(p) for p in given.get(name, [])] for name in ("bilinear", "nearest")},
        )
