"""What archives answered and what their scenes showed, kept in a hidden folder for later searches of the same site.

A search reads pixels of hundreds of scenes, and is repeated whenever a setting of the site changes. Nothing here is a
result: the folder may be deleted at any time, at the cost of a longer search.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.acquisition.archives import Source
from stfuse.acquisition.links import is_url, unsigned
from stfuse.acquisition.patience import ArchiveDownError
from stfuse.acquisition.scenes import Scene
from stfuse.errors import InputError
from stfuse.job import whole

logger = logging.getLogger(__name__)

Found = tuple[list[dict[str, Any]], str]
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Look:
    """What a scene shows of a site: where it is clear, and the share that it covers, or why it cannot serve.

    Attributes
    ----------
    reason : str
        Why it cannot serve; empty where it can.
    covered : float
        Share of the site.
    clear : ndarray of bool, shape (y, x), or None
    error : InputError or None
        Why it cannot be read, now and later.
    """

    reason: str
    covered: float = 0.0
    clear: NDArray[np.bool_] | None = None
    error: InputError | None = None

    @property
    def share(self) -> float:
        """Of the site that is clear."""
        return 0.0 if self.clear is None else float(self.clear.mean())


@dataclass(frozen=True)
class Kept:
    """A folder of answers and looks.

    What came from files at hand is not kept: they are read quickly, and may change unnoticed.

    Attributes
    ----------
    folder : Path
    settings : JSON
        All that looks depend on beside their items.
    """

    folder: Path
    settings: Any = None

    def look(self, scene: Scene) -> Look | None:
        """What a scene showed earlier, if it was read whole and neither it nor any setting changed since."""
        try:
            with np.load(self._of(scene), allow_pickle=False) as file:
                count = int(np.prod(file["shape"]))
                clear = np.unpackbits(file["clear"], count=count).astype(bool).reshape(file["shape"])
                return Look(str(file["reason"]), float(file["covered"]), clear)
        except DAMAGED:
            return None

    def keep(self, scene: Scene, look: Look) -> None:
        """Keep what was read from the net; of what could not be read nothing, for it may be mended."""
        if look.clear is None or look.error or not any(is_url(a["href"]) for a in scene.item["assets"].values()):
            return
        with whole(self._of(scene)) as part:
            np.savez_compressed(
                part, reason=look.reason, covered=look.covered, clear=np.packbits(look.clear), shape=look.clear.shape
            )

    def _of(self, scene: Scene) -> Path:
        item = {key: value for key, value in unsigned(scene.item).items() if key != "links"}
        return self.folder / f"{_digest([scene.key, item, self.settings])}.npz"

    def answer(self, source: Source, question: Any, ask: Callable[[], Found]) -> Found:
        """The answer of an archive; where it gives none now, the one that it gave to the same question earlier.

        Raises
        ------
        ArchiveDownError
            If it gives none, and none is kept.
        """
        if not is_url(source.href):
            return ask()
        path = self.folder / f"{_digest([source.name, source.href, question])}.json.gz"
        try:
            items, looked = ask()
        except ArchiveDownError as error:
            return _earlier(path, error)
        said = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "looked": looked}
        with whole(path) as part, gzip.open(part, "wt") as file:
            json.dump({**said, "items": [unsigned(item) for item in items]}, file)
        return items, looked


def _earlier(path: Path, error: ArchiveDownError) -> Found:
    try:
        with gzip.open(path, "rt") as file:
            kept = json.load(file)
        items, looked, when = list(kept["items"]), str(kept["looked"]), str(kept["when"])
    except DAMAGED:
        raise error from None
    logger.warning("%s. ITS ANSWER OF %s IS USED: what it got since is not among the scenes", error.found, when)
    return items, looked


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]
