"""The workflow's own functions that turn dates into files, without Snakemake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

from stfuse import cases
from stfuse.cases import Days
from stfuse.errors import InputError
from stfuse.needs import Needs

INPUTS = Path(__file__).parents[1] / "workflow" / "rules" / "inputs"


@cache
def _code(stage: str) -> CodeType:
    path = INPUTS / f"{stage}.smk"
    return compile(path.read_text(), str(path), "exec")


def rule_functions(
    experiment: Mapping[str, Any],
    days: Mapping[str, Days],
    sites: Mapping[str, Any],
    sensors: Mapping[str, Any],
    needs: Mapping[str, Needs],
    others: Iterable[Mapping[str, Any]] = (),
) -> SimpleNamespace:
    """What workflow/rules/inputs defines, for experiments whose scenes are known.

    Parameters
    ----------
    days : mapping
        Site -> its kept scenes.
    needs : mapping
        Method -> what it needs.
    others : iterable of mapping
        Further experiments.
    """
    asked = {one["name"]: one for one in (experiment, *others)}
    names: dict[str, Any] = {
        "plan": cases,
        "InputError": InputError,
        "Path": Path,
        "SITES": sites,
        "SENSORS": sensors,
        "ASKED": asked,
        "EXPERIMENTS": {name: e for name, e in asked.items() if e["protocol"] != "gaps"},
        "FILLINGS": {name: e for name, e in asked.items() if e["protocol"] == "gaps"},
        "METHODS": {name: {} for name in needs},
        "NEEDS": needs,
        "TAKES_ALL": set(),
    }
    for stage in ("common", "degraded", "ard", "model", "fused", "fused_series", "pixels", "series", "phenology"):
        exec(_code(stage), names)
    names["days"] = days.__getitem__
    return SimpleNamespace(**names)
