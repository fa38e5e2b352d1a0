"""How long the gaps are, and how the errors of filled values grow with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stfuse.filling.hiding import GAP_CLASSES, gap_class
from stfuse.filling.published import BY_GAP, SHORT_GAPS
from stfuse.filling.tables import BASELINE
from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled
from stfuse.task import FloatArray

METRIC_WORDS = {"mae": "MAE (NDVI)", "rmse": "RMSE (NDVI)", "r2": "R²"}
SHOWN_OF_PAPER = {"linear interpolation": (0, (1.5, 1.5)), "NDVI-Fusion": (0, (5, 2))}
"""Methods of the paper's Table III that are drawn, with their dashes."""
CLASS_COLOURS = ("#B9D3E8", "#86B2D6", "#4F8CBF", "#2A659D", "#123E6B")
"""Gap classes from short to long."""
LONGEST = 45
"""Days; longer gaps share the last bar."""
THICK = 3.2


@dataclass(frozen=True)
class _Errors:
    """One metric by method and gap class, and what is a smaller number the better it is."""

    metric: str
    by_method: Mapping[str, FloatArray]

    def better_by(self, method: str) -> FloatArray:
        """How much better than linear interpolation: per cent of its error, for R² the hundredths won."""
        mine, linear = self.by_method[method], self.by_method[BASELINE]
        if self.metric == "r2":
            return (100 * (mine - linear)).astype(np.float32)
        # An error of exactly 0 leaves nothing to be better than.
        return (100 * (linear - mine) / np.where(linear > 0, linear, np.nan)).astype(np.float32)


def _label(method: str) -> str:
    return f"linear interpolation ({method})" if method == BASELINE else method


def _look(method: str) -> dict[str, Any]:
    """How a method's line is drawn: linear interpolation thick and black."""
    if method == BASELINE:
        return {"color": INK, "lw": THICK}
    return {"color": colour_of(method), "lw": 1.5, "marker": marker_of(method), "ms": 5, "mec": "white", "mew": 0.5}


def _line(axes: Axes, method: str, values: FloatArray, shift: float) -> None:
    linear = method == BASELINE
    x = np.arange(len(values)) + (0 if linear else shift)
    axes.plot(x, values, zorder=3 + (not linear), **_look(method))


def _shifts(methods: Sequence[str]) -> dict[str, float]:
    """A little to the side each, so that equal values do not hide one another."""
    others = [m for m in methods if m != BASELINE]
    places = np.linspace(-0.18, 0.18, len(others)) if len(others) > 1 else np.zeros(len(others))
    return dict(zip(others, map(float, places), strict=True))


def _classes(axes: Axes, counts: FloatArray, labels: bool) -> None:
    axes.set_xlim(-0.4, len(GAP_CLASSES) - 0.6)
    words = [f"{name.replace('>=', '≥')}\n{_count(n)}" for name, n in zip(GAP_CLASSES, counts, strict=True)]
    axes.set_xticks(range(len(GAP_CLASSES)), words if labels else [])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)


def _count(n: float) -> str:
    """A number of values in few characters."""
    for least, unit in ((1e6, " M"), (1e3, " k")):
        if n >= least:
            return f"{n / least:.3g}{unit}"
    return f"{n:.0f}"


def _values(axes: Axes, errors: _Errors) -> None:
    for name, dashes in SHOWN_OF_PAPER.items():
        axes.plot(range(len(GAP_CLASSES)), BY_GAP[errors.metric][name], color=SOFT, lw=1.1, ls=dashes, zorder=1)
    shifts = _shifts(list(errors.by_method))
    for method, values in errors.by_method.items():
        _line(axes, method, values, shifts.get(method, 0.0))
    axes.set_title(METRIC_WORDS[errors.metric], weight="bold")
    if errors.metric != "r2":
        axes.set_ylim(bottom=0)


def _gains(axes: Axes, errors: _Errors) -> None:
    axes.axhline(0, color=INK, lw=THICK, zorder=2)
    if BASELINE in errors.by_method:
        shifts = _shifts(list(errors.by_method))
        for method in shifts:
            _line(axes, method, errors.better_by(method), shifts[method])
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -2), max(high, 2))
    axes.set_title("R² gained (hundredths)" if errors.metric == "r2" else "error saved (%)", size=9)
    axes.set_xlabel("days to the nearest value kept; number of values")


def _legend(figure: Figure, methods: Sequence[str], left: float, top: float) -> None:
    handles = [Line2D([], [], label=_label(method), **_look(method)) for method in methods]
    for name, dashes in SHOWN_OF_PAPER.items():
        handles.append(Line2D([], [], color=SOFT, lw=1.1, ls=dashes, label=f"the paper's {name}"))
    corner = (left / WIDTH, 1 - top / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=corner, ncols=4, handlelength=2.8, borderaxespad=0)


@styled
def gap_errors_figure(table: pd.DataFrame, without: Sequence[str], title: str) -> Figure:
    """Errors by gap length: all methods, linear interpolation thick; below, how much better than it each one is.

    Parameters
    ----------
    table : DataFrame
        Of `stfuse.filling.tables.gap_table`; the rows of one site and truth.
    without : sequence of str
        Methods left out, because they see weekly means only.
    title : str

    Raises
    ------
    ValueError
        If the table has no errors.
    """
    if table.empty:
        raise ValueError("A figure of errors by gap length needs errors, found none.")
    methods = list(dict.fromkeys(table["method"]))
    top, head, gap, high, low, beside = 0.78, 1.36, 0.45, 2.35, 1.7, 0.5
    figure = Figure((WIDTH, head + 0.25 + high + gap + low + 0.75))
    note = "Thick: straight lines between the values kept. Below the zero line a method is worse than that. "
    note += "The paper's numbers are of 124 other regions."
    note += f" Not here, because they see means over several days: {', '.join(without)}." if without else ""
    heading(figure, title, note)
    _legend(figure, methods, 0.6, top)
    counts = _of(table, "n", methods)
    most = np.nanmax(np.stack([*counts.values()]), axis=0)
    wide = (WIDTH - 0.6 - 0.15 - 2 * beside) / 3
    for column, metric in enumerate(METRIC_WORDS):
        errors = _Errors(metric, _of(table, metric, methods))
        left = 0.6 + column * (wide + beside)
        above, below = (
            place(figure, left, head + 0.2, wide, high),
            place(figure, left, head + 0.2 + high + gap, wide, low),
        )
        _values(above, errors)
        _classes(above, most, labels=False)
        _gains(below, errors)
        _classes(below, most, labels=True)
    return figure


def _of(table: pd.DataFrame, metric: str, methods: Sequence[str]) -> dict[str, FloatArray]:
    rows = table[table["metric"] == metric].set_index("method").reindex(list(methods))[list(GAP_CLASSES)]
    return {method: rows.loc[method].to_numpy(dtype=np.float32) for method in methods}


@styled
def gap_lengths_figure(days: NDArray[np.int64], counts: NDArray[np.int64], title: str) -> Figure:
    """How long the gaps are that are scored: share of the hidden values by days to the nearest value kept (Fig. 4).

    Parameters
    ----------
    days : ndarray of int, shape (n,)
        Gap lengths, each once.
    counts : ndarray of int, shape (n,)
        Hidden values of that gap length.
    title : str

    Raises
    ------
    ValueError
        If nothing was hidden.
    """
    total = int(counts.sum())
    if not total:
        raise ValueError("A figure of gap lengths needs hidden values, found none.")
    figure = Figure((WIDTH, 3.85))
    share = 100 * counts / total
    short = share[days < 6].sum()
    note = f"{total:,} hidden values; {short:.0f} % lie within less than six days of a value kept (the paper's: "
    heading(figure, title, note + f"{100 * SHORT_GAPS:.0f} %).")
    axes = place(figure, 0.65, 0.7, WIDTH - 0.8, 2.55)
    classes = gap_class(days.astype(np.float32))
    last = min(int(days.max()), LONGEST)
    x = np.minimum(days, last)
    for k, name in enumerate(GAP_CLASSES):
        heights = np.bincount(x[classes == k], weights=share[classes == k], minlength=last + 1)
        label = f"{name.replace('>=', '≥')} days: {share[classes == k].sum():.1f} %"
        axes.bar(np.arange(len(heights)), heights, width=0.86, color=CLASS_COLOURS[k], label=label, zorder=2)
    axes.set(xlim=(-0.2, last + 0.7), xlabel="days to the nearest value kept", ylabel="share of the hidden values (%)")
    ticks = [t for t in range(0, last + 1, 5) if t < last or days.max() <= LONGEST]
    words = [str(t) for t in ticks]
    if days.max() > LONGEST:
        ticks, words = [*ticks, last], [*words, f"≥{last}"]
    axes.set_xticks(ticks, words)
    axes.grid(axis="y", color=FAINT)
    look: dict[str, Any] = {
        "frameon": True,
        "framealpha": 1.0,
        "edgecolor": "white",
        "alignment": "left",
        "handlelength": 1.2,
    }
    axes.legend(loc="upper right", title="gap length", title_fontsize=8.5, **look)
    return figure
