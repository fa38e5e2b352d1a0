"""Scores of all methods beside the baselines: results/figures/{experiment}/{site}/scores.png."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_scores import scores_figure
from stfuse.report import questions

if TYPE_CHECKING:
    snakemake: Any

METRICS = ("rmse", "ssim_range", "cc")


def draw_scores(table: Path, scores: Sequence[Path], title: str, png: Path, metrics: Sequence[str] = METRICS) -> None:
    """Draw one experiment's scores at one site: a row of panels per truth and variable, a column per metric.

    Parameters
    ----------
    table : Path
        ``results/tables/{experiment}/{site}/scores.csv``.
    scores : sequence of Path
        Tables of scores of this experiment and site, one a method and seed.
    metrics : sequence of str
        Of `stfuse.metrics.METRICS`.

    Raises
    ------
    InputError
        If nothing was scored.
    """
    asked = questions(pd.read_csv(table, dtype={"worse_than_bilinear": str, "worse_than_nearest": str}))
    if not asked:
        raise InputError(f"{table} has no score to draw", "see that the experiment has a truth")
    figure = scores_figure(asked, pd.concat([pd.read_csv(path) for path in scores]), metrics, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_scores(
            table=Path(snakemake.input.table),
            scores=[Path(p) for p in snakemake.input.scores],
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
