"""What the spread of a method's seeds is worth: how often intervals hold the truth, and where spread and error lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stfuse.ensemble import LEVELS
from stfuse.plots import (
    FAINT,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Picture,
    colour_bar,
    colour_of,
    heading,
    limits,
    place,
    scale_bar,
    show_map,
    styled,
)
from stfuse.plots_scores import TRUTHS

SIDE, TOP = 2.75, 1.0
"""Inches: a panel, and what stands above."""


@dataclass(frozen=True)
class Reliability:
    """How often the intervals of a method hold the truth.

    Attributes
    ----------
    rows : DataFrame
        Rows of one kind of truth of the table that the stage `scores` writes of an ensemble.
    method, truth, band : str
        `band` is the one that is drawn.
    """

    rows: pd.DataFrame
    method: str
    truth: str
    band: str

    def found(self, name: str) -> pd.DataFrame:
        """Index date, columns `LEVELS`: the share of pixels whose truth lies inside, ``_calibrated`` or not ("")."""
        rows = self.rows[(self.rows["band"] == self.band) & (self.rows["stratum"] == "all")]
        metrics = [f"coverage_{100 * level:.0f}{name}" for level in LEVELS]
        table = rows[rows["metric"].isin(metrics)].pivot(index="date", columns="metric", values="value")
        return table.reindex(columns=metrics).set_axis(list(LEVELS), axis=1)

    def mean(self, metric: str) -> float:
        """A metric's mean over the dates, whole image."""
        rows = self.rows[(self.rows["band"] == self.band) & (self.rows["stratum"] == "all")]
        return float(rows.loc[rows["metric"] == metric, "value"].mean())


def _diagram(axes: Axes, reliability: Reliability) -> None:
    colour = colour_of(reliability.method)
    axes.plot([0, 100], [0, 100], color=SOFT, lw=1, ls=(0, (4, 3)), zorder=1)
    levels = 100 * np.array(LEVELS)
    kinds = (("", "as the members spread", SOFT, "o", "white"), ("_calibrated", "calibrated", colour, "s", colour))
    for name, label, ink, marker, face in kinds:
        table = 100 * reliability.found(name).dropna()
        if table.empty:
            continue
        for _, row in table.iterrows():
            axes.plot(levels, row, color=ink, lw=0.7, alpha=0.35)
        axes.plot(levels, table.mean(), color=ink, lw=1.8, marker=marker, ms=5, mfc=face, label=label, zorder=4)
    axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="the interval should hold (% of pixels)", ylabel="it holds (%)")
    axes.set_title("Reliability", weight="bold")
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", handlelength=1.6, borderaxespad=0.2)


def _map(axes: Axes, picture: Picture, top: float) -> AxesImage:
    image = show_map(axes, picture, SEQUENTIAL, 0, top)
    axes.set_anchor("NW")
    axes.set_title(picture.label, weight="bold")
    scale_bar(axes, picture.extent[1] - picture.extent[0])
    return image


@styled
def ensemble_figure(reliability: Reliability, spread: Picture, error: Picture, title: str) -> Figure:
    """Nominal against found coverage, before and after calibration, beside maps of spread and |error| of one date.

    Parameters
    ----------
    spread, error : Picture
        One band each, in units of the variable. Each has its own scale: what is to be compared is where they are large.
    """
    figure = Figure((WIDTH, TOP + SIDE + 0.65))
    before, after = (100 * reliability.mean(f"coverage_90{name}") for name in ("", "_calibrated"))
    widths = [reliability.mean(f"width_90{name}") for name in ("", "_calibrated")]
    against = TRUTHS.get(reliability.truth, reliability.truth)
    words = f"Intervals that should hold the truth in 90 % of the pixels do so in {before:.0f} % ({reliability.band}, "
    words += f"against {against})"
    if np.isfinite(after):
        factor = reliability.mean("spread_factor")
        words += f"; with the spread times {factor:.2g}, found on the other dates, in {after:.0f} %. "
        words += f"Mean width {widths[0]:.3g} and {widths[1]:.3g}."
    else:
        words += ". With one date there is no other to calibrate on."
    words += " Thin lines: single dates. Below the dashed line a method is too sure of itself."
    heading(figure, f"{title} | {reliability.method}, mean and spread of its seeds", words)
    _diagram(place(figure, 0.6, TOP, SIDE, SIDE), reliability)
    unit = "NDVI" if reliability.band == "ndvi" else f"{reliability.band} reflectance"
    for left, picture, label in ((3.85, spread, ""), (7.3, error, unit)):
        top = max(limits(picture.values)[1], 1e-4)
        image = _map(place(figure, left, TOP, SIDE, SIDE), picture, top)
        colour_bar(figure, image, place(figure, left + SIDE + 0.07, TOP, 0.11, SIDE), label, "max")
    return figure
