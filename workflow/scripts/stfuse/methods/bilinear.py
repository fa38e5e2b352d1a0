"""The coarse image alone, resampled to the fine grid: the baseline of every study.

Wu et al. 2022, section 3.1 ("bilinear interpolator"). Bicubic is the same file with ``kernel: cubic``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stfuse.grid import Kernel, regrid
from stfuse.task import FloatArray, Needs, State, Task
from stfuse.task import no_fit as fit

__all__ = ["NEEDS", "Params", "fit", "halo", "predict"]

NEEDS = Needs(references="none")
KERNELS = ("nearest", "bilinear", "cubic", "cubic_spline", "lanczos")


@dataclass(frozen=True)
class Params:
    """Settings.

    Attributes
    ----------
    kernel : {"bilinear", "nearest", "cubic", "cubic_spline", "lanczos"}
        Interpolation between coarse pixels.
    """

    kernel: Kernel = "bilinear"

    def __post_init__(self) -> None:
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, found {self.kernel!r}")


def halo(params: Params) -> int:
    """None of its own: the coarse pixels around a tile belong to every tile."""
    return 0


def predict(task: Task, state: State, params: Params) -> FloatArray:
    """Resample the coarse image nearest in time to each date; NaN in coarse pixels that were not observed."""
    chosen = [task.coarse.nearest(date) for date in task.dates]
    coarse, grid = task.coarse.values[np.array(chosen, int)], task.fine.grid
    out = np.full((*coarse.shape[:2], *grid.shape), np.nan, np.float32)
    out[..., *task.core] = regrid(coarse, task.coarse.grid, grid[task.core], params.kernel)
    return out
