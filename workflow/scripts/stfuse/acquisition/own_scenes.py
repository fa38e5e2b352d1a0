"""The user's own GeoTIFFs, listed in a sheet, as STAC items: from here on they go the same road as an archive's.

The sheet is a table separated by tabs. One row is one scene in one file, whose bands are told by their descriptions or
by the sensor's order, or a zip of the MUSCATE format; or, with the column `band`, one row is one band of a scene.
Columns with a colon (``eo:cloud_cover``, ``view:sun_elevation``, ``s2:processing_baseline``) become properties of the
item.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby
from pathlib import Path
from typing import Any

from stfuse.acquisition.archives import OWN, require_no_secret
from stfuse.acquisition.links import is_url
from stfuse.checks import safe_name
from stfuse.errors import InputError
from stfuse.harmonisation.masks import required_bands
from stfuse.products.venus_zip import item_of_zip
from stfuse.raster_stored import describe

Json = dict[str, Any]

REQUIRED = ("site", "sensor", "path")
TEXTS = ("date", "time", "scene", "platform", "collection", "band", "layer")
NUMBERS = ("scale", "offset", "nodata")
NOON = "12:00:00"  # where no time is given


@dataclass(frozen=True)
class _Row:
    """One line of the sheet."""

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def wrong(self, what: str, cure: str) -> InputError:
        return InputError(f"{self.where}: {what}", cure)

    def number(self, column: str) -> float | None:
        try:
            return float(self[column]) if self[column] else None
        except ValueError as error:
            raise self.wrong(
                f"{column} is {self[column]!r}, no number", "write it with a point, e.g. 0.0001"
            ) from error


def items_of_sheet(path: Path, site: Mapping[str, Any], sensor: Mapping[str, Any], data: str = "") -> list[Json]:
    """The STAC items of one sensor at a site, in the period of the site.

    Parameters
    ----------
    path : Path
        The sheet.
    site, sensor : mapping
        Contents of their config files, with `name`. Items without a `collection` belong to `OWN`, which the sensor's
        collections must hold (see `acquisition.archives.with_own`).
    data : str
        What stands for "{data}" in paths. A relative path counts from the working directory, else from the sheet.

    Raises
    ------
    InputError
        If the sheet cannot be read, has unknown columns, or a row does not make a scene: with its line and the cure.
    """
    every = list(_rows(path))
    rows = [row for row in every if (row["site"], row["sensor"]) == (site["name"], sensor["name"])]
    if not rows:
        there = sorted({f"{row['site']}/{row['sensor']}" for row in every})
        raise InputError(
            f"{path} has no row of {sensor['name']} at site {site['name']}, only of {there}",
            "add a row for each scene, or give the sensor another `catalog:` in the site's file",
        )
    scenes: dict[str, list[_Row]] = {}
    for row in rows:
        scenes.setdefault(_scene_id(row), []).append(row)
    items = [_item(name, own, sensor, path.parent, data) for name, own in scenes.items()]
    twice = [name for name, own in groupby(sorted(item["id"] for item in items)) if len(list(own)) > 1]
    if twice:
        raise InputError(f"{path} has several scenes {twice[0]} of {sensor['name']}", "list each scene once")
    first, last = (str(day) for day in site["period"])
    return [item for item in items if first <= item["properties"]["datetime"][:10] <= last]


def _rows(path: Path) -> Iterator[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The sheet {path} cannot be read ({error})", "correct `scenes:` in the main config"
        ) from error
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip() and line[0] != "#"]
    head, *body = lines or [(1, "")]
    columns = [name.strip() for name in next(csv.reader([head[1]], delimiter="\t"), [])]
    unknown = [name for name in columns if name not in (*REQUIRED, *TEXTS, *NUMBERS) and ":" not in name]
    lacking = [name for name in REQUIRED if name not in columns]
    if unknown or lacking or len(set(columns)) < len(columns):
        said = f"lacks the columns {lacking}" if lacking else f"has the columns {unknown or columns}"
        raise InputError(
            f"{path}, line {head[0]}, {said}; it needs {list(REQUIRED)} and may have {[*TEXTS, *NUMBERS]} and names "
            "with a colon, each once",
            "separate the columns by tabs and name them so",
        )
    for number, line in body:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter="\t"))]
        if len(cells) > len(columns):
            raise InputError(
                f"{path}, line {number}, has {len(cells)} cells, the first line names {len(columns)} columns",
                "separate the cells by single tabs",
            )
        row = _Row(f"{path}, line {number}", dict(zip(columns, cells, strict=False)))
        if not all(row[name] for name in REQUIRED):
            raise row.wrong("site, sensor or path is empty", "fill them in, or delete the row")
        require_no_secret(row["path"], f"{row.where}: `path`")
        yield row


def _scene_id(row: _Row) -> str:
    """The name that the row gives, else one made of its file and date, or of sensor and date where it is one band."""
    if row["scene"]:
        return safe_name(row["scene"], f"The scene of {row.where}")
    if row["band"]:
        made = "_".join(filter(None, (row["sensor"], row["date"], row["time"].replace(":", ""))))
    else:
        made = Path(row["path"]).stem
        # Files of many days are often named alike, in a folder for each day.
        told = row["date"] in made or row["date"].replace("-", "") in made
        made = made if told else f"{made}_{row['date']}"
    return safe_name(re.sub(r"[^A-Za-z0-9._-]+", "_", made).strip("._-"), f"The scene of {row.where}")


def _item(name: str, rows: Sequence[_Row], sensor: Mapping[str, Any], folder: Path, data: str) -> Json:
    first = rows[0]
    if first["path"].lower().endswith(".zip"):
        return _zipped(rows, sensor, folder, data)
    several = [row for row in rows if not row["band"]]
    if several and len(rows) > 1:
        raise rows[1].wrong(
            f"the scene {name} is listed before", "name the band of each row under `band`, or another `scene`"
        )
    for row in rows:
        differing = [column for column in ("date", "time", "platform", "collection") if row[column] != first[column]]
        if differing:
            raise row.wrong(f"{', '.join(differing)} differs from the first row of {name}", "make them agree")
    collection = first["collection"] or OWN
    if collection not in sensor["collections"]:
        known = ", ".join(sensor["collections"])
        raise first.wrong(f"{sensor['name']} has no collection {collection}", f"choose from {known}, or leave it empty")
    assets: dict[str, Json] = {}
    for row in rows:
        for band, asset in _assets(row, sensor, collection, _located(row, folder, data)).items():
            if band in assets:
                raise row.wrong(
                    f"the band {band} of scene {name} is listed before", "give other scenes another `scene`"
                )
            assets[band] = asset
    masks = [band for band in required_bands(sensor) if _key(sensor, collection, band) not in assets]
    if masks:
        raise first.wrong(
            f"scene {name} lacks {', '.join(masks)}, the mask of {sensor['name']}",
            "add it as a band, or name a sensor whose file has no `mask:`; then everything with data counts as clear",
        )
    properties = {column: _value(cell) for column, cell in first.cells.items() if ":" in column and cell}
    whose = first["platform"] or next(iter(sensor.get("platforms", [])), sensor["name"])
    return {
        **{"type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection},
        **{"geometry": None, "properties": {"datetime": _moment(first), "platform": whose, **properties}},
        **{"assets": assets, "links": []},
    }


def _zipped(rows: Sequence[_Row], sensor: Mapping[str, Any], folder: Path, data: str) -> Json:
    """A product as its provider hands it out; it tells itself what it is."""
    row = rows[0]
    if len(rows) > 1:
        raise rows[1].wrong("the product is listed before", "give a zip one row")
    item = dict(item_of_zip(_located(row, folder, data)))
    if item["collection"] not in sensor["collections"]:
        raise row.wrong(
            f"the product is of {item['collection']}, which {sensor['name']} has not", "give it to another sensor"
        )
    day = str(item["properties"]["datetime"])[:10]
    if row["date"] and row["date"] != day:
        raise row.wrong(f"date is {row['date']}, the product is of {day}", "correct the date, or leave it empty")
    return item


def _located(row: _Row, folder: Path, data: str) -> str:
    where = row["path"].replace("{data}", data)
    if is_url(where):
        return where
    found = [path for path in (Path(where), folder / where) if path.exists()]
    if not found:
        raise row.wrong(f"there is no file {where}", "correct `path`; it counts from where you run, or from the sheet")
    return str(found[0])


def _assets(row: _Row, sensor: Mapping[str, Any], collection: str, href: str) -> dict[str, Json]:
    """The assets of a row's file, by the keys under which the sensor's file looks for them in the collection."""
    layers = describe(href)
    if row["band"]:
        if row["layer"] and not row["layer"].isdigit():
            raise row.wrong(f"layer is {row['layer']!r}", "write the number of the layer in its file, from 1")
        named = {_band(row["band"], sensor) or row["band"]: int(row["layer"] or 1)}
    else:
        named = _named_layers(row, sensor, layers)
    known = sensor["collections"][collection]["assets"]
    made = {}
    for band, layer in named.items():
        if band not in known:
            raise row.wrong(f"{sensor['name']} has no band {band}", f"choose from {', '.join(known)}")
        if not 1 <= layer <= len(layers):
            raise row.wrong(f"{href} has no layer {layer}, it has {len(layers)}", "correct `layer`")
        facts = {"href": href, "stfuse:band": layer, "raster:bands": [_stated(row, layers[layer - 1], collection)]}
        made[_key(sensor, collection, band)] = facts
    return made


def _key(sensor: Mapping[str, Any], collection: str, band: str) -> str:
    keys = sensor["collections"][collection]["assets"].get(band, [band])
    return str(next((key for key in keys if not set("*?[") & set(key)), band))


def _named_layers(row: _Row, sensor: Mapping[str, Any], layers: Sequence[Json]) -> dict[str, int]:
    told = {band: i for i, layer in enumerate(layers, start=1) if (band := _band(layer["description"], sensor))}
    bands = list(sensor["bands"])
    if told:
        return told
    whole = [*bands, *required_bands(sensor)]
    order = next((names for names in (bands, whole) if len(names) == len(layers)), None)
    if order is None:
        raise row.wrong(
            f"the file has {len(layers)} layers without names, {sensor['name']} has the bands {', '.join(whole)}",
            "describe its layers by these names (gdal_edit.py, rasterio), or write one row per band with `band` and "
            "`layer`",
        )
    return {band: i for i, band in enumerate(order, start=1)}


def _band(said: str, sensor: Mapping[str, Any]) -> str | None:
    """The band that a name means: the sensor's own, or one that an archive gives it (B04 for red)."""
    keys = {band: band for entry in sensor["collections"].values() for band in entry["assets"]}
    keys |= {band: band for band in sensor["bands"]}
    for entry in sensor["collections"].values():
        for band, names in entry["assets"].items():
            for name in names:
                keys.setdefault(name, band)
    return {key.lower(): band for key, band in reversed(keys.items())}.get(said.strip().lower())


def _stated(row: _Row, layer: Json, collection: str) -> Json:
    """What the sheet says of the numbers, else the file; a product of an archive keeps the archive's rule."""
    says: Json = {"data_type": layer["dtype"]}
    nodata = row.number("nodata")
    says["nodata"] = layer["nodata"] if nodata is None else nodata
    plain = {"scale": 1.0, "offset": 0.0}
    for name, neutral in plain.items():
        value = row.number(name)
        value = layer[name] if value is None else value
        if collection == OWN or value != neutral:
            says[name] = value
    return says


def _moment(row: _Row) -> str:
    try:
        day, clock = date.fromisoformat(row["date"]), time.fromisoformat(row["time"] or NOON)
        if clock.utcoffset():
            raise ValueError("no UTC")
    except ValueError as error:
        said = f"the scene was taken on {row['date']!r} at {row['time']!r}"
        raise row.wrong(said, "write the date as 2021-07-31 and the time, in UTC, as 10:56:21") from error
    return f"{day.isoformat()}T{clock.replace(tzinfo=None, microsecond=0).isoformat()}Z"


def _value(cell: str) -> str | float:
    """A number where it is written as one; a baseline of 05.10 is none."""
    return float(cell) if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", cell) else cell
