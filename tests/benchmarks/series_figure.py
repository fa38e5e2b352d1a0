"""The figure of `real_series`: errors of each data set, and by gap length where a set has gaps of several lengths."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.series_words import ALL, LEAST, ORDER, sets_of
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.filling.tables import BASELINE
from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled

ACROSS = 4
TOP, LEFT, NEXT, PANEL = 1.2, 1.4, 2.38, 1.92
"""Inches: above the first row, left of it, from panel to panel, width of a panel."""
HEIGHT, ROW = 2.1, 2.9
NOTE = (
    "Two thirds of the values of test series hidden; what learns has seen other parcels, ground or years. Above: mean "
    "absolute error of all hidden values, the line is linear interpolation (temporal); more than 2.2 times that stands "
    "at the edge. Below: by days to the nearest kept value, classes of 100 values and more."
)


@styled
def figure_of(table: pd.DataFrame) -> Figure:
    """Panels of all data sets, and below them those by gap length."""
    sets = list(sets_of(table))
    by_gap = [(key, rows) for key, rows in sets if len(_classes(rows)) > 1]
    lines = -(-len(sets) // ACROSS)
    more = -(-len(by_gap) // ACROSS)
    figure = Figure((WIDTH, TOP + ROW * (lines + more) + 0.15))
    heading(figure, "Methods that fill series, on real pixel series", NOTE)
    names = [name for name in ORDER if name in set(table["method"])]
    for i, (key, rows) in enumerate(sets):
        axes = _panel(figure, i, key)
        _overall(axes, rows, names)
        if i % ACROSS:
            axes.set_yticklabels([])
    for i, (key, rows) in enumerate(by_gap):
        axes = _panel(figure, lines * ACROSS + i, key)
        _lines(axes, rows, names)
        if not i % ACROSS:
            axes.set_ylabel("MAE")
        if i == len(by_gap) - 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.04, 1.04), borderaxespad=0)
    return figure


def _panel(figure: Figure, i: int, key: tuple[str, str]) -> Axes:
    axes = place(figure, LEFT + i % ACROSS * NEXT, TOP + i // ACROSS * ROW, PANEL, HEIGHT)
    axes.set_title(f"{key[0]}, by {key[1]}")
    return axes


def _overall(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    errors = rows[rows["stratum"] == ALL].set_index("method")["mae"]
    axes.grid(color=FAINT, axis="x")
    axes.axvline(errors[BASELINE], color=colour_of(BASELINE), lw=1.0, zorder=1)
    most = 2.2 * errors[BASELINE]
    for i, name in enumerate(names):
        if name not in errors:
            axes.text(0.02 * most, i, "not run", size=7, color=SOFT, va="center")
            continue
        value = float(errors[name])
        axes.plot(min(value, most), i, marker_of(name), color=colour_of(name), ms=6, mec="white", mew=0.5, zorder=3)
        side = {"ha": "right", "x": min(value, most) - 0.05 * most} if value > 0.75 * most else {
            "ha": "left", "x": value + 0.05 * most}  # fmt: skip
        axes.text(y=i, s=f"{value:.3f}", size=7.5, color=INK, va="center", zorder=4, **side)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.04 * most)


def _classes(rows: pd.DataFrame) -> list[str]:
    counts = rows[rows["method"] == BASELINE].set_index("stratum")["n"]
    return [name for name in GAP_CLASSES if counts.get(f"gap {name}", 0) >= LEAST]


def _lines(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    classes = _classes(rows)
    errors = rows.pivot(index="stratum", columns="method", values="mae").reindex([f"gap {c}" for c in classes])
    axes.grid(color=FAINT, axis="y")
    for name in names:
        drawn = errors[name] if name in errors else [float("nan")] * len(classes)
        axes.plot(
            range(len(classes)), drawn, color=colour_of(name), marker=marker_of(name), ms=4.5,
            lw=2.0 if name == BASELINE else 1.0, label=name,
        )  # fmt: skip
    axes.set_xticks(range(len(classes)), classes)
    axes.set_xlim(-0.3, len(classes) - 0.7)
    axes.set_ylim(0, None)
    axes.set_xlabel("days to the nearest kept value")
