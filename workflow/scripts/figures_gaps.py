"""How long the gaps are and how the errors grow with them: results/figures/{experiment}/lengths.png and gaps.png."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.errors import InputError
from stfuse.filling.tables import GAPS
from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.plots import to_png
from stfuse.plots_gaps import gap_errors_figure, gap_lengths_figure

if TYPE_CHECKING:
    snakemake: Any

NOTHING = "lower min_clear or widen the sites' periods, so that values can be hidden"


def draw_errors(table: Path, without: Sequence[str], title: str, png: Path) -> None:
    """Draw the errors by gap length of all methods against the observed values, pooled over all sites.

    Parameters
    ----------
    table : Path
        ``results/tables/{experiment}/gaps.csv``.
    without : sequence of str
        Methods that the table leaves out.

    Raises
    ------
    InputError
        If the table cannot be read or has no such errors.
    """
    found = read_table(table, GAPS)
    shown = found[(found["site"] == "all") & (found["truth"] == "observed")]
    if shown.empty:
        raise InputError(f"{table} has no errors to draw", NOTHING)
    figure = gap_errors_figure(shown, without, title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


def draw_lengths(lengths: Sequence[Path], title: str, png: Path) -> None:
    """Draw how long the gaps of the hidden values are.

    Parameters
    ----------
    lengths : sequence of Path
        Tables with the columns gap_days and n, one a site.

    Raises
    ------
    InputError
        If a table cannot be read or nothing was hidden.
    """
    pooled = pd.concat([read_table(path, ["gap_days", "n"]) for path in lengths]).groupby("gap_days")["n"].sum()
    if not pooled.sum():
        raise InputError(f"{[str(p) for p in lengths]} have no hidden values", NOTHING)
    figure = gap_lengths_figure(pooled.index.to_numpy(int), pooled.to_numpy(int), title)
    with whole(png) as part:
        part.write_bytes(to_png(figure))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        draw_errors(
            table=Path(snakemake.input.table),
            without=list(snakemake.params.without),
            title=snakemake.params.title,
            png=Path(snakemake.output.errors),
        )
        draw_lengths(
            lengths=[Path(p) for p in snakemake.input.lengths],
            title=snakemake.params.title,
            png=Path(snakemake.output.lengths),
        )
