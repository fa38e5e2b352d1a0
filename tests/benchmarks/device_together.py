"""How fast several GPUs train together, through the engine's own launcher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stfuse.inputs import TaskFiles
from stfuse.learning.distributed import learn_together
from stfuse.learning.weights import CURVE

__all__ = ["processes_here", "together"]

EPOCHS = 3
"""The first warms up and is not counted."""


def processes_here(asked: int) -> int:
    """Processes to train with: as many as asked for, or one for each GPU; 0 where that would be no more than one."""
    count = asked or torch.cuda.device_count()
    return count if count > 1 else 0


def together(
    name: str,
    settings: Mapping[str, Any],
    samples: Sequence[TaskFiles],
    alone: Sequence[Mapping[str, Any]],
    processes: int,
    seconds: float,
    folder: Path,
) -> Iterator[dict[str, Any]]:
    """A row for each training of a method by several processes, with as many times the patches a step.

    Parameters
    ----------
    alone : sequence of mapping
        The rows of the same trainings by one process, in their order. Only those count whose length the method's
        settings ``epochs`` and ``steps`` decide.
    seconds : float
        That the first training is timed, about.
    """
    step = alone[0]["seconds"]
    steps = min(max(round(seconds / 2 / step), 1), 500)
    own = {"epochs": EPOCHS, "steps": steps, "held_share": 0.0, "batch": processes * alone[0]["batch"]}
    method = {"name": name, "file": name, "settings": {**settings, **own}}
    curve = learn_together(
        processes, [one.sample for one in samples], method, samples[0].wanted, "reflectance", 0, folder / "checkpoints"
    )["curve"]
    for stage, before in enumerate(alone, 1):
        rows = curve[curve[:, CURVE.index("stage")] == stage]
        taken = np.diff(rows[:, CURVE.index("seconds")])[1:]
        if len(taken) != EPOCHS - 1:
            continue
        one = float(taken.sum()) / (len(taken) * steps)
        batch = own["batch"]
        waiting = float((rows[2:, CURVE.index("waiting")] * taken).sum() / taken.sum())
        pixels = batch * before["window"] ** 2
        kept = ("what", "precision", "compiled", "window", "channels", "bands", "parameters", "flops_per_pixel")
        yield {key: before[key] for key in kept} | {
            "stage": stage, "own": False, "processes": processes, "batch": batch, "seconds": one,
            "pixels_per_s": pixels / one, "patches_per_s": batch / one, "waiting": waiting,
            "flops_per_s": pixels * before["flops_per_pixel"] / one,
            "matrix_flops_per_s": processes * before["matrix_flops_per_s"],
        }  # fmt: skip
