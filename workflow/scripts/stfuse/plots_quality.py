"""What became of a site's scenes: counts by cause, shifts, match with what they are laid on, bandpass lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stfuse.plots import FAINT, INK, SOFT, WIDTH, marker_of, place
from stfuse.scene_table import IDLE, USED

REGISTERED, ROW = 3.0, 0.18
"""Inches that `panels` takes with up to three rows of marks below it, and each more row."""
BAR = 0.24


def fates(figure: Figure, table: pd.DataFrame, sensors: Sequence[str], colours: Mapping[str, str], top: float) -> None:
    """A bar per sensor: how many scenes are in images, kept for nothing, and dropped by cause.

    Parameters
    ----------
    table : DataFrame
        Columns sensor and fate.
    sensors : sequence of str
        From top to bottom.
    colours : mapping
        Sensor or cause -> colour.
    top : float
        Inches below the figure's upper edge.
    """
    axes = place(figure, 1.25, top, WIDTH - 1.25 - 0.25, BAR * len(sensors))
    counts, most = table.groupby(["sensor", "fate"]).size(), int(table["sensor"].value_counts().max())
    causes = table["fate"].value_counts().index.drop([USED, IDLE], errors="ignore")
    for row, sensor in enumerate(sensors):
        start = 0
        for fate in (USED, IDLE, *causes):
            n = int(counts.get((sensor, fate), 0))
            edge = colours[sensor if fate in (USED, IDLE) else fate]
            face = "white" if fate == IDLE else edge
            if n:
                axes.barh(row, n, left=start, height=0.72, color=face, edgecolor=edge, linewidth=0.8)
            if n > 0.02 * most:
                ink = INK if fate == IDLE else "white"
                axes.text(start + n / 2, row, str(n), ha="center", va="center", size=8, color=ink)
            start += n
    axes.set(yticks=range(len(sensors)), yticklabels=sensors, ylim=(len(sensors) - 0.5, -0.5), xlim=(0, most))
    axes.tick_params(left=False)
    axes.set_title("What became of the scenes, in the colours above (number of scenes)")


def panels_height(table: pd.DataFrame) -> float:
    """Inches that `panels` takes: every sensor has a mark for what was moved and one for what was left."""
    marks = len(table.dropna(subset=["shift_accepted"])[["sensor", "shift_accepted"]].drop_duplicates())
    return REGISTERED + ROW * max(0, (marks + 1) // 2 - 3)


def panels(figure: Figure, table: pd.DataFrame, lines: pd.DataFrame, colours: Mapping[str, str], top: float) -> None:
    """Side by side: where images were moved to, what that did for their match, and the bandpass lines.

    Parameters
    ----------
    table, lines : DataFrame
        As `stfuse.scene_table` makes them.
    colours : mapping
        Sensor -> colour.
    top : float
        Inches below the figure's upper edge.
    """
    images = table[table["fate"] == USED].drop_duplicates(["sensor", "date"])
    moved = images.dropna(subset=["shift_x_m", "shift_y_m", "shift_accepted"])
    if len(moved):
        _shifts(place(figure, 0.75, top, 2.0, 2.0), moved, colours)
        _matches(place(figure, 3.5, top, 2.0, 2.0), moved, colours)
    if len(lines):
        slopes, offsets = place(figure, 6.65, top, 1.85, 2.0), place(figure, 8.85, top, 1.85, 2.0)
        _lines(slopes, lines, colours, "slope")
        _lines(offsets, lines, colours, "offset")
        slopes.set_title("Bandpass: slope")
        offsets.set_title("and offset (reflectance)")
        offsets.set_yticklabels([])
        _line_legend(slopes, lines, colours)


def _shifts(axes: Axes, moved: pd.DataFrame, colours: Mapping[str, str]) -> None:
    for sensor, accepted, part in _groups(moved):
        axes.scatter(part["shift_x_m"], part["shift_y_m"], s=_size(moved), **_style(sensor, accepted, colours[sensor]))
    reach = float(np.nanmax(np.abs(moved[["shift_x_m", "shift_y_m"]].to_numpy()), initial=1.0)) * 1.15
    for at in ("axhline", "axvline"):
        getattr(axes, at)(0, color=SOFT, lw=0.8, zorder=0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="to the east (m)", ylabel="to the north (m)")
    axes.set_title("Shift of each image")
    handles = []
    for sensor, accepted, part in _groups(moved):
        style = _style(sensor, accepted, colours[sensor])
        words = f"{sensor}, {'moved' if accepted else 'left'} ({len(part)})"
        mark = {"mfc": style["facecolors"], "mec": style["edgecolors"], "ms": 5, "ls": ""}
        handles.append(Line2D([], [], marker=style["marker"], **mark, label=words))
    many = len(handles) > 3
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.25, -0.24), ncols=2 if many else 1, fontsize=8,
        borderaxespad=0, columnspacing=1.0, handletextpad=0.2, labelspacing=0.3,
    )  # fmt: skip


def _matches(axes: Axes, moved: pd.DataFrame, colours: Mapping[str, str]) -> None:
    known = moved.dropna(subset=["match_before", "match_after"])
    for sensor, accepted, part in _groups(known):
        axes.scatter(
            part["match_before"], part["match_after"], s=_size(moved), **_style(sensor, accepted, colours[sensor])
        )
    seen = known[["match_before", "match_after"]].to_numpy()
    low = max(-1.0, float(np.nanmin(seen, initial=0.9)) - 0.05)
    axes.plot([low, 1], [low, 1], color=SOFT, lw=0.8, zorder=0)
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01), aspect="equal", xlabel="before (correlation)", ylabel="after")
    axes.locator_params(nbins=5)
    axes.set_title("Match with what they are laid on")


def _groups(moved: pd.DataFrame) -> list[tuple[str, bool, pd.DataFrame]]:
    found = moved.groupby(["sensor", moved["shift_accepted"].astype(bool)])
    return [(str(sensor), bool(accepted), part) for (sensor, accepted), part in found]


def _style(sensor: str, accepted: bool, colour: str) -> dict[str, Any]:
    face = colour if accepted else "none"
    return {"marker": marker_of(sensor), "facecolors": face, "edgecolors": colour, "linewidths": 0.9, "alpha": 0.85}


def _size(moved: pd.DataFrame) -> float:
    """Square points of a mark, small where there are many."""
    return max(6.0, 30.0 * min(1.0, 40 / len(moved)))


def _lines(axes: Axes, lines: pd.DataFrame, colours: Mapping[str, str], what: str) -> None:
    """A point with its standard error per band and sensor; filled where it was fitted to this site's images."""
    bands, sensors = list(dict.fromkeys(lines["band"])), list(dict.fromkeys(lines["sensor"]))
    axes.axvline({"slope": 1.0, "offset": 0.0}[what], color=SOFT, lw=0.8, zorder=0)
    for line in lines.to_dict("records"):
        sensor = str(line["sensor"])
        row = bands.index(line["band"]) + 0.7 * ((sensors.index(sensor) + 0.5) / len(sensors) - 0.5)
        error = line[f"{what}_error"]
        width = float(error) if pd.notna(error) else 0.0
        face = colours[sensor] if line["rule"] == "fit" else "white"
        shape = "x" if line["rule"] == "identity" else marker_of(sensor)
        style: dict[str, Any] = {"ms": 4.5, "mfc": face, "color": colours[sensor], "lw": 1.2, "capsize": 0}
        axes.errorbar(line[what], row, xerr=width or None, fmt=shape, **style)
    for row in range(len(bands) - 1):
        axes.axhline(row + 0.5, color=FAINT, lw=0.7, zorder=0)
    axes.set(yticks=range(len(bands)), yticklabels=bands, ylim=(len(bands) - 0.5, -0.5))
    axes.tick_params(left=False)
    axes.locator_params(axis="x", nbins=4)


def _line_legend(axes: Axes, lines: pd.DataFrame, colours: Mapping[str, str]) -> None:
    words = {"fit": "fitted here, with standard error", "published": "published", "identity": "left as it is"}
    style: dict[str, Any] = {"ls": "", "color": SOFT, "ms": 5}
    handles = []
    for rule in dict.fromkeys(lines["rule"]):
        shape = {"identity": "x"}.get(str(rule), "o")
        face = SOFT if rule == "fit" else "white"
        handles.append(Line2D([], [], marker=shape, mfc=face, **style, label=words.get(str(rule), str(rule))))
    handles += [
        Line2D([], [], marker=marker_of(s), ls="", color=colours[s], ms=5, label=s)
        for s in dict.fromkeys(map(str, lines["sensor"]))
    ]
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.3, -0.16), ncols=3, fontsize=8, borderaxespad=0,
        columnspacing=1.2, handletextpad=0.2, labelspacing=0.3,
    )  # fmt: skip
