"""The site's window of one scene's bands and mask, as delivered: results/raw/{site}/{sensor}/{scene}/."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.acquisition.access import read_text
from stfuse.acquisition.digests import sha256_of
from stfuse.acquisition.download import Window, bring, is_remote, settle
from stfuse.acquisition.links import FROM_NET, unsigned
from stfuse.acquisition.manifest import find_item, read_items
from stfuse.acquisition.scenes import find_asset
from stfuse.checks import safe_name
from stfuse.errors import InputError
from stfuse.harmonisation.masks import carry, mask_bands
from stfuse.harmonisation.scenemask import ground_bands, margin_of, mask_of
from stfuse.job import job, resumed, whole
from stfuse.products.encodings import LookAtPixels, find_encoding, offset_from_pixels
from stfuse.products.facts import facts_of
from stfuse.products.mtl import mtl_asset
from stfuse.products.sentinel2_offset import require_plausible
from stfuse.products.stored import Encoding
from stfuse.raster_stored import read_asset, read_stored

logger = logging.getLogger("stfuse.raw")

MARGIN = 4  # pixels around the site: room for the shift and the resampling kernel
GROUND_MARGIN = 2000  # metres around the site where pixels are looked at, when they must tell the offset
AT_ONCE = 4  # bands read at a time, unless the archive bears another number
OF_THE_ARCHIVE = ("alternate", "file:checksum", "file:size", "stfuse:band")  # what is not so of the files beside it

OF_THE_SEARCH = ("stfuse:sensors", "stfuse:kept", FROM_NET)  # what is not so of an item whose files lie beside it

Item = dict[str, Any]


def fetch(
    items: Path,
    scene: str,
    sensor: dict[str, Any],
    site: dict[str, Any],
    bands: list[str],
    out: Path,
    at_once: int = AT_ONCE,
) -> None:
    """Write one scene's folder: bands, masks, ``item.json``, ``scene.json`` and ``checksums.sha256``.

    The folder appears when it is whole. Bands that came over the network before a failure lie under a hidden name
    beside it, and are not fetched again.

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
    at_once : int
        Bands that are read at a time.

    Raises
    ------
    InputError
        If the item lacks a band, a file cannot be read, or its encoding cannot be told.
    """
    listed = read_items(items)
    item = find_item(listed, safe_name(scene, "A scene"), sensor)
    mask = mask_of(item, sensor, site)
    masks = mask_bands({"mask": mask})
    wanted = dict.fromkeys([*bands, *ground_bands({"mask": mask}), *masks])
    assets = {band: find_asset(item, sensor, band) for band in wanted}
    margins = {band: margin_of(band, mask, MARGIN) for band in assets}
    with _folder(out, keep=is_remote(assets, item)) as part:
        bring(assets, item, Window(site["crs"], tuple(site["bounds"]), margins), part, at_once)
        encodings = _Encodings(item, sensor, site)
        stored = {band: encodings.find(asset).as_dict() for band, asset in assets.items() if band not in masks}
        encodings.check(part, assets)
        window = partial(_window, site=site)
        facts = facts_of(item, sensor, site=site, read=read_text, window=window, others=listed)
        _write_json(part / "item.json", _kept(item, assets))
        _write_json(part / "scene.json", {**facts, "mask": mask, "bands": stored})
        settle(part, assets)
        _write_checksums(part)


@contextmanager
def _folder(out: Path, keep: bool) -> Iterator[Path]:
    """The folder to fill: from the network under a name that stays after a failure, else under one that vanishes."""
    with resumed(out) if keep else whole(out) as part:
        part.mkdir(exist_ok=True)
        yield part


def _window(asset: Item, item: Item, site: dict[str, Any], margin: int = MARGIN) -> tuple[NDArray[Any], GeoBox]:
    """The site's window of an asset as delivered, (y, x), and its grid."""
    values, grid, _ = read_asset(asset, item, tuple(site["bounds"]), site["crs"], margin)
    return values, grid


class _Encodings:
    """Encodings of one scene's bands; the pixels are looked at once at most, and only when the metadata do not tell."""

    def __init__(self, item: Item, sensor: dict[str, Any], site: dict[str, Any]) -> None:
        self.item, self.sensor, self.site = item, sensor, site
        self.rule = sensor["collections"][item["collection"]]["encoding"]
        self.settings = {**site, "mtl": self._metadata()}
        self.seen: tuple[float, str] | None = None

    def find(self, asset: Item) -> Encoding:
        try:
            return find_encoding(self.rule, self.item, asset, self.settings)
        except LookAtPixels:
            self.seen = self.seen or self._look()
            offset, why = self.seen
            plain = find_encoding(self.rule, self.item, asset, {**self.settings, "sentinel2_offset": "none"})
            return Encoding(plain.scale, offset, plain.nodata, plain.valid, why)

    def check(self, folder: Path, assets: dict[str, Item]) -> None:
        """Refuse Sentinel-2 numbers, fetched into a folder, whose rule makes them what no land is."""
        if self.rule != "sentinel2_l2a" or not {"red", *mask_bands(self.sensor)} <= set(assets):
            return
        (scl_band,) = mask_bands(self.sensor)
        red, grid = read_stored(folder / "red.tif")
        classes = _on_grid(*read_stored(folder / f"{scl_band}.tif"), grid, (4, 5))
        require_plausible(red, classes, self.find(assets["red"]), self.item["id"])

    def _metadata(self) -> str | None:
        asset = mtl_asset(self.item) if self.rule == "landsat_c2_l1_toa" else None
        return None if asset is None else read_text(asset, self.item)

    def _look(self) -> tuple[float, str]:
        read = {}
        (scl_band,) = mask_bands(self.sensor)
        for band in ("blue", "red", scl_band):
            asset = find_asset(self.item, self.sensor, band)
            pixel = self.sensor["bands"].get(band, max(self.sensor["bands"].values()))
            read[band] = _window(asset, self.item, self.site, int(GROUND_MARGIN // pixel))
        mask, mask_grid = read[scl_band]
        blue, grid = read["blue"]
        scl = _on_grid(mask, mask_grid, grid, (4, 5, 6, 7))
        try:
            return offset_from_pixels(blue, read["red"][0], scl)
        except ValueError as error:
            raise InputError(
                f"Whether the offset of 1000 is still in the numbers of {self.item['id']} cannot be told: its flags "
                f"contradict one another and the pixels do not decide ({error})",
                "write `sentinel2_offset: apply` or `none` in the site file, or take collection sentinel-2-c1-l2a",
            ) from error


def _on_grid(scl: NDArray[Any], source: GeoBox, grid: GeoBox, wanted: tuple[int, ...]) -> NDArray[np.uint8]:
    """The wanted classes on another grid, (y, x), 0 elsewhere."""
    classes = np.zeros(grid.shape, np.uint8)
    for value in wanted:
        classes[carry(scl == value, source, grid)] = value
    return classes


def _kept(item: Item, assets: dict[str, Item]) -> Item:
    """The item with its fetched assets pointing at the files beside it; other assets and all links are left out.

    Where a link led is of no use any more, and it may bear a signature.
    """
    beside = {
        band: {key: entry for key, entry in asset.items() if key not in OF_THE_ARCHIVE} | {"href": f"./{band}.tif"}
        for band, asset in assets.items()
    }
    kept = {key: entry for key, entry in item.items() if key not in OF_THE_SEARCH}
    return unsigned({**kept, "assets": beside, "links": []})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    (folder / "checksums.sha256").write_text("".join(f"{sha256_of(path)}  {path.name}\n" for path in files))


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        fetch(
            items=Path(snakemake.input.index),
            scene=snakemake.wildcards.scene,
            sensor=snakemake.params.sensor,
            site=snakemake.params.site,
            bands=list(snakemake.params.bands),
            out=Path(snakemake.output.scene),
            at_once=int(snakemake.resources.get("reads", AT_ONCE)),
        )
