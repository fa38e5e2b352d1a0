"""The search as tests run it, and tiny archives as an API hands them out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from scripts.raw_scenes import find_scenes
from stac_server import Json
from stfuse.acquisition.archives import Source
from tiny_archive import SITE, write_catalog


def run(folder: Path, sources: Any, sensors: Any, site: dict[str, Any] = SITE) -> list[dict[str, str]]:
    find_scenes(sources, site, sensors, folder / "scenes.csv", folder / "items.json")
    with (folder / "scenes.csv").open() as table:
        return list(csv.DictReader(table))


def kept(rows: list[dict[str, str]]) -> dict[str, str]:
    """Scenes that are kept -> their archive."""
    return {row["scene"]: row["archive"] for row in rows if row["kept"] == "1"}


def served(root: Path) -> list[Json]:
    """The items of a tiny archive with absolute links, as an API hands them out."""
    items = []
    for path in sorted(root.rglob("*/*/*.json")):
        item = json.loads(path.read_text())
        for asset in item["assets"].values():
            asset["href"] = str(path.parent / asset["href"])
        items.append(item)
    return items


def page_of(items: list[Json]) -> Any:
    return lambda query, number, url: {
        "type": "FeatureCollection",
        "features": [
            i for i in items if i["collection"] in query["collections"] and i["id"] in query.get("ids", [i["id"]])
        ],
        "links": [],
    }


def local(name: str, root: Path) -> Source:
    return Source(name, str(write_catalog(root)))
