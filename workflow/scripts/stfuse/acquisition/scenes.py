"""What an item of a STAC catalogue says about one scene: facts, no pixels, no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from stfuse.errors import InputError
from stfuse.products.encodings import Item, baseline

NOMINAL = re.compile(r"^M\w+\.A(\d{4})(\d{3})\.")  # a MODIS product's id: year and day of the year
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
JITTER = timedelta(
    seconds=5
)  # by which two processings state one moment differently; parts of a tile lie further apart
STRIP = re.compile(r"_S(\d{8}T\d{6})_")  # when the sensing began, in the id of a Sentinel-2 datastrip
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
    archive : str
        Which of the site's archives lists it.
    """

    sensor: str
    id: str
    datetime: str
    date: str
    platform: str
    collection: str
    item: dict[str, Any]
    archive: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other scene: two archives may use the same names."""
        return self.archive, self.collection, self.id


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
        If the item states none of them, or no date.
    """
    when = _acquired(item)
    try:
        _moment(when)
    except ValueError as error:
        raise InputError(f"Item {item['id']} has the datetime {when!r}", "mend the item in its catalogue") from error
    return when


def _acquired(item: Item) -> str:
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
        code = f"{properties['landsat:wrs_path']:0>3}{properties.get('landsat:wrs_row', ''):0>3}"
    if not code:
        # Two processings of one acquisition differ behind the tile's name only.
        found = MODIS_TILE.search(item["id"]) or re.search(r"_T?(\d\d[A-Z]{3})_", item["id"])
        code = found[1] if found else ""
    code = str(code).split("-")[-1].removeprefix("T")
    return code.zfill(5) if re.fullmatch(r"\d[A-Z]{3}", code) else code


def orbit(item: Item) -> str:
    """The orbit's direction, ``ascending`` or ``descending``; empty where nothing states it."""
    return str(item["properties"].get("sat:orbit_state") or "").lower()


def track(item: Item) -> str:
    """From where the scene was looked at: the orbit's direction and its number, as far as stated."""
    return f"{orbit(item)} {item['properties'].get('sat:relative_orbit', '')}".strip()


def cloud_cover(item: Item) -> float | None:
    """Percent of the whole scene under cloud as its archive states it, None where unknown: absent, or below 0."""
    try:
        stated = float(item["properties"]["eo:cloud_cover"])
    except (KeyError, TypeError, ValueError):
        return None
    return stated if 0 <= stated <= 100 else None


def make_scene(item: dict[str, Any], sensor: Mapping[str, Any], archive: str = "") -> Scene | None:
    """The scene of an item, or None if another platform took it (Landsat collections hold several)."""
    whose = platform(item)
    wanted = sensor.get("platforms")
    if wanted and not any(whose.startswith(name) for name in wanted):
        return None
    when = acquired(item)
    return Scene(str(sensor["name"]), item["id"], when, when[:10], whose, item["collection"], item, archive)


def superseded(
    scenes: Iterable[Scene], collections: Iterable[str], archives: Sequence[str] = ()
) -> dict[tuple[str, str, str], Scene]:
    """Scenes that another processing, or another archive's copy, of the same acquisition replaces.

    One acquisition = same tile and platform, and same moment (to a second); of Sentinel-2 also the same datastrip (by
    the moment when its sensing began), because archives state the moment of the tile, or of the whole pass. The highest
    processing baseline stays; of equal ones the archive named first, then the collection named first in the sensor
    file, then the latest made.

    Parameters
    ----------
    scenes : iterable of Scene
    collections, archives : iterables of str
        Names, the preferred ones first.

    Returns
    -------
    dict
        Key of the scene that goes -> scene that stays.
    """
    order = {name: -i for i, name in enumerate(collections)}
    first = {name: -i for i, name in enumerate(archives)}
    groups: dict[tuple[str, ...], list[list[Scene]]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.datetime, scene.key)):
        # Without a tile only the same name means the same place.
        alike = groups.setdefault((scene.sensor, tile(scene.item) or scene.id, scene.platform, scene.date), [])
        joined = [group for group in alike if any(_same_moment(scene, other) for other in group)]
        alike[:] = [group for group in alike if group not in joined] + [[s for g in joined for s in g] + [scene]]

    def rank(scene: Scene) -> tuple[float, int, int, str, str]:
        properties = scene.item["properties"]
        made = properties.get("s2:generation_time") or properties.get("updated") or properties.get("created") or ""
        version, place = baseline(scene.item) or 0.0, first.get(scene.archive, -len(first))
        return (version, place, order.get(scene.collection, -len(order)), str(made), scene.id)

    gone = {}
    for group in (group for alike in groups.values() for group in alike):
        best = max(group, key=rank)
        gone.update({scene.key: best for scene in group if scene is not best})
    return gone


def _same_moment(one: Scene, other: Scene) -> bool:
    strips = [STRIP.search(str(s.item["properties"].get("s2:datastrip_id") or "")) for s in (one, other)]
    begun = [datetime.strptime(strip[1], "%Y%m%dT%H%M%S") for strip in strips if strip]
    if len(begun) == 2 and abs(begun[0] - begun[1]) <= JITTER:
        return True
    # Two parts of a tile, of two datastrips of one pass, bear the same moment where that is the moment of the pass.
    parts = len(begun) == 2 and _states_the_pass(one) and _states_the_pass(other)
    return abs(_moment(one.datetime) - _moment(other.datetime)) <= SECOND and not parts


def _states_the_pass(scene: Scene) -> bool:
    """Whether a Sentinel-2 scene's moment is the one when the whole pass began, not the tile's own."""
    when = re.sub(r"[-:]", "", scene.datetime[:19])
    return f"_{when}_" in str(scene.item["properties"].get("s2:datatake_id") or "")


def find_asset(item: Item, sensor: Mapping[str, Any], band: str) -> dict[str, Any]:
    """The asset that holds a band, by the sensor file's table of keys, which may hold patterns such as ``*_B3``.

    Patterns are tried on the keys of the item's assets, then on the names of their files. Where the sensor file says in
    which layer of its file a band lies, the asset bears ``stfuse:band``.

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
        found = _asset_key(item["assets"], key)
        if found is not None:
            layer = collection.get("layers", {}).get(band)
            return {**item["assets"][found], **({"stfuse:band": layer} if layer else {})}
    raise InputError(
        f"Item {item['id']} of {item['collection']} lacks band {band}: looked for {collection['assets'][band]}, "
        f"found {sorted(item['assets'])}",
        f"add the archive's key for it to config/sensors/{sensor['name']}.yaml, or leave the band out",
    )


def _asset_key(assets: Mapping[str, Mapping[str, Any]], wanted: str) -> str | None:
    if wanted in assets:
        return wanted
    files = {name: PurePosixPath(urlsplit(str(asset.get("href", ""))).path).name for name, asset in assets.items()}
    matching = [name for name in assets if fnmatchcase(name, wanted)]
    return next(iter(matching or [name for name, file in files.items() if fnmatchcase(file, wanted)]), None)
