"""The scenes of the period and why some were left out: results/figures/{site}/scenes.png."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_scenes import scenes_figure

if TYPE_CHECKING:
    snakemake: Any


def draw_scenes(scenes: Path, min_clear: float, title: str, png: Path) -> None:
    """Draw a strip of scenes per sensor.

    Parameters
    ----------
    scenes : Path
        ``results/raw/{site}/scenes.csv``.
    min_clear : float
        The site's, 0..1.
    """
    figure = scenes_figure(pd.read_csv(scenes), min_clear, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_scenes(
            scenes=Path(snakemake.input.scenes),
            min_clear=float(snakemake.params.min_clear),
            title=snakemake.params.title,
            png=Path(snakemake.output[0]),
        )
