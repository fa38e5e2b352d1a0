"""What the scores say over all dates: one row per experiment, site, truth, band, metric and method."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from stfuse.metrics import METRICS, better_key

logger = logging.getLogger("stfuse.summary")

BASELINES = ("bilinear", "nearest")
"""Methods that need no method; every other one is compared with them."""

BANDS = ("mean", "all", "ndvi")
COLUMNS = (
    "experiment", "site", "truth", "band", "metric", "method", "value", "se", "dates", "seeds", "seed_sd", "n",
    "covered", "rank", "minus_bilinear", "minus_bilinear_se", "minus_nearest", "minus_nearest_se",
    "own_value", "own_dates",
)  # fmt: skip


class Score(NamedTuple):
    """One row of the tidy table of scores."""

    experiment: str
    site: str
    method: str
    seed: str
    date: str
    truth: str
    band: str
    stratum: str
    metric: str
    value: float
    n: int


def as_score(row: Mapping[str, str]) -> Score:
    """Make a `Score` of a row as read from a table."""
    words = {name: row[name] for name in Score._fields[:-2]}
    return Score(**words, value=float(row["value"]), n=int(row["n"]))


class Place(NamedTuple):
    """Where methods meet: one experiment at one site against one kind of truth."""

    experiment: str
    site: str
    truth: str


Question = tuple[Place, str, str]
"""Place, band and metric."""
Cell = dict[str, tuple[float, float]]
"""Seed -> value and number of pixels, of one method and date."""
Answers = Mapping[Question, Mapping[str, Mapping[str, Cell]]]
"""Question -> method -> date -> cell."""
Line = dict[str, str | float | int]
"""One row of the summary, by the names of `COLUMNS`."""


def _answers(scores: Iterable[Score]) -> Answers:
    found: dict[Question, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for s in scores:
        if s.stratum == "all" and s.band in BANDS:
            question = Place(s.experiment, s.site, s.truth), s.band, s.metric
            found[question][s.method][s.date][s.seed] = s.value, s.n
    return found


def _usable_dates(by_date: Mapping[str, Cell]) -> set[str]:
    return {date for date, cell in by_date.items() if any(n > 0 for _, n in cell.values())}


def common_dates(answers: Answers) -> dict[Place, set[str]]:
    """The dates on which every method has a score, by place.

    A method that leaves a hard date out must not look better for it. Methods without any score
    do not take part.
    """
    usable: dict[Place, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (place, _, metric), methods in answers.items():
        if metric == "rmse":
            for method, by_date in methods.items():
                usable[place][method] |= _usable_dates(by_date)
    shared = {}
    for place, of_methods in usable.items():
        scored = [dates for dates in of_methods.values() if dates]
        shared[place] = set.intersection(*scored) if scored else set()
        if any(dates != shared[place] for dates in scored):
            logger.warning("%s: only %s are scored by every method", place, sorted(shared[place]) or "no dates")
    return shared


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _spread(values: Sequence[float]) -> float:
    """Sample standard deviation; NaN for fewer than two values or where one is not finite."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return math.nan
    middle = _mean(values)
    return math.sqrt(sum((v - middle) ** 2 for v in values) / (len(values) - 1))


def _error(values: Sequence[float]) -> float:
    return _spread(values) / math.sqrt(len(values)) if values else math.nan


def _per_date(by_date: Mapping[str, Cell], dates: Iterable[str]) -> dict[str, float]:
    """Mean over seeds by date."""
    return {d: _mean([value for value, _ in by_date[d].values()]) for d in sorted(dates) if d in by_date}


def _line(by_date: Mapping[str, Cell], dates: set[str]) -> Line:
    """Value, error and spread of one method in one question."""
    values = _per_date(by_date, dates)
    cells = [by_date[date] for date in values]
    seeds = sorted({seed for cell in cells for seed in cell})
    per_seed = [_mean([cell[seed][0] for cell in cells if seed in cell]) for seed in seeds]
    own = _per_date(by_date, _usable_dates(by_date))
    return {
        "value": _mean(values.values()),
        "se": _error(list(values.values())),
        "dates": len(values),
        "seeds": len(seeds),
        "seed_sd": _spread(per_seed),
        "n": _mean([n for cell in cells for _, n in cell.values()]),
        "own_value": _mean(own.values()),
        "own_dates": len(own),
    }


def _difference(answers: Answers, question: Question, method: str, baseline: str, dates: set[str]) -> Line:
    """Method minus baseline, date by date: on shared pixels where the scores have it, else on each one's own."""
    place, band, metric = question
    paired = answers.get((place, band, f"{metric}_minus_{baseline}"), {}).get(method, {})
    of_baseline = _per_date(answers[question].get(baseline, {}), dates)
    of_method = _per_date(answers[question][method], dates)
    found = {date: of_method[date] - of_baseline[date] for date in of_method if date in of_baseline}
    found |= _per_date(paired, dates)
    values = [found[date] for date in sorted(found)]
    return {f"minus_{baseline}": _mean(values), f"minus_{baseline}_se": _error(values)}


def _ranks(metric: str, lines: Sequence[Line]) -> list[float]:
    """1 for the best value; equal values share the better rank; NaN has none."""
    keys = [better_key(metric, float(line["value"])) for line in lines]
    return [math.nan if math.isnan(key) else 1 + sum(other < key for other in keys) for key in keys]


def summarise(scores: Iterable[Score]) -> list[Line]:
    """Mean scores per method on the dates that all methods have, with rank and difference to the baselines.

    Parameters
    ----------
    scores : iterable of Score
        The tidy table. Only stratum ``all`` and the bands ``mean``, ``all`` and ``ndvi`` are used.

    Returns
    -------
    list of dict
        With the keys `COLUMNS`. ``value`` is the mean over the common dates (of the mean over seeds),
        ``se`` its standard error over dates, ``seed_sd`` the spread of the seeds' means, ``n`` the mean
        number of pixels, ``covered`` the mean share of the truth's pixels that the method predicted,
        ``rank`` 1 for the best method, ``minus_bilinear`` and ``minus_nearest`` the mean difference to
        the baseline (on shared pixels where the metric is one of `stfuse.scores.PAIRED`), ``own_value``
        and ``own_dates`` the same over every date that the method has. NaN = there is none.
    """
    answers = _answers(scores)
    dates = common_dates(answers)
    order = {metric: i for i, metric in enumerate(METRICS)}
    questions = sorted((q for q in answers if q[2] in order), key=lambda q: (q[0], q[1], order[q[2]]))
    summary: list[Line] = []
    for question in questions:
        place, band, metric = question
        lines: list[Line] = []
        for method in sorted(answers[question]):
            line: Line = dict(place._asdict(), band=band, metric=metric, method=method)
            line |= _line(answers[question][method], dates.get(place, set()))
            for baseline in BASELINES:
                line |= _difference(answers, question, method, baseline, dates.get(place, set()))
            lines.append(line | {"covered": _covered(answers, place, method, dates.get(place, set()))})
        ranks = _ranks(metric, lines)
        best_first = sorted(range(len(lines)), key=lambda i: (math.isnan(ranks[i]), ranks[i]))
        summary += [lines[i] | {"rank": ranks[i]} for i in best_first]
    return summary


def _covered(answers: Answers, place: Place, method: str, dates: set[str]) -> float:
    """Mean share of the truth's pixels that the method predicted, whichever band says so."""
    for band in ("all", "ndvi"):
        by_date = answers.get((place, band, "covered"), {}).get(method)
        if by_date is not None:
            return _mean(_per_date(by_date, dates).values())
    return math.nan
