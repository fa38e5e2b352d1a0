"""Seeds as an ensemble: mean, spread, and whether the intervals made of them hold the truth as often as they say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from stfuse.metrics import Mask
from stfuse.scores import Row
from stfuse.strata import gradient_strata
from stfuse.task import FloatArray

__all__ = [
    "LEVELS",
    "SHARE",
    "combine",
    "ensemble_table",
    "interval_rows",
    "quantile_beyond",
    "ratios",
    "thinned",
    "z_of",
]

SHARE = 0.9
"""What the interval is to hold."""

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Of the reliability curve."""

LEAST = 1e-4 / math.sqrt(12)
"""Smallest spread: images are stored in steps of 1e-4, and rounding alone spreads so. Members that agree
to the last step are not infinitely sure."""

MOST = 200_000
"""Pixels of a date and band that a factor is found from: neighbours say nearly the same."""


def combine(members: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and spread of predictions.

    Parameters
    ----------
    members : ndarray, shape (member, ...), float32

    Returns
    -------
    mean, spread : ndarray, shape (...), float32
        The spread is the standard deviation between the members (ddof = 1). Both are NaN where any member
        is, so that a step in the number of members is not taken for one on the ground.

    Raises
    ------
    ValueError
        If there are fewer than two members.
    """
    if len(members) < 2:
        raise ValueError(f"An ensemble needs two members at least, found {len(members)}.")
    values = members.astype(np.float64)
    return values.mean(axis=0).astype(np.float32), values.std(axis=0, ddof=1).astype(np.float32)


def z_of(members: int, share: float) -> float:
    """Half an interval's width in spreads.

    If the truth were one more draw from what the members are drawn from (normal), it would lie within
    mean +- z spread with this probability: Student's t for a spread that is itself found from few members,
    times sqrt(1 + 1/m) because the mean is, too. The normal's 1.645 would hold 71 % with three members, not 90 %.

    Parameters
    ----------
    members : int
        m, two at least.
    share : float
        0..1.
    """
    return float(t.ppf(0.5 + share / 2, members - 1)) * math.sqrt(1 + 1 / members)


def ratios(mean: FloatArray, spread: FloatArray, truth: FloatArray) -> FloatArray:
    """|error| / spread, NaN where any is missing."""
    found: FloatArray = np.abs(mean - truth) / np.maximum(spread, np.float32(LEAST))
    return found


def thinned(values: FloatArray, most: int = MOST) -> FloatArray:
    """The finite values, or about `most` of them, evenly spread."""
    seen = values[np.isfinite(values)]
    return seen[:: max(1, math.ceil(seen.size / most))]


def quantile_beyond(values: FloatArray, share: float = SHARE) -> float:
    """The value that one more draw stays below with at least this probability (split conformal prediction).

    The ceil((n + 1) share)-th smallest of n: Lei et al. 2018 (Journal of the American Statistical
    Association 113), section 2.2. Infinite where n is too small to say. The promise holds for draws that are
    alike; neighbouring pixels are not independent and dates differ, so it must be checked on other dates.
    """
    rank = math.ceil((values.size + 1) * share - 1e-9)
    return float(np.partition(values, rank - 1)[rank - 1]) if 0 < rank <= values.size else math.inf


def _band_rows(
    band: str,
    images: tuple[FloatArray, FloatArray, FloatArray],
    strata: Mapping[str, Mask],
    members: int,
    factor: float,
) -> list[Row]:
    mean, spread, truth = images
    found = ratios(mean, spread, truth)
    rows = []

    def add(stratum: str, metric: str, values: NDArray[np.floating | np.bool_], scale: float = 1.0) -> None:
        value = scale * float(values.mean(dtype=np.float64)) if values.size else math.nan
        rows.append(Row(band, stratum, metric, value, values.size))

    for stratum, mask in strata.items():
        part, wide = found[mask], np.maximum(spread[mask], LEAST)
        for name, by in (("", 1.0), ("_calibrated", factor)):
            known = part if math.isfinite(by) else part[:0]
            for level in LEVELS if stratum == "all" else (SHARE,):
                add(stratum, f"coverage_{100 * level:.0f}{name}", known <= by * z_of(members, level))
            width = wide if math.isfinite(by) else wide[:0]
            add(stratum, f"width_90{name}", width, 2 * by * z_of(members, SHARE))
        add(stratum, "spread", wide)
    rows.append(Row(band, "all", "spread_factor", factor, int(strata["all"].sum())))
    return rows


def interval_rows(
    mean: FloatArray,
    spread: FloatArray,
    truth: FloatArray,
    bands: Sequence[str],
    members: int,
    factors: Mapping[str, float],
) -> list[Row]:
    """What is to be said of the intervals mean +- z spread of one image.

    Only pixels present in every band of all images count.

    Parameters
    ----------
    mean, spread, truth : ndarray, shape (band, y, x), float32
    bands : sequence of str
    members : int
        How many predictions the mean is of.
    factors : mapping of str to float
        Band -> what spreads are multiplied with so that the intervals hold what they say, found on other dates;
        NaN where there are none.

    Returns
    -------
    list of Row
        ``coverage_90`` (share of the pixels whose truth lies inside), ``width_90`` (mean width, as the variable)
        and ``spread`` by stratum, the same ``_calibrated``; on the whole image ``spread_factor`` and the coverage of
        all `LEVELS`. Per band, and band ``mean`` over them.
    """
    valid = np.asarray(np.isfinite(mean + spread + truth).all(axis=0), np.bool_)
    strata = gradient_strata(np.where(valid, truth, np.nan).astype(np.float64), valid)
    rows = []
    for band, *images in zip(bands, mean, spread, truth, strict=True):
        rows += _band_rows(band, (images[0], images[1], images[2]), strata, members, factors[band])
    together: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.stratum, row.metric), []).append(row)
    return rows + [
        Row("mean", stratum, metric, sum(r.value for r in same) / len(same), min(r.n for r in same))
        for (stratum, metric), same in together.items()
        if len(bands) > 1 or bands[0] != "ndvi"
    ]


TABLE = (
    "rmse", "rmse_members", "spread", "coverage_90", "coverage_90_calibrated", "width_90", "width_90_calibrated",
    "spread_factor",
)  # fmt: skip


def ensemble_table(rows: pd.DataFrame) -> pd.DataFrame:
    """What is to be read of the scores of one method's ensemble: a line for each date, and their mean.

    Parameters
    ----------
    rows : DataFrame
        The table of scores that holds `interval_rows`, ``rmse`` and ``rmse_members``.

    Returns
    -------
    DataFrame
        Columns truth, date (``all`` = mean over dates) and `TABLE`; whole image, mean over the bands.
    """
    band = "mean" if "mean" in set(rows["band"]) else "ndvi"
    kept = rows[(rows["band"] == band) & (rows["stratum"] == "all")]
    lines = kept.pivot(index=["truth", "date"], columns="metric", values="value").reindex(columns=list(TABLE))
    means = lines.groupby("truth").mean().assign(date="all").set_index("date", append=True)
    return pd.concat([lines, means]).sort_index(kind="stable").rename_axis(columns=None).reset_index()
