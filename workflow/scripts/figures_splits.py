"""What the gap experiments of a study found, side by side: results/tables/{study}/splits.csv."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.filling.tables import OVERALL, split_table
from stfuse.frames import read_table
from stfuse.job import job, whole

if TYPE_CHECKING:
    snakemake: Any


def compare_splits(tables: Mapping[str, Path], titles: Mapping[str, str], csv: Path) -> None:
    """Write the errors of every experiment's methods over all its sites and gaps.

    Parameters
    ----------
    tables : mapping of experiment to Path
        Their ``overall.csv``.
    titles : mapping of experiment to str
    csv : Path

    Raises
    ------
    InputError
        If a table cannot be read or lacks a column.
    """
    read = {name: read_table(path, OVERALL) for name, path in tables.items()}
    with whole(csv) as part:
        split_table(read, titles).to_csv(part, index=False, float_format="%.6g")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        of_names = dict(snakemake.params.titles)
        compare_splits(
            tables=dict(zip(of_names, map(Path, snakemake.input.tables), strict=True)),
            titles=of_names,
            csv=Path(snakemake.output[0]),
        )
