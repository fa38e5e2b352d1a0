"""A synthetic world and the archive that observes it: results/simulated/{site}/."""

import csv
import hashlib
import json
import logging
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.job import job, whole
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES
from stfuse.raster_stored import read_window, write_into, write_stored
from stfuse.simulated.archive import catalog_document, collection_document
from stfuse.simulated.covers import BANDS
from stfuse.simulated.dates import event_map, event_rows, season_rows
from stfuse.simulated.delivery import Observer, Product, Sensor, check_names, wanted
from stfuse.simulated.sensors import SENSORS
from stfuse.simulated.settings import Settings, read_settings
from stfuse.simulated.surface import World, field_map, make_world
from stfuse.truth import write_truth

logger = logging.getLogger("stfuse.simulated")

SMALLEST_SITE = 240.0  # metres
DAYS_AT_A_TIME = 8
"""Scenes of one sensor that a process makes in a row: MODIS looks at the days around, and remembers them."""
SEASON_COLUMNS = (
    "field", "class", "year", "season", "n_pixels", *CURVE_NAMES, *DATE_NAMES, "harvest", "tillage", "cuts",
)  # fmt: skip
EVENT_COLUMNS = ("event", "kind", "field", "class", "first", "last", "n_pixels")


@dataclass(frozen=True)
class Outputs:
    """Where things go.

    Attributes
    ----------
    catalog : Path
        Root STAC catalogue; it names the folder `scenes` beside it.
    truth : Path
        NetCDF of the noise-free reflectance of every day, see `stfuse.truth`.
    fields : Path
        Field numbers on the site's grid of the truth's pixels, 0 = none.
    phenology : Path
        A row per field and season. Curve parameters in days counted from 1 January of the period's first year
        (1 = 1 January); transition dates and events as ISO dates, several cuts apart by blanks.
    events : Path
        A row per harvest, tillage, cut, flood and new building.
    event_map : Path
        Numbers of the floods and buildings in that table, 0 = none.
    scenes : Path
        Folder of the scenes: a folder per collection, in it a folder per item.
    """

    catalog: Path
    truth: Path
    fields: Path
    phenology: Path
    events: Path
    event_map: Path
    scenes: Path


def simulate(
    site: Mapping[str, Any],
    outputs: Outputs,
    collections: set[str] | None = None,
    land_map: Path | None = None,
    threads: int = 1,
) -> None:
    """Make the world of a site and everything that is known or observed of it.

    Parameters
    ----------
    site
        Content of its config file, with `name`; its `simulated:` entry is read by `stfuse.simulated.settings`.
    outputs : Outputs
    collections : set of str, optional
        STAC collections to fill; all that there are if left out.
    land_map : Path, optional
        Raster of land-cover codes that the settings' `map` speaks of.
    threads : int
        Processes that observe; what they write does not depend on their number.

    Raises
    ------
    InputError
        If a setting is unknown, the site is too small, or no sensor passes over it in the period.
    """
    settings = read_settings(site["simulated"], site["name"])
    check_names(SENSORS, settings, site["name"])
    period, grid = _period_and_grid(site, settings)
    sensors = wanted(SENSORS, collections)
    days = {sensor.name: sensor.days(period, settings) for sensor in sensors}
    if not any(days.values()):
        found = f"No sensor passes over site {site['name']} from {period[0]} to {period[1]}"
        raise InputError(found, "widen `period:`")
    near = max(sensor.reach(settings, grid) for sensor in sensors)
    # What is drawn must depend neither on the sensors wanted nor on any nuisance.
    far = max(
        sensor.reach(replace(settings, psf=1.0, misregistration=1.0, modis_pixel=0.0), grid) for sensor in SENSORS
    )
    known = _read_map(land_map, site, max(near, far)) if land_map else None
    world = make_world(grid, period, near, settings, known, far)
    logger.info("%d fields, %d days, %d x %d pixels", world.land.fields, len(world.dates), *world.grid.shape)
    with whole(outputs.scenes) as folder, whole(outputs.truth) as truth:
        items = observe(world, settings, sensors, days, folder, threads)
        for name, own in items.items():
            about = next(s.collections[name] for s in sensors if name in s.collections)
            _write_json(folder / name / "collection.json", collection_document(name, about, own))
        _write_truth(truth, world)
    numbers = field_map(world)
    write_stored(outputs.fields, numbers, world.site, 0)
    write_stored(outputs.event_map, event_map(world), world.site, 0)
    _write_rows(outputs.phenology, SEASON_COLUMNS, _season_cells(world, numbers))
    _write_rows(outputs.events, EVENT_COLUMNS, _event_cells(world, numbers))
    with whole(outputs.catalog) as part:
        _write_json(part, catalog_document(site["name"], list(items), checksum_of(outputs.scenes)))
    logger.info("scenes: %s", {name: len(own) for name, own in items.items()})


def _read_map(path: Path, site: Mapping[str, Any], reach: float) -> tuple[NDArray[np.int64], GeoBox]:
    """The codes of a land-cover map over the site and so many metres around it; -1 where it has no data."""
    left, bottom, right, top = site["bounds"]
    box = left - reach, bottom - reach, right + reach, top + reach
    stored, grid, stated = read_window(str(path), box, site["crs"], margin=4)
    codes = stored.astype(np.int64)
    if stated["nodata"] is not None:
        codes[stored == stated["nodata"]] = -1
    return codes, grid


def _period_and_grid(site: Mapping[str, Any], settings: Settings) -> tuple[tuple[date, date], GeoBox]:
    period = date.fromisoformat(str(site["period"][0])), date.fromisoformat(str(site["period"][1]))
    grid = site_grid(site["crs"], tuple(site["bounds"]), settings.resolution)
    side = min(grid.shape) * settings.resolution
    if side < SMALLEST_SITE or period[1] < period[0]:
        raise InputError(
            f"Site {site['name']} is {side:g} m wide at its narrowest, from {period[0]} to {period[1]}",
            f"give `bounds:` of {SMALLEST_SITE:g} m at least and a `period:` that does not end before it begins",
        )
    return period, grid


def observe(
    world: World,
    settings: Settings,
    sensors: Sequence[Sensor],
    days: Mapping[str, Sequence[date]],
    folder: Path,
    threads: int,
) -> dict[str, list[dict[str, Any]]]:
    """Write what all sensors see to ``{folder}/{collection}/{id}/``.

    Returns
    -------
    dict of collection to list of STAC items
        In the order of the sensors and their days.
    """
    observers = {s.name: s.observer(world, settings) for s in sensors if days[s.name]}
    tasks = [(s.name, part) for s in sensors for part in _parts(days[s.name])]
    found: dict[int, list[dict[str, Any]]] = {}
    with tqdm(total=sum(map(len, days.values())), unit="day", desc="observe", disable=None) as bar:
        if threads == 1:
            for i, (name, part) in enumerate(tasks):
                found[i] = _observe_days(observers[name], part, folder)
                bar.update(len(part))
        else:
            # A forked process shares the world; elsewhere it is copied into each.
            context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
            with ProcessPoolExecutor(threads, context, _enter, (observers, folder)) as pool:
                futures = {pool.submit(_observe_here, *task): i for i, task in enumerate(tasks)}
                for future in as_completed(futures):
                    found[futures[future]] = future.result()
                    bar.update(len(tasks[futures[future]][1]))
    items: dict[str, list[dict[str, Any]]] = {}
    for i in sorted(found):
        for item in found[i]:
            items.setdefault(item["collection"], []).append(item)
    return items


def _parts(days: Sequence[date]) -> Iterator[Sequence[date]]:
    for start in range(0, len(days), DAYS_AT_A_TIME):
        yield days[start : start + DAYS_AT_A_TIME]


_HERE: dict[str, Any] = {}
"""What a process of the pool works with."""


def _enter(observers: dict[str, Observer], folder: Path) -> None:
    _HERE.update(observers=observers, folder=folder)


def _observe_here(name: str, days: Sequence[date]) -> list[dict[str, Any]]:
    return _observe_days(_HERE["observers"][name], days, _HERE["folder"])


def _observe_days(observer: Observer, days: Sequence[date], folder: Path) -> list[dict[str, Any]]:
    products = [product for day in days for product in observer.observe(day)]
    for product in products:
        _write_product(folder, product)
    return [product.item for product in products]


def _write_product(folder: Path, product: Product) -> None:
    place = folder / product.item["collection"] / product.item["id"]
    place.mkdir(parents=True)
    for file, raster in product.rasters.items():
        write_into(place / file, raster.values, raster.grid, raster.nodata)
    for file, document in product.documents.items():
        _write_json(place / file, document)
    _write_json(place / f"{product.item['id']}.json", product.item)


def _write_truth(path: Path, world: World) -> None:
    rows, columns = world.window
    n = world.land.labels.shape[0] // world.grid.height
    cells = (slice(rows.start * n, rows.stop * n), slice(columns.start * n, columns.stop * n))
    own = world.textures[:, rows, columns]
    write_truth(path, world.site, world.dates, BANDS, world.land.labels[cells], own, world.spectra)


def _iso(world: World, day: float) -> str:
    """The ISO date of a day counted from 1 January of the period's first year; empty for NaN and for ever."""
    first = date(world.dates[0].year, 1, 1) - timedelta(days=1)
    return (first + timedelta(days=round(day))).isoformat() if abs(day) < 1e6 else ""


def _season_cells(world: World, numbers: Any) -> Iterator[list[object]]:
    for row in season_rows(world, numbers):
        curve = [f"{v:.6g}" for v in row.curve]
        events = [_iso(world, row.harvest), _iso(world, row.tillage), " ".join(_iso(world, c) for c in row.cuts)]
        dates = [_iso(world, d) for d in row.transitions]
        yield [row.field, row.cover, row.year, row.season, row.pixels, *curve, *dates, *events]


def _event_cells(world: World, numbers: Any) -> Iterator[list[object]]:
    for row in event_rows(world, numbers):
        dates = _iso(world, row.first), _iso(world, row.last)
        yield [row.event, row.kind, row.field, row.cover, *dates, row.pixels]


def _write_rows(path: Path, columns: Sequence[str], rows: Iterator[list[object]]) -> None:
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def checksum_of(folder: Path) -> str:
    """SHA-256 of all files below a folder, with their names."""
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found.update(str(path.relative_to(folder)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        simulate(
            site=snakemake.params.site,
            outputs=Outputs(**{name: Path(path) for name, path in snakemake.output.items()}),
            collections=set(snakemake.params.collections),
            land_map=next(map(Path, snakemake.input.land_map), None),
            threads=snakemake.threads,
        )
