"""The table of how like a real place a simulated one is, and in words where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from stfuse.likeness import (
    EDGES,
    LAGS,
    SEASONS,
    Archive,
    Vector,
    band_of,
    correlations,
    course,
    departures,
    histogram,
    is_clear,
    line,
    months_of,
    same_day,
    seasons_of,
    semivariogram,
)
from stfuse.task import Series

KEYS = ["statistic", "band", "at"]
LEAST_DAYS = 5
"""Acquisitions that a month's clear share needs: of fewer, it is chance."""
Row = tuple[str, str, str, float]
"""Statistic, band (or sensor), where in the year or at which lag, value."""

TOLERANCES: Mapping[str, tuple[float, float, str]] = {
    "reflectance_median": (0.01, 0.10, "median reflectance"),
    "reflectance_spread": (0.01, 0.20, "spread of reflectance within an image (10-90 %)"),
    "ndvi_p10": (0.05, 0.0, "10 % quantile"),
    "ndvi_p50": (0.05, 0.0, "median"),
    "ndvi_p90": (0.05, 0.0, "90 % quantile"),
    "ndvi_share": (0.04, 0.0, "share of pixels in the bin from"),
    "course_median": (0.05, 0.0, "median of the month"),
    "course_spread": (0.07, 0.0, "spread over pixels (10-90 %) in the month"),
    "departure_whole": (0.001, 0.30, "departure of a whole image from its neighbours in time"),
    "departure_pixels": (0.001, 0.30, "spread of the pixels' departures from their neighbours in time"),
    "semivariogram": (0.0, 0.30, "semivariance"),
    "semivariogram_normalised": (0.08, 0.0, "semivariance over the window's variance"),
    "correlation_within": (0.10, 0.0, "correlation within an image"),
    "correlation_year": (0.10, 0.0, "correlation over the year"),
    "clear_mean": (0.07, 0.0, "mean clear share of the acquisitions"),
    "clear_over_90": (0.07, 0.0, "share of acquisitions clear over more than 90 %"),
    "clear_under_10": (0.07, 0.0, "share of acquisitions clear over less than 10 %"),
    "clear_month": (0.20, 0.0, "mean clear share of the month"),
    "same_day_r": (0.04, 0.0, "correlation of Landsat with Sentinel-2"),
    "same_day_slope": (0.10, 0.0, "slope of Landsat over Sentinel-2"),
    "same_day_bias": (0.005, 0.0, "mean of Landsat minus Sentinel-2"),
    "same_day_sd": (0.005, 0.0, "standard deviation of Landsat minus Sentinel-2"),
}  # fmt: skip
"""Statistic -> difference that hardly matters, absolute and as a share of the real value, and its name in words."""


def statistics(archive: Archive, days: int) -> pd.DataFrame:
    """All statistics of one window's images: columns of `KEYS` and value.

    Parameters
    ----------
    archive : Archive
    days : int
        Most days between two images of a pair of Landsat and Sentinel-2.
    """
    rows = [*_levels(archive.fine), *_courses(archive.fine), *_patterns(archive.fine), *_pairs(archive, days)]
    return pd.DataFrame(rows, columns=[*KEYS, "value"])


def _levels(series: Series) -> Iterator[Row]:
    """Reflectance and NDVI of each season."""
    of_season = seasons_of(series.dates)
    for season in SEASONS:
        mine = series.values[of_season == season]
        for b, band in enumerate(series.bands):
            levels = course(mine[:, b])
            yield "reflectance_median", band, season, _middle(levels[:, 1])
            yield "reflectance_spread", band, season, _middle(levels[:, 2] - levels[:, 0])
        index = band_of(series, "ndvi")[of_season == season]
        seen = index[np.isfinite(index)]
        for share in (10, 50, 90):
            yield f"ndvi_p{share}", "ndvi", season, float(np.percentile(seen, share)) if seen.size else float("nan")
        for edge, value in zip(EDGES, histogram(index), strict=False):
            yield "ndvi_share", "ndvi", f"{season} {edge:.2f}", float(value)


def _courses(series: Series) -> Iterator[Row]:
    """NDVI month by month, and how much images depart from their neighbours in time."""
    levels, months = course(band_of(series, "ndvi")), months_of(series.dates)
    for month in range(1, 13):
        mine = levels[months == month]
        yield "course_median", "ndvi", f"month {month:02d}", _middle(mine[:, 1])
        yield "course_spread", "ndvi", f"month {month:02d}", _middle(mine[:, 2] - mine[:, 0])
    for band in (*series.bands, "ndvi"):
        whole, pixels = departures(band_of(series, band), series.dates)
        yield "departure_whole", band, "year", _middle(whole)
        yield "departure_pixels", band, "year", _middle(pixels)


def _patterns(series: Series) -> Iterator[Row]:
    """Semivariograms by season and correlations of bands, medians over the clear images."""
    step = abs(series.grid.resolution.x)
    steps = [round(lag / step) for lag in LAGS]
    of_season, clear = seasons_of(series.dates), is_clear(band_of(series, "red"))
    for band in ("ndvi", "nir" if "nir" in series.bands else "nir08"):
        images = band_of(series, band)
        for season in SEASONS:
            mine = images[clear & (of_season == season)]
            found = [(semivariogram(image, steps), float(np.nanvar(image))) for image in mine]
            for i, lag in enumerate(LAGS):
                yield "semivariogram", band, f"{season} {lag} m", _middle([v[i] for v, _ in found])
                yield "semivariogram_normalised", band, f"{season} {lag} m", _middle([v[i] / s for v, s in found if s])
    within = [correlations(image) for image in series.values[clear]]
    pooled = correlations(np.moveaxis(series.values, 1, 0))
    for i, j in combinations(range(len(series.bands)), 2):
        pair = f"{series.bands[i]} {series.bands[j]}"
        yield "correlation_within", pair, "median of images", _middle([matrix[i, j] for matrix in within])
        yield "correlation_year", pair, "all pixels and dates", float(pooled[i, j])


def _pairs(archive: Archive, days: int) -> Iterator[Row]:
    """How Landsat agrees with Sentinel-2."""
    for band, (fine, coarse) in same_day(archive, days).items():
        for name, value in line(fine, coarse).items():
            yield f"same_day_{name}", band, "30 m", value


def cloud_statistics(scenes: pd.DataFrame) -> pd.DataFrame:
    """Clear share of all acquisitions, kept or not: columns of `KEYS` and value.

    Parameters
    ----------
    scenes : DataFrame
        ``scenes.csv`` with the columns sensor, date, day_clear (0..1 of the site).
    """
    rows: list[Row] = []
    for sensor, mine in acquisitions(scenes).groupby("sensor"):
        clear = mine["day_clear"].to_numpy(float)
        rows.append(("clear_mean", str(sensor), "year", float(clear.mean())))
        rows.append(("clear_over_90", str(sensor), "year", float((clear > 0.9).mean())))
        rows.append(("clear_under_10", str(sensor), "year", float((clear < 0.1).mean())))
        months = months_of(mine["date"].to_numpy("datetime64[D]"))
        for month in range(1, 13):
            own = clear[months == month]
            if len(own) >= LEAST_DAYS:
                rows.append(("clear_month", str(sensor), f"month {month:02d}", float(own.mean())))
    return pd.DataFrame(rows, columns=[*KEYS, "value"])


def acquisitions(scenes: pd.DataFrame) -> pd.DataFrame:
    """One row per sensor and day."""
    return scenes.sort_values("day_clear").drop_duplicates(["sensor", "date"], keep="last")


def compare(real: pd.DataFrame, simulated: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Statistics of the real patch beside those of the simulated windows.

    Parameters
    ----------
    real : DataFrame
        Of `statistics` or `cloud_statistics`.
    simulated : sequence of DataFrame
        The same of each window.

    Returns
    -------
    DataFrame
        Columns of `KEYS`; real; simulated (median of the windows), lowest and highest of them; difference (simulated
        minus real); standardised = difference / hypot(standard deviation of the windows, difference that hardly
        matters). Statistics that one side lacks are left out.
    """
    values = pd.concat([one.set_index(KEYS)["value"] for one in simulated], axis=1)
    table = real.set_index(KEYS).rename(columns={"value": "real"})
    table = table.join(
        pd.DataFrame(
            {
                "simulated": values.median(axis=1), "lowest": values.min(axis=1), "highest": values.max(axis=1),
                "spread": values.std(axis=1, ddof=1).fillna(0.0) if len(simulated) > 1 else 0.0,
            }
        ),
        how="inner",
    )  # fmt: skip
    table = table.dropna(subset=["real", "simulated"]).reset_index()
    table["difference"] = table["simulated"] - table["real"]
    limits = [TOLERANCES[name][:2] for name in table["statistic"]]
    matters = [max(least, share * abs(value)) for (least, share), value in zip(limits, table["real"], strict=True)]
    table["standardised"] = table["difference"] / np.hypot(table["spread"], matters)
    return table.drop(columns="spread")


def unlike(table: pd.DataFrame, least: float = 2.0, most: int = 15) -> list[str]:
    """Where the simulated place is most unlike the real one, in sentences, the worst first.

    Parameters
    ----------
    table : DataFrame
        Of `compare`.
    least : float
        Standardised differences smaller than this are not told.
    most : int
        Sentences at most. Of each statistic only the largest difference is told, and how many others are as large.
    """
    odd = table[table["standardised"].abs() >= least]
    odd = odd.reindex(odd["standardised"].abs().sort_values(ascending=False, kind="stable").index)
    said = []
    for statistic, group in odd.groupby("statistic", sort=False):
        worst, more = group.iloc[0], len(group) - 1
        words = f"{worst['band']}, {TOLERANCES[str(statistic)][2]} ({worst['at']}): "
        words += f"simulated {worst['simulated']:.3g} ({worst['lowest']:.3g} to {worst['highest']:.3g}), "
        words += f"real {worst['real']:.3g}; standardised difference {worst['standardised']:+.1f}"
        others = list(dict.fromkeys(band for band in group["band"] if band != worst["band"]))
        if more:
            words += f"; {more} more of {int((table['statistic'] == statistic).sum())} such values"
            words += f", also of {', '.join(others)}" if others else ""
        said.append(words)
    return said[:most]


def _middle(values: Vector | Sequence[float]) -> float:
    """The median of the finite values: one image of snow or haze is not the season."""
    finite = np.asarray(values, float)[np.isfinite(np.asarray(values, float))]
    return float(np.median(finite)) if finite.size else float("nan")
