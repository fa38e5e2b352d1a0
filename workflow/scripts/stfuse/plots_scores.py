"""How good each method is, date by date, beside what needs no method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stfuse.metrics import METRICS
from stfuse.plots import FAINT, WIDTH, colour_of, heading, marker_of, place, styled
from stfuse.summary import BASELINES
from stfuse.tables import MAIN_BAND

NAMES = {
    "rmse": "RMSE", "mae": "MAE", "cc": "correlation", "ssim": "SSIM (L = 1)", "ssim_range": "SSIM (L = data range)",
    "psnr": "PSNR (dB)", "bias": "bias", "ergas": "ERGAS", "sam_deg": "spectral angle (degrees)",
}  # fmt: skip
DASHES = {"bilinear": (0, (5, 3)), "nearest": (0, (1.5, 2))}
ROW = 0.34
"""Inches per method."""
Question = tuple[str, str]
"""What was taken as truth (observed, known), and the variable (reflectance, ndvi)."""
TRUTHS = {"observed": "the observed image", "known": "the known, noise-free truth"}


def axis_label(metric: str, unit: str) -> str:
    """Name of a metric with its unit and which way is better."""
    name = NAMES.get(metric, metric)
    name += f" ({unit})" if METRICS[metric].unit == "as the variable" else ""
    way = {"higher": "higher is better", "lower": "lower is better", "nearer 0": "nearer to zero is better"}
    return f"{name}\n{way[METRICS[metric].better]}"


def per_date(scores: pd.DataFrame, question: Question, metric: str) -> pd.DataFrame:
    """Rows of one question and metric in the tidy table of scores, whole image only."""
    truth, variable = question
    band = "ndvi" if variable == "ndvi" else MAIN_BAND.get(metric, "mean")
    rows = scores[(scores["truth"] == truth) & (scores["stratum"] == "all") & (scores["metric"] == metric)]
    return rows[rows["band"] == band]


def _panel(axes: Axes, table: pd.DataFrame, points: pd.DataFrame, metric: str) -> None:
    values = table[metric].astype(float)
    for y, method in enumerate(table.index):
        colour, shape = colour_of(method), marker_of(method)
        mine = points.loc[points["method"] == method, "value"].to_numpy(float)
        axes.plot(mine, np.full(len(mine), y + 0.34), shape, color=colour, ms=3.8, alpha=0.6, mew=0)
        beaten = " ".join(str(table.loc[method, f"worse_than_{b}"]) for b in BASELINES).split()
        face = "white" if metric in beaten and method not in BASELINES else colour
        axes.plot(values[method], y, shape, color=colour, mfc=face, ms=9, mew=1.8, zorder=4)
    for name in BASELINES:
        if name in values.index:
            axes.axvline(values[name], color=colour_of(name), lw=1.2, ls=DASHES[name], zorder=1)
    axes.set(ylim=(len(table) - 0.4, -0.6), yticks=range(len(table)), yticklabels=[])
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)


def _names(axes: Axes, methods: Sequence[str]) -> None:
    axes.set_yticks(range(len(methods)), [m + (" (baseline)" if m in BASELINES else "") for m in methods])
    for text, method in zip(axes.get_yticklabels(), methods, strict=True):
        text.set(color=colour_of(method), weight="bold", size=9)


@styled
def scores_figure(
    tables: Mapping[Question, pd.DataFrame], scores: pd.DataFrame, metrics: Sequence[str], title: str
) -> Figure:
    """Scores per method: one small point per date and seed, the mean large, the baselines as dashed lines.

    Parameters
    ----------
    tables : mapping of Question to DataFrame
        One row of panels each: index method, best first; columns the metrics, dates, and the metrics in which
        a baseline is better as words in ``worse_than_bilinear`` and ``worse_than_nearest`` (see `stfuse.tables`).
    scores : DataFrame
        The tidy table of scores of this experiment and site.
    metrics : sequence of str
        One column of panels each.

    Raises
    ------
    ValueError
        If there is no score at all.
    """
    if not tables:
        raise ValueError("A scores figure needs scores, found none.")
    head, left, gap = 1.15, 1.65, 0.3
    heights = [max(ROW * len(table), 1.0) for table in tables.values()]
    figure = Figure((WIDTH, head + sum(heights) + len(tables) * 1.05 - 0.15))
    note = "Large: mean over the dates all methods have. Small, below it: single dates. Hollow: worse than a baseline."
    lines = "Dashed: mean of bilinear (coarse image enlarged). Dotted: mean of nearest (nearest fine date repeated)."
    heading(figure, title, note + "\n" + lines)
    wide = (WIDTH - left - 0.2 - (len(metrics) - 1) * gap) / len(metrics)
    top = head
    for (question, table), high in zip(tables.items(), heights, strict=True):
        unit = "NDVI" if question[1] == "ndvi" else "reflectance"
        for j, metric in enumerate(metrics):
            axes = place(figure, left + j * (wide + gap), top, wide, high)
            _panel(axes, table, per_date(scores, question, metric), metric)
            axes.set_xlabel(axis_label(metric, unit))
            if j == 0:
                _names(axes, list(table.index))
                dates = int(float(table["dates"].max()))
                what = "NDVI" if unit == "NDVI" else "Reflectance (mean over bands)"
                words = f"{what} against {TRUTHS.get(question[0], question[0])}, {dates} date{'s' * (dates != 1)}"
                axes.set_title(words, weight="bold", pad=6)
        top += high + 1.05
    return figure
