"""The figure of `networks`: how far each method is from the truth, study by study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from benchmarks.network_cases import MICHEL, WU, YANG
from benchmarks.network_claims import CASE
from benchmarks.network_runs import CONTENDERS
from stfuse.plots import FAINT, INK, SOFT, WIDTH, colour_of, heading, marker_of, place, styled

TOP, ROW, PANEL, LEFT, NEXT = 1.25, 2.75, (3.55, 1.85), 0.8, 5.15
"""Inches: above the first row, a row, a panel's width and height, left of the first panel, from panel to panel."""
NOTE = (
    "Thin lines: single cases, dashed where change is strong; large marks: means over the cases, one for each seed. "
    "Bars of Michel's study: from the best to the worst image; of Yang's: standard error over the combinations. Lower "
    "is better in every panel."
)
STRATA = {"all": "all pixels", "low": "low gradient", "high": "high gradient"}
HALO = [withStroke(linewidth=2.5, foreground="white")]
Draw = Callable[[Axes, pd.DataFrame], None]


@styled
def figure_of(table: pd.DataFrame) -> Figure:
    """A row of two panels for each study and setting."""
    settings = list(dict.fromkeys(zip(table["study"], table["setting"], strict=True)))
    settings = [key for key in settings if key[0] in PANELS]
    figure = Figure((WIDTH, TOP + ROW * max(len(settings), 1)))
    heading(figure, "Networks on simulated places, whose truth is known", NOTE)
    for row, (study, setting) in enumerate(settings):
        rows = table[(table["study"] == study) & (table["setting"] == setting)]
        for column, draw in enumerate(PANELS[study]):
            axes = place(figure, LEFT + column * NEXT, TOP + row * ROW, *PANEL)
            axes.grid(color=FAINT, axis="y")
            draw(axes, rows)
            if not column:
                axes.set_title(f"{study}: {setting}")
        _legend(axes, rows, study)
    return figure


def _methods(rows: pd.DataFrame, study: str) -> list[str]:
    found = set(rows["method"])
    return [name for name in CONTENDERS[study] if name in found]


def _legend(axes: Axes, rows: pd.DataFrame, study: str) -> None:
    for name in _methods(rows, study):
        axes.plot([], [], marker_of(name), color=colour_of(name), label=name, ms=6)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.04), borderaxespad=0)


def _by_method(metric: str, words: str, less_from: float | None = None) -> Draw:
    """Methods side by side, each case a line; with `less_from` what is lacking to that number is drawn."""

    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        own = rows[rows["stratum"] == "all"]
        own = own.assign(y=own[metric] if less_from is None else less_from - own[metric])
        names = _methods(own, WU)
        for _, case in own.groupby(CASE, sort=False):
            means = case.groupby("method")["y"].mean().reindex(names)
            dashed = (case["strength"] == "strong").any()
            axes.plot(range(len(names)), means, color=SOFT, lw=0.7, ls="--" if dashed else "-", alpha=0.6, zorder=1)
        for i, name in enumerate(names):
            seeds = own[own["method"] == name].groupby("seed")["y"].mean().to_numpy()
            across = i + 0.09 * (np.arange(len(seeds)) - (len(seeds) - 1) / 2)
            axes.plot(across, seeds, marker_of(name), color=colour_of(name), ms=7, mec="white", mew=0.6, zorder=3)
            at = across.max() + 0.08, seeds.mean()
            axes.text(*at, f"{seeds.mean():.4f}", size=8, color=INK, va="center", path_effects=HALO, zorder=4)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.4, len(names) - 0.3)
        axes.set_ylim(0, None)
        axes.set_ylabel(words)

    return draw


def _by_stratum(axes: Axes, rows: pd.DataFrame) -> None:
    names = _methods(rows, MICHEL)
    for i, name in enumerate(names):
        its = rows[rows["method"] == name].groupby([*CASE, "stratum"], sort=False)["rmse"].mean()
        by = its.groupby("stratum").agg(["mean", "min", "max"]).reindex(list(STRATA))
        across = np.arange(len(STRATA)) + 0.14 * (i - (len(names) - 1) / 2)
        axes.vlines(across, by["min"], by["max"], color=colour_of(name), lw=1.6, alpha=0.5)
        axes.plot(across, by["mean"], marker_of(name), color=colour_of(name), ms=6.5)
    axes.set_xticks(range(len(STRATA)), list(STRATA.values()))
    axes.set_ylim(0, None)
    axes.set_ylabel("RMSE")


def _edges_and_colour(axes: Axes, rows: pd.DataFrame) -> None:
    own = rows[rows["stratum"] == "all"]
    for name in _methods(own, MICHEL):
        its = own[own["method"] == name].groupby(CASE, sort=False)[["ndvi_ce90", "struct"]].mean()
        axes.plot(its["ndvi_ce90"], its["struct"], marker_of(name), color=colour_of(name), ms=3.5, alpha=0.5)
        axes.plot(*its.mean(), marker_of(name), color=colour_of(name), ms=8, mec="white", mew=0.6)
    axes.set(xlabel="NDVI: error of 90 % of the pixels", ylabel="structure: error of the gradient")
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.grid(color=FAINT, axis="x")


def _by_scenario(metric: str, words: str) -> Draw:
    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        own = rows[rows["stratum"] == "all"]
        order = [s for s in ("rapid", "moderate", "minimal") if s in set(own["strength"])]
        names = _methods(own, YANG)
        for i, name in enumerate(names):
            its = own[own["method"] == name].groupby([*CASE, "strength"], sort=False)[metric].mean()
            by = its.groupby("strength").agg(["mean", "sem"]).reindex(order)
            across = np.arange(len(order)) + 0.1 * (i - (len(names) - 1) / 2)
            axes.errorbar(
                across, by["mean"], by["sem"].fillna(0), color=colour_of(name), marker=marker_of(name), ms=6, lw=0.8
            )
        axes.set_xticks(range(len(order)), order)
        axes.set_ylim(0, None)
        axes.set_ylabel(words)

    return draw


PANELS: dict[str, Sequence[Draw]] = {
    WU: (_by_method("rmse", "RMSE"), _by_method("ssim", "1 - SSIM", 1.0)),
    MICHEL: (_by_stratum, _edges_and_colour),
    YANG: (_by_scenario("sam_deg", "SAM (degrees)"), _by_scenario("ergas", "ERGAS")),
}
