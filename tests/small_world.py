"""A small synthetic world for the tests of the stage `simulated`."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from stfuse.grid import site_grid
from stfuse.simulated.settings import Settings, read_settings
from stfuse.simulated.surface import World, make_world

CRS = "EPSG:32631"
BOUNDS = (500010, 5630760, 500490, 5631240)
PERIOD = (date(2023, 6, 1), date(2023, 6, 30))
RESOLUTION = 5.0
REACH = 360.0
"""Metres around the site that hold what the optical sensors see, their nuisances twice as strong."""
OFF: dict[str, Any] = {
    "clouds": False, "mask_error": False, "gaps": False, "noise": 0, "speckle": 0, "misregistration": 0, "bandpass": 0,
    "psf": 0, "atmosphere": 0, "brdf": 0, "composite": False,
}  # fmt: skip


def settings(**changes: Any) -> Settings:
    """Settings of seed 3 with changes."""
    return read_settings({"seed": 3, "resolution": RESOLUTION, **changes}, "small")


@lru_cache(maxsize=2)
def world(reach: float = REACH) -> World:
    """The world of seed 3: nuisances are no part of it."""
    return make_world(site_grid(CRS, BOUNDS, RESOLUTION), PERIOD, reach, settings())


def site(**simulated: Any) -> dict[str, Any]:
    """A site's config for the script."""
    return {
        "name": "small", "crs": CRS, "bounds": list(BOUNDS), "period": ["2023-06-08", "2023-06-14"],
        "simulated": {"seed": 3, **simulated},
    }  # fmt: skip
