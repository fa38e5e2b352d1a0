"""What networks reach on a device, in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, place, styled

__all__ = ["figure_of"]

WANTED, MOST_WAITING = 70.0, 5.0
"""Per cent: of the bare loop's rate to be reached at least, of the time waiting for data at most."""
TOP, ROW, BELOW, LEFT, BETWEEN, RIGHT = 1.65, 0.3, 0.95, 1.75, 0.5, 0.2
"""Inches: above the panels, of a row, below them, left of them, between two and right of them."""


class Panel(NamedTuple):
    """What a panel shows: columns of the table, times `scale`.

    Attributes
    ----------
    title, unit : str
    bar : str
        Of the network, with all that the engine does.
    whole, loop : str
        Of the method and of the bare loop, where there are such.
    line : float
        What the bar should reach or stay below; 0 = nothing.
    """

    title: str
    unit: str
    bar: str
    scale: float = 100.0
    whole: str = ""
    loop: str = ""
    line: float = 0.0


HALO = [withStroke(linewidth=3.5, foreground="white")]
RATE, SHARE, MEMORY = "pixels/s", "%", "MB"
BLOCKS = {
    "training": (
        Panel("training: rate", RATE, "pixels_per_s", 1.0),
        Panel("share of the matrix rate", SHARE, "share_of_matrix"),
        Panel("time waiting for data", SHARE, "waiting", line=MOST_WAITING),
        Panel("memory", MEMORY, "peak_mb", 1.0),
    ),
    "inference": (
        Panel("predicting: rate", RATE, "networks_pixels_per_s", 1.0, "pixels_per_s", "loop_pixels_per_s"),
        Panel("share of the matrix rate", SHARE, "share_of_matrix", loop="loop_share_of_matrix"),
        Panel("share of the bare loop", SHARE, "share_of_loop", whole="whole_share_of_loop", line=WANTED),
        Panel("memory", MEMORY, "peak_mb", 1.0),
    ),
}
"""The panels of each row, by what is measured."""
COLUMNS = {p[i] for panels in BLOCKS.values() for p in panels for i in (2, 4, 5) if p[i]} | {
    "method", "what", "own", "stage", "width", "left_out", "load_average"
}  # fmt: skip


def words_of(row: Mapping[str, Any]) -> str:
    """What a row of the figure is called: the method, its width where another was tried, which of its trainings."""
    wide = f", {row['width']:.0f} wide" if pd.notna(row["width"]) else ""
    return f"{row['method']}{wide}" + (f", {row['stage']:.0f}" if row["stage"] > 1 else "")


def caption(table: pd.DataFrame, machine: Mapping[str, Any]) -> str:
    """What was measured on, and how."""
    rates = ", ".join(f"{kind} {flops(rate)}" for kind, rate in machine["matrix_flops_per_s"].items())
    what = machine["gpu"] or f"{machine['processor']}, {machine['threads']} threads"
    memory = "of the GPU" if machine["gpu"] else "of the process"
    return (
        f"{what}; torch {machine['torch']}; {machine['date']}. Product of two large matrices: {rates}. Load "
        f"average up to {table['load_average'].max():.1f}: each thread makes 1.\n"
        "Bars: as the method has it. Grey ticks: other batches, patches, windows, precisions. Rates in pixels "
        "answered for; shares beside the matrix rate of the same minute. The bare loop runs the convolutions of "
        f"the very prediction one by one and nothing else. Memory {memory}, at most."
    )


def flops(rate: float) -> str:
    """A rate of operations in words."""
    return f"{EngFormatter(places=1, sep=' ')(rate)}FLOP/s"


@styled
def figure_of(table: pd.DataFrame, machine: Mapping[str, Any]) -> Figure:
    """Rates of training and predicting, shares of the matrix rate and of the bare loop, waiting, memory.

    Parameters
    ----------
    table : DataFrame
        As `devices` writes it; rows that were left out are named at the end.
    machine : mapping
        As `devices` writes it.
    """
    table = table.reindex(columns=sorted({*table.columns, *COLUMNS}))
    known = table[table["left_out"].isna()]
    parts = {what: _named(known[known["what"] == what]) for what in BLOCKS}
    counts = [max(int(part["own"].sum()), 1) for part in parts.values()]
    high = TOP + sum(n * ROW + BELOW for n in counts) + 0.1
    figure = Figure((WIDTH, high))
    heading(figure, f"The networks on this {'GPU' if machine['gpu'] else 'processor'}", caption(table, machine))
    _legend(figure)
    top = TOP
    for (what, part), count in zip(parts.items(), counts, strict=True):
        _block(figure, part, BLOCKS[what], top, count * ROW)
        top += count * ROW + BELOW
    left_out = table.loc[table["left_out"].notna(), "method"].unique()
    if len(left_out):
        words = f"Left out: {', '.join(left_out)}; devices.csv says why."
        figure.text(0.1 / WIDTH, 0.08 / high, words, color=INK, size=8.5)
    return figure


def _legend(figure: Figure) -> None:
    handles = [
        Patch(color=SOFT, label="the network, with all that the engine does"),
        Patch(facecolor="white", edgecolor=INK, lw=0.8, label="the whole method, inputs prepared and all"),
        Line2D([], [], ls="", marker="|", ms=9, mew=2.5, color=INK, label="bare loop over the convolutions"),
        Line2D([], [], ls="", marker="|", ms=7, mew=1.4, color=SOFT, label="other settings tried"),
    ]
    at = (0, 1 - 1.02 / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", ncols=4, bbox_to_anchor=at, columnspacing=1.6)


def _named(part: pd.DataFrame) -> pd.DataFrame:
    """With a column ``at``: the line of the figure of each row, counted by the methods as they are."""
    words = [words_of(row) for row in part.to_dict("records")]
    own = part["own"].astype(bool)
    lines = {name: i for i, name in enumerate(dict.fromkeys(w for w, mine in zip(words, own, strict=True) if mine))}
    return part.assign(own=own, words=words, at=[lines.get(name, -9) for name in words])


def _block(figure: Figure, part: pd.DataFrame, panels: Sequence[Panel], top: float, high: float) -> None:
    """A row of panels about training or predicting."""
    width = (WIDTH - LEFT - 3 * BETWEEN - RIGHT) / 4
    own, tried = part[part["own"]], part[~part["own"] & (part["at"] >= 0)]
    for number, panel in enumerate(panels):
        axes = place(figure, LEFT + number * (width + BETWEEN), top, width, high)
        axes.set(title=panel.title, xlabel=panel.unit)
        axes.set_yticks(own["at"], own["words"] if number == 0 else [""] * len(own))
        axes.set_ylim(max(len(own), 1) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=FAINT)
        axes.set_axisbelow(True)
        if not len(own):
            axes.text(0.5, 0.5, "not measured", color=SOFT, ha="center", va="center", transform=axes.transAxes)
            continue
        axes.barh(own["at"], panel.scale * own[panel.bar], 0.5, color=[colour_of(name) for name in own["method"]])
        axes.plot(panel.scale * tried[panel.bar], tried["at"], "|", color=SOFT, ms=7, mew=1.4, path_effects=HALO)
        if panel.whole:
            axes.barh(own["at"], panel.scale * own[panel.whole], 0.72, fill=False, edgecolor=INK, lw=0.8)
        if panel.loop:
            axes.plot(panel.scale * own[panel.loop], own["at"], "|", color=INK, ms=12, mew=2.5, path_effects=HALO)
        _scale(axes, panel)


def _scale(axes: Axes, panel: Panel) -> None:
    if panel.unit == RATE:
        axes.set_xscale("log")
        low, most = axes.get_xlim()
        axes.set_xlim(low / 1.5, most)
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if most / low > 30 else (1, 3)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return
    least = 105.0 if panel.unit == SHARE and not panel.line else 1.5 * panel.line
    axes.set_xlim(0, max(axes.get_xlim()[1], least))
    if panel.line:
        axes.axvline(panel.line, color=INK, lw=1, ls="--")
