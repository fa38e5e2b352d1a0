"""Tables for reading: results/tables/{experiment}/{site}/scores.csv and dates.csv."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.summary import Score, as_score
from stfuse.tables import DATES, SCORES, dates_table, scores_table


def make_table(summary: Path, experiment: str, site: str, csv: Path) -> None:
    """Write the mean scores of every method: a row a method, a column a metric, baselines marked.

    Parameters
    ----------
    summary : Path
        ``results/scores/summary.csv``.
    experiment, site : str
        Their names.
    csv : Path
        The table; only its header where nothing was scored.

    Raises
    ------
    InputError
        If the summary lacks a column.
    """
    _write(csv, SCORES, scores_table(_lines(summary), experiment, site))


def make_date_table(scores: Sequence[Path], experiment: str, site: str, csv: Path) -> None:
    """Write RMSE and SSIM of every method date by date, beside what the baselines reach on the same pixels.

    Parameters
    ----------
    scores : sequence of Path
        Tables of scores: ``all.csv``, or those of the experiment and site alone.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    lines = (line for path in scores for line in _lines(path, Score._fields))
    _write(csv, DATES, dates_table(map(as_score, lines), experiment, site))


def _lines(
    path: Path, needed: Sequence[str] = ("experiment", "site", "method", "minus_bilinear")
) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = [c for c in needed if c not in (table.fieldnames or ())]
        if missing:
            raise InputError(f"{path} lacks the columns {missing}", "delete it and run again")
        yield from table


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        words = {"experiment": snakemake.wildcards.experiment, "site": snakemake.wildcards.site}
        make_table(summary=Path(snakemake.input.summary), csv=Path(snakemake.output.scores), **words)
        make_date_table(scores=[Path(p) for p in snakemake.input.rows], csv=Path(snakemake.output.dates), **words)
