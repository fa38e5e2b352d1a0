"""What a method sees and what it is measured by, read from the files that the workflow names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import read_series
from stfuse.task import Sample, Series, Task

__all__ = ["grid_of", "read_sample", "read_task"]


def grid_of(entry: Mapping[str, Any]) -> GeoBox:
    """The grid that a sample describes by its ``crs``, ``bounds`` and ``resolution``."""
    left, bottom, right, top = (float(edge) for edge in entry["bounds"])
    return site_grid(entry["crs"], (left, bottom, right, top), float(entry["resolution"]))


def _read_aux(sample: Mapping[str, Any]) -> dict[str, Series]:
    """Auxiliary series as they are: their bands are never turned into the experiment's variable."""
    grids, bands = sample["grids"].get("aux", {}), sample.get("aux_bands", {})
    return {
        name: read_series(paths, bands[name], "reflectance", grid_of(grids[name]))
        for name, paths in sample.get("aux", {}).items()
    }


def read_task(sample: Mapping[str, Any], bands: Sequence[str], variable: str) -> Task:
    """Read what a method may see of one case. The truth is not opened.

    Parameters
    ----------
    sample : mapping
        ``date`` (ISO, the target), ``fine`` and ``coarse`` (paths named ``{date}.tif``), ``aux``
        (name -> paths), ``aux_bands`` (name -> bands) and ``grids`` (``fine``, ``coarse`` and ``aux`` by
        name, each with ``crs``, ``bounds``, ``resolution``).
    bands : sequence of str
        STAC common names; for ``ndvi`` the red and the near-infrared band.
    variable : {"reflectance", "ndvi"}

    Raises
    ------
    InputError
        If an image cannot be read, lacks a band or lies on another grid.
    """
    grids = sample["grids"]
    return Task(
        fine=read_series(sample["fine"], bands, variable, grid_of(grids["fine"])),
        coarse=read_series(sample["coarse"], bands, variable, grid_of(grids["coarse"])),
        ratio=float(grids["coarse"]["resolution"]) / float(grids["fine"]["resolution"]),
        dates=np.array([sample["date"]], dtype="datetime64[D]"),
        aux=_read_aux(sample),
    )


def read_sample(sample: Mapping[str, Any], bands: Sequence[str], variable: str) -> Sample:
    """Read a task and its truth, shape (1, band, y, x) on the task's fine grid.

    Parameters
    ----------
    sample : mapping
        As for `read_task`, with the path of the ``truth``.

    Raises
    ------
    InputError
        If there is no truth, or an image cannot be read, lacks a band or lies on another grid.
    """
    if not sample.get("truth"):
        raise InputError(
            f"The sample of {sample['date']} has no truth to learn from or to compare with",
            "use a protocol that observes its targets (reduced or withheld)",
        )
    task = read_task(sample, bands, variable)
    return task, read_series([sample["truth"]], bands, variable, task.fine.grid).values
