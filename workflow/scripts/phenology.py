"""Stage `phenology`: seasons and events of every pixel (images) and of every field (tables)."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stfuse.cube import read_window
from stfuse.errors import InputError
from stfuse.grid import same_grid
from stfuse.job import job, whole
from stfuse.phenology.courses import FieldCourses
from stfuse.phenology.events import EVENT_NAMES
from stfuse.phenology.files import LAYERS, NOWHERE, read_values, windows
from stfuse.phenology.seasons import (
    SEASON_NAMES,
    PhenologySettings,
    find_seasons,
    main_seasons,
    read_settings,
    series_events,
    setting_names,
    without_events,
)
from stfuse.phenology.transitions import event_table, season_table
from stfuse.raster import REMAKE, image_file
from stfuse.raster_stored import read_stored
from stfuse.series import day_numbers
from stfuse.task import FloatArray

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.phenology")

SHOWN = ("day", "error", "drop", "kind")
"""What the image of events holds of each: ``day_1``, ``error_1`` ..., ``day_2`` ... in order of time."""


@dataclass(frozen=True)
class Outputs:
    """Where things go.

    Attributes
    ----------
    main : Path
        GeoTIFF of the largest season of each pixel, bands `SEASON_NAMES`; dates as days counted from 1 January of the
        period's first year.
    seasons : sequence of Path
        The same of each pixel's first, second ... season.
    events : Path
        GeoTIFF of each pixel's events, see `SHOWN`; kind 1 = cut, 2 = harvest, 3 = unknown.
    table, event_table : Path
        CSV, a row a field and season, and a row a field and event.
    """

    main: Path
    seasons: Sequence[Path]
    events: Path
    table: Path
    event_table: Path


def find_phenology(
    series: Path, fields: Path, labels: dict[str, Any], params: dict[str, Any], outputs: Outputs
) -> None:
    """Find the seasons and events of every pixel and field of a series, window by window.

    Parameters
    ----------
    series : path
        NetCDF of stage `series`.
    fields : path
        Field numbers on the series' grid, 0 = none.
    labels : dict
        Experiment, site, source and seed: tags of the images, first columns of the tables.
    params : dict
        Of `stfuse.phenology.seasons.PhenologySettings`, `events` of `stfuse.phenology.events.EventSettings`. Without
        `noise`, that which was measured on the series.
    outputs : Outputs

    Raises
    ------
    InputError
        If a file cannot be read, the fields lie on another grid, or a setting is unknown.
    """
    try:
        settings = read_settings(params)
    except (TypeError, ValueError) as error:
        found = f"`phenology:` of the config does not fit: {error}"
        raise InputError(found, f"the settings are {setting_names()}") from error
    about = read_window(series, LAYERS, NOWHERE)
    if "noise" not in params and "noise" in about.attrs:
        settings = replace(settings, noise=float(about.attrs["noise"]))
    year = int(about.attrs["period"][:4])
    days = day_numbers(about.dates["time"], year)
    numbered, grid = read_stored(fields)
    if not same_grid(grid, about.grid):
        raise InputError(f"{fields} lies on {grid}, the series {series} on {about.grid}", REMAKE)
    tags = {**{k: str(v) for k, v in labels.items()}, "year": str(year), "days": f"1 = {year}-01-01"}
    tags["settings"] = ", ".join(f"{k}={v}" for k, v in asdict(settings).items())

    courses = FieldCourses(numbered, len(days))
    slots = [f"{name}_{k}" for k in range(1, settings.max_events + 1) for name in SHOWN]
    with ExitStack() as files:
        places = ((outputs.main, SEASON_NAMES), *((p, SEASON_NAMES) for p in outputs.seasons), (outputs.events, slots))
        main, *each, last = (files.enter_context(image_file(p, n, grid, tags, packed=False)) for p, n in places)
        for window in tqdm(list(windows(grid.shape)), unit="window", desc="phenology", disable=None):
            values, weights, seen = read_values(series, window)
            courses.add(window, values, weights, seen)
            seasons, events = _found(values, weights, seen, days, settings)
            largest = main_seasons(seasons)[None, None]
            main.put(window, np.take_along_axis(seasons, largest, axis=1)[:, 0].astype(np.float32))
            for k, file in enumerate(each):
                file.put(window, seasons[:, k].astype(np.float32))
            shown = events[[EVENT_NAMES.index(name) for name in SHOWN]].swapaxes(0, 1)
            last.put(window, shown.reshape(len(slots), *shown.shape[2:]).astype(np.float32))
    of_fields = courses.courses()
    seasons, events = _found(of_fields.medians, of_fields.weights, of_fields.seen > 0, days, settings)
    known = (of_fields.numbers, of_fields.pixels)
    for path, table in (
        (outputs.table, season_table(*known, seasons, year, labels)),
        (outputs.event_table, event_table(*known, events, year, labels)),
    ):
        with whole(path) as part:
            table.to_csv(part, index=False, float_format="%.5g", lineterminator="\n")
    _tell(seasons[0])


def _tell(of_fields: NDArray[np.float64]) -> None:
    """Log how many seasons fields have, (season, field), NaN = none; who has the most may have lost some."""
    most, count = of_fields.shape
    full = int(np.isfinite(of_fields[-1]).sum())
    if full:
        logger.warning("%d of %d fields have %d seasons, all that `max_seasons` holds", full, count, most)
    logger.info("%d fields, %.2f seasons a field", count, np.isfinite(of_fields).sum() / max(count, 1))


def _found(
    values: FloatArray,
    weights: FloatArray,
    seen: NDArray[np.bool_],
    days: NDArray[np.float64],
    settings: PhenologySettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seasons and events; what is filled smears events over gaps, so they are looked for in the rest alone."""
    events = series_events(values, np.where(seen, weights, np.float32(0)), days, settings)
    return find_seasons(values, without_events(weights, days, events), days, settings), events


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        find_phenology(
            series=Path(snakemake.input.series),
            fields=Path(snakemake.input.fields),
            labels=dict(snakemake.params.labels),
            params=dict(snakemake.params.params),
            outputs=Outputs(
                main=Path(snakemake.output.main),
                seasons=[Path(p) for p in snakemake.output.seasons],
                events=Path(snakemake.output.events),
                table=Path(snakemake.output.table),
                event_table=Path(snakemake.output.event_table),
            ),
        )
