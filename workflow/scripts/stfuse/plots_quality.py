"""How well the images lie on one another, and what is left of each after masking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stfuse.plots import INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled
from stfuse.plots_scenes import RIGHT, months


def _shifts(axes: Axes, table: pd.DataFrame) -> None:
    for sensor, group in table.groupby("sensor"):
        accepted = group["shift_accepted"].astype(bool)
        for used, part in ((True, group[accepted]), (False, group[~accepted])):
            style: dict[str, Any] = {
                "marker": marker_of(str(sensor)),
                "s": 38,
                "edgecolors": colour_of(str(sensor)),
                "linewidths": 1.3,
            }
            words = f"{sensor}, {'moved' if used else 'left where it was'} ({len(part)})"
            face = colour_of(str(sensor)) if used else "none"
            if len(part):
                axes.scatter(part["shift_x_m"], part["shift_y_m"], facecolors=face, label=words, **style)
    reach = float(np.nanmax(np.abs(table[["shift_x_m", "shift_y_m"]].to_numpy()), initial=1.0)) * 1.15
    for at in ("axhline", "axvline"):
        getattr(axes, at)(0, color=SOFT, lw=0.8, zorder=0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="shift to the east (m)", ylabel="shift to the north (m)")
    axes.set_title("Shift applied, per date")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=1, borderaxespad=0)


def _matches(axes: Axes, table: pd.DataFrame) -> None:
    for sensor, group in table.groupby("sensor"):
        colour = colour_of(str(sensor))
        axes.vlines(group["day"], group["match_before"], group["match_after"], color=colour, lw=1.4)
        axes.plot(group["day"], group["match_before"], "o", color=colour, mfc="white", ms=5)
        axes.plot(group["day"], group["match_after"], "o", color=colour, ms=5)
    before = Line2D([], [], marker="o", ls="", color=SOFT, mfc="white", label="before the shift")
    after = Line2D([], [], marker="o", ls="", color=SOFT, label="after the shift")
    axes.legend(handles=[before, after], loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    axes.set_title("Match with the reference sensor")
    axes.set_ylabel("correlation (no unit)")


def _clear(axes: Axes, table: pd.DataFrame) -> None:
    for sensor, group in table.groupby("sensor"):
        shape = marker_of(str(sensor))
        axes.plot(group["day"], group["clear"] * 100, shape, color=colour_of(str(sensor)), ms=5, label=str(sensor))
    odd = table[table["suspect"].fillna("").astype(bool)] if "suspect" in table else table.iloc[:0]
    if len(odd):
        words = "suspect: brighter than its season"
        axes.plot(odd["day"], odd["clear"] * 100, "o", color=INK, mfc="none", ms=11, mew=1.2, label=words)
    axes.set(ylabel="clear (%)", ylim=(min(0.95 * table["clear"].min() * 100, 90), 101))
    axes.set_title("Clear share of the images")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=4, columnspacing=1.2, handletextpad=0.2, borderaxespad=0
    )


@styled
def quality_figure(quality: pd.DataFrame, title: str) -> Figure:
    """How the images were brought to one geometry, and what is left of each after masking.

    Parameters
    ----------
    quality : DataFrame
        One row per sensor and date: sensor, date (ISO), clear (0..1), shift_x_m, shift_y_m (metres, NaN for the
        reference sensor), shift_accepted, match_before, match_after (correlation with the reference image);
        suspect (words, where an image stands out of its season) may be left out.
    """
    table = quality.assign(day=pd.to_datetime(quality["date"]))
    moved = table.dropna(subset=["shift_x_m", "shift_y_m"])
    margin = pd.Timedelta(days=6)
    period = (table["day"].min() - margin, table["day"].max() + margin)
    figure = Figure((WIDTH, 5.1))
    heading(
        figure,
        title,
        "Each image is moved as a whole onto the reference sensor's, unless the match does not rise or the "
        "shift cannot be told from zero.",
    )
    left = place(figure, 0.75, 0.95, 2.9, 2.9)
    upper = place(figure, 4.45, 0.95, WIDTH - 4.45 - RIGHT, 1.45)
    lower = place(figure, 4.45, 3.05, WIDTH - 4.45 - RIGHT, 1.45)
    if len(moved):
        _shifts(left, moved)
        _matches(upper, moved.dropna(subset=["match_before", "match_after"]))
    else:
        left.set_axis_off()
        upper.set_axis_off()
        left.text(0, 0.5, "No image was registered to another:\nonly the reference sensor is used.", color=SOFT)
    _clear(lower, table)
    months(upper, *period, labels=False)
    months(lower, *period)
    return figure
