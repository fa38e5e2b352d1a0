"""A synthetic world and the archive that observes it: results/simulated/{site}/."""

import csv
import json
import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.job import job, whole
from stfuse.logistic import CURVE_NAMES, DATE_NAMES
from stfuse.raster import write_stored
from stfuse.simulated.archive import Product, catalog_document, collection_document, products
from stfuse.simulated.covers import BANDS
from stfuse.simulated.dates import season_rows
from stfuse.simulated.instruments import LANDSAT8, SENTINEL2, overpasses
from stfuse.simulated.scenes import MARGIN, Acquisition, Observer
from stfuse.simulated.settings import read_settings
from stfuse.simulated.surface import World, field_map, make_world
from stfuse.task import FloatArray
from stfuse.truth import write_truth

logger = logging.getLogger("stfuse.simulated")

RESOLUTION = 10.0  # metres; the truth is of 10 m whatever an experiment's grids are, as `stfuse.truth` says
COLUMNS = ("field", "class", "year", "n_pixels", *CURVE_NAMES, *DATE_NAMES, "harvest", "tillage", "cuts")


def simulate(site: dict[str, Any], catalog: Path, truth: Path, fields: Path, phenology: Path, scenes: Path) -> None:
    """Make the world of a site and everything that is known or observed of it.

    Parameters
    ----------
    site
        Content of its config file, with `name`; its `simulated:` entry is read by `stfuse.simulated.settings`.
    catalog : Path
        Root STAC catalogue to write; it names the folder `scenes` beside it.
    truth : Path
        NetCDF of the noise-free reflectance of every day, see `stfuse.truth`.
    fields : Path
        Field numbers on the site's 10 m grid, 0 = none.
    phenology : Path
        A row per field and season. Curve parameters in days counted from 1 January of the period's first year
        (1 = 1 January); transition dates and events as ISO dates, several cuts apart by blanks.
    scenes : Path
        Folder of the scenes: a folder per collection, in it a folder per item.

    Raises
    ------
    InputError
        If a setting is unknown, the site is too small, or no sensor passes over it in the period.
    """
    settings = read_settings(site["simulated"], site["name"])
    period = date.fromisoformat(str(site["period"][0])), date.fromisoformat(str(site["period"][1]))
    grid = site_grid(site["crs"], tuple(site["bounds"]), RESOLUTION)
    if min(grid.shape) < 24 or period[1] < period[0]:
        raise InputError(
            f"Site {site['name']} is {grid.width} x {grid.height} pixels of 10 m from {period[0]} to {period[1]}",
            "give `bounds:` of 240 m at least and a `period:` that does not end before it begins",
        )
    phases = ((SENTINEL2, settings.sentinel2_phase), (LANDSAT8, settings.landsat8_phase))
    passes = {instrument: set(overpasses(instrument, period, phase)) for instrument, phase in phases}
    if not any(passes.values()):
        found = f"No sensor passes over site {site['name']} from {period[0]} to {period[1]}"
        raise InputError(found, "widen `period:`")
    world = make_world(grid, period, MARGIN, settings)
    logger.info("%d fields, %d days", world.land.fields, len(world.dates))
    observers = {Observer(instrument, world, settings): days for instrument, days in passes.items()}
    items: dict[str, list[dict[str, Any]]] = {}
    with whole(scenes) as folder, whole(truth) as cube:

        def of_day(index: int) -> FloatArray:
            """The truth of a day over the site; what sensors see of it is written on the way."""
            values, day = world.reflectance(index), world.dates[index]
            for observer, days in observers.items():
                if day in days:
                    scene = observer.observe(values, day)
                    for product in products(scene):
                        write_product(folder, product, scene)
                        items.setdefault(product.item["collection"], []).append(product.item)
            return values[(slice(None), *world.window)]

        write_truth(cube, grid, world.dates, BANDS, of_day)
        for name, own in items.items():
            _write_json(folder / name / "collection.json", collection_document(name, own))
    numbers = field_map(world)
    write_stored(fields, numbers, grid, 0)
    write_seasons(phenology, world, numbers)
    with whole(catalog) as part:
        _write_json(part, catalog_document(site["name"], list(items)))
    logger.info("scenes: %s", {name: len(own) for name, own in items.items()})


def write_product(folder: Path, product: Product, scene: Acquisition) -> None:
    """Write one item with its files to ``{collection}/{id}/``."""
    place = folder / product.item["collection"] / product.item["id"]
    place.mkdir(parents=True)
    for file, key in product.files.items():
        values, grid = scene.mask if key == "mask" else scene.stored[key]
        fill = 1 if key == "mask" and scene.instrument is LANDSAT8 else 0
        write_stored(place / file, values, grid, fill)
    for file, document in product.documents.items():
        _write_json(place / file, document)
    _write_json(place / f"{product.item['id']}.json", product.item)


def write_seasons(path: Path, world: World, numbers: np.ndarray[Any, np.dtype[np.int32]]) -> None:
    """Write the seasons of the fields on a map of field numbers."""
    first = date(world.dates[0].year, 1, 1) - timedelta(days=1)

    def iso(day: float) -> str:
        return (first + timedelta(days=round(day))).isoformat() if np.isfinite(day) else ""

    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in season_rows(world, numbers):
            curve = [f"{v:.6g}" for v in row.curve]
            events = [iso(row.harvest), iso(row.tillage), " ".join(iso(c) for c in row.cuts)]
            table.writerow(
                [row.field, row.cover, row.year, row.pixels, *curve, *(iso(d) for d in row.transitions), *events]
            )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        simulate(
            site=snakemake.params.site,
            catalog=Path(snakemake.output.catalog),
            truth=Path(snakemake.output.truth),
            fields=Path(snakemake.output.fields),
            phenology=Path(snakemake.output.phenology),
            scenes=Path(snakemake.output.scenes),
        )
