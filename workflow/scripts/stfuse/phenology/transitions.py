"""The tables of seasons and events of fields, and the true dates of simulated worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from stfuse.phenology.events import EVENT_NAMES, KINDS
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES, main_seasons
from stfuse.series import day_numbers
from stfuse.task import FloatArray

EVENT_COLUMNS = ("day", "error_days", "drop", "before", "after")


def iso_dates(days: NDArray[np.floating], year: int) -> list[str]:
    """Write day numbers counted from 1 January of `year` (= 1) as ISO dates; empty where NaN."""
    first = np.datetime64(f"{year}-01-01")
    return [str(first + np.timedelta64(round(d) - 1, "D")) if np.isfinite(d) else "" for d in days.tolist()]


def season_table(
    numbers: NDArray[np.integer],
    pixels: NDArray[np.integer],
    seasons: NDArray[np.float64],
    year: int,
    labels: Mapping[str, Any],
) -> pd.DataFrame:
    """Make the table of a row a field and season.

    Its columns: labels, field, n_pixels, season (1, 2, ... by time; 0 and no values for a field without any), main (1
    for the field's largest), year (of the peak), `SEASON_NAMES`, and the dates in ISO (date1_iso ... date6_iso).

    Parameters
    ----------
    numbers, pixels : ndarray, shape (field,)
    seasons : ndarray, shape (len(SEASON_NAMES), season, field)
        See `stfuse.phenology.seasons.find_seasons`; days counted from 1 January of `year`.
    labels : mapping
        Columns of one value, first in the table.
    """
    there = np.isfinite(seasons[0])
    none = ~there.any(axis=0)
    there[0] |= none
    field, season = np.nonzero(there.T)
    found = seasons[:, season, field]
    peaks = iso_dates(found[SEASON_NAMES.index("peak")], year)
    columns: dict[str, Any] = {**labels, "field": numbers[field], "n_pixels": pixels[field]}
    columns |= {"season": np.where(none[field], 0, season + 1)}
    columns |= {"main": (~none[field] & (main_seasons(seasons)[field] == season)).astype(int)}
    columns |= {"year": [day[:4] for day in peaks], **dict(zip(SEASON_NAMES, found, strict=True))}
    columns |= {f"{name}_iso": iso_dates(found[SEASON_NAMES.index(name)], year) for name in DATE_NAMES}
    return pd.DataFrame(columns, index=range(len(field)))


def event_table(
    numbers: NDArray[np.integer],
    pixels: NDArray[np.integer],
    events: NDArray[np.floating],
    year: int,
    labels: Mapping[str, Any],
) -> pd.DataFrame:
    """Make the table of a row a field and event: labels, field, n_pixels, kind, `EVENT_COLUMNS` and day_iso.

    Parameters
    ----------
    numbers, pixels : ndarray, shape (field,)
    events : ndarray, shape (len(EVENT_NAMES), event, field)
        See `stfuse.phenology.seasons.series_events`; days counted from 1 January of `year`.
    labels : mapping
    """
    field, slot = np.nonzero(np.isfinite(events[0]).T)
    own = dict(zip(EVENT_NAMES, events[:, slot, field], strict=True))
    own["error_days"] = own.pop("error")
    columns: dict[str, Any] = {**labels, "field": numbers[field], "n_pixels": pixels[field]}
    columns |= {"kind": [KINDS[int(kind)] for kind in own["kind"]]}
    columns |= {name: own[name] for name in EVENT_COLUMNS} | {"day_iso": iso_dates(own["day"], year)}
    return pd.DataFrame(columns, index=range(len(field)))


def true_dates(truth: pd.DataFrame) -> pd.DataFrame:
    """Find the transition dates of a simulated world's seasons from their curves: to the fraction of a day.

    Parameters
    ----------
    truth : DataFrame
        A row a field and season: field, class, and `CURVE_NAMES` with days counted as in `season_table`.

    Returns
    -------
    DataFrame
        field, class, season (``main`` where the truth does not tell seasons apart) and `DATE_NAMES`.
    """
    dates = transition_dates(truth[list(CURVE_NAMES)].to_numpy(np.float64))
    named = truth[["field", "class"]].assign(season=truth.get("season", "main"))
    return named.assign(**dict(zip(DATE_NAMES, dates.T, strict=True)))


def true_events(
    events: pd.DataFrame,
    fields: NDArray[np.integer],
    ndvi_on: Callable[[np.datetime64], FloatArray],
    period: tuple[str, str],
) -> pd.DataFrame:
    """Say of every event of a simulated world how far the NDVI of its field fell.

    Parameters
    ----------
    events : DataFrame
        field, kind, class and first (ISO day).
    fields : ndarray of int, shape (y, x)
        Field numbers, 0 = none.
    ndvi_on : function
        Known NDVI of a day, shape (y, x).
    period : (str, str)
        First and last ISO day that it knows; events nearer to the ends than the days needed are left out.

    Returns
    -------
    DataFrame
        field, kind, class, day (counted from 1 January of the period's first year) and drop: median of the field the
        day before, less the lower of those of the day and of two days later.
    """
    days = events["first"].to_numpy("datetime64[D]")
    first, last = (np.datetime64(day, "D") for day in period)
    mine = events["field"].isin(np.unique(fields)).to_numpy() & (days > first) & (days + 2 <= last)
    kept = events.loc[mine, ["field", "kind", "class"]].reset_index(drop=True)
    days, drops = days[mine], np.zeros(len(kept))
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        numbers = kept["field"].to_numpy()[rows]
        before, now, later = (
            np.asarray(ndimage.median(ndvi_on(day + np.timedelta64(k, "D")), fields, numbers)) for k in (-1, 0, 2)
        )
        drops[rows] = before - np.minimum(now, later)
    return kept.assign(day=day_numbers(days, int(period[0][:4])), drop=drops)
