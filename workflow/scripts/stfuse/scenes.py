"""What an item of a STAC catalogue says about one scene: facts, no pixels, no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from stfuse.encodings import Item, baseline
from stfuse.errors import InputError

NOMINAL = re.compile(r"^M\w+\.A(\d{4})(\d{3})\.")  # a MODIS product's id: year and day of the year
DAY = timedelta(days=1)
MODIS_TILE = re.compile(r"\.(h\d\dv\d\d)\.")


@dataclass(frozen=True)
class Scene:
    """One acquisition of one sensor, as found in a catalogue.

    Attributes
    ----------
    sensor, id, datetime, date, platform, collection : str
        Date and datetime ISO in UTC; platform normalised (``sentinel-2b``, ``landsat-8``).
    item : dict
        The STAC item as JSON.
    """

    sensor: str
    id: str
    datetime: str
    date: str
    platform: str
    collection: str
    item: dict[str, Any]


def normal_platform(name: str | None) -> str:
    """One spelling for the archives' many.

    ``Sentinel-2B``, ``S2B`` -> sentinel-2b; ``LANDSAT_8`` -> landsat-8; ``VENUS``, ``VM1`` -> venus.
    """
    text = re.sub(r"[\s_]+", "-", (name or "").strip().lower())
    text = re.sub(r"^s(\d[a-d]?)$", r"sentinel-\1", text)
    text = re.sub(r"^(ven[uµμ]s|vm\d+)\b.*$", "venus", text)
    return re.sub(r"^(landsat|sentinel)-?(\d)", r"\1-\2", text)


def platform(item: Item) -> str:
    """Who took the scene, in one spelling; products that join MODIS on Terra and on Aqua (MCD) are ``modis``."""
    return "modis" if item["id"].startswith("MCD") else normal_platform(item["properties"].get("platform"))


def acquired(item: Item) -> str:
    """When the scene was taken, ISO, UTC.

    That is ``datetime``, except where it is something else: null, the middle of a composite's days, or the day on
    which a catalogue was filled. Then the day in a MODIS id counts (the day the product is weighted to), else
    ``start_datetime``.

    Raises
    ------
    InputError
        If the item states none of them.
    """
    properties = item["properties"]
    nominal = NOMINAL.match(item["id"])
    if nominal:
        return datetime.strptime("".join(nominal.groups()), "%Y%j").strftime("%Y-%m-%dT00:00:00Z")
    stated, start = properties.get("datetime"), properties.get("start_datetime")
    if not stated and not start:
        raise InputError(f"Item {item['id']} has no datetime", "mend the item, or take it out of the catalogue")
    if stated and (not start or _within(str(stated), str(start), str(properties.get("end_datetime") or start))):
        return str(stated)
    return str(start).replace(" ", "T")


def _within(when: str, start: str, end: str) -> bool:
    """Whether this is the moment of one acquisition: between its start and its end (to a minute), within one day."""
    try:
        moment, first, last = (_moment(text) for text in (when, start, end))
    except ValueError:
        return True
    slack = timedelta(minutes=1)
    return first - slack <= moment <= last + slack and last - first < DAY


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=None) - (found.utcoffset() or timedelta())


def tile(item: Item) -> str:
    """The archive's tile or path/row, however it is named; empty where nothing states it."""
    properties = item["properties"]
    code = properties.get("grid:code") or properties.get("s2:mgrs_tile")
    if not code and "landsat:wrs_path" in properties:
        code = f"{properties['landsat:wrs_path']}{properties.get('landsat:wrs_row', '')}"
    if not code:
        # Two processings of one acquisition differ behind the tile's name only.
        found = MODIS_TILE.search(item["id"]) or re.search(r"_T?(\d\d[A-Z]{3})_", item["id"])
        code = found[1] if found else ""
    return str(code).split("-")[-1].removeprefix("T")


def orbit(item: Item) -> str:
    """The orbit's direction, ``ascending`` or ``descending``; empty where nothing states it."""
    return str(item["properties"].get("sat:orbit_state") or "").lower()


def track(item: Item) -> str:
    """From where the scene was looked at: the orbit's direction and its number, as far as stated."""
    return f"{orbit(item)} {item['properties'].get('sat:relative_orbit', '')}".strip()


def make_scene(item: dict[str, Any], sensor: Mapping[str, Any]) -> Scene | None:
    """The scene of an item, or None if another platform took it (Landsat collections hold several)."""
    whose = platform(item)
    wanted = sensor.get("platforms")
    if wanted and not any(whose.startswith(name) for name in wanted):
        return None
    when = acquired(item)
    return Scene(str(sensor["name"]), item["id"], when, when[:10], whose, item["collection"], item)


def superseded(scenes: Iterable[Scene], collections: Iterable[str]) -> dict[str, str]:
    """Scenes that another processing of the same acquisition replaces.

    One acquisition = same tile, platform and second. The highest processing baseline stays; of equal ones the
    collection named first in the sensor file, then the latest made.

    Returns
    -------
    dict
        Id of the scene that goes -> id of the scene that stays.
    """
    order = {name: -i for i, name in enumerate(collections)}
    groups: dict[tuple[str, ...], list[Scene]] = {}
    for scene in scenes:
        place = tile(scene.item) or scene.id
        groups.setdefault((scene.sensor, place, scene.platform, scene.datetime[:19]), []).append(scene)

    def rank(scene: Scene) -> tuple[float, int, str, str]:
        properties = scene.item["properties"]
        made = properties.get("s2:generation_time") or properties.get("updated") or properties.get("created") or ""
        return (baseline(scene.item) or 0.0, order.get(scene.collection, -len(order)), str(made), scene.id)

    gone = {}
    for group in groups.values():
        best = max(group, key=rank)
        gone.update({scene.id: best.id for scene in group if scene is not best})
    return gone


def find_asset(item: Item, sensor: Mapping[str, Any], band: str) -> dict[str, Any]:
    """The asset that holds a band, by the sensor file's table of keys, which may hold patterns such as ``*_B3``.

    Raises
    ------
    InputError
        If the sensor file or the item does not have the band.
    """
    collection = sensor["collections"].get(item["collection"])
    if collection is None or band not in collection["assets"]:
        raise InputError(
            f"Sensor {sensor['name']} has no band {band} in collection {item['collection']}",
            f"name its asset in config/sensors/{sensor['name']}.yaml, or leave the band out of the experiment",
        )
    for key in collection["assets"][band]:
        found = [name for name in item["assets"] if name == key] or [
            name for name in item["assets"] if fnmatchcase(name, key)
        ]
        if found:
            return dict(item["assets"][found[0]])
    raise InputError(
        f"Item {item['id']} of {item['collection']} lacks band {band}: looked for {collection['assets'][band]}, "
        f"found {sorted(item['assets'])}",
        f"add the archive's key for it to config/sensors/{sensor['name']}.yaml, or leave the band out",
    )
