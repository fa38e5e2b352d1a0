"""The scaling curves of the methods, from the table that `methods` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, NullFormatter, NullLocator

from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled

PUBLIC = {"starfm": (37e3, "window", 51), "estarfm": (53e3, "window", 51), "fsdaf": (9.5e3, "size", 480)}
"""Band-pixels/s of the best public codes on one thread of a machine of this kind, and where they were measured."""
ELSEWHERE = "public code, one thread, measured elsewhere on a machine of this kind"
FIXED = ("references", "size", "bands", "ratio", "threads", "window")
"""What a measurement is described by."""
RATE, MEMORY = "band_pixels_per_s", "own_mb"
WORDS = {
    "size": "pixels a side", "window": "search window (fine pixels)", "bands": "bands", RATE: "band-pixels/s",
    MEMORY: "MB besides modules and inputs",
}  # fmt: skip
TOP, ROW, LEFT, BETWEEN, BELOW = 1.55, 2.4, 0.85, 0.95, 0.85
"""Inches: above the panels, a panel's height, left of them, between two of them and below each."""
STAR: dict[str, Any] = {"ls": "", "marker": "*", "ms": 11, "markeredgecolor": INK, "markeredgewidth": 0.7}
SHAPES = "os^Dv"
"""Marks of the ratios side by side."""


def along(table: pd.DataFrame, name: str, axis: str, references: str | None = None) -> pd.DataFrame:
    """The measurements of a method that differ from its base in one thing alone, in its order.

    Parameters
    ----------
    axis : str
        One of `FIXED`; any other column for the base alone.
    references : str, optional
        Another choice of references than the base's.
    """
    mine = table[(table["method"] == name) & table["seconds"].notna()]
    base = table[(table["method"] == name) & table["base"]].iloc[0].to_dict()
    base |= {} if references is None else {"references": references}
    for column in FIXED:
        if column != axis and pd.notna(base[column]):
            mine = mine[mine[column] == base[column]]
    return mine.dropna(subset=[axis]).sort_values(axis)


def names_of(table: pd.DataFrame) -> list[str]:
    """Methods whose base was measured, the fastest first."""
    base = table[table["base"] & table["seconds"].notna()]
    return list(base.sort_values(RATE, ascending=False)["method"])


@styled
def figure_of(table: pd.DataFrame, machine: Mapping[str, Any]) -> Figure:
    """Rate over size, window and bands, memory over size, speed-up with threads, and rates side by side."""
    names = names_of(table)
    last = max(ROW, 0.26 * len(names) + 0.2)
    figure = Figure((WIDTH, TOP + 2 * (ROW + BELOW) + last + 0.55))
    heading(figure, "The methods: rates and memory", caption(table, machine))
    width = (WIDTH - LEFT - BETWEEN - 0.25) / 2
    panels = [
        place(figure, LEFT + column * (width + BETWEEN), TOP + row * (ROW + BELOW), width, ROW if row < 2 else last)
        for row in range(3)
        for column in range(2)
    ]
    curves = (("size", RATE), ("window", RATE), ("bands", RATE), ("size", MEMORY))
    for axes, (axis, value) in zip(panels, curves, strict=False):
        lines(axes, table, names, axis, value)
        axes.set(xlabel=WORDS[axis], ylabel=WORDS[value], title=f"{'rate' if value == RATE else 'memory'} over {axis}")
    speed_up(panels[4], table, names)
    side_by_side(panels[5], table, names)
    legends(figure, table, names)
    return figure


def caption(table: pd.DataFrame, machine: Mapping[str, Any]) -> str:
    """The base, how it was measured, and the machine."""
    base = table[table["base"]].iloc[0]
    size, repeats = base["size"], table["repeats"].max()
    missing = int(table["left_out"].notna().sum())
    first = (
        f"Base: {size} x {size} pixels, {base['bands']} bands, ratio {base['ratio']}, {base['threads']} thread, own "
        f"settings. Median of {repeats:.0f} predictions or fewer in a process of its own, compiled code cached.\n"
        + (f"Left out as too long or failed: {missing}, see methods.csv. " if missing else "")
    )
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "numpy", "numba") if name in machine)
    last = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, {machine['system']}, "
        f"{versions}; {machine['date']}."
    )
    return first + last


def legends(figure: Figure, table: pd.DataFrame, names: Sequence[str]) -> None:
    """A line of names and a line of marks, for all panels."""
    methods = [Line2D([], [], color=colour_of(n), marker=marker_of(n), ms=5, label=n) for n in names]
    ratios = [
        Line2D([], [], ls="", marker=SHAPES[i], color=SOFT, label=f"ratio {ratio}, side by side")
        for i, ratio in enumerate(sorted(set(table["ratio"])))
    ]
    pairs = Line2D([], [], ls="--", marker="o", color=SOFT, mfc="white", label="another number of pairs or references")
    public = Line2D([], [], color="white", **STAR, label=ELSEWHERE)
    for down, handles in ((0.78, methods), (1.02, [*ratios, pairs, public])):
        place_ = (0, 1 - down / figure.get_figheight())
        figure.legend(handles=handles, loc="upper left", ncols=len(handles), bbox_to_anchor=place_,
                      columnspacing=1.4, handlelength=2)  # fmt: skip


def other_choices(table: pd.DataFrame, name: str) -> list[str]:
    """Choices of references that a method was measured with, its own first."""
    mine = table[table["method"] == name]
    return list(dict.fromkeys([*mine.loc[mine["base"], "references"], *mine["references"]]))


def lines(axes: Axes, table: pd.DataFrame, names: Sequence[str], axis: str, value: str) -> None:
    """One value of each method over one thing that was changed; dashed with its other choices of references."""
    seen: set[float] = set()
    least = 1.0 if value == MEMORY else 0.0  # less than 1 MB is a page here or there
    for name in names:
        for number, choice in enumerate(other_choices(table, name)):
            mine = along(table, name, axis, choice)
            if len(mine) < (2 if number else 1):
                continue
            style, face = ("--", "white") if number else ("-", colour_of(name))
            values = mine[value].clip(lower=least)
            axes.plot(mine[axis], values, style, color=colour_of(name), marker=marker_of(name), ms=5, lw=1.3,
                      markerfacecolor=face)  # fmt: skip
            seen |= set(mine[axis])
        rate, over, at = PUBLIC.get(name, (0.0, "", 0))
        if value == RATE and over == axis:
            axes.plot([at], [rate], color=colour_of(name), **STAR)
    if not seen:
        axes.text(0.5, 0.5, "nothing was measured", color=SOFT, ha="center", transform=axes.transAxes)
        return
    axes.set(xscale="log", yscale="log")
    readable(axes.yaxis)
    # Only what was measured is marked: 256, 512, 1024 are no powers of ten.
    axes.xaxis.set_major_locator(FixedLocator(sorted(seen)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.grid(color=FAINT)


def readable(axis: Axis) -> None:
    """Numbers as 20k and 5M on a logarithmic axis, more of them where it is short."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def speed_up(axes: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    """How many times the rate of one thread more threads give: a bar each."""
    counts = sorted(table["threads"].unique())
    high = 0.75 / max(len(counts) - 1, 1)
    for at, name in enumerate(names):
        mine = along(table, name, "threads")
        gains = mine[RATE] / mine[RATE].iloc[0]
        for count, gain in list(zip(mine["threads"], gains, strict=True))[1:]:
            middle = at + (counts.index(count) - len(counts) / 2) * high
            axes.barh([middle], [gain], 0.85 * high, color=colour_of(name))
            words = f" {gain:.2f}" if len(counts) < 3 else f" {count}: {gain:.2f}"
            halo = [withStroke(linewidth=3, foreground="white")]
            axes.text(gain, middle, words, size=8, va="center", path_effects=halo)
    for count in counts:
        axes.axvline(count / counts[0], color=SOFT, ls=":", lw=1, zorder=0)
    axes.set(xlim=(0, 1.15 * counts[-1] / counts[0]), xlabel=f"times the rate of {counts[0]} thread")
    title = " and ".join(str(count) for count in counts[1:])
    axes.set_title(f"speed-up with {title or 'no more'} threads")
    rows_of(axes, names)


def rows_of(axes: Axes, names: Sequence[str]) -> None:
    """A row for each method."""
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.4, -0.6))


def side_by_side(axes: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Rates at the base, at other ratios and with other references, one row a method."""
    ratios = sorted(set(table["ratio"]))
    for at, name in enumerate(names):
        colour = colour_of(name)
        for ratio, rate in along(table, name, "ratio")[["ratio", RATE]].itertuples(index=False):
            axes.plot([rate], [at], SHAPES[ratios.index(ratio)], ms=7, color=colour)
        for choice in other_choices(table, name)[1:]:
            for rate in along(table, name, "method", choice)[RATE]:
                axes.plot([rate], [at], "o", ms=7, color=colour, markerfacecolor="white")
        if name in PUBLIC:
            axes.plot([PUBLIC[name][0]], [at], color=colour, **STAR)
    axes.set(xscale="log", xlabel=WORDS[RATE], title="rates side by side")
    readable(axes.xaxis)
    rows_of(axes, names)
    axes.grid(color=FAINT)
