"""Errors of filled series, over all gaps and by their length: results/tables/{experiment}/overall.csv and gaps.csv."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.filling.tables import gap_table, overall_table, pool
from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.summary import Score

if TYPE_CHECKING:
    snakemake: Any


def make_gap_tables(
    rows: Sequence[Path], methods: Sequence[str], without: Collection[str], overall: Path, gaps: Path
) -> None:
    """Write both tables, pooled over sites and seeds.

    Parameters
    ----------
    rows : sequence of Path
        Scores of a gap experiment, a file for each site, method and seed.
    methods : sequence of str
        In the order wanted.
    without : collection of str
        Those that are left out of the table by gap length.
    overall, gaps : Path

    Raises
    ------
    InputError
        If a file cannot be read or lacks a column.
    """
    pooled = pool(pd.concat([read_table(path, Score._fields) for path in rows], ignore_index=True))
    made = {overall: overall_table(pooled, methods), gaps: gap_table(pooled, methods, without)}
    for path, table in made.items():
        with whole(path) as part:
            table.to_csv(part, index=False, float_format="%.6g")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_gap_tables(
            rows=[Path(p) for p in snakemake.input.rows],
            methods=list(snakemake.params.methods),
            without=list(snakemake.params.without),
            overall=Path(snakemake.output.overall),
            gaps=Path(snakemake.output.gaps),
        )
