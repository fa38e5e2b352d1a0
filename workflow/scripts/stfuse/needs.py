"""What a method needs, readable without importing the method (and torch with it).

Only the standard library is imported here, because the Snakefile reads these
declarations at every dry run.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from stfuse.errors import InputError
from stfuse.learning.plan import Plan

References = Literal["none", "nearest", "bracketing", "all"]
Samples = Literal["none", "wald", "pairs", "target", "series"]


@dataclass(frozen=True)
class Needs:
    """The inputs a method asks the workflow for.

    Attributes
    ----------
    references : {"none", "nearest", "bracketing", "all"}
        Which fine dates accompany a target: none, the nearest, the nearest before and
        after (the two nearest where one side is empty), or every usable one.
    also : tuple of str
        What else of these a config entry may ask for by ``references:``: one pair or two, say.
    coarse : bool
        Whether a coarse image of the target date is needed.
    pairs : bool
        Whether each reference needs a coarse image of (nearly) its own date.
    aux : tuple of str
        Auxiliary series without which the method cannot run.
    uses : tuple of str
        Auxiliary series that the method uses where the experiment has them.
    guides : tuple of str
        Guides (NDVI from radar, under ``guides:`` of a gap experiment) without which the method cannot run.
    by_setting : tuple of (str, str, str, str)
        Setting, value, ``aux`` or ``guides``, name: with that value of the setting the method needs that series, too.
        The last two are empty where a value needs none.
    beside : tuple of str
        Auxiliary series that the method uses where the experiment has them, of the reference dates and never
        degraded: what the fine sensor saw in its own pixels, say.
    samples : {"none", "wald", "pairs", "target", "series"}
        What `fit` learns from: nothing, degraded pairs whose truth is the observed coarse
        image (Wald protocol), coarse images whose truth is the fine image of that date,
        the very images that a date is predicted from, anew for each target date and without its truth, or
        whole series of pixels, of which it hides values itself.
    fills : bool
        Whether the method can fill series: predict any dates of pixels from all that is known of them.
    step_days : int
        Days of the regular grid on which the method sees and fills series; 1 = every date for itself. What is averaged
        over more days has no gap length of its own.
    ndvi : bool
        Whether the method predicts NDVI and nothing else.
    layers : bool
        Whether the method can show how it predicted, by its function ``layers``.
    gpu : bool
        Whether training and prediction gain from a GPU.
    cost : float
        Memory and time of its jobs beside those of a three-layer network, which is 1.
    """

    references: References = "none"
    also: tuple[References, ...] = ()
    coarse: bool = True
    pairs: bool = False
    aux: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    guides: tuple[str, ...] = ()
    by_setting: tuple[tuple[str, str, str, str], ...] = ()
    beside: tuple[str, ...] = ()
    samples: Samples = "none"
    fills: bool = False
    step_days: int = 1
    ndvi: bool = False
    layers: bool = False
    gpu: bool = False
    cost: float = 1.0


def with_references(needs: Needs, asked: References | None, name: str) -> Needs:
    """The needs of a configured method whose entry may ask for other references than its file does.

    Parameters
    ----------
    asked : str or None
        ``references:`` of the config entry.
    name : str
        The method's name, for the message.

    Raises
    ------
    InputError
        If the method cannot work with these references.
    """
    able = (needs.references, *needs.also)
    if asked is not None and asked not in able:
        raise InputError(
            f"Method {name} cannot take references: {asked}", f"choose from {', '.join(able)}, or leave the line out"
        )
    return needs if asked is None else replace(needs, references=asked)


def with_settings(needs: Needs, settings: Mapping[str, object]) -> Needs:
    """The needs of a configured method, some of which its settings decide.

    Parameters
    ----------
    settings : mapping
        Its config entry over the defaults of its file (`read_defaults`).
    """
    asked = [(where, name) for key, value, where, name in needs.by_setting if settings.get(key) == value]
    aux, guides = (tuple(name for where, name in asked if where == kind) for kind in ("aux", "guides"))
    return replace(needs, aux=needs.aux + aux, guides=needs.guides + guides)


def _assigned_call(tree: ast.Module, name: str) -> ast.Call | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            value = node.value if isinstance(node, ast.Assign) else None
            return value if isinstance(value, ast.Call) else None
    return None


def read_needs(path: Path) -> Needs:
    """Read ``NEEDS = Needs(...)`` from a method file without running it.

    Raises
    ------
    InputError
        If the file has no such line or its arguments are not literals.
    """
    call = _assigned_call(ast.parse(path.read_text(), filename=str(path)), "NEEDS")
    cure = 'write NEEDS = Needs(references="nearest", ...) with literal keyword arguments'
    if call is None or call.args:
        raise InputError(f"{path} does not declare what the method needs", cure)
    try:
        return Needs(**{str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
    except (TypeError, ValueError) as error:
        raise InputError(f"NEEDS in {path} cannot be read: {error}", cure) from error


def read_params(path: Path) -> frozenset[str]:
    """Names of the settings in the ``Params`` dataclass of a method file, with those of `Plan`, without running it.

    Raises
    ------
    InputError
        If the file has no class ``Params``.
    """
    params = _params(path)
    shared = Plan.__dataclass_fields__ if any(ast.unparse(base) == "Plan" for base in params.bases) else ()
    return frozenset(shared) | {name for name, _ in _fields(params)}


def read_defaults(path: Path) -> dict[str, object]:
    """The defaults of these settings, those of `Plan` and those that are no literals left out.

    Raises
    ------
    InputError
        If the file has no class ``Params``.
    """
    found: dict[str, object] = {}
    for name, value in _fields(_params(path)):
        with suppress(ValueError):
            found |= {name: ast.literal_eval(value)} if value else {}
    return found


def _params(path: Path) -> ast.ClassDef:
    for node in ast.parse(path.read_text(), filename=str(path)).body:
        if isinstance(node, ast.ClassDef) and node.name == "Params":
            return node
    raise InputError(f"{path} has no dataclass Params", "declare one, empty if there are no settings")


def _fields(params: ast.ClassDef) -> list[tuple[str, ast.expr | None]]:
    lines = [item for item in params.body if isinstance(item, ast.AnnAssign)]
    return [(line.target.id, line.value) for line in lines if isinstance(line.target, ast.Name)]
