"""What `fit` learned, in a file: NumPy arrays and a line of JSON, no pickle and no torch."""

from __future__ import annotations

import ast
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stfuse import __version__
from stfuse.errors import InputError
from stfuse.job import whole
from stfuse.task import State

__all__ = ["VERSION", "image_name", "load_state", "method_version", "origin", "provenance", "read_meta", "save_state"]

VERSION = 2
"""The layout of state files; counted up when an older file can no longer be read."""

_META = "meta"
METHODS = Path(__file__).parent / "methods"
RETRAIN = "delete the file and run again so that the method is trained anew"


def save_state(
    path: str | Path,
    state: State,
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    scale: Mapping[str, float] | None = None,
    scenes: Sequence[Mapping[str, Any]] = (),
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
    scale : mapping, optional
        Of the training samples: ``fine`` and ``coarse`` pixel size in units of their grid, and their ``ratio``.
    scenes : sequence of mapping
        What was learned from: ``date`` (ISO), ``truth`` and ``inputs`` by their `image_name`, so that leaks
        can be looked for.
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
        "method_version": method_version(method["file"]),
        "settings": dict(method["settings"]),
        "bands": list(bands),
        "variable": variable,
        "scale": dict(scale) if scale else None,
        "scenes": [dict(scene) for scene in scenes],
        "seed": seed,
    }
    arrays: dict[str, Any] = {_META: np.array(json.dumps(meta, sort_keys=True)), **state}
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def method_version(file: str) -> int:
    """``VERSION`` of a method file, 1 where it has none; read without running the file."""
    path = METHODS / f"{file}.py"
    for node in ast.parse(path.read_text()).body if path.exists() else []:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "VERSION" for t in node.targets):
            return int(ast.literal_eval(node.value))
    return 1


def image_name(path: str | Path) -> str:
    """What to call an image whatever folder the results lie in: ``ard/kortrijk/sentinel2/2018-06-30``, for instance.

    The name of a name is the name.
    """
    parts = Path(path).with_suffix("").parts
    if "results" in parts:
        parts = parts[len(parts) - parts[::-1].index("results") :]
    return "/".join(parts[-3:] if Path(path).is_absolute() and "results" not in Path(path).parts else parts)


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
    """What made a state.

    Returns
    -------
    dict
        version (of the layout), stfuse, method, file, method_version, settings, bands, variable, scale, scenes, seed.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    return _read(path)[0]


def load_state(
    path: str | Path,
    method: Mapping[str, Any],
    bands: Sequence[str],
    variable: str,
    ratio: float | None = None,
    never: str | None = None,
) -> State:
    """Read a state back for the very method, bands and variable that it was made for.

    Parameters
    ----------
    method : mapping
        ``name``, ``file`` and ``settings``. The name may differ (two names can share a file
        and its settings), the file, its ``VERSION`` and the settings may not.
    ratio : float, optional
        Coarse pixel / fine pixel of what is to be predicted.
    never : str, optional
        `image_name` (or path, which is not opened) of the image that the prediction will be compared with.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    InputError
        If the file is missing or damaged; was made by another layout, method file, version of it or settings, or for
        other bands, another variable or ratio; or learned from the image `never`.
    """
    meta, state = _read(path)
    # Through JSON and back, as the file's side went: a tuple and a list are the same setting.
    expected = {
        "version": VERSION,
        "file": method["file"],
        "method_version": method_version(method["file"]),
        "settings": json.loads(json.dumps(dict(method["settings"]))),
        "bands": list(bands),
        "variable": variable,
    }
    for key, value in expected.items():
        if meta.get(key) != value:
            raise InputError(f"State {path} was made for {key} {meta.get(key)!r}, not {value!r}", RETRAIN)
    learned = (meta["scale"] or {}).get("ratio")
    if ratio is not None and learned is not None and not math.isclose(ratio, learned, rel_tol=1e-6):
        raise InputError(f"State {path} was made for ratio {learned:g}, not {ratio:g}", RETRAIN)
    if never is not None:
        _refuse_leak(path, meta["scenes"], image_name(never))
    return state


def _refuse_leak(path: str | Path, scenes: Sequence[Mapping[str, Any]], never: str) -> None:
    for scene in scenes:
        if never in (scene.get("truth"), *scene.get("inputs", ())):
            raise InputError(
                f"State {path} learned from {never} (training date {scene.get('date')}), the very image that its "
                "prediction is to be compared with",
                "delete the state and run again, so that the method is trained without that date",
            )


def origin(method: Mapping[str, Any], settings: Mapping[str, Any], state: str | Path) -> dict[str, str]:
    """What whatever was made with a state says of the method that made it.

    Parameters
    ----------
    method : mapping
        ``name`` and ``file``.
    settings : mapping
        All settings of the method, defaults among them.
    """
    return {
        "method": method["name"],
        "file": method["file"],
        "settings": json.dumps(dict(settings), sort_keys=True),
        "seed": str(read_meta(state)["seed"]),
        "stfuse": __version__,
    }


def provenance(
    sample: Mapping[str, Any], method: Mapping[str, Any], settings: Mapping[str, Any], variable: str, state: str | Path
) -> dict[str, str]:
    """What an image made with a state says of itself, enough to make it again.

    Parameters
    ----------
    sample : mapping
        See `stfuse.inputs.TaskFiles`.
    method : mapping
        ``name`` and ``file``.
    settings : mapping
        All settings of the method, defaults among them.
    """

    def dates(paths: list[str]) -> str:
        return " ".join(sorted(Path(p).stem for p in paths))

    return origin(method, settings, state) | {
        "date": sample["date"],
        "variable": variable,
        "references": dates(sample["fine"]),
        "coarse": dates(sample["coarse"]),
        "aux": " ".join(sorted(sample.get("aux", {}))),
    }
