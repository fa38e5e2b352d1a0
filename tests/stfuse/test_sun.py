"""The sun's place, and where it usually stands when the satellites pass, beside what real items state."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from stfuse.acquisition.scenes import acquired, platform
from stfuse.harmonisation.sun import overpass_hour, sun, usual_zenith
from stfuse.products.facts import stated_angles

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
TODAY = ("sentinel-2", "landsat-8", "landsat-9")


def real_scenes() -> list[tuple[str, str, float, float]]:
    """Name, date, latitude of the middle and stated zenith angle of the sun."""
    found = []
    for path in sorted(FIXTURES.glob("*/*/*.json")):
        item = json.loads(path.read_text())
        if item.get("type") != "Feature" or "platform" not in item["properties"]:
            continue
        stated = stated_angles(item)
        if platform(item).startswith(TODAY) and "sun_elevation" in stated:
            middle = (item["bbox"][1] + item["bbox"][3]) / 2
            found.append((path.stem, acquired(item)[:10], middle, 90 - stated["sun_elevation"]))
    return found


def test_the_usual_zenith_is_near_what_real_scenes_state_at_all_latitudes() -> None:
    scenes = real_scenes()
    if not scenes:
        pytest.skip("the STAC fixtures are not here (../shared)")
    assert min(s[2] for s in scenes) < -60 and max(s[2] for s in scenes) > 80
    off = {name: usual_zenith(date.fromisoformat(day), where) - zenith for name, day, where, zenith in scenes}
    assert {name: round(value, 1) for name, value in off.items() if abs(value) > 3.5} == {}
    assert abs(np.mean(list(off.values()))) < 1


def test_orbits_lean_so_it_is_later_in_the_north() -> None:
    # At the equator the hour is the crossing's own; 10.35 is 24.75 degrees from noon, and so is an equinox's sun.
    assert overpass_hour(0) == pytest.approx(10.35)
    assert usual_zenith(date(2023, 3, 22), 0) == pytest.approx(24.75, abs=0.05)
    # sin(angle along the equator) = tan(latitude) / tan(inclination's supplement): 45 north, 1 / tan 81.6.
    assert overpass_hour(45) == pytest.approx(10.35 + np.degrees(np.arcsin(1 / np.tan(np.radians(81.6)))) / 15)
    assert overpass_hour(-45) + overpass_hour(45) == pytest.approx(20.7)
    # Past the turning point of the orbit it is as there.
    assert overpass_hour(85) == overpass_hour(90) == pytest.approx(10.35 + 6)


def test_the_sun_stands_in_the_south_at_noon_and_as_high_as_the_season_says() -> None:
    elevation, azimuth = sun(date(2023, 6, 21), 12, 50)
    assert (elevation, azimuth) == pytest.approx((90 - 50 + 23.44, 180), abs=0.05)
    assert sun(date(2023, 6, 21), 9, 50)[1] < 180 < sun(date(2023, 6, 21), 15, 50)[1]
