"""Which scenes a site has, and which are clear enough to fetch: results/raw/{site}/scenes.csv and items.json."""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from stfuse.acquisition.archives import SHEET, Source, with_own
from stfuse.acquisition.finding import find
from stfuse.acquisition.kept import Kept, Look
from stfuse.acquisition.links import is_url
from stfuse.acquisition.looking import Key, look_at_all
from stfuse.acquisition.manifest import write_items
from stfuse.acquisition.scenes import Scene, cloud_cover, find_asset, orbit, superseded, track
from stfuse.checks import NAME
from stfuse.errors import InputError, NotNowError
from stfuse.harmonisation.masks import BoolArray, mask_bands, site_flags
from stfuse.harmonisation.scenemask import mask_of, scene_over_site
from stfuse.job import job, whole
from stfuse.products.encodings import find_encoding
from stfuse.products.stored import decode
from stfuse.raster_stored import read_asset

logger = logging.getLogger("stfuse.raw_scenes")

COLUMNS = (
    "sensor", "scene", "date", "datetime", "platform", "collection", "covered", "clear", "day_clear", "kept", "reason",
    "archive", "cloud_cover",
)  # fmt: skip
MARGIN = 2  # mask pixels around the site, so that a cloud just outside is widened into it
KEPT = ".looks"
"""A hidden folder beside the table, which outlives it."""
JUDGING = {"name", "period", "min_clear", "max_cloud", "exclude"}
"""Settings of a site on which no look depends."""

Sources = str | Mapping[str, Sequence[Source | Mapping[str, Any]]]


def find_scenes(
    sources: Sources,
    site: dict[str, Any],
    sensors: dict[str, dict[str, Any]],
    scenes: Path,
    items: Path,
    code: str = "",
) -> None:
    """List every scene of the site's period, judged by its mask over the site alone; without a mask, by its data.

    Scenes of one sensor and day are one image to come, so they are judged together: a pixel is clear that is clear in
    any of them. On a day that is clear enough, every scene with a clear pixel is kept. Backscatter depends on where it
    is looked at from: of a day's orbits the one that covers most of the site stays.

    Parameters
    ----------
    sources : str, or mapping of sensor to its archives
        Path or URL of one STAC catalogue or API for all, or per sensor the archives to search (`Source` or its
        attributes), the preferred ones first.
    site
        Content of its config file, with `name`. Its `exclude`, ``{sensor: [ISO dates]}``, names scenes known to be bad;
        scenes that are cloudier as a whole than `max_cloud` percent are not looked at.
    sensors
        Contents of the config files of the sensors to search for, by name.
    scenes : Path
        The table to write, one row per scene; `covered` and `clear` are the scene's shares of the site's area,
        `day_clear` is the share that all usable scenes of its day show clear together. `cloud_cover` is the archive's,
        percent of the whole scene, empty where unknown.
    items : Path
        The STAC ItemCollection to write; links unsigned, relative to it where the catalogue is local.

    code : str
        A digest of the code that reads masks: looks by other code are of no use.

    What scenes on the net show is kept beside the table in the hidden folder ``.looks``, as are the archives' answers:
    a search that was stopped goes on, and one with other wishes (`min_clear`, `max_cloud`, `exclude`, `period`) reads
    only scenes that no search has read.

    Raises
    ------
    NotNowError
        If an archive does not answer now, or does not hand out a scene; then no table is written.
    InputError
        If the catalogue cannot be read, or a sensor has no scene over the site in the period, or none clear enough.
    """
    archives = {name: _sources_of(sources, name) for name in sensors}
    known = {name: with_own(s) if any(a.kind == SHEET for a in archives[name]) else s for name, s in sensors.items()}
    folder = scenes.parent / KEPT
    found: dict[str, list[Scene]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    kept: dict[str, list[Scene]] = {}
    named = {name for name, s in known.items() if any("ids_from" in entry for entry in s["collections"].values())}
    # Sensors whose items are named by those of others come after them. What cannot be found is said before any is read.
    for names in ([name for name in known if name not in named], [name for name in known if name in named]):
        found |= {name: find(known[name], site, archives[name], kept, Kept(folder)) for name in names}
        for name in names:
            rows[name] = _judge(found[name], site, known[name], archives[name], folder, code)
            _require_clear(site, rows[name])
            good = {(row["archive"], row["collection"], row["scene"]) for row in rows[name] if row["kept"]}
            kept[name] = [scene for scene in found[name] if scene.key in good]
    with whole(scenes) as part, part.open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(row for name in sensors for row in rows[name])
    every, good_ones = ([scene for name in sensors for scene in some[name]] for some in (found, kept))
    write_items(items, every, good_ones)


def _sources_of(sources: Sources, sensor: str) -> list[Source]:
    given = [sources] if isinstance(sources, str) else sources[sensor]
    return [one if isinstance(one, Source) else Source.of(one) for one in given]


def _judge(
    scenes: list[Scene],
    site: dict[str, Any],
    sensor: dict[str, Any],
    archives: Sequence[Source],
    folder: Path,
    code: str,
) -> list[dict[str, Any]]:
    """Rows of one sensor's scenes. Where a scene cannot be read, its next best copy is looked at in its place."""
    depends = {key: value for key, value in site.items() if key not in JUDGING}
    kept = Kept(folder, [depends, sensor, MARGIN, code])
    looks: dict[Key, Look] = {}
    while True:
        readable = [scene for scene in scenes if scene.key not in looks or not looks[scene.key].error]
        refused = _refused(readable, site, sensor, [archive.name for archive in archives])
        new = [scene for scene in readable if scene.key not in refused and scene.key not in looks]
        if not new:
            break
        looks |= look_at_all(new, lambda scene: _look(scene, site, sensor), archives, kept)
    _require_readable(site, scenes, looks)
    looks |= {key: Look(reason) for key, reason in refused.items()}
    rows = []
    for _, group in groupby(scenes, key=lambda scene: scene.date):
        day = list(group)
        seen = [looks[scene.key] for scene in day]
        if sensor.get("quantity") == "backscatter":
            seen = _one_track(day, seen)
        rows += _judge_day(day, seen, float(site["min_clear"]))
    for day in sorted(_excluded(site, sensor) - {scene.date for scene in scenes}):
        logger.warning("`exclude:` names %s of %s, but no scene has that date", day, sensor["name"])
    return rows


def _excluded(site: dict[str, Any], sensor: dict[str, Any]) -> set[str]:
    return {str(day) for day in (site.get("exclude") or {}).get(sensor["name"], [])}


def _refused(scenes: list[Scene], site: dict[str, Any], sensor: dict[str, Any], archives: list[str]) -> dict[Key, str]:
    """Why scenes are not even looked at, by their key."""
    refused: dict[Key, str] = {}
    for key, best in superseded(scenes, sensor["collections"], archives).items():
        other = f"in another archive too, {best.id} in {best.archive}"
        refused[key] = other if best.archive != key[0] else f"replaced by another processing, {best.id}"
    excluded = _excluded(site, sensor)
    most, names = float(site.get("max_cloud", 100)), set[str]()
    for scene in scenes:
        cloud, wanted = cloud_cover(scene.item), sensor.get("orbit", "any")
        if not NAME.fullmatch(scene.id):
            refused.setdefault(scene.key, "its name cannot be a folder's")
        if scene.date in excluded:
            refused.setdefault(scene.key, "excluded by the site file")
        if orbit(scene.item) and wanted not in ("any", orbit(scene.item)):
            refused.setdefault(scene.key, f"{orbit(scene.item)} orbit, the sensor file asks for {wanted}")
        if cloud is not None and cloud > most:
            refused.setdefault(scene.key, f"cloudy as a whole: {cloud:.0f}% by the archive, max_cloud is {most:.0f}%")
        if scene.key not in refused and scene.id in names:
            refused[scene.key] = "another scene has the same name"
        if scene.key not in refused:
            names.add(scene.id)
    return refused


def _one_track(day: list[Scene], looks: list[Look]) -> list[Look]:
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


def _judge_day(day: list[Scene], looks: list[Look], min_clear: float) -> list[dict[str, Any]]:
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
        cloud = cloud_cover(scene.item)
        whence = (scene.archive, "" if cloud is None else f"{cloud:.2f}")
        rows.append(dict(zip(COLUMNS, (*facts, *shares, int(not reason), reason, *whence), strict=True)))
    return rows


def _look(scene: Scene, site: dict[str, Any], sensor: dict[str, Any]) -> Look:
    mask = mask_of(scene.item, sensor, site)
    bounds = tuple(site["bounds"])
    try:
        # A scene that lacks a band (one polarisation), or whose numbers nobody can read, cannot serve.
        assets = {band: find_asset(scene.item, sensor, band) for band in mask_bands({"mask": mask}) or sensor["bands"]}
        first = next(iter(assets.values()))
        rule = sensor["collections"][scene.collection]["encoding"]
        # What is data does not depend on an offset, which the pixels may have to tell.
        encoding = None if mask else find_encoding(rule, scene.item, first, {**site, "sentinel2_offset": "none"})
    except InputError as error:
        # A user's own catalogue can be mended; of an archive's one item must not stop the search.
        if mask and not any(is_url(asset["href"]) for asset in scene.item["assets"].values()):
            raise
        return Look(error.found, error=error)
    try:
        wanted = assets if mask else dict(list(assets.items())[:1])
        read = {band: read_asset(asset, scene.item, bounds, site["crs"], MARGIN) for band, asset in wanted.items()}
    except NotNowError:
        raise
    except InputError as error:
        if not is_url(first["href"]):
            raise
        # Archives on the net have dead links; one must not stop the search.
        logger.warning("%s: %s", scene.id, error.found)
        return Look(f"its {'mask' if mask else 'data'} cannot be read or does not cover the site", error=error)
    if mask:
        covered, clear = scene_over_site(mask, {band: (values, grid) for band, (values, grid, _) in read.items()}, site)
    elif encoding:
        values, grid, _ = next(iter(read.values()))
        covered = clear = site_flags(np.isfinite(decode(values, encoding)), grid, site["crs"], bounds)
    return Look("" if covered.any() else "no data over the site", float(covered.mean()), clear)


def _require_readable(site: dict[str, Any], scenes: list[Scene], looks: Mapping[Key, Look]) -> None:
    errors = [look.error for look in looks.values() if look.error]
    if errors and len(errors) == len(looks):
        archives = ", ".join(dict.fromkeys(scene.archive for scene in scenes if scene.key in looks))
        raise InputError(
            f"None of the {len(looks)} scenes of {scenes[0].sensor} that {archives} has over site {site['name']} can "
            f"be read. The first: {errors[0].found}",
            errors[0].cure,
        )


def _require_clear(site: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    if not any(row["kept"] for row in rows):
        best = max(rows, key=lambda row: (float(row["day_clear"]), float(row["clear"])))
        archives = ", ".join(dict.fromkeys(str(row["archive"]) for row in rows))
        raise InputError(
            f"All {len(rows)} scenes of {best['sensor']} in {archives} are refused over site {site['name']}; the best "
            f"is {best['scene']}: {best['reason']}",
            f"lower `min_clear:`, raise `max_cloud:`, widen `period:` or shorten `exclude:` in "
            f"config/sites/{site['name']}.yaml",
        )


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        find_scenes(
            sources=snakemake.params.sources,
            site=snakemake.params.site,
            sensors=snakemake.params.sensors,
            scenes=Path(snakemake.output.scenes),
            items=Path(snakemake.output.index),
            code=snakemake.params.code,
        )
