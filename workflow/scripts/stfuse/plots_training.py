"""Loss curves of the methods that learn."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stfuse.plots import FAINT, SOFT, WIDTH, colour_of, heading, place, styled


def _curve(axes: Axes, name: str, curve: pd.DataFrame) -> None:
    colour = colour_of(name.split()[0])
    axes.plot(curve["epoch"], curve["train_loss"], color=colour, lw=1.6, label="training samples")
    held = curve.dropna(subset=["held_loss"])
    if len(held):
        axes.plot(held["epoch"], held["held_loss"], color=colour, lw=1.3, ls=(0, (4, 2)), label="held-out samples")
        best = held.iloc[int(held["held_loss"].to_numpy().argmin())]
        words = f"best held-out: epoch {best['epoch']:.0f}"
        axes.plot(best["epoch"], best["held_loss"], "o", color=colour, ms=6, mfc="white", mew=1.6, label=words)
    seconds = float(np.nanmax(curve["seconds"])) if curve["seconds"].notna().any() else math.nan
    time = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
    axes.set_title(f"{name}  ({len(curve)} epochs, {time})", color=colour, weight="bold")
    axes.set(yscale="log", xlabel="epoch")
    axes.grid(color=FAINT, which="major")
    axes.legend(loc="upper right")
    axes.margins(x=0.02)


@styled
def training_figure(curves: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Training and held-out loss by epoch, one panel per run.

    Parameters
    ----------
    curves : mapping of run (method, with its seed where there are several) to DataFrame
        Columns epoch, train_loss, held_loss (NaN where nothing was held out), seconds since the start.
        Runs without rows (closed-form methods) are named in a line instead.
    """
    learned = {name: curve for name, curve in curves.items() if len(curve)}
    without = [name for name in curves if name not in learned]
    columns = min(3, max(len(learned), 2))
    rows = math.ceil(len(learned) / columns)
    head, high, gap = 0.95, 2.2, 0.75
    figure = Figure((WIDTH, head + max(rows * (high + gap), 0.2)))
    closed = f" Nothing to learn (closed form): {', '.join(without)}." if without else ""
    heading(
        figure,
        title,
        "Loss falls as a method learns; held-out samples show whether what it learned carries over." + closed,
    )
    wide = (WIDTH - 0.8 - 0.15 - (columns - 1) * 0.6) / columns
    for i, (name, curve) in enumerate(learned.items()):
        row, column = divmod(i, columns)
        axes = place(figure, 0.8 + column * (wide + 0.6), head + row * (high + gap), wide, high)
        _curve(axes, name, curve)
        if column == 0:
            axes.set_ylabel("loss (no unit)")
    if not learned:
        figure.text(0.5, 0.2, "No method here learns.", ha="center", color=SOFT)
    return figure
