"""Looking at many scenes, as many at a time as each archive bears, until one no longer hands out its files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from tqdm import tqdm

from stfuse.acquisition.archives import Source
from stfuse.acquisition.kept import Kept, Look
from stfuse.acquisition.scenes import Scene
from stfuse.errors import NotNowError

logger = logging.getLogger(__name__)

Key = tuple[str, str, str]

TOLD = 25  # scenes between two lines in the log
ENOUGH = 6
"""Scenes in a row that an archive did not hand out, each asked for several times, before it is asked for no more."""
NAMED = 5  # dates in a message


class _Patience:
    """How often in a row each archive failed, counted by all threads."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.lock = Lock()

    def note(self, archive: str, failed: bool) -> None:
        with self.lock:
            if not self.over(archive):  # what was under way still ends
                self.failures[archive] = self.failures[archive] + 1 if failed else 0

    def over(self, archive: str) -> bool:
        return self.failures[archive] >= ENOUGH


def look_at_all(
    scenes: Sequence[Scene], look: Callable[[Scene], Look], archives: Sequence[Source], kept: Kept
) -> dict[Key, Look]:
    """What scenes show; those that were looked at earlier are not read again.

    Parameters
    ----------
    scenes : sequence of Scene
        Of one sensor.
    look : callable
        Reads one scene.
    archives : sequence of Source
        Those of the scenes.
    kept : Kept
        Looks of earlier searches; each new one is added as it ends.

    Raises
    ------
    NotNowError
        If an archive does not hand out a scene now. The others are looked at nevertheless, but for those of an archive
        that failed `ENOUGH` times in a row.
    """
    # A pool each: threads that wait for one archive must not keep another waiting.
    pools = {archive.name: ThreadPoolExecutor(archive.at_once) for archive in archives}
    patience = _Patience()
    looks: dict[Key, Look] = {}
    missed: dict[Key, NotNowError | None] = {}
    try:
        futures = [pools[scene.archive].submit(_one, scene, look, kept, patience) for scene in scenes]
        # disable=None: no bar where nobody watches.
        bar = tqdm(futures, unit="scene", desc=f"look at {scenes[0].sensor}" if scenes else "", disable=None)
        for number, (scene, future) in enumerate(zip(scenes, bar, strict=True), start=1):
            found = future.result()
            if isinstance(found, Look):
                looks[scene.key] = found
            else:
                missed[scene.key] = found
            if number % TOLD == 0 or number == len(scenes):
                logger.info("%s: %s of %s scenes looked at", scene.sensor, number - len(missed), len(scenes))
    finally:
        for pool in pools.values():
            pool.shutdown(cancel_futures=True)
    if missed:
        raise _not_now(scenes, missed)
    return looks


def _one(scene: Scene, look: Callable[[Scene], Look], kept: Kept, patience: _Patience) -> Look | NotNowError | None:
    """A scene's look, why there is none now, or nothing where its archive is asked no more."""
    earlier = kept.look(scene)
    if earlier is not None or patience.over(scene.archive):
        return earlier
    try:
        found = look(scene)
    except NotNowError as error:
        logger.warning("%s in %s: %s", scene.id, scene.archive, error.found)
        patience.note(scene.archive, failed=True)
        return error
    patience.note(scene.archive, failed=False)
    kept.keep(scene, found)
    return found


def _not_now(scenes: Sequence[Scene], missed: dict[Key, NotNowError | None]) -> NotNowError:
    """What is said where some scenes could not be looked at."""
    unseen = [scene for scene in scenes if scene.key in missed]
    why = next(error for error in missed.values() if error is not None)
    silent = sorted({key[0] for key, error in missed.items() if error is None})
    stopped = f"; {' and '.join(silent)} failed {ENOUGH} times in a row and was asked no more" if silent else ""
    days = sorted({scene.date for scene in unseen if missed[scene.key] is not None})
    named = ", ".join(days[:NAMED]) + (f" and {len(days) - NAMED} more" if len(days) > NAMED else "")
    archives = ", ".join(dict.fromkeys(scene.archive for scene in unseen))
    return NotNowError(
        f"{len(unseen)} of {len(scenes)} scenes of {scenes[0].sensor} could not be looked at, because {archives} does "
        f"not hand out its files now{stopped}. The first: {why.found}",
        f"try again later: the {len(scenes) - len(unseen)} others are kept, and only the rest is asked for; where it "
        f"stays so, leave out the dates by `exclude:` in the site's file ({named}), or take another archive in "
        "`catalog:`",
    )
