"""How a training went, as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from stfuse.job import whole
from stfuse.task import State

__all__ = ["CURVE", "write_curve"]

CURVE: Final = ("stage", "epoch", "train_loss", "held_loss", "learning_rate", "seconds", "waiting")
"""Columns of ``state["curve"]``, one row an epoch; epoch 0 is the untrained network.

Losses have no unit; ``learning_rate`` is that of the epoch's last step; ``seconds`` count from the training's
beginning; ``waiting`` is the share of the epoch's time, 0..1, that was spent waiting for data.
"""


def write_curve(path: str | Path, learned: State) -> None:
    """Take the training curve out of what a method learned and write it; just the head where there is none."""
    rows = learned.pop("curve", np.zeros((0, len(CURVE))))
    with whole(path) as part, part.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CURVE)
        for stage, epoch, *values in rows:
            table.writerow([int(stage), int(epoch), *(f"{value:.6g}" for value in values)])
