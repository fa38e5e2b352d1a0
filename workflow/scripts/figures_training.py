"""Loss curves of the methods that learn: results/figures/{experiment}/{trainset}/training.png."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_training import training_figure

if TYPE_CHECKING:
    snakemake: Any


def draw_training(curves: Mapping[str, Path], title: str, png: Path) -> None:
    """Draw the loss of every run by epoch.

    Parameters
    ----------
    curves : mapping of run to Path
        Run = method, followed by seed and target date where there are several (``ddi 2023-05-01 (seed 1)``); tables
        with the columns of `stfuse.learning.weights.CURVE`, without rows for methods that learn nothing.
    """
    figure = training_figure({name: pd.read_csv(path) for name, path in curves.items()}, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_training(
            curves=dict(zip(snakemake.params.runs, map(Path, snakemake.input.curves), strict=True)),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
