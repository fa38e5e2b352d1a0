"""What `fit` learned, in a file: NumPy arrays and a line of JSON, no pickle and no torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stfuse import __version__
from stfuse.errors import InputError
from stfuse.job import whole
from stfuse.task import State

__all__ = ["VERSION", "load_state", "read_meta", "save_state"]

VERSION = 1
"""The layout of state files; counted up when an older file can no longer be read."""

_META = "meta"
RETRAIN = "delete the file and run again so that the method is trained anew"


def save_state(
    path: str | Path,
    state: State,
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    ratio: float | None = None,
    dates: Sequence[str] = (),
    seed: int = 0,
) -> None:
    """Write a state and what made it.

    Parameters
    ----------
    path : path
        The ``.npz`` to write; it appears only when whole.
    state : mapping of str to ndarray
        Empty for closed-form methods.
    method : mapping
        ``name``, ``file`` and ``settings`` of the method, as in the config.
    bands : sequence of str
        STAC common names, in order.
    variable : {"reflectance", "ndvi"}
    ratio : float, optional
        Coarse pixel / fine pixel of the training samples.
    dates : sequence of str
        ISO dates of the training samples, so that leaks can be looked for.
    seed : int

    Raises
    ------
    ValueError
        If an array is called ``meta`` or holds Python objects.
    """
    wrong = [name for name, array in state.items() if name == _META or np.asarray(array).dtype.hasobject]
    if wrong:
        raise ValueError(f"A state holds plain named arrays, none of them called {_META!r}; found {wrong}.")
    meta = {
        "version": VERSION,
        "stfuse": __version__,
        "method": method["name"],
        "file": method["file"],
        "settings": dict(method["settings"]),
        "bands": list(bands),
        "variable": variable,
        "ratio": ratio,
        "dates": list(dates),
        "seed": seed,
    }
    arrays: dict[str, Any] = {_META: np.array(json.dumps(meta, sort_keys=True)), **state}
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def _read(path: str | Path) -> tuple[dict[str, Any], State]:
    try:
        # Pickle stays off: a state file from elsewhere can then run no code here.
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        meta = json.loads(str(state.pop(_META)))
    except FileNotFoundError as error:
        raise InputError(f"State {path} was not found", "train the method first") from error
    except (OSError, ValueError, TypeError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no whole state file ({error})", RETRAIN) from error
    if not isinstance(meta, dict):
        raise InputError(f"{path} is no whole state file (its meta is {meta!r})", RETRAIN)
    return meta, state


def read_meta(path: str | Path) -> dict[str, Any]:
    """What made a state: version (of the layout), stfuse, method, file, settings, bands, variable, ratio, dates, seed.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    return _read(path)[0]


def load_state(path: str | Path, method: Mapping[str, Any], bands: Sequence[str], variable: str) -> State:
    """Read a state back for the very method, bands and variable that it was made for.

    Parameters
    ----------
    method : mapping
        ``name``, ``file`` and ``settings``. The name may differ (two names can share a file
        and its settings), the file and the settings may not.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    InputError
        If the file is missing or damaged, or was made by another layout, method file or
        settings, or for other bands or another variable.
    """
    meta, state = _read(path)
    # Through JSON and back, as the file's side went: a tuple and a list are the same setting.
    expected = {
        "version": VERSION,
        "file": method["file"],
        "settings": json.loads(json.dumps(dict(method["settings"]))),
        "bands": list(bands),
        "variable": variable,
    }
    for key, value in expected.items():
        if meta.get(key) != value:
            raise InputError(f"State {path} was made for {key} {meta.get(key)!r}, not {value!r}", RETRAIN)
    return state
