"""Seasons of fields: their series, the rows of the table, and how far its dates are from the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.task import FloatArray

ALL = "all"
"""Name of the rows over all six dates, over all classes, and over all fields that a source found."""
COMMON = "common"
"""Rows over the fields for which every source found the date."""


def field_series(
    values: FloatArray, weights: FloatArray, fields: NDArray[np.integer], min_share: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, FloatArray]:
    """The course of every field: the median of its pixels on each date.

    Curves are fitted to this, not averaged afterwards: the mean of the pixels' dates is drawn by the
    pixels on the field's edge and by those without a date.

    Parameters
    ----------
    values, weights : ndarray, shape (time, y, x)
        NDVI with NaN, and weights with 0 = not used.
    fields : ndarray of int, shape (y, x)
        Field numbers, 0 = none.
    min_share : float
        A date on which a smaller share of the field is known is left out: the rest may be another corner.

    Returns
    -------
    numbers : ndarray, shape (field,)
        Ascending.
    pixels : ndarray, shape (field,)
    medians : ndarray, shape (time, field), float32
    trust : ndarray, shape (time, field), float32
        Mean weight over all pixels of the field, unknown ones counting 0.
    """
    inside = np.flatnonzero(fields > 0)
    order = inside[np.argsort(fields.ravel()[inside], kind="stable")]
    numbers, starts, pixels = np.unique(fields.ravel()[order], return_index=True, return_counts=True)
    medians = np.full((len(values), len(numbers)), np.nan, np.float32)
    trust = np.zeros(medians.shape, np.float32)
    known = np.isfinite(values) & (weights > 0)
    for i, (start, count) in enumerate(zip(starts, pixels, strict=True)):
        places = order[start : start + count]
        seen = known.reshape(len(values), -1)[:, places]
        enough = seen.mean(axis=1) >= min_share
        course = np.where(seen, values.reshape(len(values), -1)[:, places], np.float32(np.nan))
        medians[enough, i] = np.nanmedian(course[enough], axis=1)
        trust[enough, i] = np.where(seen, weights.reshape(len(values), -1)[:, places], 0.0).mean(axis=1)[enough]
    return numbers.astype(np.int64), pixels.astype(np.int64), medians, trust


def iso_dates(days: NDArray[np.floating], year: int) -> list[str]:
    """Write day numbers counted from 1 January of `year` (= 1) as ISO dates; empty where NaN."""
    first = np.datetime64(f"{year}-01-01")
    return [str(first + np.timedelta64(round(d) - 1, "D")) if np.isfinite(d) else "" for d in days.tolist()]


def season_table(
    numbers: NDArray[np.integer],
    pixels: NDArray[np.integer],
    seasons: NDArray[np.floating],
    year: int,
    labels: Mapping[str, Any],
) -> pd.DataFrame:
    """Make the table of a row a field: labels, field, n_pixels, `SEASON_NAMES`, and the dates in ISO (date1_iso ...).

    Parameters
    ----------
    numbers, pixels : ndarray, shape (field,)
    seasons : ndarray, shape (len(SEASON_NAMES), field)
        See `stfuse.phenology.seasons.find_seasons`; days counted from 1 January of `year`.
    labels : mapping
        Columns of one value, first in the table.
    """
    columns: dict[str, Any] = {**labels, "field": numbers, "n_pixels": pixels}
    columns |= dict(zip(SEASON_NAMES, seasons, strict=True))
    columns |= {f"{name}_iso": iso_dates(seasons[SEASON_NAMES.index(name)], year) for name in DATE_NAMES}
    return pd.DataFrame(columns, index=range(len(numbers)))


def true_dates(truth: pd.DataFrame) -> pd.DataFrame:
    """Find the transition dates of a simulated world's seasons from their curves: to the fraction of a day.

    Parameters
    ----------
    truth : DataFrame
        A row a field and season: field, class, and `CURVE_NAMES` with days counted as in `season_table`. Rows whose
        `season` is ``catch`` are left out: a catch crop is not the cycle that is looked for.

    Returns
    -------
    DataFrame
        field, class and `DATE_NAMES`.
    """
    if "season" in truth:
        truth = truth[truth["season"] != "catch"]
    dates = transition_dates(truth[list(CURVE_NAMES)].to_numpy(np.float64))
    return truth[["field", "class"]].assign(**dict(zip(DATE_NAMES, dates.T, strict=True)))


def date_errors(tables: Sequence[pd.DataFrame], truth: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Compare transition dates with the truth, per source, date and class.

    A source that finds dates only in easy fields looks good among all of its fields; the rows with
    fields = common count only the fields where every source found that date. Where the truth
    has several seasons of a field, the one that a source comes nearest to counts.

    Parameters
    ----------
    tables : sequence of DataFrame
        One of each source, see `season_table`.
    truth : DataFrame
        field, class and `DATE_NAMES` in the same days, see `true_dates`; NaN = no such date.
    keys : sequence of str
        Columns that tell the sources apart, each of one value a table.

    Returns
    -------
    DataFrame
        `keys`, date_name (or ``all``), class (or ``all``), fields (``all`` or ``common``), mae_days, bias_days
        (found - true; negative = too early), n (fields; of all six dates: field dates), n_true (those in the truth).
    """
    pairs = [_nearest_seasons(table, truth) for table in tables]
    found_by_all = np.logical_and.reduce([np.isfinite(errors) for errors, _ in pairs])
    classes = truth.drop_duplicates("field").set_index("field")["class"].sort_index().to_numpy(str)
    rows = []
    for table, (errors, known) in zip(tables, pairs, strict=True):
        source = {key: table[key].iloc[0] if len(table) else "" for key in keys}
        for kind in (ALL, *np.unique(classes)):
            of_kind = (classes == kind) | (kind == ALL)
            for fields, counted in ((ALL, errors), (COMMON, np.where(found_by_all, errors, np.nan))):
                for i, name in enumerate((*DATE_NAMES, ALL)):
                    which = slice(None) if name == ALL else slice(i, i + 1)
                    true = int(np.isfinite(known[of_kind, which]).sum())
                    where = {"date_name": name, "class": kind, "fields": fields}
                    rows.append({**source, **where, **_spread(counted[of_kind, which]), "n_true": true})
    return pd.DataFrame(rows)


def _nearest_seasons(table: pd.DataFrame, truth: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Found minus true dates and the true dates, shape (field, 6), fields ascending, of each field's nearest season."""
    both = truth.merge(table[["field", *DATE_NAMES]], on="field", how="left", suffixes=("", "_found"))
    known = both[list(DATE_NAMES)].to_numpy(np.float64)
    errors = both[[f"{name}_found" for name in DATE_NAMES]].to_numpy(np.float64) - known
    count = np.isfinite(errors).sum(axis=1)
    distance = np.where(count, np.nansum(np.abs(errors), axis=1) / np.maximum(count, 1), np.inf)
    order = both.assign(distance=distance).reset_index().sort_values(["field", "distance", "index"])
    chosen = order.drop_duplicates("field")["index"].to_numpy()
    return errors[chosen], known[chosen]


def _spread(errors: NDArray[np.float64]) -> dict[str, float]:
    seen = errors[np.isfinite(errors)]
    if not seen.size:
        return {"mae_days": np.nan, "bias_days": np.nan, "n": 0}
    return {"mae_days": float(np.abs(seen).mean()), "bias_days": float(seen.mean()), "n": int(seen.size)}
