"""The scenes of one sensor at a site, looked for in all of its archives."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from odc.geo.geom import Geometry

from stfuse.acquisition import access, links
from stfuse.acquisition.archives import Source
from stfuse.acquisition.catalogue import search, site_area
from stfuse.acquisition.kept import Kept
from stfuse.acquisition.own_scenes import items_of_sheet
from stfuse.acquisition.patience import ArchiveDownError
from stfuse.acquisition.scenes import Scene, make_scene
from stfuse.errors import InputError, NotNowError
from stfuse.products.mtl import level1_id, mtl_asset

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Found = tuple[list[Json], str]


def find(
    sensor: Mapping[str, Any],
    site: Mapping[str, Any],
    sources: Sequence[Source],
    others: Mapping[str, Sequence[Scene]] | None = None,
    kept: Kept | None = None,
) -> list[Scene]:
    """Scenes of one sensor over a site in its period, from every archive, in order of time.

    Which scenes there are must not depend on who answers today: where an archive does not, what it answered to the same
    question earlier is taken, else the search fails. A collection whose items another sensor's name (``ids_from`` in
    the sensor file: Landsat's level 1 by the metadata of level 2) is asked for those alone, where that sensor has any.

    Parameters
    ----------
    sensor, site : mapping
        Contents of their config files, with `name`.
    sources : sequence of Source
        The archives, the preferred ones first.
    others : mapping of sensor to its scenes, optional
        Those that are known already.
    kept : Kept, optional
        The archives' answers to earlier searches.

    Raises
    ------
    NotNowError
        If an archive does not answer now, after all that answer were asked.
    InputError
        If none has a scene.
    """
    period = (str(site["period"][0]), str(site["period"][1]))
    area = site_area(site["crs"], tuple(site["bounds"]))
    ids = _named_by_others(sensor, others or {}, min(source.at_once for source in sources))
    scenes, said, down = [], [], []
    for source in sources:
        try:
            items, looked = _answer(kept, source, sensor, site, area, period, ids)
        except ArchiveDownError as error:
            logger.warning("%s", error)
            down.append(error)
            continue
        made = list(_scenes(items, sensor, source))
        if items and not made:
            whose = f"by other platforms than {sensor['platforms']}" if sensor.get("platforms") else "on no stated day"
            looked = f"its {len(items)} scenes there were taken {whose}"
        scenes += made
        said.append((source.name, looked))
    if down:
        raise _down(down, [name for name, _ in said])
    if not scenes:
        raise _nothing(sensor, site, said)
    return sorted(scenes, key=lambda scene: (scene.datetime, scene.id))


def _scenes(items: Sequence[Json], sensor: Mapping[str, Any], source: Source) -> Iterator[Scene]:
    """Scenes of the items of the sensor's platforms; what archives on the net got wrong costs one item only."""
    for found in items:
        item = links.of_the_net(found) if links.is_url(source.href) else found
        try:
            scene = make_scene(item, sensor, source.name)
        except InputError as error:
            if not links.is_url(source.href):
                raise
            logger.warning("%s", error.found)
            continue
        if scene is not None:
            yield scene


def _down(down: Sequence[ArchiveDownError], answered: Sequence[str]) -> NotNowError:
    """What is said of archives that do not answer, where others may."""
    others = f". {', '.join(answered)} did, but may lack scenes that are there" if answered else ""
    return NotNowError("; ".join(error.found for error in down) + others, down[0].cure)


def _nothing(
    sensor: Mapping[str, Any],
    site: Mapping[str, Any],
    said: Sequence[tuple[str, str]],
) -> InputError:
    names = ", ".join(name for name, _ in said)
    looked = f"Catalogue {names} has no" if len(said) == 1 else f"None of {names} has a"
    why = "; ".join(what if len(said) == 1 else f"{name}: {what}" for name, what in said)
    first, last = site["period"]
    return InputError(
        f"{looked} scene of {sensor['name']} over site {site['name']} in the period {first} to {last}: {why}",
        f"correct `period:`, `bounds:`, `crs:`, `catalog:` or `sensors:` in config/sites/{site['name']}.yaml",
    )


def _answer(
    kept: Kept | None,
    source: Source,
    sensor: Mapping[str, Any],
    site: Mapping[str, Any],
    area: Geometry,
    period: tuple[str, str],
    ids: Mapping[str, Sequence[str]],
) -> Found:
    """What an archive answers, now or as it did earlier."""
    if kept is None:
        return _look_through(source, sensor, site, area, period, ids)
    # Of a collection's settings only these are part of the question.
    wanted = {name: [entry.get("wider"), ids.get(name)] for name, entry in sensor["collections"].items()}
    question = [source.collection, wanted, site["crs"], list(site["bounds"]), period]
    return kept.answer(source, question, lambda: _look_through(source, sensor, site, area, period, ids))


def _look_through(
    source: Source,
    sensor: Mapping[str, Any],
    site: Mapping[str, Any],
    area: Geometry,
    period: tuple[str, str],
    ids: Mapping[str, Sequence[str]],
) -> Found:
    if source.kind == "sheet":
        return items_of_sheet(Path(source.href), site, sensor, source.data), f"{source.href} was looked through"
    items, looked = search(source, sensor["collections"], area, period, ids)
    for collection, wanted in ids.items():
        items = [*items, *_made_anew(source, sensor, collection, wanted, items, area, period)]
    return items, looked


def _named_by_others(
    sensor: Mapping[str, Any], others: Mapping[str, Sequence[Scene]], at_once: int
) -> dict[str, list[str]]:
    """Per collection, the ids that the scenes of another sensor name; only where they name some."""
    ids = {}
    for name, entry in sensor["collections"].items():
        scenes = [scene for other in entry.get("ids_from", ()) for scene in others.get(other, ())]
        pool = ThreadPoolExecutor(at_once)
        try:
            found = [level1 for level1 in pool.map(_level1_of, scenes) if level1]
        finally:
            pool.shutdown(cancel_futures=True)
        if found:
            ids[name] = sorted(set(found))
            logger.info("%s: %s scenes name %s items of %s", sensor["name"], len(scenes), len(ids[name]), name)
        if len(found) < len(scenes):
            logger.warning("%s of %s scenes do not tell their level 1", len(scenes) - len(found), len(scenes))
    return ids


def _level1_of(scene: Scene) -> str | None:
    asset = mtl_asset(scene.item)
    try:
        return level1_id(access.read_text(asset, scene.item)) if asset else None
    except NotNowError:
        raise
    except InputError as error:
        logger.warning("%s: its metadata cannot be read (%s)", scene.id, error.found)
        return None


def _made_anew(
    source: Source,
    sensor: Mapping[str, Any],
    collection: str,
    wanted: Sequence[str],
    items: Sequence[Json],
    area: Geometry,
    period: tuple[str, str],
) -> list[Json]:
    """In place of items that are gone, those of the same acquisition: level 1 is made anew under another id."""
    mine = [item["id"] for item in items if item["collection"] == collection]
    gone = {_acquisition(name) for name in wanted if name not in mine}
    if not gone:
        return []
    found, _ = search(source, {collection: sensor["collections"][collection]}, area, period)
    anew = [item for item in found if _acquisition(item["id"]) in gone and item["id"] not in mine]
    if anew or mine:
        logger.warning("%s has %s of %s items under another id, made anew", source.name, len(anew), len(gone))
    return anew


def _acquisition(name: str) -> tuple[str, ...]:
    """Sensor, path and row, and day of a Landsat product's id, ``LC09_L1TP_010065_20220129_20220129_02_T1``."""
    parts = name.split("_")
    return (parts[0], *parts[2:4])
