"""Stored numbers to reflectance, against real items of the archives and against contradictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.errors import InputError
from stfuse.products import sentinel2_offset
from stfuse.products.encodings import (
    Encoding,
    LookAtPixels,
    baseline,
    decode,
    find_encoding,
    offset_from_pixels,
)
from stfuse.products.sentinel2_offset import require_plausible, sentinel2_l2a
from stfuse.products.stored import to_decibels, to_power
from stfuse.raster_stored import read_stored


def make_item(**properties: Any) -> dict[str, Any]:
    return {"id": "x", "properties": properties}


def band_states(**first: Any) -> dict[str, Any]:
    return {"href": "x_B8.TIF", "raster:bands": [first]}


@pytest.mark.parametrize(
    ("properties", "offset_stated", "offset"),
    [
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, -0.1, 0.0),
        ({"s2:processing_baseline": "05.09"}, -0.1, -0.1),
        ({"s2:processing_baseline": "05.09"}, None, -0.1),
        ({"s2:processing_baseline": "03.01"}, -0.1, 0.0),
        ({"s2:processing_baseline": "03.01", "earthsearch:boa_offset_applied": False}, 0, 0.0),
        ({"s2:product_uri": "S2B_MSIL2A_20220612T182919_N0400_R027_T24XWR_20220613T123251.SAFE"}, None, -0.1),
        ({}, 0, 0.0),
        ({}, -0.1, -0.1),
    ],
)
def test_the_sentinel2_offset_follows_flag_baseline_and_statement(
    properties: dict[str, Any], offset_stated: float | None, offset: float
) -> None:
    asset = band_states(offset=offset_stated) if offset_stated is not None else {}
    found = sentinel2_l2a(make_item(**properties), asset, {})
    assert (found.scale, found.offset, found.nodata) == (1e-4, offset, 0)


@pytest.mark.parametrize(
    ("properties", "offset_stated"),
    [
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": False}, -0.1),
        ({"s2:processing_baseline": "05.09"}, 0),
        ({}, None),
    ],
)
def test_contradictions_ask_for_the_pixels(properties: dict[str, Any], offset_stated: float | None) -> None:
    asset = band_states(offset=offset_stated) if offset_stated is not None else {}
    with pytest.raises(LookAtPixels):
        sentinel2_l2a(make_item(**properties), asset, {})
    for choice, offset in (("apply", -0.1), ("none", 0.0)):
        assert sentinel2_l2a(make_item(**properties), asset, {"sentinel2_offset": choice}).offset == offset


def test_an_unknown_choice_or_rule_is_named() -> None:
    with pytest.raises(InputError, match="sentinel2_offset: maybe is unknown"):
        sentinel2_l2a(make_item(), {}, {"sentinel2_offset": "maybe"})
    with pytest.raises(InputError, match="Encoding mine is unknown"):
        find_encoding("mine", make_item(), {}, {})


def test_the_pixels_tell_the_offset_or_refuse() -> None:
    scl = np.full((120, 100), 4, np.uint8)
    ramp = np.linspace(0, 3000, scl.size).reshape(scl.shape)
    assert offset_from_pixels(ramp + 200, ramp + 300, scl)[0] == 0.0
    assert offset_from_pixels(ramp + 1100, ramp + 1200, scl)[0] == -0.1
    with pytest.raises(ValueError, match="between 900 and 1000"):
        offset_from_pixels(ramp + 890, ramp + 1200, scl)
    with pytest.raises(ValueError, match="only 0 of 10000"):
        offset_from_pixels(ramp + 200, ramp + 300, np.full_like(scl, 9))


BELGIUM = Path(__file__).parents[3] / "shared/data/belgium-31UDS-2018/sentinel-2-l2a"


@pytest.mark.skipif(not BELGIUM.exists(), reason="no ../shared/data here")
def test_the_pixels_of_real_scenes_tell_that_the_offset_is_out_and_once_added_that_it_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sentinel2_offset, "MIN_LOOKED_AT", 2000)  # of the patch's 4096
    told = 0
    for folder in sorted(path for path in BELGIUM.iterdir() if path.is_dir()):
        blue, red, scl = (read_stored(folder / f"{band}.tif")[0].astype(int) for band in ("blue", "red", "scl"))
        scl = np.kron(scl, np.ones((2, 2), int))
        if (np.isin(scl, sentinel2_offset.SCL_GROUND) & (blue > 0) & (red > 0)).sum() < 2000:
            continue
        assert offset_from_pixels(blue, red, scl)[0] == 0.0, folder.name
        assert offset_from_pixels(blue + 1000, red + 1000, scl)[0] == -0.1, folder.name
        told += 1
    assert told == 50


def test_level_1c_is_no_surface_reflectance_however_it_says_so() -> None:
    for told in (
        {"s2:product_type": "S2MSI1C"},
        {"s2:product_uri": "S2B_MSIL1C_20250731T131909_N0511_R095_T20EPT_20250731T143530.SAFE"},
    ):
        with pytest.raises(InputError, match=r"is level 1C.*Cure: take level 2A.*sentinel-2-c1-l2a"):
            sentinel2_l2a(make_item(**told), band_states(scale=1e-4, offset=-0.1), {"sentinel2_offset": "apply"})
    for name in ("S2B_20EPT_20250731_0_L1C", "S2B_MSIL1C_20250731T131909_N0511_R095_T20EPT_20250731T143530"):
        with pytest.raises(InputError, match="is level 1C"):
            sentinel2_l2a({"id": name, "properties": {}}, {}, {})
    level2 = {"id": "S2B_20EPT_20250731_0_L2A", "properties": {"s2:processing_baseline": "05.11"}}
    assert sentinel2_l2a(level2, {}, {}).offset == -0.1


@pytest.mark.parametrize("day", ["2017-05-01T00:00:00Z", "2023-05-01T00:00:00Z"])
@pytest.mark.parametrize(("baseline_stated", "offset"), [("05.00", -0.1), ("02.06", 0.0)])
def test_the_baseline_decides_and_not_the_day(day: str, baseline_stated: str, offset: float) -> None:
    """Collection 1 made scenes of 2017 anew with baseline 05.00."""
    item = make_item(datetime=day, **{"s2:processing_baseline": baseline_stated})
    assert sentinel2_l2a(item, {}, {}).offset == offset


def test_a_scene_whose_land_would_be_darker_than_black_or_brighter_than_any_is_refused() -> None:
    scl = np.repeat(np.array([[4], [5], [9], [0]], np.uint8), 50, axis=1)
    red = np.repeat(np.array([[600], [800], [9000], [0]], np.uint16), 50, axis=1)
    plain, moved = Encoding(1e-4, 0.0, 0, None, "the archive's flag"), Encoding(1e-4, -0.1, 0, None, "baseline 05.09")
    require_plausible(red, scl, plain, "S2_A")
    with pytest.raises(
        InputError, match=r"land of S2_A has a red reflectance below -0\.0[34]0.*read so: baseline 05.09"
    ):
        require_plausible(red, scl, moved, "S2_A")
    with pytest.raises(InputError, match=r"above 0\.\d+, which no land has.*the archive's flag"):
        require_plausible(red * 10, scl, plain, "S2_A")
    # Clouds and places without data do not count, and where there is hardly any land nothing is said.
    require_plausible(red, np.full_like(scl, 9), moved, "S2_A")
    require_plausible(red[:, 1:], scl[:, 1:], moved, "S2_A")


def test_surface_temperature_is_no_reflectance() -> None:
    kelvin = band_states(scale=0.00341802, offset=149.0, unit="kelvin")
    with pytest.raises(InputError, match=r"states scale 0\.00341802, Collection 2 has 2\.75e-05"):
        find_encoding("landsat_c2_sr", make_item(), kelvin, {})


def test_collection_2_has_one_scale_and_refuses_another() -> None:
    for asset in ({}, band_states(scale=2.75e-5, offset=-0.2)):
        found = find_encoding("landsat_c2_sr", make_item(), asset, {})
        assert (found.scale, found.offset, found.nodata) == (2.75e-5, -0.2, 0)
    with pytest.raises(InputError, match=r"states scale 0\.0001"):
        find_encoding("landsat_c2_sr", make_item(), band_states(scale=1e-4), {})
    with pytest.raises(InputError, match=r"states offset 0, Collection 2 has -0\.2"):
        find_encoding("landsat_c2_sr", make_item(), band_states(scale=2.75e-5, offset=0), {})


def test_collection_1_numbers_outside_its_range_are_invalid() -> None:
    encoding = find_encoding("landsat_c1_sr", make_item(), band_states(nodata=0, scale=1e-4), {})
    stored = np.array([0, 1, 5000, 10000, 10001, -999, -9999], np.int16)
    expected = [np.nan, 0.0001, 0.5, 1.0, np.nan, np.nan, np.nan]
    np.testing.assert_allclose(decode(stored, encoding), expected, rtol=1e-6)


def test_modis_fill_is_known_though_no_item_states_it() -> None:
    encoding = find_encoding("modis_nbar", make_item(), band_states(scale=1e-4, data_type="int16"), {})
    stored = np.array([0, 5000, 32766, 32767, -28672], np.int16)
    np.testing.assert_allclose(decode(stored, encoding), [0, 0.5, 3.2766, np.nan, np.nan], rtol=1e-6)
    with pytest.raises(InputError, match=r"states scale 1, MCD43A4 has 0\.0001"):
        find_encoding("modis_nbar", make_item(), band_states(scale=1), {})


def test_venus_items_must_state_the_archive_s_scale_or_none() -> None:
    stored = np.array([0, 1000, 3000], np.uint16)
    for asset in ({}, band_states(scale=1e-4, offset=-0.1, nodata=0)):
        encoding = find_encoding("venus_l2a", make_item(), asset, {})
        np.testing.assert_allclose(decode(stored, encoding), [np.nan, 0.0, 0.2], atol=1e-7)
    for faulty in ({"scale": 1e-3, "offset": -0.1}, {"scale": 1e-4, "offset": 0}):
        with pytest.raises(InputError, match="the Venus archive has"):
            find_encoding("venus_l2a", make_item(), band_states(**faulty), {})


def test_power_that_is_not_positive_is_no_data() -> None:
    for asset in ({}, band_states(nodata=-32768, data_type="float32")):
        encoding = find_encoding("sentinel1_rtc", make_item(), asset, {})
        stored = np.array([-32768, -0.1, 0, 1e-5, 0.25, np.inf], np.float32)
        np.testing.assert_array_equal(
            decode(stored, encoding), np.array([np.nan, np.nan, np.nan, 1e-5, 0.25, np.nan], np.float32)
        )
    with pytest.raises(InputError, match="states uint16 numbers"):
        find_encoding("sentinel1_rtc", make_item(), band_states(data_type="uint16"), {})


def test_grd_is_refused_by_its_facts_though_it_may_state_a_grid() -> None:
    """One archive states degrees with a made-up grid, another nothing at all; RTC is made of GRD, on a map."""
    for stated_grid in ({}, {"proj:epsg": 4326, "proj:shape": [25367, 16890]}, {"proj:code": "EPSG:4326"}):
        item = make_item(**{"sar:product_type": "GRD", **stated_grid})
        with pytest.raises(InputError, match=r"GRD in ground range, without a map projection.*sentinel-1-rtc"):
            find_encoding("sentinel1_rtc", item, {}, {})
    for code in ({"proj:epsg": 32633}, {"proj:code": "EPSG:32633"}, {"proj:wkt2": "PROJCRS[...]"}):
        item = make_item(**{"sar:product_type": "GRD", **code})
        assert find_encoding("sentinel1_rtc", item, band_states(data_type="float32"), {}).scale == 1


def test_decibels_are_read_as_power_and_fill_is_not_one() -> None:
    asset = band_states(scale=1e-4, offset=0, nodata=0, unit="dB", data_type="int32")
    encoding = find_encoding("sentinel1_db", make_item(), asset, {})
    stored = np.array([-100000, 0, 30103, -200000], np.int32)
    np.testing.assert_allclose(decode(stored, encoding), [0.1, np.nan, 2.0, 0.01], rtol=1e-5)
    assert Encoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding
    with pytest.raises(InputError, match="is in linear, not in dB"):
        find_encoding("sentinel1_db", make_item(), band_states(unit="linear"), {})


def test_decibels_come_back_from_power_and_what_is_not_positive_has_none() -> None:
    decibels = np.array([-35.0, -3.0, 0.0, 12.0, np.nan], np.float32)
    np.testing.assert_allclose(to_decibels(to_power(decibels)), decibels, atol=1e-5)
    np.testing.assert_array_equal(to_decibels(np.array([0, -1, np.inf], np.float32)), [np.nan] * 3)


def test_level_1_is_divided_by_the_sine_of_the_sun_s_elevation() -> None:
    item = make_item(**{"view:sun_elevation": 30.0, "platform": "LANDSAT_8"})
    for asset in (band_states(scale=2e-5, offset=-0.1), {"href": "x_B8.TIF"}):
        found = find_encoding("landsat_c2_l1_toa", item, asset, {})
        assert (found.scale, found.offset) == (pytest.approx(4e-5), pytest.approx(-0.2))
    group = {"REFLECTANCE_MULT_BAND_8": "2.2E-03", "REFLECTANCE_ADD_BAND_8": "-0.013"}
    groups = {"LEVEL1_RADIOMETRIC_RESCALING": group, "IMAGE_ATTRIBUTES": {"SUN_ELEVATION": "30", "SUN_AZIMUTH": "1"}}
    mtl = {"LANDSAT_METADATA_FILE": groups}
    for source in (mtl, json.dumps(mtl)):
        for known in (item, make_item()):  # the sun is the item's, else the metadata file's
            found = find_encoding("landsat_c2_l1_toa", known, {"href": "LE07_x_B8.TIF"}, {"mtl": source})
            assert (found.scale, found.offset) == (pytest.approx(4.4e-3), pytest.approx(-0.026))
            assert found.rule == "metadata file, sun at 30.0 degrees"


def test_level_1_without_sun_or_with_radiance_only_is_refused() -> None:
    with pytest.raises(InputError, match="no sun elevation"):
        find_encoding("landsat_c2_l1_toa", make_item(), band_states(scale=2e-5), {})
    item = make_item(**{"view:sun_elevation": 30.0, "platform": "landsat-5"})
    for unit in ("W/m^2/sr/um", "watt/steradian/square_meter/micrometer"):
        for scale in (0.88, 1e-3):
            with pytest.raises(
                InputError, match=rf"of landsat-5 does not state a reflectance.*: its numbers are {unit[0]}"
            ):
                find_encoding("landsat_c2_l1_toa", item, band_states(scale=scale, unit=unit), {})
    # Radiance whose unit is left unsaid, by its scale.
    with pytest.raises(InputError, match="its numbers are radiance"):
        find_encoding("landsat_c2_l1_toa", item, band_states(scale=1.2e-2), {})


def test_own_files_are_read_as_stated_and_whole_numbers_need_a_scale() -> None:
    stored = np.array([-9999, 0, 2500], np.int16)
    asset = band_states(scale=1e-4, offset=0.01, nodata=-9999, data_type="int16")
    encoding = find_encoding("as_stated", make_item(), asset, {})
    np.testing.assert_allclose(decode(stored, encoding), [np.nan, 0.01, 0.26], rtol=1e-6)
    plain = find_encoding("as_stated", make_item(), band_states(data_type="float32"), {})
    np.testing.assert_allclose(decode(np.array([0.25, np.nan], np.float32), plain), [0.25, np.nan])
    for scale in (None, 1, 1.0):
        with pytest.raises(InputError, match=r"int16 numbers without a scale.*write `scale`"):
            find_encoding("as_stated", make_item(), band_states(scale=scale, data_type="uint16"), {})


def test_class_codes_are_kept_and_the_item_says_which_is_none() -> None:
    stored = np.array([0, 1, 255], np.uint8)
    for asset, expected in (({}, [np.nan, 1, 255]), (band_states(nodata=255), [0, 1, np.nan])):
        encoding = find_encoding("classes", make_item(), asset, {})
        np.testing.assert_array_equal(decode(stored, encoding), np.array(expected, np.float32))


@given(st.integers(1, 65535), st.sampled_from([0.0, -0.1]))
def test_decoding_inverts_the_archive_s_rounding(stored: int, offset: float) -> None:
    encoding = Encoding(1e-4, offset, 0, None, "")
    value = float(decode(np.array([stored], np.uint16), encoding)[0])
    assert round((value - offset) / 1e-4) == stored


def test_an_encoding_survives_its_json() -> None:
    encoding = Encoding(1e-4, 0.0, -9999.0, (0.0, 1e4), "rule")
    assert Encoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding


@pytest.mark.parametrize(("text", "number"), [("02.14", 2.14), ("05.00", 5.0), ("0510", 5.1), ("x", None)])
def test_baselines_are_read(text: str, number: float | None) -> None:
    assert baseline(make_item(**{"s2:processing_baseline": text})) == number
