"""Small places whose fine sensor has some bands in pixels twice as large, for tests of the first stage."""

from __future__ import annotations

import numpy as np

from small_scenes import DAYS, SIX, fields, grid_of, series
from stfuse.crops import Known
from stfuse.grid import coarser, degrade, regrid
from stfuse.learning.sharpening import GUIDES
from stfuse.task import FloatArray, Task

NATIVE_BANDS = ("nir08", "swir16", "swir22")
LARGE = [SIX.index(band) for band in NATIVE_BANDS]


def true_bands(size: int, day: int) -> tuple[FloatArray, FloatArray]:
    """What the six bands and the broad near-infrared one would be in pixels of 10 m."""
    values = fields(size, 7, day)
    return values[:6], values[6]


def place(size: int, day: int, wald: bool = False, beside: bool = True) -> Known:
    """A task for one day with references of the days around it, and its truth.

    Parameters
    ----------
    size : int
        Pixels of 10 m.
    wald : bool
        All but what stands beside is degraded to three times the pixels, to learn from.
    beside : bool
        Whether the bands of 20 m and the guides of 10 m are there.
    """
    grid = grid_of(size)
    native_grid, days = coarser(grid, 2), [day - 1, day + 1]
    seen, native, guides = [], [], []
    for reference in days:
        six, nir = true_bands(size, reference)
        native.append(degrade(six[LARGE], grid, native_grid))
        guides.append(np.concatenate([six[:3], nir[None]]))
        six[LARGE] = regrid(native[-1], native_grid, grid, "cubic")
        seen.append(six)
    truth, _ = true_bands(size, day)
    fine_grid = coarser(grid, 3) if wald else grid
    coarse_grid = coarser(fine_grid, 3)
    if wald:
        seen, truth = [degrade(image, grid, fine_grid) for image in seen], degrade(truth, grid, fine_grid)
    aux = {
        "native": series(native, days, NATIVE_BANDS, native_grid),
        "guide": series(guides, days, GUIDES, grid),
    }
    task = Task(
        series(seen, days, SIX, fine_grid),
        series([degrade(truth, fine_grid, coarse_grid)], [day], SIX, coarse_grid),
        3.0,
        DAYS[[day]],
        aux if beside else {},
    )
    return Known(task, truth[None])
