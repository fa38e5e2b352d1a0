"""Registration and clear share of the analysis-ready images: results/figures/{site}/quality.png."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_quality import quality_figure

if TYPE_CHECKING:
    snakemake: Any


def draw_quality(quality: Path, title: str, png: Path) -> None:
    """Draw the shifts found, the match before and after, and the clear share.

    Parameters
    ----------
    quality : Path
        ``results/ard/{site}/quality.csv``.
    """
    figure = quality_figure(pd.read_csv(quality), title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_quality(
            quality=Path(snakemake.input.quality),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
