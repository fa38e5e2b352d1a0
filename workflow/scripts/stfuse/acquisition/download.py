"""The bands of one scene read several at a time into a folder, which may hold some of them already."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stfuse.acquisition.digests import require_checksum, sha256_of
from stfuse.acquisition.links import href_of, kind_of, unsigned
from stfuse.job import STOP, whole
from stfuse.products.stored import stated
from stfuse.raster_stored import read_asset, write_stored

logger = logging.getLogger(__name__)
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """Which part of a scene's rasters is read.

    Attributes
    ----------
    crs : str
    bounds : (left, bottom, right, top)
        In units of `crs`.
    margins : mapping of band to pixels
        How far the window of each band reaches beyond the bounds.
    """

    crs: str
    bounds: tuple[float, float, float, float]
    margins: Mapping[str, int]


def is_remote(assets: Mapping[str, Json], item: Json) -> bool:
    """Whether any of the assets comes over the network, so that what was read of them is worth keeping."""
    return any(kind_of(asset, item) != "local" for asset in assets.values())


def bring(assets: Mapping[str, Json], item: Json, window: Window, folder: Path, at_once: int) -> None:
    """Write the window of each asset to ``{band}.tif``, as delivered; those that are whole already are not read again.

    Each band is written beside its name and renamed, and then its checksum and what it was read from are noted in
    ``.{band}.json``, so that a folder left by a job that was killed holds nothing doubtful. Whatever else lies in the
    folder is deleted first.

    Parameters
    ----------
    assets : mapping of band to asset
        STAC JSON, links unsigned.
    item : mapping
        STAC JSON of the scene.
    window : Window
    folder : Path
    at_once : int
        Bands that are read at a time.

    Raises
    ------
    InputError
        If a band cannot be read, or a local file is not the one whose checksum its item states. Bands that are being
        read are still finished; no further one is begun.
    """
    _check_local(assets, item)
    notes = {band: _note(asset, item, window, band) for band, asset in assets.items()}
    there = [band for band in assets if _is_whole(folder, band, notes[band])]
    _clear(folder, keep={name for band in there for name in (f"{band}.tif", f".{band}.json")})
    if there:
        logger.info("%s: %d of %d bands are there from an earlier try", item["id"], len(there), len(assets))

    def one(band: str) -> int:
        values, grid, says = read_asset(assets[band], item, window.bounds, window.crs, window.margins[band])
        nodata = stated(assets[band])["nodata"]
        path = folder / f"{band}.tif"
        write_stored(path, values, grid, says["nodata"] if nodata is None else nodata)
        with whole(folder / f".{band}.json") as part:
            part.write_text(json.dumps({"asked": notes[band], "sha256": sha256_of(path)}))
        return path.stat().st_size

    _all_of(one, [band for band in assets if band not in there], str(item["id"]), at_once)


def _check_local(assets: Mapping[str, Json], item: Json) -> None:
    """Refuse local files that are not what their item says, each read once; of remote ones only a window is read."""
    local = (asset for asset in assets.values() if kind_of(asset, item) == "local")
    stated = {(href_of(asset), asset.get("file:checksum")) for asset in local}
    for href, checksum in sorted((href, str(checksum)) for href, checksum in stated if checksum):
        if Path(href).is_file():
            require_checksum(Path(href), checksum, href)


def settle(folder: Path, assets: Mapping[str, Json]) -> None:
    """Take the notes of `bring` away, once all else that belongs into the folder is there too."""
    for band in assets:
        (folder / f".{band}.json").unlink()


def _all_of(one: Callable[[str], int], bands: list[str], scene: str, at_once: int) -> None:
    """Read bands, with a bar on a terminal and a line a band in the log."""
    with ThreadPoolExecutor(max(1, at_once)) as pool:
        jobs = {pool.submit(one, band): band for band in bands}
        try:
            # `disable=None`: no bar where nobody looks.
            bar = tqdm(as_completed(jobs), scene, len(jobs), leave=False, unit="band", disable=None)
            for number, done in enumerate(bar, 1):
                logger.info("%s: %s, %d of %d, %d bytes", scene, jobs[done], number, len(jobs), done.result())
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):  # the job is ended from outside: do not wait for an archive
                STOP.set()
            raise


def _note(asset: Json, item: Json, window: Window, band: str) -> str:
    """A digest of what is asked for: what was read for another site or from another version is of no use."""
    updated = (item.get("properties") or {}).get("updated")
    asked = [unsigned(asset), item.get("id"), updated, window.crs, list(window.bounds), window.margins[band]]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _is_whole(folder: Path, band: str, note: str) -> bool:
    try:
        stored = json.loads((folder / f".{band}.json").read_text())
        return bool(stored == {"asked": note, "sha256": sha256_of(folder / f"{band}.tif")})
    except (OSError, ValueError):
        return False


def _clear(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
