"""Where trainings of a job leave their checkpoints. Standard library only: closed-form methods need no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MINUTES", "Place", "fingerprint", "next_place", "resuming"]

MINUTES = 5.0
"""From one checkpoint to the next, where nobody asks for another number."""


@dataclass(frozen=True)
class Place:
    """A training's file, what a checkpoint in it must belong to, and minutes from one to the next."""

    file: Path
    belongs: str
    minutes: float = MINUTES


@dataclass
class _Folder:
    path: Path
    belongs: str
    minutes: float
    begun: int = 0


_FOLDER: ContextVar[_Folder | None] = ContextVar("folder", default=None)


@contextmanager
def resuming(folder: Path, belongs: str, minutes: float = MINUTES) -> Iterator[None]:
    """Let every training in this block write checkpoints into a folder, and go on from those that it finds there.

    The trainings are told apart by their order: the first writes ``1.pt``, the second ``2.pt``. So they must come in
    the same order again, as in a ``fit``.

    Parameters
    ----------
    folder : path
        Made with the first checkpoint. Whoever writes the result removes it.
    belongs : str
        `fingerprint` of all that the trainings depend on; checkpoints of another are put aside.
    minutes : float
        After which a training is written down again; 0: after every step. No result depends on it.
    """
    token = _FOLDER.set(_Folder(folder, belongs, minutes))
    try:
        yield
    finally:
        _FOLDER.reset(token)


def next_place(*things: Any) -> Place | None:
    """The place of the next training in the `resuming` block; None outside of one.

    Parameters
    ----------
    *things
        What this training depends on besides, as JSON can say it.
    """
    folder = _FOLDER.get()
    if folder is None:
        return None
    folder.begun += 1
    return Place(folder.path / f"{folder.begun}.pt", fingerprint(folder.belongs, *things), folder.minutes)


def fingerprint(*things: Any) -> str:
    """A digest of things that JSON can say.

    Any text among them that is the path of a file counts with the file's size and time of change.
    """
    seen = {
        text: (found.st_size, found.st_mtime_ns)
        for text in _texts(things)
        if len(text) < 4096 and "\0" not in text and Path(text).is_file()
        for found in [Path(text).stat()]
    }
    return hashlib.sha256(json.dumps([things, seen], sort_keys=True).encode()).hexdigest()


def _texts(thing: Any) -> Iterator[str]:
    """All strings in nested lists and dictionaries."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        yield from (text for value in thing.values() for text in _texts(value))
    elif isinstance(thing, list | tuple):
        yield from (text for value in thing for text in _texts(value))
