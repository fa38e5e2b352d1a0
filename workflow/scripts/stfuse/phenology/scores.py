"""How far found seasons and events are from the known ones of a simulated world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from stfuse.normal import NINETY
from stfuse.phenology.events import CUT, HARVEST, KINDS, UNKNOWN
from stfuse.phenology.logistic import DATE_NAMES
from stfuse.phenology.seasons import ERROR_NAMES

Float64Array = NDArray[np.float64]

ALL = "all"
"""Name of the rows over all six dates, over all classes and kinds, and over all fields that a source found."""
COMMON = "common"
"""Rows over the seasons of which every source found the date."""
CATCH = "catch"
"""Catch crops: a class of their own, and not in the rows over all classes, as they end under the plough unripe."""
FARTHEST = 60.0
"""Days, mean over the dates, by which a found season may miss the true one that it is taken for."""
TOLERANCE = 10.0
"""Days by which a found event may miss the true one."""
HARDLY = 1 / 3
"""Share of the least drop below which a true event cannot excuse a found one."""


def match(costs: Float64Array, most: float) -> list[tuple[int, int]]:
    """Pair rows and columns one to one with the least total cost, where what stays unpaired costs `most`.

    Pairs that cost more are none. Two poor pairs do not replace a good one: of truths on days 140 and 150 and finds
    on 149 and 159, one event was found a day off and one was missed, not both nine days off.

    Parameters
    ----------
    costs : ndarray, shape (true, found)
        NaN = no pair.
    """
    possible = np.isfinite(costs) & (costs <= most)
    if not possible.any():
        return []
    # A trifle more than `most`, so that a pair that costs just as much is still better than none.
    priced = np.where(possible, costs - most * (1 + 1e-9), 0.0)
    rows, columns = linear_sum_assignment(priced)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if possible[r, c]]


def match_seasons(table: pd.DataFrame, truth: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the season of a table that stands for each true one: of the same field, one to one, nearest in time.

    Parameters
    ----------
    table : DataFrame
        field and `DATE_NAMES`, a row a season, see `stfuse.phenology.transitions.season_table`.
    truth : DataFrame
        field and `DATE_NAMES` in the same days; NaN = no such date.

    Returns
    -------
    found : DataFrame
        The table's row for each of `truth`, with its index; NaN where the season was missed.
    false : DataFrame
        Rows of the table with both middles (date2, date5) that stand for no true season.
    """
    partner = np.full(len(truth), -1)
    seasons = table[list(DATE_NAMES)].to_numpy(np.float64)
    known = truth[list(DATE_NAMES)].to_numpy(np.float64)
    places = {number: np.flatnonzero(table["field"] == number) for number in truth["field"].unique()}
    for number, mine in places.items():
        rows = np.flatnonzero(truth["field"] == number)
        apart = np.abs(known[rows][:, None] - seasons[mine][None])
        count = np.isfinite(apart).sum(axis=-1)
        costs = np.where(count > 0, np.nansum(apart, axis=-1) / np.maximum(count, 1), np.nan)
        for row, column in match(costs, FARTHEST):
            partner[rows[row]] = mine[column]
    found = table.reset_index(drop=True).reindex(np.where(partner < 0, len(table), partner)).set_axis(truth.index)
    alone = np.setdiff1d(np.arange(len(table)), partner)
    whole = np.isfinite(seasons[:, 1] + seasons[:, 4])
    return found, table.iloc[alone[whole[alone]]]


def date_errors(tables: Sequence[pd.DataFrame], truth: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Compare transition dates with the truth, per source, date and class.

    A source that finds dates only in easy fields looks good among all of its fields; the rows with
    fields = common count only the seasons of which every source found that date.

    Parameters
    ----------
    tables : sequence of DataFrame
        One of each source, see `stfuse.phenology.transitions.season_table`.
    truth : DataFrame
        field, class, season and `DATE_NAMES` in the same days, see `stfuse.phenology.transitions.true_dates`.
    keys : sequence of str
        Columns that tell the sources apart, each of one value a table.

    Returns
    -------
    DataFrame
        `keys`, date_name (or ``all``), class (``all``, one, or ``catch``: catch crops are not in ``all``), fields
        (``all`` or ``common``), mae_days, median_days (of the absolute errors), bias_days (found - true; negative =
        too early), within90 (share of errors within 1.645 stated sigmas), n (dates), n_true (dates in the truth),
        n_seasons (in the truth), n_missed, n_false (seasons; false ones of the fields of the class).
    """
    known = truth[list(DATE_NAMES)].to_numpy(np.float64)
    matched = [match_seasons(table, truth) for table in tables]
    errors = [found[list(DATE_NAMES)].to_numpy(np.float64) - known for found, _ in matched]
    found_by_all = np.logical_and.reduce([np.isfinite(own) for own in errors])
    caught = truth["season"].to_numpy(str) == CATCH if "season" in truth else np.zeros(len(truth), bool)
    classes = np.where(caught, CATCH, truth["class"].to_numpy(str))
    by_field = truth.drop_duplicates("field").set_index("field")["class"].astype(str)
    rows = []
    for table, (found, false), own in zip(tables, matched, errors, strict=True):
        source = {key: table[key].iloc[0] if len(table) else "" for key in keys}
        ratios = own / found.reindex(columns=list(ERROR_NAMES)).to_numpy(np.float64)
        missed = np.isnan(found["field"].to_numpy(np.float64))
        wrong = false["field"].map(by_field).to_numpy(str)
        for kind in (ALL, *np.unique(classes)):
            mine = (classes != CATCH) if kind == ALL else (classes == kind)
            seasons = {"n_seasons": int(mine.sum()), "n_missed": int((mine & missed).sum())}
            seasons |= {"n_false": int(((wrong == kind) | (kind == ALL)).sum())}
            for fields in (ALL, COMMON):
                counted = mine[:, None] & (found_by_all if fields == COMMON else np.isfinite(own))
                for i, name in enumerate((*DATE_NAMES, ALL)):
                    which = slice(None) if name == ALL else slice(i, i + 1)
                    of_date = counted[:, which]
                    n_true = {"n_true": int(np.isfinite(known[mine, which]).sum())}
                    spread = _spread(own[:, which][of_date], ratios[:, which][of_date])
                    where = {"date_name": name, "class": kind, "fields": fields}
                    rows.append({**source, **where, **spread, **n_true, **seasons})
    return pd.DataFrame(rows)


def _spread(errors: Float64Array, ratios: Float64Array) -> dict[str, float]:
    """Measures of errors in days; `ratios` are the same in stated sigmas, NaN = none stated."""
    if not errors.size:
        return {"mae_days": np.nan, "median_days": np.nan, "bias_days": np.nan, "within90": np.nan, "n": 0}
    apart, stated = np.abs(errors), np.abs(ratios[np.isfinite(ratios)])
    return {
        "mae_days": float(apart.mean()),
        "median_days": float(np.median(apart)),
        "bias_days": float(errors.mean()),
        "within90": float((stated <= NINETY).mean()) if stated.size else np.nan,
        "n": int(errors.size),
    }


def event_scores(
    tables: Sequence[tuple[Mapping[str, Any], pd.DataFrame]],
    truth: pd.DataFrame,
    min_drop: float,
    visible: Sequence[NDArray[np.bool_]] | None = None,
) -> pd.DataFrame:
    """Compare events with the truth, per source, kind and class.

    Counted are the true events at which the field's NDVI really fell, by `min_drop` or more: no series can show the
    harvest of what is ripe and yellow. A found event that stands for a smaller drop, of `HARDLY` of it or more, is
    neither right nor false. Pairs are one to one, within `TOLERANCE` days.

    Parameters
    ----------
    tables : sequence of (labels, DataFrame)
        What each source is called, and its events, see `stfuse.phenology.transitions.event_table`; there may be none.
    truth : DataFrame
        field, kind, class, day (in the same days) and drop, see `stfuse.phenology.transitions.true_events`.
    min_drop : float
        NDVI.
    visible : sequence of ndarray of bool, shape (row of `truth`,), optional
        Of each source, see `visible_events`; all by default.

    Returns
    -------
    DataFrame
        Labels, kind and class (or ``all``), n_true, n_found (told as that kind), n_right (true events found), recall,
        n_visible, recall_visible (of those that the source could show), precision (NaN for kinds that are not told
        apart), median_days, bias_days and within90 of the right ones, and kind_right (of the true events with a found
        one whose kind was told, the share told as what they are). In the rows of one kind only what was told as it is
        is right: cuts as cuts, all others as harvests; so a harvest found at a tillage counts for the precision of
        harvests, but for the recall of tillages.
    """
    rows = []
    fell = (truth["drop"] >= min_drop).to_numpy()
    shown = truth[fell].reset_index(drop=True)
    faint = truth[(truth["drop"] < min_drop) & (truth["drop"] >= HARDLY * min_drop)]
    by_field = truth.drop_duplicates("field").set_index("field")["class"].astype(str)
    for n, (labels, given) in enumerate(tables):
        there = visible[n][fell] if visible else np.ones(len(shown), bool)
        table = given.reset_index(drop=True)
        pairs = _pairs(table, shown)
        rest = table.drop(index=table.index[list(pairs.values())])
        excused = rest.index[list(_pairs(rest, faint).values())]
        counted = table.drop(index=excused)
        found = table.reindex([pairs.get(i, len(table)) for i in range(len(shown))])
        agreed = found.index[found["kind"].to_numpy() == _told_apart(shown)]
        right = {True: counted.index.isin(list(pairs.values())), False: counted.index.isin(agreed)}
        of_class = counted["field"].map(by_field).to_numpy(str)
        for kind in (ALL, *sorted(shown["kind"].unique())):
            for name in (ALL, *sorted(shown["class"].astype(str).unique())):
                mine = ((shown["kind"] == kind) | (kind == ALL)) & ((shown["class"] == name) | (name == ALL))
                told = ((counted["kind"] == kind) | (kind == ALL)) & ((of_class == name) | (name == ALL))
                if mine.any() or told.any():
                    where = {**labels, "kind": kind, "class": name}
                    of_told = right[kind == ALL][told.to_numpy()]
                    rows.append(
                        {**where, **_told(shown[mine], found[mine.to_numpy()], there[mine.to_numpy()], of_told, kind)}
                    )
    return pd.DataFrame(rows)


def visible_events(truth: pd.DataFrame, seen: Mapping[int, NDArray[np.float64]], max_gap: float) -> NDArray[np.bool_]:
    """Tell which true events a source could show: its field was seen shortly before and after, and once more.

    Parameters
    ----------
    truth : DataFrame
        field and day.
    seen : mapping
        Field number -> ascending days on which the source saw it.
    max_gap : float
        Days between the last look before and the first on the day or after it, at most.

    Returns
    -------
    ndarray of bool, shape (row,)
    """
    out = np.zeros(len(truth), bool)
    for i, (number, day) in enumerate(zip(truth["field"], truth["day"], strict=True)):
        days = seen.get(int(number), np.empty(0))
        after = int(np.searchsorted(days, float(day)))
        out[i] = 0 < after < len(days) - 1 and days[after] - days[after - 1] <= max_gap
    return out


def _pairs(table: pd.DataFrame, truth: pd.DataFrame) -> Mapping[int, int]:
    """Row of the truth -> row of the table, by place."""
    out: dict[int, int] = {}
    for number in truth["field"].unique():
        true, found = (np.flatnonzero(t["field"] == number) for t in (truth, table))
        apart = truth["day"].to_numpy(np.float64)[true][:, None] - table["day"].to_numpy(np.float64)[found]
        out |= {int(true[r]): int(found[c]) for r, c in match(np.abs(apart), TOLERANCE)}
    return out


def _told_apart(true: pd.DataFrame) -> NDArray[np.object_]:
    """The kinds that finders can tell: cuts, and harvests for all others."""
    return np.where(true["kind"] == KINDS[CUT], KINDS[CUT], KINDS[HARVEST]).astype(object)


def _told(
    true: pd.DataFrame, found: pd.DataFrame, visible: NDArray[np.bool_], right: NDArray[np.bool_], kind: str
) -> dict[str, float]:
    paired = found["kind"].notna().to_numpy()
    agrees = found["kind"].to_numpy() == _told_apart(true)
    seen = paired if kind == ALL else paired & agrees
    errors = (found["day"].to_numpy(np.float64) - true["day"].to_numpy(np.float64))[seen]
    spread = _spread(errors, errors / found["error_days"].to_numpy(np.float64)[seen])
    tells = kind in (ALL, KINDS[CUT], KINDS[HARVEST])
    named = paired & (found["kind"] != KINDS[UNKNOWN]).to_numpy()
    return {
        "n_true": len(true),
        "n_found": len(right) if tells else np.nan,
        "n_right": int(seen.sum()),
        "recall": float(seen.mean()) if len(true) else np.nan,
        "n_visible": int(visible.sum()),
        "recall_visible": float(seen[visible].mean()) if visible.any() else np.nan,
        "precision": float(right.mean()) if tells and len(right) else np.nan,
        **{name: spread[name] for name in ("median_days", "bias_days", "within90")},
        "kind_right": float(agrees[named].mean()) if named.any() else np.nan,
    }
