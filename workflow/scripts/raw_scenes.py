"""Which scenes a site has, and which are clear enough to fetch: results/raw/{site}/scenes.csv and items.json."""

import csv
import json
import logging
import os
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.catalogue import is_url, readable, search, site_area
from stfuse.encodings import find_encoding
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.masks import DILATION, BoolArray, join, mask_bands, over_site, site_flags
from stfuse.raster_stored import read_window
from stfuse.scenes import Scene, find_asset, make_scene, orbit, superseded, track
from stfuse.stored import decode

logger = logging.getLogger("stfuse.raw_scenes")

COLUMNS = (
    "sensor", "scene", "date", "datetime", "platform", "collection", "covered", "clear", "day_clear", "kept", "reason",
)  # fmt: skip
MARGIN = 2  # mask pixels around the site, so that a cloud just outside is widened into it


def find_scenes(
    catalog: str, site: dict[str, Any], sensors: dict[str, dict[str, Any]], scenes: Path, items: Path
) -> None:
    """List every scene of the site's period, judged by its mask over the site alone; without a mask, by its data.

    Scenes of one sensor and day are one image to come, so they are judged together: a pixel is clear that is clear in
    any of them. On a day that is clear enough, every scene with a clear pixel is kept. Backscatter depends on where it
    is looked at from: of a day's orbits the one that covers most of the site stays.

    Parameters
    ----------
    catalog : str
        Path or URL of a STAC catalogue or API.
    site
        Content of its config file, with `name`. Its `exclude`, ``{sensor: [ISO dates]}``, names scenes known to be bad.
    sensors
        Contents of the config files of the sensors to search for, by name.
    scenes : Path
        The table to write, one row per scene; `covered` and `clear` are the scene's shares of the site's area,
        `day_clear` is the share that all usable scenes of its day show clear together.
    items : Path
        The STAC ItemCollection to write; links unsigned, relative to it where the catalogue is local.

    Raises
    ------
    InputError
        If the catalogue cannot be read, or a sensor has no scene over the site in the period, or none clear enough.
    """
    found = {name: _search(catalog, site, sensor) for name, sensor in sensors.items()}
    rows = [row for name, sensor in sensors.items() for row in _judge(found[name], site, sensor)]
    _require_clear(catalog, site, rows)
    with whole(scenes) as part, part.open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    # Two sensors may share an item (Landsat-8 and its pan band): it is listed once.
    features = {(s.collection, s.id): _relative(s.item, items.parent) for own in found.values() for s in own}
    with whole(items) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": list(features.values())}, indent=1))


def _search(catalog: str, site: dict[str, Any], sensor: dict[str, Any]) -> list[Scene]:
    period = (str(site["period"][0]), str(site["period"][1]))
    area = site_area(site["crs"], tuple(site["bounds"]))
    items, looked = search(catalog, sensor["collections"], area, period)
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


@dataclass(frozen=True)
class _Look:
    """What a scene shows of the site: why it cannot serve, if so, else where it is clear, and the share it covers."""

    reason: str
    covered: float = 0.0
    clear: BoolArray | None = None

    @property
    def share(self) -> float:
        return 0.0 if self.clear is None else float(self.clear.mean())


def _judge(scenes: list[Scene], site: dict[str, Any], sensor: dict[str, Any]) -> list[dict[str, Any]]:
    refused = {
        name: f"replaced by another processing, {by}" for name, by in superseded(scenes, sensor["collections"]).items()
    }
    excluded = {str(date) for date in (site.get("exclude") or {}).get(sensor["name"], [])}
    for scene in scenes:
        if scene.date in excluded:
            refused.setdefault(scene.id, "excluded by the site file")
        if orbit(scene.item) and sensor.get("orbit", "any") not in ("any", orbit(scene.item)):
            refused.setdefault(scene.id, f"{orbit(scene.item)} orbit, the sensor file asks for {sensor['orbit']}")
    for date in sorted(excluded - {scene.date for scene in scenes}):
        logger.warning("`exclude:` names %s of %s, but no scene has that date", date, sensor["name"])
    rows = []
    for _, group in groupby(scenes, key=lambda scene: scene.date):
        day = list(group)
        looks = [_Look(refused[s.id]) if s.id in refused else _look(s, site, sensor) for s in day]
        if sensor.get("quantity") == "backscatter":
            looks = _one_track(day, looks)
        rows += _judge_day(day, looks, float(site["min_clear"]))
    return rows


def _one_track(day: list[Scene], looks: list[_Look]) -> list[_Look]:
    """The looks of a day with all refused but those from the one orbit that covers most of the site together."""
    seen: dict[str, BoolArray] = {}
    for scene, look in zip(day, looks, strict=True):
        if look.clear is not None and not look.reason:
            name = track(scene.item)
            seen[name] = look.clear | seen[name] if name in seen else look.clear
    if len(seen) < 2:
        return looks
    # Of orbits that cover as much the earlier stays: the scenes come in order of time.
    best = max(seen, key=lambda name: seen[name].mean())
    return [
        look if look.reason or track(scene.item) == best else replace(look, reason=f"another orbit of the day, {best}")
        for scene, look in zip(day, looks, strict=True)
    ]


def _judge_day(day: list[Scene], looks: list[_Look], min_clear: float) -> list[dict[str, Any]]:
    """Rows of the scenes of one day."""
    parts = [look.clear for look in looks if look.clear is not None and not look.reason]
    together = float(np.logical_or.reduce(parts).mean()) if parts else 0.0
    rows = []
    for scene, look in zip(day, looks, strict=True):
        reason = look.reason
        if not reason and together < min_clear:
            whose = f" by the {len(parts)} scenes of the day" if len(parts) > 1 else ""
            reason = f"clear over {together:.0%} of the site{whose}, min_clear is {min_clear:.0%}"
        elif not reason and not look.share:
            reason = "no clear pixel over the site"
        facts = (scene.sensor, scene.id, scene.date, scene.datetime, scene.platform, scene.collection)
        shares = (f"{share:.4f}" for share in (look.covered, look.share, together))
        rows.append(dict(zip(COLUMNS, (*facts, *shares, int(not reason), reason), strict=True)))
    return rows


def _look(scene: Scene, site: dict[str, Any], sensor: dict[str, Any]) -> _Look:
    # Without a mask the first band tells what was seen, and a scene that lacks a band (one polarisation) cannot serve.
    try:
        assets = [find_asset(scene.item, sensor, band) for band in mask_bands(sensor) or sensor["bands"]]
    except InputError as error:
        if sensor.get("mask"):
            raise
        return _Look(error.found)
    try:
        read = [_window(asset, scene, site) for asset in (assets if sensor.get("mask") else assets[:1])]
    except InputError as error:
        if not is_url(assets[0]["href"]):
            raise
        # Archives on the net have dead links; one must not stop the search. The signed link stays out of the log.
        logger.warning("%s: %s cannot be read (%s)", scene.id, assets[0]["href"], type(error.__cause__).__name__)
        return _Look(f"its {'mask' if sensor.get('mask') else 'data'} cannot be read or does not cover the site")
    bounds, (first, grid) = tuple(site["bounds"]), read[0]
    if sensor.get("mask"):
        kind, dilation = sensor["mask"]["kind"], float(site.get("mask_dilation_m", DILATION))
        mask = join([values for values, _ in read], kind)
        covered, clear = over_site(mask, grid, kind, site["crs"], bounds, dilation)
    else:
        rule = sensor["collections"][scene.collection]["encoding"]
        held = np.isfinite(decode(first, find_encoding(rule, scene.item, assets[0], site)))
        covered = clear = site_flags(held, grid, site["crs"], bounds)
    return _Look("" if covered.any() else "no data over the site", float(covered.mean()), clear)


def _window(asset: dict[str, Any], scene: Scene, site: dict[str, Any]) -> tuple[NDArray[Any], GeoBox]:
    href = readable(asset, scene.item["properties"])
    values, grid, _ = read_window(href, tuple(site["bounds"]), site["crs"], MARGIN)
    return values, grid


def _require_clear(catalog: str, site: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for name, group in groupby(rows, key=lambda row: str(row["sensor"])):
        own = list(group)
        if not any(row["kept"] for row in own):
            best = max(own, key=lambda row: (float(row["day_clear"]), float(row["clear"])))
            raise InputError(
                f"All {len(own)} scenes of {name} in {catalog} are refused over site {site['name']}; the best is "
                f"{best['scene']}: {best['reason']}",
                f"lower `min_clear:`, widen `period:` or shorten `exclude:` in config/sites/{site['name']}.yaml",
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
