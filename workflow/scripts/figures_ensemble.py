"""What the spread of a method's seeds is worth: results/figures/{experiment}/{site}/ensemble_{method}.png and table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stfuse.against import image_on, truths
from stfuse.ensemble import ensemble_table
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.plots import Picture, near_infrared, to_png
from stfuse.plots_ensemble import Reliability, ensemble_figure
from stfuse.raster import read_image

if TYPE_CHECKING:
    snakemake: Any


def draw_ensemble(
    scores: Path,
    mean: Path,
    spread: Path,
    observed: Path | None,
    known: Path | None,
    bands: Sequence[str],
    variable: str,
    title: str,
    png: Path,
    table: Path,
) -> None:
    """Draw the reliability of an ensemble's intervals beside its spread and error on one date.

    Of the bands the near infrared is shown, where most changes, else the last one. The known truth is preferred
    to the observed one, which has noise of its own that no spread of seeds can know of.

    Parameters
    ----------
    scores : Path
        ``ensemble.csv`` of the stage `scores`.
    mean, spread : Path
        Of the date that is shown, ``{date}.tif`` and ``{date}_spread.tif``.
    observed, known : Path, optional
        What it is held against, see `stfuse.against.truths`; one of them at least.
    table : Path
        What `stfuse.ensemble.ensemble_table` says of the scores.

    Raises
    ------
    InputError
        If there is nothing to hold it against, or an image cannot be read.
    """
    names = ("ndvi",) if variable == "ndvi" else tuple(bands)
    band = near_infrared(names) or names[-1]
    values, _, grid = read_image(mean, names)
    against = dict(truths(observed, known, mean.stem, bands, variable, grid))
    rows = pd.read_csv(scores, dtype={"seed": str})
    if not against or rows.empty:
        raise InputError(f"{scores} has no score to draw", "see that the experiment has a truth")
    truth, reference = list(against.items())[-1]
    at = names.index(band)
    error = np.abs(values[at : at + 1] - reference[at : at + 1])
    wide = image_on(spread, (band,), grid)
    figure = ensemble_figure(
        Reliability(rows[rows["truth"] == truth], str(rows["method"][0]), truth, band),
        Picture(f"Spread of the seeds, {mean.stem}", wide, (band,), grid),
        Picture(f"|Error| of their mean, {mean.stem}", error, (band,), grid),
        title,
    )
    with whole(png) as part:
        part.write_bytes(to_png(figure))
    with whole(table) as part:
        ensemble_table(rows).to_csv(part, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        given = snakemake.input
        draw_ensemble(
            scores=Path(given.scores),
            mean=Path(str(given.mean)),
            spread=Path(str(given.spread)),
            observed=Path(str(given.observed)) if given.observed else None,
            known=Path(str(given.known)) if given.known else None,
            bands=list(snakemake.params.bands),
            variable=snakemake.params.variable,
            title=snakemake.params.title,
            png=Path(snakemake.output.figure),
            table=Path(snakemake.output.table),
        )
