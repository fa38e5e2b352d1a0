"""Transition dates of every source against the known truth of a simulated site."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES
from stfuse.phenology.transitions import date_errors, true_dates

if TYPE_CHECKING:
    snakemake: Any

KEYS = ("experiment", "site", "source", "seed")


def compare_phenology(tables: list[Path], truth: Path, out: Path) -> None:
    """Write the errors in days of all sources of one experiment and site.

    All sources come together, because the fair comparison is over the fields that every source could fit.

    Parameters
    ----------
    tables : list of path
        Of stage `phenology`, one a source.
    truth : path
        CSV of a simulated site: field, class and the curve of its season(s), in days counted as in the tables.
    out : path
        CSV to write: experiment, site, source, seed, date_name, class, fields, mae_days, bias_days, n, n_true.

    Raises
    ------
    InputError
        If a table is missing or lacks a column.
    """
    found = [read_table(path, (*KEYS, "field", *DATE_NAMES)) for path in tables]
    known = true_dates(read_table(truth, ("field", "class", *CURVE_NAMES)))
    errors = date_errors(found, known, KEYS)
    with whole(out) as part:
        errors.to_csv(part, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        compare_phenology(
            tables=[Path(p) for p in snakemake.input.tables],
            truth=Path(snakemake.input.truth),
            out=Path(snakemake.output[0]),
        )
