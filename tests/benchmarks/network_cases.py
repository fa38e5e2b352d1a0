"""What `networks` predicts, and what it learns from: chosen by rule, before any score.

Wu et al. 2022: each Landsat-8 date of table 2's validation part that has Sentinel-2 dates of that part on both sides,
with the nearest on each side as references, and once more with the nearest that are at least `APART` days away, which
makes for strong change; training on the dates of table 2's training part.
Michel et al. 2022: guides are the calendar's, about every 20 days; targets are spread over Sentinel-2's dates. CARN
learns from the guides.
Yang et al. 2021: the 17 combinations of config/combinations/yang2021.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial

from benchmarks.network_places import (
    MICHEL_SIDE,
    ORIGINAL,
    REDUCED,
    WU_SIDE,
    Place,
    michel_places,
    wu_places,
    yang_place,
)
from benchmarks.simulated_cases import BANDS, WU_DATES, YANG_SIDE, yang_combinations
from preset_sites import SITES
from stfuse.cases import days_between, nearest, spread
from stfuse.crops import Known
from stfuse.needs import Needs

WU, MICHEL, YANG, BAND_STUDY = "Wu 2022", "Michel 2022", "Yang 2021", "Yang 2021, bands"
STUDIES = {"wu": WU, "michel": MICHEL, "yang": YANG}
WU_TRAINING = {
    "hailar": (
        ("2019-01-23", "2019-02-24", "2019-05-15", "2019-09-04", "2019-10-22"),
        ("2019-01-02", "2019-01-22", "2019-02-16", "2019-03-03", "2019-03-23", "2019-05-02"),
    ),
    "dezhou": (
        ("2018-01-11", "2018-04-17", "2018-05-03", "2018-09-08", "2018-10-26"),
        ("2018-01-05", "2018-03-26", "2018-04-20", "2018-09-07", "2018-10-02", "2018-11-01"),
    ),
}
"""Table 2, training: dates of Landsat-8 and of Sentinel-2. Hailar's sixth of Sentinel-2 stands, displaced, among the
paper's validation dates of Landsat-8, whose cycle it does not fit."""
APART = 30
"""Days: between the paper's slight tests (7 and 8 days) and its dramatic ones (75 days and more)."""
MICHEL_SITES, MICHEL_RATIOS, TARGETS = ("fr_bil", "arm"), (5.0, 2.5), 6
YANG_WORLDS = {
    "class means, 30 m from 480 m": ("champaign_simulation", 30.0),
    "all texture, 30 m from 480 m": ("champaign", 15.0),
}
BAND_SETS = (("nir08",), ("red", "nir08"), ("green", "red", "nir08"), BANDS)
"""Figure 14 of Yang et al. 2021: near infrared alone, with red, with green and red, and all six."""


@dataclass(frozen=True)
class Case:
    """A date to predict.

    Attributes
    ----------
    setting : str
        Which of the group's places.
    target : str
        ISO date.
    usable : tuple of str
        ISO dates that may be references.
    strength : str
        What the study calls its change; empty: what is measured decides.
    bands : tuple of str
        Empty: all of the place.
    """

    setting: str
    target: str
    usable: tuple[str, ...]
    strength: str = ""
    bands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Cases of one place for which a network is trained once.

    Attributes
    ----------
    study, site : str
    cases : tuple of Case
    places : callable
        Makes the images: setting -> `Place`.
    learn : (setting, targets, usable references)
        What to learn from.
    """

    study: str
    site: str
    cases: tuple[Case, ...]
    places: Callable[[], Mapping[str, Place]]
    learn: tuple[str, tuple[str, ...], tuple[str, ...]] = field(default=("", (), ()))

    def lessons(self, places: Mapping[str, Place], needs: Needs) -> list[Known]:
        """The samples that a method with these needs is trained on."""
        setting, targets, usable = self.learn
        found = [places[setting].known(needs, target, usable) for target in targets]
        return [known for known in found if known is not None]


def wu_cases(site: str, apart: Sequence[int] = (0, APART)) -> Iterator[Case]:
    """The cases of a site in both settings, references at least so many days away."""
    targets, sentinel = WU_DATES[site]
    for setting in (REDUCED, ORIGINAL):
        seen = set()
        for least in apart:
            for target in targets:
                far = [d for d in sentinel if days_between(d, target) >= max(least, 1)]
                sides = [d for d in far if d < target], [d for d in far if d > target]
                around = nearest(target, sides[0]), nearest(target, sides[1])
                if None not in around and (target, around) not in seen:
                    seen.add((target, around))
                    yield Case(setting, target, tuple(map(str, around)))


def wu_groups(quick: bool = False) -> Iterator[Group]:
    """A group a site: one training at reduced scale serves all its cases in both settings."""
    for site in list(WU_DATES)[: 1 if quick else None]:
        cases = tuple(wu_cases(site, (0,) if quick else (0, APART)))
        cases = (cases[0], *cases[-1:]) if quick else cases
        dates = [sorted({*known, *more}) for known, more in zip(WU_DATES[site], WU_TRAINING[site], strict=True)]
        make = partial(wu_places, site, *dates, side=540.0 if quick else WU_SIDE)
        yield Group(WU, site, cases, make, (REDUCED, *WU_TRAINING[site]))


def michel_dates(site: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Guides, by Venus's calendar, and targets: Sentinel-2's dates between them that are no guide's neighbour."""
    known = SITES[site]["simulated"]
    calendar, last = known["calendar"]["venus"], date.fromisoformat(str(SITES[site]["period"][1]))
    first, step = date.fromisoformat(str(calendar["first"])), timedelta(calendar["every"])
    guides = tuple(str(first + i * step) for i in range((last - first) // step + 1))
    between = [d for d in map(str, known["clear"]["sentinel2"]) if guides[0] < d < guides[-1]]
    between = [d for d in between if min(days_between(d, g) for g in guides) > 3]
    return guides, tuple(spread(sorted(between), TARGETS))


def michel_groups(quick: bool = False) -> Iterator[Group]:
    """A group for each site and ratio; guides are references and what CARN learns from."""
    ratios = MICHEL_RATIOS[: 1 if quick else None]
    for site in MICHEL_SITES[: 1 if quick else None]:
        guides, targets = michel_dates(site)
        targets = targets[: 1 if quick else None]
        for ratio in ratios:
            setting = f"5 m from {5 * ratio:g} m"
            cases = tuple(Case(setting, target, guides) for target in targets)
            side = 300.0 if quick else MICHEL_SIDE

            def make(site=site, ratio=ratio, setting=setting, side=side, dates=(guides, targets)):  # type: ignore[no-untyped-def]
                return {setting: michel_places(site, (ratio,), *dates, side=side)[ratio]}

            yield Group(MICHEL, site, cases, make, (setting, guides, guides))


def yang_groups(quick: bool = False) -> Iterator[Group]:
    """A group for each world; networks are trained anew for each combination."""
    known = yang_combinations()[: 1 if quick else None]
    dates = sorted({day for _, days in known for day in days})
    for setting, (site, resolution) in list(YANG_WORLDS.items())[: 1 if quick else None]:
        cases = tuple(Case(setting, b, (a, c), scenario) for scenario, (a, b, c) in known)
        side = YANG_SIDE / 3 if quick else YANG_SIDE

        def make(site=site, resolution=resolution, setting=setting, side=side):  # type: ignore[no-untyped-def]
            return {setting: yang_place(site, resolution, dates, side)}

        yield Group(YANG, site, cases, make)


def band_groups(quick: bool = False) -> Iterator[Group]:
    """Yang's comparison of numbers of bands: the rapid combinations, seen in some bands only."""
    for group in yang_groups(quick):
        cases = [case for case in group.cases if case.strength == "rapid"]
        seen = tuple(
            Case(f"{len(bands)} band{'s' * (len(bands) > 1)}, {case.setting}", case.target, case.usable, "rapid", bands)
            for bands in BAND_SETS[: 1 if quick else None]
            for case in cases
        )

        def make(group=group, seen=seen):  # type: ignore[no-untyped-def]
            (whole,) = group.places().values()
            return {case.setting: whole.with_bands(case.bands) for case in seen}

        yield Group(BAND_STUDY, group.site, seen, make)


def fewer(group: Group, count: int) -> Group:
    """The group with at most so many cases of each setting, spread evenly over them."""
    kept: list[Case] = []
    for setting in dict.fromkeys(case.setting for case in group.cases):
        own = [case for case in group.cases if case.setting == setting]
        kept += [own[int((i + 0.5) * len(own) / count)] for i in range(count)] if count < len(own) else own
    return replace(group, cases=tuple(kept))


GROUPS = {"wu": wu_groups, "michel": michel_groups, "yang": yang_groups, "bands": band_groups}
