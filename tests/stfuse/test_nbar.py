"""Reflectance as seen from the zenith: the factor of the table, where it is known, and where nothing may be done."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from stfuse.errors import InputError
from stfuse.harmonisation.angles import EVERY, Angles, everywhere
from stfuse.harmonisation.brdf import c_factor
from stfuse.harmonisation.nbar import Correction, correction
from stfuse.harmonisation.sun import sun, usual_zenith

DAY = date(2023, 6, 21)
GRID = GeoBox((300, 400), Affine(10, 0, 500000, 0, -10, 5650000), "EPSG:32631")
# methods/harmonisation.md, section 3: sun 45, view 7.5, sensor in front of the sun and against it.
BACK = {"blue": 0.95566, "green": 0.94923, "red": 0.95531, "nir": 0.95375, "swir16": 0.95603, "swir22": 0.95789}
FORWARD = {"blue": 1.03959, "green": 1.04606, "red": 1.04014, "nir": 1.04146, "swir16": 1.03943, "swir22": 1.03776}


def applied(fix: Correction, band: str, grid: GeoBox = GRID, value: float = 0.3) -> np.ndarray:
    values = np.full(grid.shape, value, np.float32)
    fix.apply(values, grid, band)
    return values


@pytest.mark.parametrize(("view_azimuth", "factors"), [(150, BACK), (330, FORWARD)])
def test_one_direction_multiplies_by_the_table_s_factor(view_azimuth: float, factors: dict[str, float]) -> None:
    # The sun stands at 150: a sensor there too has it in its back and sees no shadows, so it sees too much.
    fix = correction("scene", everywhere((45, 150), (7.5, view_azimuth), "item"), DAY, 50)
    for band, factor in factors.items():
        np.testing.assert_allclose(applied(fix, band) / 0.3, factor, atol=6e-6)


def test_a_view_from_the_zenith_changes_nothing() -> None:
    fix = correction("scene", everywhere((45, 150), (0, 77), "item"), DAY, 50)
    np.testing.assert_array_equal(applied(fix, "red"), np.float32(0.3))


@given(st.floats(5, 75), st.floats(0, 30), st.floats(0, 360), st.floats(0, 360))
def test_only_the_difference_of_the_azimuths_counts(tilt: float, view: float, towards: float, turn: float) -> None:
    factors = [
        correction("scene", everywhere((tilt, a), (view, b), "item"), DAY, 0).factors("red")
        for a, b in ((towards, towards + turn), (0, turn), (0, -turn))
    ]
    assert factors[0] is not None
    np.testing.assert_allclose(factors, [factors[0]] * 3, rtol=1e-5)


def test_the_sun_is_moved_to_where_it_usually_stands() -> None:
    angles = everywhere((40, 150), (7.5, 104), "item")
    fix = correction("latitude", angles, DAY, 50.8)
    assert fix.target == usual_zenith(DAY, 50.8)
    expected = c_factor("red", 40, 7.5, 104 - 150, fix.target)
    np.testing.assert_allclose(applied(fix, "red") / 0.3, expected, rtol=1e-6)
    assert abs(expected - c_factor("red", 40, 7.5, 104 - 150)) > 0.005


def test_sensors_that_pass_at_different_hours_become_alike() -> None:
    # Two sensors over one surface of Roy's shape: brought to one sun, they agree.
    seen = []
    for hour, view in ((9.8, (8.0, 98.0)), (11.2, (11.0, 286.0))):
        elevation, azimuth = sun(DAY, hour, 40)
        angles = everywhere((90 - elevation, azimuth), view, "item")
        model = 1 / c_factor("nir", 90 - elevation, view[0], view[1] - azimuth, 30.0)
        values = np.full(GRID.shape, 0.3 * model, np.float32)
        correction("latitude", angles, DAY, 40).apply(values, GRID, "nir")
        seen.append(values[0, 0])
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)


def sloping(step: float, crs: str = "EPSG:32631", first: tuple[float, float] = (495000.0, 5655000.0)) -> Angles:
    """A view zenith that grows linearly eastwards and southwards."""
    count = int(20000 / step) + 1
    row, column = np.mgrid[:count, :count]
    zenith = 2 + column * step / 4000 + row * step / 8000
    flat = np.full((count, count), 45.0)
    return Angles("grid", crs, first, (step, -step), (flat, flat * 0 + 150), {EVERY: (zenith, flat * 0 + 104)})


@pytest.mark.parametrize("grid", [GRID, GRID.zoom_to(resolution=20), GeoBox((301, 7), GRID.affine, GRID.crs)])
def test_a_grid_of_angles_is_interpolated_to_each_pixel(grid: GeoBox) -> None:
    fix = Correction(sloping(1000.0))
    column, row = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    east = grid.affine.c + column * grid.affine.a - 495000
    south = 5655000 - (grid.affine.f + row * grid.affine.e)
    exact = c_factor("nir", 45, 2 + east / 4000 + south / 8000, 104 - 150)
    found = applied(fix, "nir", grid) / 0.3
    np.testing.assert_allclose(found, exact, atol=2e-5)
    assert np.ptp(exact) > 0.002 or grid.width < 10


def test_a_band_in_a_neighbouring_zone_finds_its_angles() -> None:
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:32631", always_xy=True)
    grid = GeoBox((200, 200), Affine(30, 0, 310000, 0, -30, 5590000), "EPSG:32632")
    x, y = to_degrees.transform(313000, 5587000)
    first = (round(x) - 10000.0, round(y) + 10000.0)
    found = applied(Correction(sloping(1000.0, first=first)), "nir", grid) / 0.3
    x, y = to_degrees.transform(310000 + 30 * 20.5, 5590000 - 30 * 150.5)
    exact = c_factor("nir", 45, 2 + (x - first[0]) / 4000 + (first[1] - y) / 8000, 104 - 150)
    assert found[150, 20] == pytest.approx(float(exact), abs=3e-5)


def test_beyond_the_nodes_the_nearest_counts() -> None:
    far = GeoBox((10, 10), Affine(10, 0, 900000, 0, -10, 5650000), "EPSG:32631")
    east = sloping(1000.0)
    edge = c_factor("nir", 45, 2 + 20000 / 4000 + 5050 / 8000, 104 - 150)
    assert applied(Correction(east), "nir", far)[5, 5] / 0.3 == pytest.approx(float(edge), abs=1e-4)


def test_gaps_stay_gaps_and_single_precision_stays() -> None:
    values = np.full(GRID.shape, 0.2, np.float32)
    values[3, 4] = np.nan
    Correction(sloping(5000.0)).apply(values, GRID, "red")
    assert values.dtype == np.float32
    assert np.isnan(values[3, 4]) and np.isfinite(values).sum() == values.size - 1


def test_a_band_without_parameters_is_left_as_it_is() -> None:
    fix = correction("scene", everywhere((45, 150), (7.5, 150), "item"), DAY, 50)
    np.testing.assert_array_equal(applied(fix, "pan"), np.float32(0.3))
    assert fix.described(["pan"]) == "not done: no parameters of pan"
    assert fix.described(["green", "pan"]) == "c 0.949 (green), view 7.5 sun 45.0, item, not pan"


def test_what_was_done_is_told() -> None:
    angles = everywhere((45, 150), (7.5, 150), "granule metadata")
    assert (
        correction("scene", angles, DAY, 50).described(["blue", "red"])
        == "c 0.955 (red), view 7.5 sun 45.0, granule metadata"
    )
    moved = correction("latitude", angles, DAY, 50)
    assert f"sun 45.0 moved to {usual_zenith(DAY, 50):.1f}, granule" in moved.described(["red"])


def test_without_directions_or_under_a_low_sun_nothing_is_done_and_that_is_told() -> None:
    low = everywhere((80.5, 150), (7.5, 150), "item")
    high = everywhere((70, 150), (7.5, 150), "item")
    for fix, told in (
        (correction("none", low, DAY, 50), ""),
        (correction("scene", None, DAY, 50), "not done: directions unknown"),
        (correction("scene", low, DAY, 50), "not done: sun 80.5 degrees from the zenith, the kernels hold to 80"),
        (correction("latitude", high, date(2023, 12, 21), 68), "not done: sun 9"),
    ):
        np.testing.assert_array_equal(applied(fix, "red"), np.float32(0.3))
        assert fix.described(["red"]).startswith(told) and bool(fix.described(["red"])) == bool(told)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InputError, match="nbar: roy is unknown"):
        correction("roy", None, DAY, 50)


def test_of_pan_alone_the_lack_of_parameters_is_told_whether_directions_are_known_or_not() -> None:
    for angles in (None, everywhere((45, 150), (7.5, 104), "item")):
        assert correction("scene", angles, DAY, 50).described(["pan"]) == "not done: no parameters of pan"
    assert Correction(why_not="delivered at nadir").described(["pan"]) == "not done: delivered at nadir"
    assert correction("none", None, DAY, 50).described(["pan"]) == ""


def test_a_direction_that_is_no_number_empties_no_image() -> None:
    unknown = float("nan")
    for towards, view in (((unknown, 150), (7.5, 104)), ((45, unknown), (7.5, 104)), ((45, 150), (unknown, 104))):
        fix = correction("scene", everywhere(towards, view, "item"), DAY, 50)
        np.testing.assert_array_equal(applied(fix, "red"), np.float32(0.3))
        assert fix.described(["red"]) == "not done: directions unknown"
