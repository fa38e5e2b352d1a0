"""Where Landsat stood: its orbit data against its footprint, and both against what is known of the swath."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from stfuse.harmonisation.angles import EVERY
from stfuse.products.landsat_directions import course_over_ground, from_footprint, from_orbit, view_zenith

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures"
ORBIT = FIXTURES / "metadata/landsat-c2/LC08_L2SP_047027_20201204_20210313_02_T1_ANG.txt"
ITEM = FIXTURES / "stactools-examples/landsat-c2-l2/LC08_L2SP_047027_20201204_02_T1.json"
UTM = "EPSG:32610"
SITES = {
    "west": (362000, 5240000, 372000, 5250000),
    "middle": (469000, 5250000, 474000, 5255000),
    "east": (560000, 5260000, 570000, 5270000),
    "across": (400000, 5230000, 550000, 5250000),
}
SUN = (71.19, 164.91)


def orbit() -> str:
    if not ORBIT.exists():
        pytest.skip("the STAC fixtures are not here (../shared)")
    return ORBIT.read_text()


def outline() -> dict[str, Any]:
    if not ITEM.exists():
        pytest.skip("the STAC fixtures are not here (../shared)")
    return dict(json.loads(ITEM.read_text())["geometry"])


def test_the_zenith_angle_grows_from_the_track_to_the_edge_of_the_swath() -> None:
    # 7.5 degrees off at the satellite, 705 km up, meet a round earth at asin((R + h) / R sin 7.5).
    edge = np.degrees(np.arcsin((6371 + 705) / 6371 * np.sin(np.radians(7.5))))
    off = np.radians(edge - 7.5) * 6371e3
    assert off == pytest.approx(92.6e3, rel=0.01)
    assert view_zenith(off) == pytest.approx(edge)
    assert view_zenith(0) == 0
    assert view_zenith(1000) == pytest.approx(np.degrees(1000 / 705e3 + 1000 / 6371e3), rel=1e-4)


@pytest.mark.parametrize("site", SITES)
def test_orbit_and_footprint_agree_on_a_real_scene(site: str) -> None:
    by_orbit = from_orbit(orbit(), SITES[site], UTM)
    by_footprint = from_footprint(outline(), SUN, SITES[site], UTM)
    assert by_orbit is not None and by_footprint is not None
    assert by_orbit.sun[0].shape == by_footprint.sun[0].shape == by_footprint.view[EVERY][0].shape
    cosine = np.sum(vectors(by_orbit.view[EVERY]) * vectors(by_footprint.view[EVERY]), axis=0)
    assert np.degrees(np.arccos(np.minimum(cosine, 1))).max() < 0.3


def vectors(pair: Any) -> Any:
    """Unit vectors, shape (3, y, x)."""
    zenith, azimuth = np.radians(pair)
    return np.stack([np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)])


def test_the_real_scene_s_sun_is_what_its_item_states() -> None:
    angles = from_orbit(orbit(), (470000, 5253000, 474000, 5257000), UTM)
    assert angles is not None
    stated = json.loads(ITEM.read_text())["properties"]
    assert angles.means()["sun_elevation"] == pytest.approx(stated["view:sun_elevation"], abs=0.05)
    assert angles.means()["sun_azimuth"] == pytest.approx(stated["view:sun_azimuth"], abs=0.05)


def test_the_mean_direction_over_the_scene_is_what_the_document_states() -> None:
    # BAND04_MEAN_SAT_VECTOR, east, north, up; that of our nodes may be off by a detector's look ahead or behind.
    stated = np.array([-0.002243997, -0.003890925, 0.996273712])
    corners = np.array(outline()["coordinates"][0][:4])
    to_utm = Transformer.from_crs("EPSG:4326", UTM, always_xy=True)
    found = []
    for down, across in itertools.product((0.1, 0.3, 0.5, 0.7, 0.9), repeat=2):
        edges = (1 - across) * corners[[0, 3]] + across * corners[[1, 2]]
        x, y = to_utm.transform(*((1 - down) * edges[0] + down * edges[1]))
        angles = from_orbit(orbit(), (x, y - 10, x + 10, y), UTM)
        assert angles is not None
        found.append(vectors(angles.view[EVERY])[:, 0, 0])
    np.testing.assert_allclose(np.mean(found, axis=0), stated, atol=0.003)


def test_the_sensor_stands_over_the_track() -> None:
    # From the west edge it stands in the east, by 8 degrees, from the east edge in the west.
    west, middle, east = (from_orbit(orbit(), SITES[s], UTM) for s in ("west", "middle", "east"))
    assert west is not None and middle is not None and east is not None
    assert 90 < west.means()["view_azimuth"] < 120 and 270 < east.means()["view_azimuth"] < 300
    assert west.means()["view_zenith"] > 7.5 and east.means()["view_zenith"] > 7.5
    assert middle.means()["view_zenith"] < 1


def test_nodes_lie_five_kilometres_apart_from_the_site_s_corner() -> None:
    angles = from_orbit(orbit(), (469000, 5250000, 481000, 5254000), UTM)
    assert angles is not None
    assert angles.sun[0].shape == (2, 4)
    assert (angles.first, angles.step) == ((469000, 5254000), (4000, -4000))


def test_a_place_that_the_orbit_did_not_pass_has_no_direction() -> None:
    assert from_orbit(orbit(), (470000, 3000000, 474000, 3004000), UTM) is None
    assert from_orbit("GROUP = FILE_HEADER", SITES["west"], UTM) is None


def test_the_course_turns_with_the_latitude() -> None:
    # Known from real outlines: 195.0 degrees at 47.4 north; by symmetry as much at 47.4 south.
    assert course_over_ground(47.4) == pytest.approx(195.0, abs=0.5)
    assert course_over_ground(-47.4) == pytest.approx(course_over_ground(47.4))
    assert course_over_ground(0) == pytest.approx(192.1, abs=0.5)
    assert course_over_ground(81.8) == pytest.approx(270, abs=4)


def test_an_outline_over_the_date_line_is_one_outline() -> None:
    shifted = json.loads(json.dumps(outline()))
    for point in shifted["coordinates"][0]:
        point[0] = (point[0] - 56.7 + 180) % 360 - 180  # the scene's middle goes to 179.9 east
    assert max(p[0] for p in shifted["coordinates"][0]) > 170 > -170 > min(p[0] for p in shifted["coordinates"][0])
    # 56.7 degrees west of the middle of zone 10 (123 west) is 179.7 west: as far from the middle of zone 1 as 2.7.
    here = from_footprint(shifted, SUN, (290000, 5250000, 300000, 5260000), "EPSG:32601")
    assert here is not None
    assert here.means()["view_zenith"] < 8.5


def test_an_outline_that_is_no_whole_scene_tells_nothing() -> None:
    whole = np.array(outline()["coordinates"][0])
    middle = whole[:4].mean(0)
    for ring in (middle + (whole - middle) / 2, middle + (whole - middle) * 2):
        assert from_footprint({"type": "Polygon", "coordinates": [ring.tolist()]}, SUN, SITES["west"], UTM) is None
    # A tile of 150 km that lies square to the meridian is as wide across the course as a scene, and is none.
    tile = middle + np.array([[-1, 0.67], [1, 0.67], [1, -0.67], [-1, -0.67], [-1, 0.67]])
    assert from_footprint({"type": "Polygon", "coordinates": [tile.tolist()]}, SUN, SITES["west"], UTM) is None
    assert from_footprint({"type": "Point", "coordinates": [0, 0]}, SUN, SITES["west"], UTM) is None
    assert from_footprint({}, SUN, SITES["west"], UTM) is None
    parts = {"type": "MultiPolygon", "coordinates": [[whole.tolist()]]}
    assert from_footprint(parts, SUN, SITES["west"], UTM) is not None
