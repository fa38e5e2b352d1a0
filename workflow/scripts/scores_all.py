"""Bring all scores together and sum them up: results/scores/all.csv and summary.csv."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.summary import COLUMNS, Score, as_score, summarise

HEADER = ",".join(Score._fields) + "\n"


def collect(rows: Sequence[Path], everything: Path, summary: Path) -> None:
    """Concatenate score tables and write the mean scores per method beside them.

    Parameters
    ----------
    rows : sequence of Path
        Tables written by the stage `scores`.
    everything : Path
        All rows, tidy.
    summary : Path
        What `stfuse.summary.summarise` makes of them.

    Raises
    ------
    InputError
        If a table does not have the columns of a table of scores.
    """
    with whole(everything) as part, part.open("wb") as file:
        file.write(HEADER.encode())
        for path in rows:
            _append(path, file)
    with whole(summary) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for line in summarise(_read(everything)):
            table.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()})


def _append(path: Path, file: BinaryIO) -> None:
    with path.open("rb") as table:
        found = table.readline().decode(errors="replace")
        if found != HEADER:
            raise InputError(f"{path} is no table of scores: its first line is {found!r}", "delete it and run again")
        shutil.copyfileobj(table, file)


def _read(path: Path) -> Iterator[Score]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from map(as_score, csv.DictReader(file))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        collect(
            rows=[Path(p) for p in snakemake.input.rows],
            everything=Path(snakemake.output.everything),
            summary=Path(snakemake.output.summary),
        )
