"""Which scenes there are over a period, how clear they are, and why some were left out."""

from __future__ import annotations

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled

REASONS = ("#D55E00", "#CC79A7", "#F0C808", "#7A7A7A", "#56B4E9")
LEFT, RIGHT = 1.25, 0.25
"""Inches left and right of the panels that run over the whole period."""


def months(axes: Axes, start: pd.Timestamp, end: pd.Timestamp, labels: bool = True) -> None:
    """A time axis over the period with month ticks, the year under January and under the first tick."""
    axes.set_xlim(mdates.date2num(start), mdates.date2num(end))
    every = max(1, round((end - start).days / 30.4 / 12))
    locator = mdates.MonthLocator(interval=every)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        mdates.ConciseDateFormatter(locator, show_offset=False, formats=["%Y", "%b", "%d"] + ["%H:%M"] * 3)
    )
    axes.tick_params(labelbottom=labels)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)


def _class_of(reason: str) -> str:
    """A reason without its particulars, so that scenes left out for the same cause share a colour."""
    words = reason.partition(",")[0].strip()
    return "not clear enough over the site" if words.startswith("clear over") else words or "not kept"


@styled
def scenes_figure(scenes: pd.DataFrame, min_clear: float, title: str) -> Figure:
    """Every scene of the period as a stem as high as its clear share, coloured by why it was left out.

    Parameters
    ----------
    scenes : DataFrame
        Columns sensor, date (ISO), clear (0..1 of the site), kept (0 or 1), reason.
    min_clear : float
        The clear share that scenes need, drawn as a line.
    """
    table = scenes.assign(day=pd.to_datetime(scenes["date"]), reason=scenes["reason"].fillna("").astype(str))
    table["why"] = np.where(table["kept"] == 1, "kept", table["reason"].map(_class_of))
    causes = sorted(set(table["why"]) - {"kept"})
    colours = {cause: REASONS[i % len(REASONS)] for i, cause in enumerate(causes)}
    sensors = list(dict.fromkeys(table["sensor"]))
    head, high, gap = 1.15, 0.95, 0.32
    figure = Figure((WIDTH, head + len(sensors) * (high + gap) + 0.1))
    note = "One stem per scene, as high as the clear share of the site; "
    note += f"scenes under the dashed line ({min_clear:.0%}) are not fetched."
    heading(figure, title, note)
    margin = pd.Timedelta(days=4)
    start, end = table["day"].min() - margin, table["day"].max() + margin
    for i, sensor in enumerate(sensors):
        axes = place(figure, LEFT, head + i * (high + gap), WIDTH - LEFT - RIGHT, high)
        mine = table[table["sensor"] == sensor]
        for why, group in mine.groupby("why"):
            colour = colour_of(sensor) if why == "kept" else colours[str(why)]
            shape = marker_of(sensor) if why == "kept" else "x"
            axes.vlines(group["day"], 0, group["clear"] * 100, color=colour, lw=1.2, alpha=0.8)
            axes.plot(group["day"], group["clear"] * 100, shape, color=colour, ms=4.5, mew=1.3, clip_on=False)
        axes.axhline(min_clear * 100, color=INK, lw=0.8, ls=(0, (4, 3)))
        months(axes, start, end, labels=i == len(sensors) - 1)
        axes.set(ylim=(0, 100), yticks=[0, 50, 100], ylabel="clear (%)")
        axes.set_title(
            f"{sensor}: {int(mine['kept'].sum())} of {len(mine)} scenes kept", color=colour_of(sensor), weight="bold"
        )
    handles = [Line2D([], [], color=c, marker="x", ls="-", ms=5, label=why) for why, c in colours.items()]
    kept = Line2D([], [], color=SOFT, marker="o", ls="-", ms=5, label="kept (the sensor's colour)")
    height = figure.get_figheight()
    where = (LEFT / WIDTH, 1 - 0.78 / height)
    figure.legend(handles=[kept, *handles], loc="center left", bbox_to_anchor=where, ncols=5, borderaxespad=0)
    return figure
