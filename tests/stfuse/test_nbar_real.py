"""Real Sentinel-2 scenes that two orbits took within a few days of one another: from the east, and from the west."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stfuse.harmonisation.angles import everywhere
from stfuse.harmonisation.nbar import correction
from stfuse.products.facts import stated_angles
from stfuse.raster_stored import read_stored

PATCH = Path(__file__).parents[3] / "shared" / "data" / "belgium-31UDS-2018" / "sentinel-2-l2a"
BANDS = ("green", "red", "nir", "swir16")
NEAR = 5  # days


def scenes() -> dict[date, tuple[dict[str, float], dict[str, float]]]:
    """Clear dates: directions, and the median number of each band over clear land."""
    found = {}
    for path in sorted(PATCH.glob("*/*.json")):
        item = json.loads(path.read_text())
        files = {band: path.parent / asset["href"] for band, asset in item["assets"].items()}
        land = np.isin(read_stored(files["scl"])[0], (4, 5))
        if land.mean() > 0.7:
            day = date.fromisoformat(item["properties"]["datetime"][:10])
            found[day] = stated_angles(item), {band: median(read_stored(files[band])[0], land) for band in BANDS}
    return found


def median(values: Any, land: Any) -> float:
    factor = values.shape[0] / land.shape[0]
    rows, columns = (
        np.minimum(np.arange(n) // factor, land.shape[i] - 1).astype(int) for i, n in enumerate(values.shape)
    )
    return float(np.median(values[land[rows][:, columns] & (values > 0)]))


def factor(angles: dict[str, float], band: str, day: date) -> float:
    sun = 90 - angles["sun_elevation"], angles["sun_azimuth"]
    view = angles["view_zenith"], angles["view_azimuth"]
    factors = correction("scene", everywhere(sun, view, "item"), day, 50.8).factors(band)
    assert factors is not None
    return float(factors.item())


def test_what_two_orbits_see_comes_nearer_to_one_another() -> None:
    if not PATCH.exists():
        pytest.skip("the real patch is not here (../shared)")
    known = scenes()
    # From the west (view azimuth 281) a morning's land shows its shadows, from the east (105) less of them.
    east, west = ([d for d, (a, _) in known.items() if (a["view_azimuth"] < 180) is side] for side in (True, False))
    pairs = [(e, w) for e in east for w in west if abs((e - w).days) <= NEAR]
    assert len(pairs) > 8
    for band in BANDS:
        seen = [np.log(known[e][1][band] / known[w][1][band]) for e, w in pairs]
        fixed = [
            ratio + np.log(factor(known[e][0], band, e) / factor(known[w][0], band, w))
            for ratio, (e, w) in zip(seen, pairs, strict=True)
        ]
        assert np.median(seen) > 0.03, band
        assert abs(np.median(fixed)) < 0.65 * np.median(seen), band
