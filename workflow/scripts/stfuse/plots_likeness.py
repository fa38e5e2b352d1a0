"""A simulated place beside a real one: the same statistics of both, and how windows of the simulated one spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stfuse.likeness import EDGES, LAGS, SEASONS, Archive, band_of, course, months_of, same_day
from stfuse.likeness_table import acquisitions
from stfuse.plots import (
    COUNTS,
    FAINT,
    INK,
    SOFT,
    WIDTH,
    bare,
    composite,
    heading,
    limits,
    place,
    scale_bar,
    styled,
)
from stfuse.plots_scatter import agreement
from stfuse.task import Series

REAL, SIMULATED = "#D55E00", "#0072B2"
LEFT = 0.7
"""Inches left of the panels."""
FULL = WIDTH - LEFT - 0.2
SENSOR_LINES: tuple[Any, Any] = ("-", (0, (4, 2)))
INITIALS = "JFMAMJJASOND"


@dataclass(frozen=True)
class Side:
    """One of the two places.

    Attributes
    ----------
    title : str
    windows : sequence of Archive
        One of a real patch, several of a simulated place.
    scenes : DataFrame
        Its ``scenes.csv``.
    sensors : tuple of str
        Names of the fine and the coarse sensor.
    """

    title: str
    windows: Sequence[Archive]
    scenes: pd.DataFrame
    sensors: tuple[str, str]

    @property
    def middle(self) -> Archive:
        """The window that stands for all where one is shown."""
        return self.windows[len(self.windows) // 2]


@styled
def likeness_figure(real: Side, simulated: Side, table: pd.DataFrame, days: int) -> Figure:
    """Pictures, NDVI, semivariograms, band correlations, clouds and how the two sensors agree, real beside simulated.

    Parameters
    ----------
    table : DataFrame
        Of `stfuse.likeness_table.compare`: what the panels of lines and matrices show.
    days : int
        Most days between the images of a pair in the scatter panels.
    """
    figure = Figure((WIDTH, 15.85))
    box = real.windows[0].fine.grid.extent.boundingbox
    size = f"{box.right - box.left:.0f} m x {box.top - box.bottom:.0f} m"
    note = f"Orange: {real.title}. Blue: {simulated.title}, median of {len(simulated.windows)} windows of the real "
    note += f"patch's size ({size}), shaded from the lowest to the highest of them. Courses show the median of each "
    note += (
        "image's pixels and their 10-90 %. Clear shares are of the whole site: the larger, the less often all or none."
    )
    heading(figure, "Real | simulated", note)
    _pictures(figure, 1.0, (real, simulated))
    _histograms(figure, 3.85, table)
    _courses(figure, 6.1, (real, simulated))
    _semivariograms(figure, 8.45, table)
    _matrices(figure, 10.9, table, real.windows[0].fine.bands)
    _clouds(figure, 10.9, real, simulated, table)
    _scatters(figure, 13.75, (real, simulated), days)
    return figure


def _words(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, pad=4)
    axes.set(xlabel=x, ylabel=y)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)


def _picture_date(series: Series) -> int:
    """The clearest image of May to August, nearest to the end of June among equals."""
    days = np.abs((series.dates - series.dates.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int) - 178)
    clear = np.isfinite(series.values).all(axis=1).mean(axis=(1, 2))
    score = np.where(np.isin(months_of(series.dates), (5, 6, 7, 8)), 1.0, 0.0) + np.round(clear, 2) - days / 1e4
    return int(np.argmax(score))


def _pictures(figure: Figure, top: float, sides: Sequence[Side]) -> None:
    """A summer image of each place, true and false colour, one stretch for both places."""
    chosen = [(side, _picture_date(side.middle.fine)) for side in sides]
    infrared = "nir" if "nir" in sides[0].middle.fine.bands else "nir08"
    width = 2.5
    for k, (words, bands) in enumerate(
        (("true colour", ("red", "green", "blue")), ("false colour", (infrared, "red", "green")))
    ):
        shown = [np.stack([band_of(side.middle.fine, b)[i] for b in bands]) for side, i in chosen]
        stretch = [limits(np.concatenate([s[j].ravel() for s in shown]), 1, 99) for j in range(3)]
        for n, ((side, i), values) in enumerate(zip(chosen, shown, strict=True)):
            fine = side.middle.fine
            axes = place(figure, LEFT - 0.35 + (2 * n + k) * (width + 0.16), top, width, width)
            edge = fine.grid.extent.boundingbox
            bare(axes)
            axes.imshow(composite(values, stretch), extent=(edge.left, edge.right, edge.bottom, edge.top))
            name = "simulated" if n else "real"
            axes.set_title(f"{name}, {words}, {fine.dates[i]}", color=SIMULATED if n else REAL, pad=4)
            if not k:
                scale_bar(axes, edge.right - edge.left)


def _band(axes: Axes, x: Sequence[float], rows: pd.DataFrame, style: str = "-") -> None:
    """Real line, simulated line and the span of the windows, of rows in the order of x."""
    axes.fill_between(x, rows["lowest"], rows["highest"], color=SIMULATED, alpha=0.22, lw=0)
    axes.plot(x, rows["simulated"], color=SIMULATED, ls=style, lw=1.6, marker="s", ms=2.5)
    axes.plot(x, rows["real"], color=REAL, ls=style, lw=1.8, marker="o", ms=3)


def _histograms(figure: Figure, top: float, table: pd.DataFrame) -> None:
    """NDVI of each season."""
    width = (FULL - 3 * 0.3) / 4
    shares = table[table["statistic"] == "ndvi_share"]
    centres = {f"{edge:.2f}": edge + (EDGES[1] - EDGES[0]) / 2 for edge in EDGES[:-1]}
    highest = 100 * float(shares[["real", "highest"]].max().max())
    for i, season in enumerate(SEASONS):
        mine = shares[shares["at"].str.startswith(season)]
        rows = mine.assign(**{c: 100 * mine[c] for c in ("real", "simulated", "lowest", "highest")})
        axes = place(figure, LEFT + i * (width + 0.3), top, width, 1.5)
        _band(axes, [centres[at.split()[1]] for at in mine["at"]], rows)
        _words(axes, f"NDVI in {season}", "NDVI", "share of pixels (%)" if i == 0 else "")
        axes.set(xlim=(-0.2, 1.0), ylim=(0, 1.05 * highest))
        axes.tick_params(labelleft=i == 0)


def _courses(figure: Figure, top: float, sides: Sequence[Side]) -> None:
    """NDVI through the year: median and 10-90 % over the pixels of each image, by day of the year."""
    width = (FULL - 0.3) / 2
    starts = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    for n, side in enumerate(sides):
        axes = place(figure, LEFT + n * (width + 0.3), top, width, 1.6)
        colour, fine = (SIMULATED if n else REAL), side.middle.fine
        years = fine.dates.astype("datetime64[Y]")
        day = (fine.dates - years.astype("datetime64[D]")).astype(int) + 1
        levels = course(band_of(fine, "ndvi"))
        for k, year in enumerate(np.unique(years)):
            mine = (years == year) & np.isfinite(levels[:, 1])
            axes.vlines(day[mine], levels[mine, 0], levels[mine, 2], color=colour, lw=2.4, alpha=0.35)
            shape = "o^s"[k % 3]
            axes.plot(day[mine], levels[mine, 1], shape, color=colour, ms=4, mec="white", mew=0.4, label=str(year))
        one = f" (one of {len(side.windows)} windows)" if len(side.windows) > 1 else ""
        _words(axes, f"NDVI through the year, {'simulated' if n else 'real'}{one}", "", "" if n else "NDVI")
        axes.title.set_color(colour)
        axes.set(xlim=(0, 366), ylim=(-0.1, 1.0), xticks=starts + 15, xticklabels=list(INITIALS))
        axes.tick_params(labelleft=n == 0)
        axes.legend(loc="lower center", ncols=3, borderaxespad=0.1, handletextpad=0.2)


def _semivariograms(figure: Figure, top: float, table: pd.DataFrame) -> None:
    """Of NDVI and the near infrared in summer, absolute and as a share of the window's variance."""
    width = (FULL - 3 * 0.55) / 4
    at = [f"summer {lag} m" for lag in LAGS]
    panels = [
        (statistic, band)
        for band in ("ndvi", *sorted(set(table["band"]) & {"nir", "nir08"})[:1])
        for statistic in ("semivariogram", "semivariogram_normalised")
    ]
    for i, (statistic, band) in enumerate(panels):
        mine = table[(table["statistic"] == statistic) & (table["band"] == band)].set_index("at")
        found = [(lag, name) for lag, name in zip(LAGS, at, strict=True) if name in mine.index]
        axes = place(figure, LEFT + i * (width + 0.55), top, width, 1.6)
        _band(axes, [lag for lag, _ in found], mine.loc[[name for _, name in found]])
        name = "NDVI" if band == "ndvi" else band
        share = statistic.endswith("normalised")
        unit = "/ variance" if share else "(NDVI²)" if band == "ndvi" else "(reflectance²)"
        _words(axes, f"Semivariance of {name}, summer", "distance (m)", unit)
        axes.set_ylim(bottom=0)
        if share:
            axes.axhline(1, color=SOFT, lw=0.8, ls=(0, (4, 3)))
        else:
            axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))


def _matrices(figure: Figure, top: float, table: pd.DataFrame, bands: Sequence[str]) -> None:
    """Correlations of bands: real below the diagonal, simulated above it."""
    side = 2.1
    for k, (statistic, words) in enumerate(
        (("correlation_within", "Bands within an image (r)"), ("correlation_year", "Bands over the year (r)"))
    ):
        mine = table[table["statistic"] == statistic]
        matrix = np.full((len(bands), len(bands)), np.nan)
        for pair, real, simulated in zip(mine["band"], mine["real"], mine["simulated"], strict=True):
            i, j = (bands.index(b) for b in pair.split())
            matrix[j, i], matrix[i, j] = real, simulated
        axes = place(figure, LEFT + k * (side + 0.2), top, side, side)
        axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        for (row, column), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.7 else INK
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", size=6.5, color=ink)
        axes.set_xticks(range(len(bands)), bands, rotation=60, ha="right", rotation_mode="anchor", size=7.5)
        axes.set_yticks(range(len(bands)), bands if k == 0 else [], size=7.5)
        axes.tick_params(length=0)
        axes.set_title(words, pad=13)
        axes.text(0, 1.02, "below: real", color=REAL, transform=axes.transAxes, size=7.5)
        axes.text(1, 1.02, "above: simulated", color=SIMULATED, transform=axes.transAxes, size=7.5, ha="right")


def _clouds(figure: Figure, top: float, real: Side, simulated: Side, table: pd.DataFrame) -> None:
    """Distribution of the clear share, and its mean month by month."""
    left = LEFT + 5.1
    width = (WIDTH - left - 0.2 - 0.6) / 2
    axes = place(figure, left, top, width, 2.1)
    for side, colour in ((real, REAL), (simulated, SIMULATED)):
        days = acquisitions(side.scenes)
        for sensor, style in zip(side.sensors, SENSOR_LINES, strict=True):
            clear = np.sort(days.loc[days["sensor"] == sensor, "day_clear"].to_numpy(float)) * 100
            share = np.arange(1, len(clear) + 1) / max(len(clear), 1) * 100
            label = f"{'real' if colour == REAL else 'simulated'} {sensor} ({len(clear)})"
            ends = np.r_[0, clear, 100], np.r_[0, share, 100]
            axes.step(*ends, where="post", color=colour, ls=style, lw=1.5, label=label)
    _words(axes, "Acquisitions by clear share", "clear share of the site (%)", "acquisitions at or below (%)")
    axes.set(xlim=(0, 100), ylim=(0, 100))
    axes.legend(loc="upper left", fontsize=7, borderaxespad=0.2, handlelength=1.6)
    axes = place(figure, left + width + 0.6, top, width, 2.1)
    mine = table[(table["statistic"] == "clear_month") & (table["band"] == real.sensors[0])]
    months = [int(at.split()[1]) for at in mine["at"]]
    for column, colour, shape in (("real", REAL, "o-"), ("simulated", SIMULATED, "s-")):
        axes.plot(months, 100 * mine[column], shape, color=colour, lw=1.5, ms=3.5)
    _words(axes, f"{real.sensors[0]} by month", "", "mean clear share (%)")
    axes.set(xlim=(0.5, 12.5), ylim=(0, 100), xticks=range(1, 13), xticklabels=list(INITIALS))


def _scatters(figure: Figure, top: float, sides: Sequence[Side], days: int) -> None:
    """Landsat against Sentinel-2 at 30 m of three bands, real beside simulated."""
    size, gap = 1.48, 0.16
    bands = [b for b in ("red", "nir", "nir08", "swir16") if b in sides[0].middle.fine.bands]
    bands = [b for b in bands if b != "nir08" or "nir" not in bands][:3]
    pairs = [[same_day(window, days) for window in side.windows] for side in sides]
    for b, band in enumerate(bands):
        of_side = [[np.concatenate([p[band][k] for p in found]) for k in (0, 1)] for found in pairs]
        low, high = limits(np.concatenate([v for side in of_side for v in side]).astype(np.float32), 0.3, 99.7)
        for n, (fine, coarse) in enumerate(of_side):
            axes = place(figure, LEFT + (2 * b + n) * (size + gap) + 0.14 * b, top, size, size)
            if fine.size:
                box = (low, high, low, high)
                axes.hexbin(fine, coarse, gridsize=36, extent=box, mincnt=1, bins="log", cmap=COUNTS, linewidths=0.1)
            axes.plot([low, high], [low, high], color=INK, lw=1, ls=(0, (4, 3)))
            at = agreement(coarse.astype(np.float32), fine.astype(np.float32))
            words = f"r {at['r']:.2f}\nbias {at['bias']:+.3f}\nn {at['n']}"
            axes.text(0.04, 0.97, words, transform=axes.transAxes, va="top", size=7)
            name = "simulated" if n else "real"
            _words(axes, f"{band}, {name}")
            axes.title.set_color(SIMULATED if n else REAL)
            axes.set(xlim=(low, high), ylim=(low, high), ylabel="Landsat-8" if (b, n) == (0, 0) else "")
            axes.locator_params(nbins=4)
            axes.tick_params(labelleft=n == 0, labelsize=7.5)
    within = "the same day" if days == 0 else f"at most {days} day{'s' * (days > 1)} apart"
    words = f"Sentinel-2, mean over Landsat's pixels; {within}, before any adjustment of bands; all pairs and windows"
    figure.text(LEFT / WIDTH, 0.08 / figure.get_figheight(), words, size=9)
