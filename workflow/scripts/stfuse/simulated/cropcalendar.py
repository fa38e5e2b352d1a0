"""The crop calendar of a place: the classes with the values that a site's `seasons:` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stfuse.errors import InputError
from stfuse.phenology.logistic import CURVE_NAMES
from stfuse.simulated.covers import CODES, COVERS, NAMES, Cover, Curve

MOST_CUTS = 8


def crop_calendar(seasons: Mapping[str, Mapping[str, Any]]) -> tuple[Cover, ...]:
    """The classes with the crop calendar of a place.

    Parameters
    ----------
    seasons : mapping of class to mapping
        Values in place of the class's: `CURVE_NAMES` of its main season; `second`, a mapping of the same names for its
        second season, or false for none; `cuts`, a list of days; `catch`, the share of fields with a catch crop.

    Raises
    ------
    InputError
        If a class or a value is unknown, no number, or a season ends before it begins.
    """
    unknown = sorted(set(seasons) - set(NAMES))
    if unknown:
        raise InputError(f"`seasons:` has unknown classes {unknown}", f"the classes are {list(NAMES)}")
    covers = list(COVERS)
    for name, own in seasons.items():
        covers[CODES[name]] = _changed(COVERS[CODES[name]], dict(own))
    return tuple(covers)


def _changed(cover: Cover, own: dict[str, Any]) -> Cover:
    where = f"`seasons:` of {cover.name}"
    known = [*CURVE_NAMES, "second", "cuts", "catch"]
    unknown = sorted(set(own) - set(known))
    if unknown or cover.curve is None:
        cure = f"the values are {known}" if unknown else "leave the class out: nothing grows there"
        raise InputError(f"{where} has unknown values {unknown or sorted(own)}", cure)
    curve = dict(zip(CURVE_NAMES, cover.curve, strict=True))
    curve |= {k: own[k] for k in CURVE_NAMES if k in own}
    second = cover.second
    if not own.get("second", True):
        second = None
    elif "second" in own:
        before = dict(zip(CURVE_NAMES, cover.second, strict=True)) if cover.second else {"base": curve["base"]}
        second = _curve({**before, **own["second"]}, f"{where}, second")
    cuts, catch = tuple(own.get("cuts", cover.cuts)), own.get("catch", cover.catch)
    if len(cuts) > MOST_CUTS or not all(_is_number(v) for v in (*cuts, catch)):
        raise InputError(f"{where}: cuts {cuts}, catch {catch}", f"give {MOST_CUTS} days at most, and a share 0..1")
    return replace(cover, curve=_curve(curve, where), second=second, cuts=cuts, catch=catch)


def _curve(values: Mapping[str, Any], where: str) -> Curve:
    wrong = sorted(k for k in values if k not in CURVE_NAMES or not _is_number(values[k]))
    missing = [k for k in CURVE_NAMES if k not in values]
    if wrong or missing:
        raise InputError(f"{where}: {wrong or missing} wrong or missing", f"give numbers for {list(CURVE_NAMES)}")
    base, amplitude, k1, t1, k2, t2 = (float(values[k]) for k in CURVE_NAMES)
    if not t2 > t1 or min(k1, k2) <= 0:
        raise InputError(
            f"{where}: t1 {t1:g}, t2 {t2:g}, k1 {k1:g}, k2 {k2:g}",
            "t2 must be after t1 (add 365 where a season goes on into the next year), k1 and k2 above 0",
        )
    return base, amplitude, k1, t1, k2, t2


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
