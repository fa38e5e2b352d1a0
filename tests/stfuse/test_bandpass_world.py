"""The band lines that a fit finds on simulated places, beside those that the places were made with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from stfuse.grid import degrade, site_grid
from stfuse.harmonisation.bandpass import Line, day_lines, lines_of, spread_within
from stfuse.harmonisation.daylines import DayLine, mean_line
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


@lru_cache(maxsize=8)
def own_lines(seed: int) -> list[list[DayLine | None]]:
    return [day_lines(pair) for pair in pairs(seed)]


IDENTITY = [Line(1.0, 0.0, "identity")] * len(BANDS)


def lines(seed: int, fallbacks: Sequence[Line] = IDENTITY) -> list[Line]:
    return lines_of(own_lines(seed), [f"{day}" for day in DAYS], fallbacks)


@pytest.mark.parametrize("farther", [1.0, 1.1], ids=["as published sensors", "slope 1.1 off"])
def test_the_true_lines_lie_within_the_stated_errors(farther: float) -> None:
    fallbacks = [Line(1 / farther, 0.0, "identity")] * len(BANDS)
    off = []
    for seed in SEEDS:
        for band, line in zip(BANDS, lines(seed, fallbacks), strict=True):
            assert line.rule == "fit"
            assert line.slope_error and line.offset_error
            slope, offset = TRUE[band]
            off.append(((line.slope - slope) / line.slope_error, (line.offset - offset) / line.offset_error))
    # 95 % of 36, of which those of one place are alike; and an error so large that all lie far within says nothing.
    assert (np.mean(np.abs(off) < 2, axis=0) > 0.85).all()
    assert np.sqrt(np.mean(np.square(off), axis=0)).min() > 0.45


def error_of(line: Line, seed: int, band: int) -> float:
    """Root mean square of what a line makes of the place's pixels less what the true line makes of them."""
    x = np.concatenate([pair[0][band].ravel() for pair in pairs(seed)])
    slope, offset = TRUE[BANDS[band]]
    return float(np.sqrt(np.nanmean(((line.slope - slope) * x + line.offset - offset) ** 2)))


@pytest.mark.parametrize("farther", [1.0, 1.1], ids=["as published sensors", "slope 1.1 off"])
def test_reflectance_comes_nearer_to_the_truth_than_by_the_fallback_and_by_the_days_alone(farther: float) -> None:
    fallback = Line(1 / farther, 0.0, "identity")
    found: dict[str, list[float]] = {"fit": [], "fallback": [], "days alone": []}
    for seed in SEEDS:
        for i, line in enumerate(lines(seed, [fallback] * len(BANDS))):
            days = mean_line([day[i] for day in own_lines(seed) if day[i]])
            found["fit"].append(error_of(line, seed, i))
            found["fallback"].append(error_of(fallback, seed, i))
            found["days alone"].append(error_of(Line(days.slope, days.offset, "fit"), seed, i))
    off = {name: np.sqrt(np.mean(np.square(values))) for name, values in found.items()}
    assert off["fit"] < 0.9 * off["fallback"], off
    if farther == 1.0:
        assert off["fit"] < 0.75 * off["days alone"], off


def test_the_fit_is_nearer_to_the_truth_than_a_line_through_all_pixels() -> None:
    ours, together = [], []
    for seed in SEEDS:
        for i, line in enumerate(lines(seed)):
            x, y = (np.concatenate([pair[part][i].ravel() for pair in pairs(seed)]) for part in (0, 1))
            seen = np.isfinite(x) & np.isfinite(y)
            ours.append(line.slope - TRUE[BANDS[i]][0])
            together.append(float(y[seen].std() / x[seen].std()) - TRUE[BANDS[i]][0])
    assert np.sqrt(np.mean(np.square(ours))) < 0.02
    assert np.sqrt(np.mean(np.square(ours))) < 0.5 * np.sqrt(np.mean(np.square(together)))
