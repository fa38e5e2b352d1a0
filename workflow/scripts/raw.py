"""The site's window of one scene's bands and mask, as delivered: results/raw/{site}/{sensor}/{scene}/."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.catalogue import is_url, read_json, readable
from stfuse.encodings import LookAtPixels, find_encoding, offset_from_pixels
from stfuse.errors import InputError
from stfuse.facts import facts_of
from stfuse.job import job, whole
from stfuse.masks import carry, mask_bands
from stfuse.raster_stored import read_window, write_stored
from stfuse.scenes import find_asset
from stfuse.stored import Encoding, stated

logger = logging.getLogger("stfuse.raw")

MARGIN = 4  # pixels around the site: room for the shift and the resampling kernel
GROUND_MARGIN = 2000  # metres around the site where pixels are looked at, when they must tell the offset


def fetch(items: Path, scene: str, sensor: dict[str, Any], site: dict[str, Any], bands: list[str], out: Path) -> None:
    """Write one scene's folder: bands, masks, ``item.json``, ``scene.json`` and ``checksums.sha256``.

    Parameters
    ----------
    items : Path
        The ItemCollection that the search wrote.
    scene : str
        Id of the item.
    sensor, site
        Contents of their config files, with `name`.
    bands : list of str
        STAC common names.
    out : Path
        The folder to make.

    Raises
    ------
    InputError
        If the item lacks a band, a file cannot be read, or its encoding cannot be told.
    """
    item = _find_item(items, scene, sensor)
    masks = mask_bands(sensor)
    assets = {band: find_asset(item, sensor, band) for band in [*bands, *masks]}
    with whole(out) as part:
        part.mkdir()
        encodings = _Encodings(item, sensor, site)
        facts: dict[str, Any] = {}
        for band, asset in assets.items():
            values, grid, says = _read(asset, item, site, MARGIN)
            nodata = stated(asset)["nodata"]
            write_stored(part / f"{band}.tif", values, grid, says["nodata"] if nodata is None else nodata)
            if band not in masks:
                facts[band] = encodings.find(asset).as_dict()
        _write_json(part / "item.json", _unsigned(item, assets))
        _write_json(part / "scene.json", {**facts_of(item, sensor), "mask": sensor.get("mask"), "bands": facts})
        _write_checksums(part)


def _find_item(items: Path, scene: str, sensor: dict[str, Any]) -> dict[str, Any]:
    cure = "delete it so that the catalogue is searched again"
    try:
        features = json.loads(items.read_text())["features"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{items} cannot be read ({error})", cure) from error
    for item in features:
        if item["id"] == scene and item["collection"] in sensor["collections"]:
            for asset in item["assets"].values():
                if not is_url(asset["href"]):
                    asset["href"] = str(items.parent / asset["href"])
            return dict(item)
    raise InputError(f"{items} has no scene {scene} of {sensor['name']}", cure)


def _read(
    asset: dict[str, Any], item: dict[str, Any], site: dict[str, Any], margin: int
) -> tuple[NDArray[Any], GeoBox, dict[str, Any]]:
    href = readable(asset, item["properties"])
    try:
        return read_window(href, tuple(site["bounds"]), site["crs"], margin)
    except InputError as error:
        if href == asset["href"]:
            raise
        # The message would hold the signed link.
        cause = type(error.__cause__).__name__
        raise InputError(f"{asset['href']} cannot be read ({cause})", "try again later") from None


class _Encodings:
    """Encodings of one scene's bands; the pixels are looked at once at most, and only when the metadata do not tell."""

    def __init__(self, item: dict[str, Any], sensor: dict[str, Any], site: dict[str, Any]) -> None:
        self.item, self.sensor, self.site = item, sensor, site
        self.rule = sensor["collections"][item["collection"]]["encoding"]
        self.settings = {**site, "mtl": self._metadata()}
        self.seen: tuple[float, str] | None = None

    def find(self, asset: dict[str, Any]) -> Encoding:
        try:
            return find_encoding(self.rule, self.item, asset, self.settings)
        except LookAtPixels:
            self.seen = self.seen or self._look()
            offset, why = self.seen
            plain = find_encoding(self.rule, self.item, asset, {**self.settings, "sentinel2_offset": "none"})
            return Encoding(plain.scale, offset, plain.nodata, plain.valid, why)

    def _metadata(self) -> dict[str, Any] | None:
        keys = [k for k in ("mtl.json", "MTL.json") if k in self.item["assets"]]
        if self.rule != "landsat_c2_l1_toa" or not keys:
            return None
        return read_json(readable(self.item["assets"][keys[0]], self.item["properties"]))

    def _look(self) -> tuple[float, str]:
        read = {}
        (scl_band,) = mask_bands(self.sensor)
        for band in ("blue", "red", scl_band):
            asset = find_asset(self.item, self.sensor, band)
            pixel = self.sensor["bands"].get(band, max(self.sensor["bands"].values()))
            read[band] = _read(asset, self.item, self.site, int(GROUND_MARGIN // pixel))
        mask, mask_grid, _ = read[scl_band]
        blue, grid, _ = read["blue"]
        scl = np.zeros(blue.shape, np.uint8)
        for value in (4, 5, 6, 7):
            scl[carry(mask == value, mask_grid, grid)] = value
        try:
            return offset_from_pixels(blue, read["red"][0], scl)
        except ValueError as error:
            raise InputError(
                f"Whether the offset of 1000 is still in the numbers of {self.item['id']} cannot be told: its flags "
                f"contradict one another and the pixels do not decide ({error})",
                "write `sentinel2_offset: apply` or `none` in the site file, or take collection sentinel-2-c1-l2a",
            ) from error


def _unsigned(item: dict[str, Any], assets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The item with its fetched assets pointing at the files beside it, and the others left out."""
    kept = {band: {**asset, "href": f"./{band}.tif"} for band, asset in assets.items()}
    return {**item, "assets": kept}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "checksums.sha256").write_text("".join(lines))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        fetch(
            items=Path(snakemake.input.index),
            scene=snakemake.wildcards.scene,
            sensor=snakemake.params.sensor,
            site=snakemake.params.site,
            bands=list(snakemake.params.bands),
            out=Path(snakemake.output.scene),
        )
