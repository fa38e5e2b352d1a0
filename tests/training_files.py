"""Training samples in files, as the workflow names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from small_scenes import sample
from stfuse.raster import write_image
from task_files import grid_entry

BANDS = ["red", "nir08"]


def written(folder: Path, days: tuple[int, ...] = (2, 5), gap: int = 0) -> list[dict[str, Any]]:
    """Samples of a small site, one for each day, with their images in files; a corner of the first truth is a gap."""
    samples = []
    for day in days:
        task, truth = sample(48, day, tuple(BANDS), references=False)
        date = str(task.dates[0])
        truth[:, :, : gap if day == days[0] else 0, :gap] = np.nan
        fine, coarse = folder / "fine" / f"{date}.tif", folder / "coarse" / f"{date}.tif"
        write_image(fine, truth[0], BANDS, task.fine.grid)
        write_image(coarse, task.coarse.values[1], BANDS, task.coarse.grid)
        grids = {"fine": grid_entry(task.fine.grid), "coarse": grid_entry(task.coarse.grid)}
        samples.append({"date": date, "fine": [], "coarse": [str(coarse)], "truth": str(fine), "grids": grids})
    return samples
