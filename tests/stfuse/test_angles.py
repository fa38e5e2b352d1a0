"""Small grids of angles: their mean, what is cut out of them, and their way through a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from stfuse.harmonisation.angles import EVERY, Angles, everywhere, fill, from_rasters, mean_direction

zeniths, azimuths = st.floats(0, 80), st.floats(0, 359.99)


def made(rows: int = 5, columns: int = 7) -> Angles:
    """Nodes 1000 m apart from (0, 10000) on; the sun's zenith counts them, row by row."""
    count = np.arange(float(rows * columns)).reshape(rows, columns)
    view = {"red": (count / 10, count + 100), EVERY: (count / 20, count + 200)}
    return Angles("test", "EPSG:32631", (500000.0, 10000.0), (1000.0, -1000.0), (count, count + 50), view)


def test_a_mean_of_directions_is_one_of_vectors() -> None:
    assert mean_direction([10, 10], [350, 10]) == pytest.approx((9.851, 0.0), abs=1e-3)
    assert mean_direction([5, 5], [90, 270])[0] == pytest.approx(0, abs=1e-9)
    assert mean_direction([20, 40], [30, 30]) == pytest.approx((30, 30))
    assert mean_direction([20, np.nan], [30, 99]) == pytest.approx((20, 30))
    assert np.isnan(mean_direction([np.nan], [1])).all()


@given(zeniths, azimuths)
def test_the_mean_of_one_direction_is_itself(zenith: float, azimuth: float) -> None:
    found = mean_direction([zenith, zenith], [azimuth, azimuth])
    assert found[0] == pytest.approx(zenith, abs=1e-5)
    apart = (found[1] - azimuth + 180) % 360 - 180
    assert abs(apart) * np.sin(np.radians(zenith)) < 1e-5


def test_gaps_take_the_nearest_node() -> None:
    zenith = np.array([[np.nan, 1.0, 2.0], [np.nan, np.nan, 3.0]])
    filled = fill((zenith, zenith * 10))
    assert filled is not None
    np.testing.assert_array_equal(filled[0], [[1, 1, 2], [1, 1, 3]])
    np.testing.assert_array_equal(filled[1], filled[0] * 10)
    assert fill((np.full((2, 2), np.nan), np.zeros((2, 2)))) is None


def test_the_nodes_around_a_site_are_kept() -> None:
    cut = made().over((502100, 7100, 503900, 8900), "EPSG:32631")
    assert cut.first == (502000, 9000)
    np.testing.assert_array_equal(cut.sun[0], [[9, 10, 11], [16, 17, 18], [23, 24, 25]][:3])
    np.testing.assert_array_equal(cut.view["red"][0], cut.sun[0] / 10)
    assert made().over((490000, 0, 700000, 20000), "EPSG:32631").sun[0].shape == (5, 7)


@pytest.mark.parametrize(("x", "y"), [(490000, 20000), (600000, 20000), (490000, 0), (600000, 0)])
def test_a_site_beyond_the_nodes_keeps_the_nearest(x: float, y: float) -> None:
    cut = made().over((x, y, x + 100, y + 100), "EPSG:32631")
    assert cut.sun[0].shape == (2, 2)
    assert cut.first == (500000 if x < 500000 else 505000, 10000 if y else 7000)


def test_a_site_in_a_neighbouring_zone_keeps_its_nodes() -> None:
    west = Angles("t", "EPSG:32631", (500000.0, 5700000.0), (5000.0, -5000.0), made(50, 90).sun, made(50, 90).view)
    # x = 740 km in zone 31 is 3.4 degrees east of its middle, 2.6 degrees west of zone 32's: x = 317 km there.
    cut = west.over((310000, 5580000, 320000, 5590000), "EPSG:32632")
    assert 720000 < cut.first[0] <= 735000
    assert cut.sun[0].shape[0] in (4, 5)


def test_one_direction_is_never_cut() -> None:
    one = everywhere((40, 150), (8, 104), "item")
    assert one.over((0, 0, 1, 1), "EPSG:32631") is one
    assert one.means() == {"sun_elevation": 50, "sun_azimuth": 150, "view_zenith": 8, "view_azimuth": 104}


def test_a_band_without_a_view_of_its_own_has_the_common_one() -> None:
    angles = made()
    assert angles.of_view("red") is angles.view["red"]
    assert angles.of_view("nir") is angles.view[EVERY]
    assert Angles("t", "", (0, 0), (0, 0), angles.sun, {"red": angles.sun}).of_view("nir") is None


def test_angles_survive_json_to_a_hundredth_of_a_degree() -> None:
    angles = made()
    back = Angles.from_dict(json.loads(json.dumps(angles.as_dict())))
    assert (back.source, back.crs, back.first, back.step) == (angles.source, angles.crs, angles.first, angles.step)
    np.testing.assert_allclose(back.sun, angles.sun, atol=0.005)
    for band in angles.view:
        np.testing.assert_allclose(back.view[band], angles.view[band], atol=0.005)
    # A row is one line, so that scene.json can be read.
    assert angles.as_dict()["sun"]["zenith"][1] == "7.00 8.00 9.00 10.00 11.00 12.00 13.00"


def rasters(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    row, column = np.mgrid[: shape[0], : shape[1]]
    return {
        "sun_zenith": (3000 + row).astype(np.int16),
        "sun_azimuth": np.full(shape, -17000, np.int16),
        "view_zenith": (100 + column).astype(np.int16),
        "view_azimuth": np.full(shape, 9800, np.int16),
    }


def test_rasters_are_thinned_out_and_their_nodes_lie_on_pixels() -> None:
    grid = GeoBox((300, 500), Affine(30, 0, 0, 0, -30, 9000), "EPSG:32631")
    angles = from_rasters(rasters((300, 500)), grid, "level 1")
    assert angles is not None
    assert max(angles.sun[0].shape) <= 24
    # 67 pixels, 2010 m, apart: nodes on the middles of the blocks' pixels.
    assert angles.step == (2010, -2010)
    assert angles.first == (33.5 * 30, 9000 - 33.5 * 30)
    np.testing.assert_allclose(angles.sun[0][:, 0], 30 + (33 + 67 * np.arange(4)) / 100)
    np.testing.assert_allclose(angles.view[EVERY][0][0], 1 + (33 + 67 * np.arange(7)) / 100)
    np.testing.assert_allclose(angles.sun[1], 190)


def test_rasters_of_a_small_site_make_one_node() -> None:
    grid = GeoBox((20, 30), Affine(30, 0, 0, 0, -30, 600), "EPSG:32631")
    angles = from_rasters(rasters((20, 30)), grid, "level 1")
    assert angles is not None
    assert angles.sun[0].shape == (1, 1)
    assert angles.means()["view_zenith"] == pytest.approx(1.15)


def test_pixels_without_angles_take_the_nearest() -> None:
    grid = GeoBox((300, 500), Affine(30, 0, 0, 0, -30, 9000), "EPSG:32631")
    empty = rasters((300, 500))
    for values in empty.values():
        values[:, 200:] = 0
    angles = from_rasters(empty, grid, "level 1")
    assert angles is not None
    np.testing.assert_allclose(angles.view[EVERY][0][0, 3:], 1 + (33 + 67 * 2) / 100)
    none = {name: np.zeros_like(values) for name, values in empty.items()}
    assert from_rasters(none, grid, "level 1") is None
