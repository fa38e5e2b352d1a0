"""Transition dates and events of every source against the known truth of a simulated site."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stfuse.frames import read_table
from stfuse.job import job, whole
from stfuse.phenology.events import EventSettings
from stfuse.phenology.files import days_seen
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES
from stfuse.phenology.scores import date_errors, event_scores, visible_events
from stfuse.phenology.seasons import read_settings
from stfuse.phenology.transitions import EVENT_COLUMNS, true_dates, true_events
from stfuse.raster_stored import read_stored
from stfuse.truth import read_truth

if TYPE_CHECKING:
    snakemake: Any

KEYS = ("experiment", "site", "source", "seed")


def compare_phenology(tables: list[Path], truth: Path, out: Path) -> None:
    """Write the errors in days of all sources of one experiment and site.

    All sources come together, because the fair comparison is over the seasons that every source could fit.

    Parameters
    ----------
    tables : list of path
        Of stage `phenology`, one a source.
    truth : path
        CSV of a simulated site: field, class and the curve of its season(s), in days counted as in the tables.
    out : path
        CSV to write, see `stfuse.phenology.scores.date_errors`.

    Raises
    ------
    InputError
        If a table is missing or lacks a column.
    """
    found = [read_table(path, (*KEYS, "field", *DATE_NAMES)) for path in tables]
    known = true_dates(read_table(truth, ("field", "class", *CURVE_NAMES)))
    _write(date_errors(found, known, KEYS), out)


def compare_events(
    tables: list[Path],
    event_tables: list[Path],
    events: Path,
    truth: Path,
    fields: Path,
    bands: list[str],
    period: list[str],
    series: list[Path],
    settings: EventSettings,
    out: Path,
) -> None:
    """Write how many of the true events each source found, how many that it found are true, and errors in days.

    Parameters
    ----------
    tables, event_tables : list of path
        Of stage `phenology`, one a source. A source may have found no event: its seasons say whose they are.
    events : path
        CSV of a simulated site: field, kind, class and first day of everything that happened.
    truth : path
        ``truth.nc`` of the site: says how far a field's NDVI fell.
    fields : path
        Field numbers on the series' grid.
    bands : list of str
        Red and near-infrared.
    period : list of str
        First and last ISO date of the site.
    series : list of path
        NetCDF of stage `series`, one a source: on which days each field was seen.
    settings : EventSettings
        True drops below `min_drop` are not asked for; events in gaps longer than `max_gap` are not visible.
    out : path
        CSV to write, see `stfuse.phenology.scores.event_scores`.

    Raises
    ------
    InputError
        If a file cannot be read or lacks a column.
    """
    seasons = [read_table(path, KEYS) for path in tables]
    labels = [{key: table[key].iloc[0] if len(table) else "" for key in KEYS} for table in seasons]
    found = [read_table(path, ("field", "kind", *EVENT_COLUMNS)) for path in event_tables]
    numbered, grid = read_stored(fields)
    resolution = abs(grid.resolution.x)
    happened = read_table(events, ("field", "kind", "class", "first"))
    known = true_events(
        happened,
        numbered,
        lambda day: read_truth(truth, str(day), bands, "ndvi", resolution)[0],
        (period[0], period[1]),
    )
    year = int(period[0][:4])
    visible = [visible_events(known, days_seen(path, numbered, year), settings.max_gap) for path in series]
    _write(event_scores(list(zip(labels, found, strict=True)), known, settings.min_drop, visible), out)


def _write(table: pd.DataFrame, out: Path) -> None:
    with whole(out) as part:
        table.to_csv(part, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        compare_phenology(
            tables=[Path(p) for p in snakemake.input.tables],
            truth=Path(snakemake.input.seasons),
            out=Path(snakemake.output.errors),
        )
        compare_events(
            tables=[Path(p) for p in snakemake.input.tables],
            event_tables=[Path(p) for p in snakemake.input.event_tables],
            events=Path(snakemake.input.events),
            truth=Path(snakemake.input.truth),
            fields=Path(snakemake.input.fields),
            bands=list(snakemake.params.bands),
            period=list(snakemake.params.site["period"]),
            series=[Path(p) for p in snakemake.input.series],
            settings=read_settings(dict(snakemake.params.settings)).events,
            out=Path(snakemake.output.events),
        )
