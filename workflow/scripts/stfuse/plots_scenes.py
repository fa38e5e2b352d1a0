"""All scenes of a site over its period: how clear they are, what was kept, moved and doubted, and what was dropped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from stfuse.plots import COLOURS, FAINT, INK, SOFT, WIDTH, heading, marker_of, place, styled
from stfuse.plots_quality import BAR, fates, panels, panels_height
from stfuse.scene_table import IDLE, UNCLEAR, USED, archive_words, is_suspect

CAUSES = ("#CC79A7", "#56B4E9", "#C9A400", "#7A7A7A", "#3B3B3B")
CLOUDED = "#D55E00"
OTHER = "other causes"
SENSORS = ("#999933", "#661100", "#AA4499", "#6699CC", "#A6761D", "#0072B2", "#332288", "#44AA99")
LEFT, RIGHT = 1.25, 0.25
"""Inches left and right of the panels that run over the whole period."""
HEAD, LANE, STRIP, GAP = 0.95, 0.9, 0.4, 0.34
LEGEND = 0.21
MISSED = 0.005  # of the site; less is no cloud to speak of


def months(axes: Axes, start: pd.Timestamp, end: pd.Timestamp, labels: bool = True) -> None:
    """A time axis over the period with month ticks, the year under January and under the first tick."""
    axes.set_xlim(mdates.date2num(start), mdates.date2num(end))
    length = (end - start).days / 30.4
    # Only divisors of a year meet every January.
    every = next((n for n in (1, 2, 3, 4, 6) if length <= 13 * n), 12)
    short = mdates.AutoDateLocator(minticks=4, maxticks=9)
    locator = mdates.MonthLocator(bymonth=range(1, 13, every)) if length > 3 else short
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        mdates.ConciseDateFormatter(locator, show_offset=False, formats=["%Y", "%b", "%d"] + ["%H:%M"] * 3)
    )
    axes.tick_params(labelbottom=labels)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)


@styled
def scenes_figure(
    table: pd.DataFrame, lines: pd.DataFrame, sensors: Sequence[str], min_clear: float, title: str
) -> Figure:
    """Every scene of the period as a stem as high as its clear share, a lane per sensor; below, what was done to them.

    Parameters
    ----------
    table : DataFrame
        As `stfuse.scene_table.scene_table` makes it.
    lines : DataFrame
        As `stfuse.scene_table.line_table` makes it.
    sensors : sequence of str
        Those of the table, from top to bottom.
    min_clear : float
        The clear share that days need, 0..1, drawn as a line.
    """
    table = table.assign(day=pd.to_datetime(table["date"]), fate=_few(table["fate"]))
    colours = _colours(table) | sensor_colours(sensors)
    moved = {str(sensor) for sensor, own in table.groupby("sensor") if own["shift_accepted"].notna().any()}
    handles = _handles(table, colours)
    head = HEAD + LEGEND * math.ceil(len(handles) / 3)
    bars = head + len(sensors) * (LANE + GAP) + len(moved) * (STRIP + 0.08) + 0.4
    below = bars + BAR * len(sensors) + 0.75
    figure = Figure((WIDTH, below + (panels_height(table) if moved or len(lines) else -0.3)))
    note = f"One stem per scene, as high as the clear share of the site. Days below the dashed line ({min_clear:.0%}) "
    note += "are not fetched."
    if table["cloud_cover"].notna().any():
        note += "\nGrey dashes: what is left of the whole scene after the cloud cover that the archive states."
    heading(figure, title, note)
    where = (0.1 / WIDTH, 1 - 0.68 / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=where, ncols=3, borderaxespad=0, fontsize=8)
    _lanes(figure, table, sensors, colours, min_clear, head)
    fates(figure, table, sensors, colours, bars)
    if moved or len(lines):
        panels(figure, table, lines, colours, below)
    return figure


def sensor_colours(sensors: Sequence[str]) -> dict[str, str]:
    """A colour for each sensor: its own where it has one, else one that no other has."""
    taken = {COLOURS[sensor] for sensor in sensors if sensor in COLOURS}
    spare = cycle(colour for colour in SENSORS if colour not in taken)
    return {sensor: COLOURS.get(sensor) or next(spare) for sensor in sensors}


def _lanes(
    figure: Figure,
    table: pd.DataFrame,
    sensors: Sequence[str],
    colours: Mapping[str, str],
    min_clear: float,
    top: float,
) -> None:
    margin = pd.Timedelta(days=max(4, (table["day"].max() - table["day"].min()).days // 90))
    period = table["day"].min() - margin, table["day"].max() + margin
    for sensor in sensors:
        own, last = table[table["sensor"] == sensor], sensor == sensors[-1]
        moved = own["shift_accepted"].notna().any()
        axes = place(figure, LEFT, top, WIDTH - LEFT - RIGHT, LANE)
        _lane(axes, own, colours, min_clear)
        months(axes, *period, labels=last and not moved)
        top += LANE
        if moved:
            strip = place(figure, LEFT, top + 0.08, WIDTH - LEFT - RIGHT, STRIP)
            _strip(strip, own, colours[sensor])
            months(strip, *period, labels=last)
            top += STRIP + 0.08
        top += GAP


def _few(fate: pd.Series) -> pd.Series:
    """The rarest causes as one, where there are more than there are colours."""
    counts = fate[~fate.isin([USED, IDLE, UNCLEAR])].value_counts()
    return fate if len(counts) <= len(CAUSES) else fate.replace(dict.fromkeys(counts.index[len(CAUSES) - 1 :], OTHER))


def _colours(table: pd.DataFrame) -> dict[str, str]:
    """Colour of each cause there is, the most frequent first; kept scenes have their sensor's."""
    counts = table.loc[~table["fate"].isin([USED, IDLE]), "fate"].value_counts()
    rest = iter(CAUSES)
    return {str(fate): CLOUDED if fate == UNCLEAR else next(rest) for fate in counts.index}


def _lane(axes: Axes, own: pd.DataFrame, colours: Mapping[str, str], min_clear: float) -> None:
    """One sensor's scenes."""
    sensor = str(own["sensor"].iloc[0])
    crowd = min(1.0, (60 / len(own)) ** 0.5)
    thin, small = max(0.5, 1.3 * crowd), max(1.8, 4.8 * crowd)
    clouds = own.dropna(subset=["cloud_cover"])
    axes.plot(clouds["day"], 100 - clouds["cloud_cover"], "_", color="#A8A8A8", ms=small + 1, mew=0.8, clip_on=False)
    for fate, group in own.groupby("fate"):
        kept = fate in (USED, IDLE)
        colour = colours[sensor if kept else str(fate)]
        shape = marker_of(sensor) if kept else "x"
        style: dict[str, Any] = {"ms": small, "mew": thin, "mfc": "white" if fate == IDLE else colour}
        axes.vlines(group["day"], 0, group["clear"] * 100, color=colour, lw=thin, alpha=0.45 if fate == IDLE else 0.85)
        axes.plot(group["day"], group["clear"] * 100, shape, color=colour, clip_on=False, **style)
    lost = own[own["missed_cloud"] >= MISSED]
    taken = lost["missed_cloud"] * 100
    axes.vlines(lost["day"], lost["image_clear"] * 100, lost["image_clear"] * 100 + taken, color=INK, lw=2.2 * thin)
    odd = own[is_suspect(own)]
    axes.plot(odd["day"], odd["clear"] * 100, "o", color=INK, mfc="none", ms=small + 6, mew=1.2, clip_on=False)
    axes.axhline(min_clear * 100, color=INK, lw=0.8, ls=(0, (4, 3)))
    axes.set(ylim=(0, 100), yticks=[0, 50, 100], ylabel="clear (%)")
    axes.set_title(_words(own), color=colours[sensor], weight="bold")
    archives = own.loc[own["archive"] != "", "archive"].map(archive_words).value_counts()
    source = ", ".join(f"{name} {count}" for name, count in archives.items())
    axes.set_title(source, loc="right", color=SOFT, size=8.5)


def _words(own: pd.DataFrame) -> str:
    kept, images = int((own["kept"] == 1).sum()), own.loc[own["fate"] == USED, "date"].nunique()
    made = f", {images} image{'s' * (images != 1)} made" if kept else ""
    return f"{own['sensor'].iloc[0]}: {kept} of {len(own)} scenes kept{made}"


def _strip(axes: Axes, own: pd.DataFrame, colour: str) -> None:
    """How far each image was moved; hollow where it was left in place."""
    known = own.dropna(subset=["shift_accepted"]).drop_duplicates("date")
    length = np.hypot(known["shift_x_m"].fillna(0), known["shift_y_m"].fillna(0))
    accepted = known["shift_accepted"].astype(bool)
    crowd = min(1.0, (60 / len(known)) ** 0.5)
    axes.vlines(known["day"][accepted], 0, length[accepted], color=colour, lw=max(0.5, 1.1 * crowd))
    for part, face in ((accepted, colour), (~accepted, "white")):
        style: dict[str, Any] = {"color": colour, "mfc": face, "ms": max(1.8, 4 * crowd), "clip_on": False}
        axes.plot(known["day"][part], length[part], "o", **style)
    axes.set(ylim=(0, max(1.0, 1.1 * float(length.max()))), ylabel="moved\n(m)")
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))


def _handles(table: pd.DataFrame, colours: Mapping[str, str]) -> list[Line2D]:
    """What the marks mean, with counts; only those that occur."""
    style: dict[str, Any] = {"marker": "o", "ls": "-", "ms": 5, "color": SOFT}
    counts = table["fate"].value_counts()
    handles = [Line2D([], [], **style, label=f"kept and in an image ({counts.get(USED, 0)}): the sensor's colour")]
    if IDLE in counts:
        handles.append(Line2D([], [], **style, mfc="white", label=f"{IDLE} ({counts[IDLE]})"))
    for cause in counts.index.drop([USED, IDLE], errors="ignore"):
        line = Line2D([], [], color=colours[cause], marker="x", ls="-", ms=5, label=f"{cause} ({counts[cause]})")
        handles.append(line)
    images = table.drop_duplicates(["sensor", "date"])
    odd, lost = int(is_suspect(images).sum()), int((images["missed_cloud"] >= MISSED).sum())
    if odd:
        ring: dict[str, Any] = {"marker": "o", "ls": "", "color": INK, "mfc": "none", "ms": 9}
        handles.append(Line2D([], [], **ring, label=f"suspect: stands out of its season ({odd})"))
    if lost:
        handles.append(Line2D([], [], color=INK, lw=2.4, label=f"taken away: cloud that the mask missed ({lost})"))
    return handles
