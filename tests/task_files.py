"""Tasks as files, laid out as the workflow hands them to scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from stfuse.raster import write_image
from stfuse.task import FloatArray, Series, Task


def grid_entry(grid: GeoBox) -> dict[str, Any]:
    """A grid as a sample describes it."""
    box = grid.boundingbox
    return {"crs": str(grid.crs), "bounds": [box.left, box.bottom, box.right, box.top], "resolution": grid.affine.a}


def write_series(folder: Path, series: Series) -> list[str]:
    """One ``{date}.tif`` per image; their paths."""
    paths = [folder / f"{date}.tif" for date in series.dates]
    for path, image in zip(paths, series.values, strict=True):
        write_image(path, image, series.bands, series.grid)
    return [str(path) for path in paths]


def write_sample(folder: Path, task: Task, truth: FloatArray | None = None) -> dict[str, Any]:
    """Write a task and its truth, shape (1, band, y, x); the sample that names the files."""
    target = str(task.dates[0])
    sample: dict[str, Any] = {
        "date": target,
        "fine": write_series(folder / "fine", task.fine),
        "coarse": write_series(folder / "coarse", task.coarse),
        "aux": {name: write_series(folder / name, series) for name, series in task.aux.items()},
        "aux_bands": {name: list(series.bands) for name, series in task.aux.items()},
        "truth": None,
        "grids": {
            "fine": grid_entry(task.fine.grid),
            "coarse": grid_entry(task.coarse.grid),
            "aux": {name: grid_entry(series.grid) for name, series in task.aux.items()},
        },
    }
    if truth is not None:
        of_target = Series(truth, task.dates, task.fine.bands, task.fine.grid)
        sample["truth"] = write_series(folder / "truth", of_target)[0]
    return sample
