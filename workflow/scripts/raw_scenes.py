"""Which scenes a site has, and which are clear enough to fetch: results/raw/{site}/scenes.csv and items.json."""

import csv
import json
import logging
import os
from pathlib import Path
from typing import Any

from stfuse.catalogue import is_url, readable, search, site_area
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.masks import DILATION, shares
from stfuse.raster import read_window
from stfuse.scenes import Scene, find_asset, make_scene, superseded

logger = logging.getLogger("stfuse.raw_scenes")

COLUMNS = ("sensor", "scene", "date", "datetime", "platform", "collection", "covered", "clear", "kept", "reason")
MARGIN = 2  # mask pixels around the site, so that a cloud just outside is widened into it


def find_scenes(
    catalog: str, site: dict[str, Any], sensors: dict[str, dict[str, Any]], scenes: Path, items: Path
) -> None:
    """List every scene of the site's period, judged by its mask over the site alone.

    Parameters
    ----------
    catalog : str
        Path or URL of a STAC catalogue or API.
    site, sensors
        Contents of their config files, with `name`.
    scenes : Path
        The table to write, one row per scene.
    items : Path
        The STAC ItemCollection to write; links unsigned, relative to it where the catalogue is local.

    Raises
    ------
    InputError
        If the catalogue cannot be read, or a sensor has no scene over the site in the period, or none clear enough.
    """
    found = {name: _search(catalog, site, sensors[name]) for name in site["sensors"]}
    rows = [row for name in site["sensors"] for row in _judge(found[name], site, sensors[name])]
    _require_clear(catalog, site, rows)
    with whole(scenes) as part, part.open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    # Two sensors may share an item (Landsat-8 and its pan band): it is listed once.
    features = {(s.collection, s.id): _relative(s.item, items.parent) for name in site["sensors"] for s in found[name]}
    with whole(items) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": list(features.values())}, indent=1))


def _search(catalog: str, site: dict[str, Any], sensor: dict[str, Any]) -> list[Scene]:
    period = (str(site["period"][0]), str(site["period"][1]))
    area = site_area(site["crs"], tuple(site["bounds"]))
    items, looked = search(catalog, list(sensor["collections"]), area, period)
    made = [scene for item in items if (scene := make_scene(item, sensor)) is not None]
    if not made:
        if items:
            looked = f"its {len(items)} scenes there were taken by other platforms than {sensor['platforms']}"
        raise InputError(
            f"Catalogue {catalog} has no scene of {sensor['name']} over site {site['name']} in the period "
            f"{period[0]} to {period[1]}: {looked}",
            f"correct `period:`, `bounds:`, `crs:` or `sensors:` in config/sites/{site['name']}.yaml",
        )
    return sorted(made, key=lambda s: (s.datetime, s.id))


def _judge(scenes: list[Scene], site: dict[str, Any], sensor: dict[str, Any]) -> list[dict[str, Any]]:
    gone = superseded(scenes, sensor["collections"])
    rows = []
    for scene in scenes:
        covered, clear, reason = 0.0, 0.0, ""
        if scene.id in gone:
            reason = f"replaced by another processing, {gone[scene.id]}"
        else:
            covered, clear, reason = _look(scene, site, sensor)
        if not reason and clear < site["min_clear"]:
            reason = f"clear over {clear:.0%} of the site, min_clear is {site['min_clear']:.0%}"
        facts = (scene.sensor, scene.id, scene.date, scene.datetime, scene.platform, scene.collection)
        rows.append(
            dict(zip(COLUMNS, (*facts, f"{covered:.4f}", f"{clear:.4f}", int(not reason), reason), strict=True))
        )
    return rows


def _look(scene: Scene, site: dict[str, Any], sensor: dict[str, Any]) -> tuple[float, float, str]:
    """Shares covered and clear by the mask, and why it could not be read, if so."""
    asset = find_asset(scene.item, sensor, sensor["mask"]["band"])
    bounds = tuple(site["bounds"])
    try:
        mask, grid, _ = read_window(readable(asset, scene.item["properties"]), bounds, site["crs"], MARGIN)
    except InputError as error:
        if not is_url(asset["href"]):
            raise
        # Archives on the net have dead links; one must not stop the search. The signed link stays out of the log.
        logger.warning("%s: mask %s cannot be read (%s)", scene.id, asset["href"], type(error.__cause__).__name__)
        return 0.0, 0.0, "its mask cannot be read or does not cover the site"
    dilation = float(site.get("mask_dilation_m", DILATION))
    covered, clear = shares(mask, grid, sensor["mask"]["kind"], site["crs"], bounds, dilation)
    return covered, clear, "" if covered else "no data over the site"


def _require_clear(catalog: str, site: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for name in site["sensors"]:
        own = [row for row in rows if row["sensor"] == name]
        if not any(row["kept"] for row in own):
            best = max(own, key=lambda row: float(row["clear"]))
            raise InputError(
                f"All {len(own)} scenes of {name} in {catalog} are too cloudy over site {site['name']}: the best, "
                f"{best['scene']}, is {best['reason']}",
                f"lower `min_clear:` or widen `period:` in config/sites/{site['name']}.yaml",
            )


def _relative(item: dict[str, Any], folder: Path) -> dict[str, Any]:
    assets = {}
    for key, asset in item["assets"].items():
        href = asset["href"]
        # Relative links keep the manifest true when the whole folder is moved or run elsewhere.
        assets[key] = {**asset, "href": href if is_url(href) else os.path.relpath(href, folder)}
    return {**item, "assets": assets}


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        find_scenes(
            catalog=snakemake.params.catalog,
            site=snakemake.params.site,
            sensors=snakemake.params.sensors,
            scenes=Path(snakemake.output.scenes),
            items=Path(snakemake.output.index),
        )
