"""Which dates are predicted, from what, and what may be learned from: the questions of an experiment.

Pure decisions over the table of scenes, with the standard library only, because the
Snakefile asks them at every start. Everything that keeps test dates out of training
is here, in one place.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from stfuse.errors import InputError
from stfuse.needs import Needs


@dataclass(frozen=True)
class Day:
    """The kept scenes of one sensor on one day over a site.

    Attributes
    ----------
    date : str
        ISO date.
    clear : float
        Clear share of the site, 0..1, in the union of the day's scenes.
    scenes : tuple of str
        Scene ids, merged into one image by the stage `ard`.
    platforms : tuple of str
        The platform of each scene, such as ``sentinel-2a``.
    """

    date: str
    clear: float
    scenes: tuple[str, ...]
    platforms: tuple[str, ...] = ()


Days = Mapping[str, Mapping[str, Day]]
"""Sensor -> ISO date -> day."""


@dataclass(frozen=True)
class Case:
    """One target date with its inputs, as ISO dates of scenes.

    Attributes
    ----------
    target : str
        The date to predict.
    fine : tuple of str
        Reference dates, ascending.
    coarse : tuple of str
        Coarse dates: the target's, and with ``Needs.pairs`` each reference's, ascending.
    at_target : str
        The coarse date that stands for the target, empty if the method takes none.
    truth : str
        The date whose observed image is the truth, empty where there is none.
    """

    target: str
    fine: tuple[str, ...]
    coarse: tuple[str, ...]
    at_target: str
    truth: str


@lru_cache(maxsize=64)
def _read_days(path: str, changed: int) -> Days:
    days: dict[str, dict[str, Day]] = {}
    with Path(path).open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["kept"] != "1":
                continue
            of_sensor = days.setdefault(row["sensor"], {})
            before = of_sensor.get(row["date"], Day(row["date"], 0.0, ()))
            clear = max(before.clear, float(row["day_clear"]))
            scenes, platforms = (*before.scenes, row["scene"]), (*before.platforms, row["platform"])
            of_sensor[row["date"]] = Day(row["date"], clear, scenes, platforms)
    return days


def read_days(path: str | Path) -> Days:
    """Read the kept rows of ``scenes.csv``; scenes of one sensor and day belong together."""
    return _read_days(str(path), Path(path).stat().st_mtime_ns)


def taking_part(experiment: Mapping[str, Any], days: Days) -> Days:
    """The days an experiment uses: where it names ``platforms`` of a sensor, those on which only they passed."""
    named: Mapping[str, list[str]] = experiment.get("platforms", {})

    def counts(sensor: str, day: Day) -> bool:
        return sensor not in named or all(p.startswith(tuple(named[sensor])) for p in day.platforms)

    return {sensor: {d: day for d, day in known.items() if counts(sensor, day)} for sensor, known in days.items()}


def days_between(one: str, other: str) -> int:
    """Absolute distance of two ISO dates in days."""
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)


def nearest(target: str, dates: Iterable[str]) -> str | None:
    """The date nearest to `target`, the earlier of two equally near; None if there are none."""
    return min(dates, key=lambda d: (days_between(target, d), d), default=None)


def _clear(days: Days, sensor: str, least: float) -> list[str]:
    return sorted(d for d, day in days.get(sensor, {}).items() if day.clear >= least)


def _coarse_of(target: str, experiment: Mapping[str, Any], days: Days) -> str | None:
    """The clear coarse date within ``pair_days`` of a date; a date named by the user may be less clear."""
    named = isinstance(experiment["targets"], list) and target in experiment["targets"]
    usable = _clear(days, experiment["coarse"], 0.0 if named else experiment["min_clear"])
    found = nearest(target, usable)
    return found if found and days_between(target, found) <= experiment["pair_days"] else None


def targets(experiment: Mapping[str, Any], days: Days) -> list[str]:
    """The dates an experiment predicts on one site, ascending; later than ``train_until`` where it has one.

    `withheld`: clear fine dates with a clear coarse image within ``pair_days``. `reduced`: clear
    coarse dates. `product`: clear coarse dates without a clear fine image of that day; every one where the
    coarse sensor measures something else (``coarse_quantity``), whose use is that it sees through clouds.

    Raises
    ------
    InputError
        If a date named in the config has no scene or belongs to the training, or no date can serve.
    """
    fine, coarse, protocol = experiment["fine"], experiment["coarse"], experiment["protocol"]
    name, asked = experiment["name"], experiment["targets"]
    role, until = fine if protocol == "withheld" else coarse, experiment.get("train_until") or ""
    if isinstance(asked, list):
        for target in asked:
            if target <= until:
                raise InputError(
                    f"Experiment {name} names the target {target}, but learns until {until}",
                    "choose a later target, or an earlier `train_until:`",
                )
            if target not in days.get(role, {}):
                known = ", ".join(sorted(days.get(role, {}))) or "no scene at all"
                raise InputError(
                    f"Experiment {name} names the target {target}, but no kept {role} scene has that date",
                    f"choose from {known}, or lower the site's min_clear",
                )
            if not _coarse_of(target, experiment, days):
                raise InputError(
                    f"Experiment {name}: no {coarse} scene within {experiment['pair_days']} days of {target}",
                    "take another target or raise pair_days",
                )
        return sorted(asked)
    found = [d for d in _clear(days, role, experiment["min_clear"]) if d > until]
    if protocol == "withheld":
        found = [d for d in found if _coarse_of(d, experiment, days)]
    if protocol == "product" and experiment.get("coarse_quantity", "reflectance") == "reflectance":
        clear_fine = set(_clear(days, fine, experiment["min_clear"]))
        found = [d for d in found if d not in clear_fine]
    if not found:
        raise InputError(
            f"Experiment {name} finds no target date: no {role} scene is clear enough"
            + (f" with a {coarse} scene within {experiment['pair_days']} days" if protocol == "withheld" else "")
            + (f" after {until}" if until else ""),
            "lower min_clear, raise pair_days or widen the site's period",
        )
    return found if asked == "all" else spread(found, int(asked))


def spread(dates: list[str], count: int) -> list[str]:
    """`count` dates spread evenly over a sorted list, away from its ends."""
    if count >= len(dates):
        return dates
    return [dates[int((i + 0.5) * len(dates) / count)] for i in range(count)]


def hidden(experiment: Mapping[str, Any], days: Days) -> dict[str, set[str]]:
    """Dates per sensor that no method of an experiment may see, neither in training nor as reference.

    `withheld` hides every fine date within ``gap_days`` of a target, and from training also the coarse
    images that stand for a target; `reduced` hides the target coarse dates from training; `gaps` hides the fine dates
    after ``train_until`` (without it single values are hidden, of images that are seen).
    """
    fine, coarse = experiment["fine"], experiment.get("coarse", "")
    hides: dict[str, set[str]] = {fine: set(), coarse: set()}
    if experiment["protocol"] == "gaps" and experiment.get("targets") != []:  # [] where methods only learn
        until = experiment.get("train_until") or "9999-12-31"
        hides[fine] = {d for d in days.get(fine, {}) if d > until}
    if experiment["protocol"] in ("product", "gaps"):
        return hides
    for target in targets(experiment, days):
        hides[coarse].add(target)
        if experiment["protocol"] == "withheld":
            near = (d for d in days[fine] if days_between(d, target) <= experiment["gap_days"])
            hides[fine].update(near)
            paired = (d for d in days[coarse] if days_between(d, target) <= experiment["pair_days"])
            hides[coarse].update(paired)
    return hides


def references(needs: Needs, target: str, usable: list[str]) -> tuple[str, ...] | None:
    """Reference dates of a target among `usable` ones, ascending; None if there are too few.

    ``bracketing`` takes the nearest before and after, or the two nearest where one side is empty.
    """
    ordered = sorted(usable, key=lambda d: (days_between(target, d), d))
    if needs.references == "none":
        return ()
    if needs.references == "nearest":
        return tuple(ordered[:1]) or None
    if needs.references == "all":
        return tuple(sorted(ordered)) or None
    before = [d for d in ordered if d < target][:1]
    after = [d for d in ordered if d > target][:1]
    pair = before + after if before and after else ordered[:2]
    return tuple(sorted(pair)) if len(pair) == 2 else None


def _usable(experiment: Mapping[str, Any], days: Days, needs: Needs, unseen: set[str]) -> list[str]:
    """Fine dates that may be references somewhere in an experiment that hides others."""
    clear = [d for d in _clear(days, experiment["fine"], experiment["min_clear"]) if d not in unseen]
    return [d for d in clear if _coarse_of(d, experiment, days)] if needs.pairs else clear


def _has_a_pair_of_its_own(reference: str, at_target: str, experiment: Mapping[str, Any], days: Days) -> bool:
    """Whether the coarse image nearest to a reference is another than the target's: two alike tell of no change."""
    own = _coarse_of(reference, experiment, days)
    return own is not None and days_between(reference, own) < days_between(reference, at_target)


def _make_case(
    experiment: Mapping[str, Any], days: Days, needs: Needs, target: str, at_target: str | None, usable: list[str]
) -> Case | None:
    # A reference within the gap would let the method copy what it should bridge.
    apart = [d for d in usable if days_between(d, target) > experiment["gap_days"]]
    if needs.pairs and at_target:
        apart = [d for d in apart if _has_a_pair_of_its_own(d, at_target, experiment, days)]
    chosen = references(needs, target, apart)
    if chosen is None or (needs.coarse and at_target is None):
        return None
    coarse = {at_target} if needs.coarse and at_target else set()
    if needs.pairs:
        coarse.update(str(_coarse_of(d, experiment, days)) for d in chosen)
    truth = "" if experiment["protocol"] == "product" else target
    return Case(target, chosen, tuple(sorted(coarse)), at_target or "", truth)


def cases(experiment: Mapping[str, Any], days: Days, needs: Needs) -> list[Case]:
    """What a method with these needs predicts in an experiment on one site.

    A target without enough references for the method is left out; the scores say how many were used.
    """
    found: list[Case] = []
    usable = _usable(experiment, days, needs, hidden(experiment, days)[experiment["fine"]])
    for target in targets(experiment, days):
        at_target = _coarse_of(target, experiment, days) if experiment["protocol"] == "withheld" else target
        case = _make_case(experiment, days, needs, target, at_target, usable)
        found += [case] if case else []
    return found


def training_cases(experiment: Mapping[str, Any], days: Days, needs: Needs) -> list[Case]:
    """What a method learns from: cases whose truth is no test date and sees no hidden image.

    ``samples="wald"`` (and every method in a `reduced` experiment): clear coarse dates, to be degraded.
    ``samples="pairs"``: clear fine dates with a coarse image within ``pair_days``. ``samples="target"`` learns from
    what it predicts from, which is a case and has no truth. With ``train_until`` no later image takes part.
    """
    if needs.samples in ("none", "target"):
        return []
    fine, coarse = experiment["fine"], experiment["coarse"]
    unseen, until = hidden(experiment, days), experiment.get("train_until") or "9999-12-31"
    days = {sensor: {d: day for d, day in known.items() if d <= until} for sensor, known in days.items()}
    wald = uses_wald(experiment, needs)
    role = coarse if wald else fine
    usable = _usable(experiment, days, needs, unseen[fine])
    if needs.pairs:  # the coarse image of a reference's pair may be one that stands for a target
        usable = [d for d in usable if _coarse_of(d, experiment, days) not in unseen[coarse]]
    found: list[Case] = []
    for target in _clear(days, role, experiment["min_clear"]):
        at_target = target if wald else _coarse_of(target, experiment, days)
        if target in unseen[role] or at_target is None or at_target in unseen[coarse]:
            continue
        case = _make_case(experiment, days, needs, target, at_target, usable)
        found += [replace(case, truth=target)] if case else []
    return found


def uses_wald(experiment: Mapping[str, Any], needs: Needs) -> bool:
    """Whether a method's training samples in an experiment are degraded pairs."""
    return needs.samples == "wald" or experiment["protocol"] == "reduced"
