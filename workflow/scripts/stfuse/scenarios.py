"""How much the vegetation changes between three dates: scenarios of Yang et al. 2021 and dates chosen for them.

Days are days of one year, 1 = 1 January. The transition dates divide the year into stages; where the three dates lie
in these decides how hard the middle one is to predict.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from stfuse.errors import InputError

SCENARIOS = ("rapid", "moderate", "minimal")
COUNTS: Mapping[str, int] = {"rapid": 8, "moderate": 5, "minimal": 4}
"""Combinations of the simulation per scenario (section 3.1)."""

TRANSITIONS = (136, 179, 203, 235, 265, 301)
"""Days at which the stages of the mean crop NDVI at Champaign change (section 3.1)."""

SIMULATED = (140, 176, 207, 236, 266, 298)
"""The same of the site `champaign_simulation`, from its own curves: the first whole days of the stages."""

EXAMPLES = ((150, 200, 275), (150, 165, 275), (150, 160, 165))
"""The three combinations that the paper names: (before, target, after) of figure 9."""

STEP = 5
"""Every day that the paper names of its simulation is a multiple of it."""

APART = 15
"""Days between neighbouring dates: on steps of five days the nearest to Landsat's revisit of 16."""

LONGEST = 125
"""Days from the first date to the last: as in the longest of the paper's examples."""


@dataclass(frozen=True)
class Combination:
    """Two dates with fine images and, between them, the date to predict.

    Attributes
    ----------
    before, target, after : int
        Days of the year, ascending.
    scenario : str
        One of `SCENARIOS`.
    """

    before: int
    target: int
    after: int
    scenario: str

    @property
    def days(self) -> tuple[int, int, int]:
        """The three days."""
        return (self.before, self.target, self.after)


def stage_of(day: float, transitions: Sequence[float]) -> int:
    """Stage of a day: the number of transition dates up to and including it, so 0..6 for six dates.

    Parameters
    ----------
    day : float
        Day of the year.
    transitions : sequence of float
        Transition dates, ascending days of the year.

    Raises
    ------
    InputError
        If the transition dates do not ascend.
    """
    if any(not one < other for one, other in pairwise(transitions)):
        raise InputError(f"Transition dates {list(transitions)} do not ascend", "give them in the order of the year")
    return bisect_right(transitions, day)


def scenario(before: float, target: float, after: float, transitions: Sequence[float]) -> str:
    """How much the vegetation changes between three dates.

    ``rapid``: three different stages. ``moderate``: the outer dates lie in different stages, the target in one of
    them. ``minimal``: all in one stage.

    Parameters
    ----------
    before, target, after : float
        Ascending days of the year.
    transitions : sequence of float
        See `stage_of`.

    Raises
    ------
    InputError
        If the days do not ascend.

    References
    ----------
    Yang et al. 2021 (doi:10.3390/rs13245005), section 2.6.
    """
    if not before < target < after:
        raise InputError(
            f"The days {before}, {target}, {after} do not ascend", "the target lies between the two others"
        )
    return SCENARIOS[3 - len({stage_of(day, transitions) for day in (before, target, after)})]


def choose_combinations(
    transitions: Sequence[float] = TRANSITIONS,
    counts: Mapping[str, int] = COUNTS,
    examples: Sequence[tuple[int, int, int]] = EXAMPLES,
    year: int = 365,
) -> list[Combination]:
    """Choose three-date combinations of each scenario, spread over the year.

    The paper names one combination per scenario; its other fourteen are not published. So to the examples are added,
    one by one, those that lie in stages where none of that scenario lies yet, and of these the one that differs most
    from all chosen before (in the sum of squared differences of the three days; of equals the earliest). Candidates
    are all on steps of `STEP` days with neighbours at least `APART` and outer dates at most `LONGEST` days apart. The
    examples are taken as they are: the minimal one spans 15 days in all, as the growing season's stages are short.

    Parameters
    ----------
    transitions : sequence of float
        See `stage_of`.
    counts : mapping of scenario to int
    examples : sequence of (before, target, after)
        Each counts towards its scenario.
    year : int
        Days of the year.

    Returns
    -------
    list of Combination
        In the order of `SCENARIOS`, then of days.

    Raises
    ------
    InputError
        If there are fewer candidates than asked for.

    References
    ----------
    Yang et al. 2021 (doi:10.3390/rs13245005), sections 2.6 and 3.1, figure 9.
    """
    candidates = list(_candidates(transitions, year))
    given = [Combination(*days, scenario(*days, transitions)) for days in examples]
    found: list[Combination] = []
    for name in SCENARIOS:
        chosen = [c for c in given if c.scenario == name][: counts[name]]
        left = [c for c in candidates if c.scenario == name and c not in chosen]
        there_are = len(left) + len(chosen)
        if there_are < counts[name]:
            what = f"{counts[name]} {name} combinations asked for, but only {there_are} keep their distances"
            raise InputError(what, "ask for fewer, or for another year's transition dates")
        while len(chosen) < counts[name]:
            chosen.append(_farthest([c for c in left if c not in chosen], chosen, transitions))
        found += sorted(chosen, key=lambda c: c.days)
    return found


def _farthest(
    candidates: Sequence[Combination], chosen: Sequence[Combination], transitions: Sequence[float]
) -> Combination:
    def stages(combination: Combination) -> tuple[int, ...]:
        return tuple(stage_of(day, transitions) for day in combination.days)

    def distance(combination: Combination) -> tuple[bool, int]:
        return stages(combination) not in taken, min((_difference(combination, c) for c in chosen), default=0)

    taken = {stages(c) for c in chosen}
    return max(candidates, key=distance)  # the first of equals, and candidates ascend


def _candidates(transitions: Sequence[float], year: int) -> Iterator[Combination]:
    for days in combinations(range(STEP, year + 1, STEP), 3):
        before, target, after = days
        if min(target - before, after - target) >= APART and after - before <= LONGEST:
            yield Combination(*days, scenario(*days, transitions))


def _difference(one: Combination, other: Combination) -> int:
    return sum((a - b) ** 2 for a, b in zip(one.days, other.days, strict=True))
