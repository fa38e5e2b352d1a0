"""The band lines that a fit finds on simulated places, beside those that the places were made with."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.bandpass import Line, fit_bands, spread_within
from stfuse.simulated.sensors import landsat8, sentinel2
from stfuse.simulated.sensors.optical import Optics
from stfuse.simulated.settings import read_settings
from stfuse.simulated.surface import make_world

BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
DAYS = [date(2023, month, day) for month in (6, 7) for day in (5, 15, 25)]
SEEDS = range(6)
# Landsat-8 = slope * Sentinel-2 + offset, turned round.
TRUE = {band: (1 / slope, -offset / slope) for band, (slope, offset) in landsat8.OLI_OF_MSI.items()}
# What cannot be seen is left out; noise, blur, each day's gain and haze, and what tells classes apart stay in.
CALM = {"clouds": False, "mask_error": False, "gaps": False, "misregistration": 0, "brdf": 0}


@lru_cache(maxsize=8)
def pairs(seed: int) -> list[Any]:
    """Six days of both sensors over a simulated place of 960 m, on Landsat's own grid."""
    settings = read_settings({"seed": seed, "resolution": 5.0, **CALM}, "place")
    site = site_grid("EPSG:32631", (500010, 5630010, 500970, 5630970), 5.0)
    world = make_world(site, (date(2023, 6, 1), date(2023, 7, 31)), 360.0, settings)
    coarse = Optics(landsat8.INSTRUMENT, (3.0, 98.0), world, settings)
    fine = Optics(sentinel2.INSTRUMENT, sentinel2.VIEW, world, settings)
    found = []
    for day in DAYS:
        observed, known = coarse.acquire(day).measured, fine.acquire(day).measured
        grid = observed["red"][1]
        mean = np.stack([degrade(*known[band], grid, min_valid=0.99) for band in BANDS])
        spread = np.stack([spread_within(*known[band], grid) for band in BANDS])
        found.append((np.stack([observed[band][0] for band in BANDS]), mean, spread))
    return found


def lines(seed: int) -> list[Line]:
    return fit_bands(pairs(seed), [f"{day}" for day in DAYS], [Line(1.0, 0.0, "identity")] * len(BANDS))


def test_the_true_lines_lie_within_the_stated_errors() -> None:
    off = []
    for seed in SEEDS:
        for band, line in zip(BANDS, lines(seed), strict=True):
            assert line.rule == "fit"
            assert line.slope_error and line.offset_error
            slope, offset = TRUE[band]
            off.append(((line.slope - slope) / line.slope_error, (line.offset - offset) / line.offset_error))
    # 95 % of 36, of which those of one place are alike; and an error so large that all lie far within says nothing.
    assert (np.mean(np.abs(off) < 2, axis=0) > 0.85).all()
    assert np.sqrt(np.mean(np.square(off), axis=0)).min() > 0.5


def test_the_fit_is_nearer_to_the_truth_than_a_line_through_all_pixels() -> None:
    ours, together = [], []
    for seed in SEEDS:
        for i, line in enumerate(lines(seed)):
            x, y = (np.concatenate([pair[part][i].ravel() for pair in pairs(seed)]) for part in (0, 1))
            seen = np.isfinite(x) & np.isfinite(y)
            ours.append(line.slope - TRUE[BANDS[i]][0])
            together.append(float(y[seen].std() / x[seen].std()) - TRUE[BANDS[i]][0])
    assert np.sqrt(np.mean(np.square(ours))) < 0.03
    assert np.sqrt(np.mean(np.square(ours))) < np.sqrt(np.mean(np.square(together)))
