"""How alike the sensors are before and after harmonisation, and how near their images come to a known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled

MEASURES = {
    "r": ("correlation r\n1 is best", 1.0),
    "slope": ("slope: the reference's contrast over the sensor's\n1 is best", 1.0),
    "bias": ("bias: sensor - reference (reflectance)\n0 is best", 0.0),
}
PAIR = ["date", "reference_date"]
ROW = 0.36
"""Inches per band."""
HEAD, LEFT, GAP = 1.25, 0.95, 0.3
MIN_PIXELS = 30
"""Pairs of fewer pixels are left out of the figure: single edges decide about them."""


def _frame(axes: Axes, bands: Sequence[str], named: bool, best: float | None) -> None:
    axes.set(ylim=(len(bands) - 0.4, -0.6), yticks=range(len(bands)), yticklabels=list(bands) if named else [])
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)
    axes.margins(x=0.08)
    if best is not None:
        axes.axvline(best, color=SOFT, lw=0.9, ls=(0, (4, 2)), zorder=1)


def _dumbbells(axes: Axes, table: pd.DataFrame, bands: Sequence[str], measure: str, colour: str) -> None:
    """Median over the dates large, single dates small above (before) and below it (after)."""
    for y, band in enumerate(bands):
        here = table[table["band"] == band]
        stages = ("before", "after", "left_out")
        parts = {stage: here[here["stage"] == stage].set_index(PAIR)[measure].dropna() for stage in stages}
        if parts["before"].empty or parts["after"].empty:
            continue
        for stage, side, face in (("before", -0.26, "white"), ("after", 0.26, colour)):
            spots = parts[stage].to_numpy(float)
            axes.plot(spots, np.full(len(spots), y + side), "o", color=colour, mfc=face, ms=3, alpha=0.55, mew=0.8)
        before, after = float(parts["before"].median()), float(parts["after"].median())
        axes.annotate("", (after, y), (before, y), arrowprops={"arrowstyle": "-", "color": colour, "lw": 2}, zorder=3)
        axes.plot(before, y, "o", color=colour, mfc="white", ms=8, mew=1.6, zorder=4)
        axes.plot(after, y, "o", color=colour, ms=8, mew=1.6, zorder=5)
        if len(parts["left_out"]) and measure != "r":
            # Of the same pairs as the large dot: those that were not fitted to stay as they are.
            fair = float(parts["left_out"].combine_first(parts["after"]).median())
            axes.plot(fair, y, "x", color=INK, ms=6, mew=1.4, zorder=6)


def _key(figure: Figure, with_fit: bool) -> None:
    marks = [
        Line2D([], [], marker="o", ls="", color=SOFT, mfc="white", mew=1.6, ms=8, label="as delivered"),
        Line2D([], [], marker="o", ls="", color=SOFT, ms=8, label="harmonised"),
    ]
    if with_fit:
        words = "harmonised, each fitted date by the line of the others"
        marks.append(Line2D([], [], marker="x", ls="", color=INK, mew=1.4, ms=6, label=words))
    corner = (LEFT / WIDTH, 1 - 0.62 / figure.get_figheight())
    figure.legend(handles=marks, loc="upper left", bbox_to_anchor=corner, ncols=3, borderaxespad=0, handletextpad=0.2)


def _said(table: pd.DataFrame) -> str:
    dates = table.drop_duplicates(["date", "reference_date"])
    same = int((dates["days"] == 0).sum())
    reference = str(table["reference"].iloc[0])
    count = f"{len(dates)} pair{'s' * (len(dates) != 1)} of dates with {reference}, {same} of the same day"
    # Empty: the image was laid on none.
    registered = dates["registered_to"].fillna("").astype(str)
    other = int(((registered != "") & (registered != dates["reference_date"].astype(str))).sum())
    return count + (f"; {other} registered to another date (this one hidden or cloudy)" if other else "")


@styled
def agreement_figure(agreement: pd.DataFrame, title: str) -> Figure:
    """A row of panels per sensor: correlation, slope and bias per band, as delivered and harmonised.

    Parameters
    ----------
    agreement : DataFrame
        ``results/ard/{site}/agreement.csv``: one row per sensor, date, band and stage (before, after, left_out), with
        reference, reference_date, days, registered_to, n, r, slope, bias. Pairs of fewer than 30 pixels are not shown.
    title : str
    """
    table = agreement[agreement["n"] >= MIN_PIXELS]
    sensors = list(dict.fromkeys(table["sensor"]))
    if not sensors:
        figure = Figure((WIDTH, 1.1))
        heading(figure, title, "No two sensors saw this place within the days that make a pair.")
        return figure
    shown = {sensor: table[table["sensor"] == sensor] for sensor in sensors}
    bands = {sensor: list(dict.fromkeys(part["band"])) for sensor, part in shown.items()}
    heights = [max(ROW * len(names), 0.8) for names in bands.values()]
    figure = Figure((WIDTH, HEAD + sum(heights) + 1.05 * len(sensors) - 0.4))
    note = (
        "Large: median over the pairs. Small: single pairs; above as delivered (scaled and masked), below harmonised."
    )
    heading(figure, title, note)
    _key(figure, bool((table["stage"] == "left_out").any()))
    wide, top = (WIDTH - LEFT - 0.2 - 2 * GAP) / 3, HEAD
    for (sensor, part), high in zip(shown.items(), heights, strict=True):
        for j, (measure, (words, best)) in enumerate(MEASURES.items()):
            axes = place(figure, LEFT + j * (wide + GAP), top, wide, high)
            _frame(axes, bands[sensor], j == 0, best)
            _dumbbells(axes, part, bands[sensor], measure, colour_of(sensor))
            axes.set_xlabel(words)
            if j == 0:
                axes.set_title(f"{sensor}: {_said(part)}", color=colour_of(sensor), weight="bold")
        top += high + 1.05
    return figure


@styled
def accuracy_figure(accuracy: pd.DataFrame, title: str) -> Figure:
    """Root mean square error and bias against the truth, per band and sensor.

    Parameters
    ----------
    accuracy : DataFrame
        ``results/ard/{site}/accuracy.csv``: one row per sensor, band and date (ISO or ``all``) with rmse and bias.
    title : str
    """
    bands = list(dict.fromkeys(accuracy["band"]))
    sensors = list(dict.fromkeys(accuracy["sensor"]))
    high = ROW * len(bands) * max(1.0, 0.55 * len(sensors))
    top = 0.95
    figure = Figure((WIDTH, top + high + 0.6))
    note = (
        "Large: all dates together. Small: single dates. The truth is in Sentinel-2's bands, seen from the zenith and "
        "free of noise; its mean over each image's own pixels is compared with."
    )
    heading(figure, title, note)
    wide = (WIDTH - LEFT - 0.2 - GAP) / 2
    for j, (measure, words) in enumerate({"rmse": "RMSE (reflectance)", "bias": "bias (reflectance)"}.items()):
        axes = place(figure, LEFT + j * (wide + GAP), top, wide, high)
        _frame(axes, bands, j == 0, 0.0 if measure == "bias" else None)
        _spots(axes, accuracy, bands, sensors, measure)
        axes.set_xlabel(words)
        if measure == "rmse":
            axes.set_xlim(left=0)
        else:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(sensors), borderaxespad=0)
    return figure


def _spots(axes: Axes, table: pd.DataFrame, bands: Sequence[str], sensors: Sequence[str], measure: str) -> None:
    step = 0.7 / max(len(sensors), 1)
    for k, sensor in enumerate(sensors):
        colour, shape = colour_of(sensor), marker_of(sensor)
        mine = table[table["sensor"] == sensor]
        places = np.array([bands.index(band) for band in mine["band"]], float) + (k - (len(sensors) - 1) / 2) * step
        whole = (mine["date"] == "all").to_numpy()
        values = mine[measure].to_numpy(float)
        axes.plot(values[~whole], places[~whole], shape, color=colour, ms=3, alpha=0.35, mew=0)
        axes.plot(values[whole], places[whole], shape, color=colour, ms=8, label=sensor, zorder=4)
