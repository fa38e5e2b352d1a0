"""Agreement between the sensors, and accuracy against a known truth: results/figures/{site}/."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_agreement import accuracy_figure, agreement_figure

if TYPE_CHECKING:
    snakemake: Any


def draw_agreement(agreement: Path, title: str, png: Path) -> None:
    """Draw correlation, slope and bias per band, before and after harmonisation.

    Parameters
    ----------
    agreement : Path
        ``results/ard/{site}/agreement.csv``.
    """
    _write(png, to_png(agreement_figure(pd.read_csv(agreement), title)))


def draw_accuracy(accuracy: Path, title: str, png: Path) -> None:
    """Draw the errors of a simulated place's images per band and sensor.

    Parameters
    ----------
    accuracy : Path
        ``results/ard/{site}/accuracy.csv``.
    """
    _write(png, to_png(accuracy_figure(pd.read_csv(accuracy), title)))


def _write(png: Path, content: bytes) -> None:
    with whole(png) as part:
        part.write_bytes(content)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw = {"agreement": draw_agreement, "accuracy": draw_accuracy}[snakemake.wildcards.table]
        draw(Path(snakemake.input.table), snakemake.params.title, Path(snakemake.output[0]))
