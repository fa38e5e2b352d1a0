"""``items.json``: the STAC items that the search found, written once and looked up by every scene's job."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stfuse.acquisition.links import is_url, unsigned
from stfuse.acquisition.scenes import Scene
from stfuse.errors import InputError
from stfuse.job import whole

CURE = "delete it so that the catalogue is searched again"


def write_items(path: Path, scenes: Iterable[Scene], kept: Iterable[Scene] = ()) -> None:
    """Write an ItemCollection of the scenes' items, links unsigned, those to local files relative to it.

    An item that several sensors share (Landsat-8 and its pan band) is listed once, with ``stfuse:sensors``; of one that
    two archives have, each copy is listed, with ``stfuse:archive``. For which sensors an item is kept stands in
    ``stfuse:kept``.
    """
    good = {(scene.sensor, scene.key) for scene in kept}
    features: dict[tuple[str, str, str], dict[str, Any]] = {}
    for scene in scenes:
        if scene.key not in features:
            item = _relative(unsigned(scene.item), path.parent)
            features[scene.key] = {**item, "stfuse:archive": scene.archive, "stfuse:sensors": [], "stfuse:kept": []}
        features[scene.key]["stfuse:sensors"].append(scene.sensor)
        if (scene.sensor, scene.key) in good:
            features[scene.key]["stfuse:kept"].append(scene.sensor)
    with whole(path) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": list(features.values())}, indent=1))


def read_items(path: Path) -> list[dict[str, Any]]:
    """Every item of the list, with links to local files absolute again.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        features = json.loads(path.read_text())["features"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error})", CURE) from error
    for item in features:
        for asset in item["assets"].values():
            if _is_relative(asset["href"]):
                asset["href"] = str(path.parent / asset["href"])
    return list(features)


def find_item(items: Sequence[dict[str, Any]], scene: str, sensor: Mapping[str, Any]) -> dict[str, Any]:
    """The item of one scene of one sensor: of several archives' copies the one that was judged and kept.

    Parameters
    ----------
    items : sequence of dict
        What `read_items` gave.
    scene : str
        Id of the item.
    sensor : mapping
        Content of its config file, with `name`.

    Raises
    ------
    InputError
        If there is no such scene.
    """
    name = sensor["name"]
    copies = [
        item
        for item in items
        if item["id"] == scene
        and item["collection"] in sensor["collections"]
        and name in item.get("stfuse:sensors", [name])
    ]
    if not copies:
        raise InputError(
            f"The list of items has no scene {scene} of {name}",
            "delete items.json of the site (of a land-cover map maps.json) so that the catalogue is searched again",
        )
    return next((item for item in copies if name in item.get("stfuse:kept", ())), copies[0])


def _is_relative(href: str) -> bool:
    return not is_url(href) and not Path(href).is_absolute()


def _relative(item: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The item with local links relative to a folder, which keeps the list true when all is moved or run elsewhere.

    What lies within another file (GDAL's ``/vsizip/``) and what lies on the net stays as it is.
    """
    assets = {}
    for key, asset in item["assets"].items():
        href = str(asset["href"])
        outside = is_url(href) or href.startswith("/vsi")
        assets[key] = {**asset, "href": href if outside else os.path.relpath(href, folder)}
    return {**item, "assets": assets}
