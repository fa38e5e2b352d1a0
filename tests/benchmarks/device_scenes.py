"""Made-up scenes in files, for methods with networks: everything that they may ask for is there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.land import REFERENCES, Land
from benchmarks.tile import write_inputs
from stfuse.inputs import SampleFiles, TaskFiles
from stfuse.needs import Needs
from stfuse.raster import image_file
from stfuse.task import Task

__all__ = ["Site", "samples_of", "site", "task_of"]

BESIDE = {"native": ("nir08", "swir16", "swir22"), "guide": ("blue", "green", "red", "nir08")}
"""Bands of what the fine sensor saw in its own pixels."""
FACTORS = {"native": 2, "guide": 1}
"""Their pixels over the fine ones."""


@dataclass(frozen=True)
class Site(Land):
    """A land that has what a method can use, beside what it must have."""

    @cached_property
    def factors(self) -> dict[str, int]:
        """Pixel size of each series over the fine one."""
        return super().factors | {name: FACTORS[name] for name in self.needs.beside}

    def bands_of(self, role: str) -> tuple[str, ...]:
        """Names of the bands of a series."""
        return BESIDE.get(role) or super().bands_of(role)

    def days_of(self, role: str) -> Sequence[int]:
        """Days from the target to each image of a series."""
        return REFERENCES[self.references] if role in BESIDE else super().days_of(role)


def site(needs: Needs, size: int, bands: int, ratio: int, seed: int = 1) -> Site:
    """The scene of a method: its own choice of references, under clouds.

    Parameters
    ----------
    size : int
        Fine pixels a side.
    bands : int
        1..6.
    ratio : int
        Coarse pixel / fine pixel.
    seed : int
        Of the land: another one is another place.
    """
    everything = tuple(dict.fromkeys((*needs.aux, *needs.uses, *needs.beside)))
    return Site(size, bands, ratio, replace(needs, aux=everything), needs.references, seed=seed)


def samples_of(needs: Needs, folder: Path, places: int, **of: int) -> list[TaskFiles]:
    """What a method learns from, in files: a date of each of some places, or one scene without its truth.

    Parameters
    ----------
    **of
        As for `site`, without the seed.
    """
    count = 1 if needs.samples == "target" else places
    return [_sample(site(needs, seed=seed, **of), folder / f"place_{seed}") for seed in range(1, count + 1)]


def _sample(land: Site, folder: Path) -> TaskFiles:
    with contextlib.redirect_stdout(sys.stderr):
        sample: dict[str, Any] = write_inputs(land, folder)
    if land.needs.samples == "target":
        return TaskFiles(sample, land.bands, "reflectance")
    path = folder / "truth" / f"{sample['date']}.tif"
    if not path.exists():
        whole = slice(0, land.size), slice(0, land.size)
        with image_file(path, land.bands, land.grid) as out:
            out.put(whole, land.truth()[0])
    return SampleFiles(sample | {"truth": str(path)}, land.bands, "reflectance")


def task_of(needs: Needs, **of: int) -> Task:
    """A scene to predict, in memory."""
    return site(needs, **of).whole()
