"""Loss curves of the methods that learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stfuse.plots import FAINT, SOFT, WIDTH, colour_of, heading, place, styled

MANY = 3
"""Trainings in a panel, at most, that are each drawn in full strength and with their best epoch."""
NOTE = (
    "Loss falls as a method learns. Solid: training samples. Dashed: held-out samples, which show whether what it "
    "learned carries over; ring: their best epoch. Dotted: learning rate (right axis). Stages are set apart by a line. "
    "All trainings of a method (seeds, target dates) share its panel; each has its table beside its state."
)


def _laid_out(curve: pd.DataFrame) -> list[pd.DataFrame]:
    """The stages of a training, their epochs counted on in the column ``x``."""
    stages, done = [], 0.0
    for _, stage in curve.groupby("stage"):
        stages.append(stage.assign(x=stage["epoch"] + done))
        done = float(stages[-1]["x"].max())
    return stages


def _stage(axes: Axes, stage: pd.DataFrame, colour: str, strength: float) -> None:
    """Both losses of one stage of one training; where it is strong, also its best epoch."""
    style: dict[str, Any] = {"color": colour, "alpha": strength}
    axes.plot(stage["x"], stage["train_loss"], lw=1.5 * strength, **style)
    held = stage.dropna(subset=["held_loss"])
    if not len(held):
        return
    axes.plot(held["x"], held["held_loss"], lw=1.3 * strength, ls=(0, (4, 2)), **style)
    if strength == 1.0:
        best = held.iloc[int(held["held_loss"].to_numpy().argmin())]
        axes.plot(best["x"], best["held_loss"], "o", ms=6, mfc="white", mew=1.6, **style)


def _rates(axes: Axes, stages: Sequence[pd.DataFrame]) -> None:
    """The learning rate on an axis of its own at the right."""
    right = axes.twinx()
    for stage in stages:
        right.plot(stage["x"], stage["learning_rate"], color=SOFT, lw=0.9, ls=":")
    top = max(float(stage["learning_rate"].max()) for stage in stages)
    right.set_ylim(0, 1.05 * top)
    right.set_yticks([0, top], ["0", f"{top:.2g}"], size=7.5)
    right.spines["right"].set(visible=True, color=FAINT)
    right.tick_params(axis="y", length=2, color=FAINT)
    # Losses lie above the rate.
    axes.set_zorder(right.get_zorder() + 1)
    axes.patch.set_visible(False)


def _waited(curve: pd.DataFrame) -> tuple[float, float]:
    """Seconds of a training, and how many of them it waited for data."""
    spent = curve.groupby("stage")["seconds"].diff().fillna(curve["seconds"])
    return float(spent.sum()), float((spent * curve["waiting"].fillna(0)).sum())


def _words(curves: Sequence[pd.DataFrame]) -> str:
    """Number of trainings, epochs, time and the share of it spent waiting."""
    epochs = sorted({sum(int(stage["epoch"].max()) for _, stage in curve.groupby("stage")) for curve in curves})
    times = [_waited(curve) for curve in curves]
    seconds, waited = (sum(column) for column in zip(*times, strict=True))
    said = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    several = f"{len(curves)} trainings, " if len(curves) > 1 else ""
    counted = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]}-{epochs[-1]}"
    return f"{several}{counted} epochs, {said}, {100 * waited / max(seconds, 1e-9):.1f} % waiting for data"


def _panel(axes: Axes, name: str, curves: Sequence[pd.DataFrame]) -> None:
    """All trainings of a method."""
    colour = colour_of(name)
    strength = 1.0 if len(curves) <= MANY else max(0.45, math.sqrt(MANY / len(curves)))
    laid = [_laid_out(curve) for curve in curves]
    _rates(axes, max(laid, key=lambda stages: stages[-1]["x"].max()))
    for stages in laid:
        for k, stage in enumerate(stages):
            _stage(axes, stage, colour, strength)
            if k:
                axes.axvline(float(stage["x"].min()), color=SOFT, lw=0.8 * strength, alpha=strength, zorder=0)
    for k, stage in enumerate(laid[0] if len(laid[0]) > 1 else []):
        words: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "size": 8, "color": SOFT, "va": "bottom"}
        axes.text(float(stage["x"].min()), 0.01, f" stage {k + 1}", **words)
    axes.set_title(name, color=colour, weight="bold", pad=18)
    axes.text(0, 1.03, _words(curves), transform=axes.transAxes, size=8, color=SOFT, va="bottom")
    axes.set(yscale="log", xlabel="epoch")
    axes.grid(color=FAINT, which="major")
    axes.margins(x=0.02)


@styled
def training_figure(curves: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Training and held-out loss by epoch, with the learning rate, one panel per method.

    Parameters
    ----------
    curves : mapping of run to DataFrame
        Run = method, with seed and target date behind it where there are several. Columns stage (from 1), epoch,
        train_loss, held_loss (NaN where nothing was held out), learning_rate, seconds since the start, waiting (share
        of the epoch's time, 0..1). Runs without rows (closed-form methods) are named in a line instead.
    """
    methods: dict[str, list[pd.DataFrame]] = {}
    for name, curve in curves.items():
        if len(curve):
            methods.setdefault(name.split()[0], []).append(curve)
    without = list(dict.fromkeys(name for name, curve in curves.items() if not len(curve)))
    columns = min(3, max(len(methods), 2))
    rows = math.ceil(len(methods) / columns)
    head, high, gap = 1.25, 2.2, 0.95
    figure = Figure((WIDTH, head + max(rows * (high + gap), 0.2)))
    heading(figure, title, f"{NOTE}{_without(without)}")
    wide = (WIDTH - 0.8 - 0.5 - (columns - 1) * 1.0) / columns
    for i, (name, of_method) in enumerate(methods.items()):
        row, column = divmod(i, columns)
        axes = place(figure, 0.8 + column * (wide + 1.0), head + row * (high + gap), wide, high)
        _panel(axes, name, of_method)
        if column == 0:
            axes.set_ylabel("loss (no unit)")
    if not methods:
        figure.text(0.5, 0.2, "No method here learns.", ha="center", color=SOFT)
    return figure


def _without(names: Sequence[str]) -> str:
    """A sentence on the runs that have no curve."""
    if not names:
        return ""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f" Nothing learned (closed form, or too little observed): {', '.join(names[:6])}{more}."
