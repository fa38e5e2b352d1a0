"""Seasons of fields: their series, the rows of the table, and how far its dates are from the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stfuse.logistic import DATE_NAMES
from stfuse.phenology import SEASON_NAMES
from stfuse.task import FloatArray

ALL = "all"
"""Name of the row over all six dates, and of the rows over all fields that a source found."""
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
    """Day numbers counted from 1 January of `year` (= 1) as ISO dates; empty where NaN."""
    first = np.datetime64(f"{year}-01-01")
    return [str(first + np.timedelta64(round(d) - 1, "D")) if np.isfinite(d) else "" for d in days.tolist()]


def season_table(
    numbers: NDArray[np.integer],
    pixels: NDArray[np.integer],
    seasons: NDArray[np.floating],
    year: int,
    labels: Mapping[str, Any],
) -> pd.DataFrame:
    """One row a field: labels, field, n_pixels, `SEASON_NAMES`, and the dates again as ISO dates (date1_iso ...).

    Parameters
    ----------
    numbers, pixels : ndarray, shape (field,)
    seasons : ndarray, shape (len(SEASON_NAMES), field)
        See `stfuse.phenology.find_seasons`; days counted from 1 January of `year`.
    labels : mapping
        Columns of one value, first in the table.
    """
    columns: dict[str, Any] = {**labels, "field": numbers, "n_pixels": pixels}
    columns |= dict(zip(SEASON_NAMES, seasons, strict=True))
    columns |= {f"{name}_iso": iso_dates(seasons[SEASON_NAMES.index(name)], year) for name in DATE_NAMES}
    return pd.DataFrame(columns, index=range(len(numbers)))


def date_errors(tables: Sequence[pd.DataFrame], truth: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Errors of the transition dates against the truth, per source and date.

    A source that finds dates only in easy fields looks good among all of its fields; the rows with
    fields = common count only the fields where every source found that date.

    Parameters
    ----------
    tables : sequence of DataFrame
        One of each source, see `season_table`.
    truth : DataFrame
        ``field`` and `DATE_NAMES`, in the same days; NaN = no such date.
    keys : sequence of str
        Columns that tell the sources apart, each of one value a table.

    Returns
    -------
    DataFrame
        `keys`, date_name (or ``all``), fields (``all`` or ``common``), mae_days, bias_days (found - true;
        negative = too early), n (fields; of all six dates: field dates), n_true (those in the truth).
    """
    known = truth.set_index("field")[list(DATE_NAMES)].astype(float)
    errors = [t.set_index("field")[list(DATE_NAMES)].astype(float).reindex(known.index) - known for t in tables]
    found_by_all = np.ones(known.shape, np.bool_)
    for error in errors:
        found_by_all &= error.notna().to_numpy()
    rows = []
    for table, error in zip(tables, errors, strict=True):
        source = {key: table[key].iloc[0] if len(table) else "" for key in keys}
        for fields, counted in ((ALL, error), (COMMON, error.where(found_by_all))):
            for name in (*DATE_NAMES, ALL):
                chosen = counted.to_numpy() if name == ALL else counted[name].to_numpy()
                true = int((known.notna() if name == ALL else known[name].notna()).to_numpy().sum())
                rows.append({**source, "date_name": name, "fields": fields, **_spread(chosen), "n_true": true})
    return pd.DataFrame(rows)


def _spread(errors: NDArray[Any]) -> dict[str, Any]:
    seen = errors[np.isfinite(errors)]
    if not seen.size:
        return {"mae_days": np.nan, "bias_days": np.nan, "n": 0}
    return {"mae_days": float(np.abs(seen).mean()), "bias_days": float(seen.mean()), "n": int(seen.size)}
