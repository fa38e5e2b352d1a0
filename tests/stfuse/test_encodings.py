"""Stored numbers to reflectance, against real items of the archives and against contradictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stfuse.encodings import (
    Encoding,
    LookAtPixels,
    baseline,
    decode,
    find_encoding,
    offset_from_pixels,
    sentinel2_l2a,
)
from stfuse.errors import InputError
from stfuse.masks import mask_bands
from stfuse.scenes import acquired, find_asset
from stfuse.stored import to_decibels, to_power

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT.parent / "shared" / "stac-fixtures"


SENSORS = {
    path.stem: {**yaml.safe_load(path.read_text()), "name": path.stem}
    for path in sorted((ROOT / "config" / "sensors").glob("*.yaml"))
}


def real_items() -> list[dict[str, Any]]:
    if not (FIXTURES / "expected.json").exists():
        return []
    return list(json.loads((FIXTURES / "expected.json").read_text()))


def judged() -> list[tuple[str, dict[str, Any]]]:
    """Every sensor of ours beside every real item of its collections whose bands the list states."""
    items = [entry for entry in real_items() if entry["bands"]]
    return [(name, e) for name, sensor in SENSORS.items() for e in items if e["collection"] in sensor["collections"]]


def label(value: Any) -> str:
    return value if isinstance(value, str) else str(value["file"]).replace("/", ":")


@pytest.mark.parametrize(("name", "expected"), judged(), ids=label)
def test_a_real_item_is_read_as_expected(name: str, expected: dict[str, Any]) -> None:
    sensor, item = SENSORS[name], json.loads((FIXTURES / expected["file"]).read_text())
    assert acquired(item)[:10] == (expected.get("nominal_date") or expected["acquired"])[:10]
    rule = sensor["collections"][item["collection"]]["encoding"]
    bands = [band for band in sensor["bands"] if band in expected["bands"]]
    for band in bands:
        use, asset = expected["bands"][band]["use"], find_asset(item, sensor, band)
        assert asset == item["assets"][expected["bands"][band]["asset"]]
        if name == "landsat8_pan":
            continue
        found = find_encoding(rule, item, asset, {})
        assert (found.scale, found.offset, found.nodata) == (use["scale"], use["offset"], use["nodata"]), band
    # The pan band alone is in no real item at hand, and nor is one whose platform is not the sensor's.
    assert bands or name == "landsat8_pan"
    assert all(find_asset(item, sensor, band) for band in mask_bands(sensor))


@pytest.mark.skipif(not real_items(), reason="no ../shared/stac-fixtures here")
def test_every_collection_with_real_items_is_read_by_some_sensor_or_known_not_to_be() -> None:
    read = {entry["collection"] for _, entry in judged()}
    # Level 1C is no surface reflectance, GRD has no map geometry, and MSS is no OLI: none is of our sensors.
    apart = {"sentinel-2-l1c", "sentinel-1-grd"}
    assert {entry["collection"] for entry in real_items() if entry["bands"]} == read | apart


@pytest.mark.skipif(not real_items(), reason="no ../shared/stac-fixtures here")
def test_a_real_item_whose_flag_is_turned_false_sends_it_to_the_pixels() -> None:
    path = FIXTURES / "earth-search/sentinel-2-l2a/S2B_20EPT_20250731_0_L2A.json"
    item = json.loads(path.read_text())
    item["properties"]["earthsearch:boa_offset_applied"] = False
    with pytest.raises(LookAtPixels):
        sentinel2_l2a(item, item["assets"]["red"], {})


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


def test_collection_2_has_one_scale_and_refuses_another() -> None:
    for asset in ({}, band_states(scale=2.75e-5, offset=-0.2)):
        found = find_encoding("landsat_c2_sr", make_item(), asset, {})
        assert (found.scale, found.offset, found.nodata) == (2.75e-5, -0.2, 0)
    with pytest.raises(InputError, match=r"states scale 0\.0001"):
        find_encoding("landsat_c2_sr", make_item(), band_states(scale=1e-4), {})


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
    mtl = {"LANDSAT_METADATA_FILE": {"LEVEL1_RADIOMETRIC_RESCALING": group}}
    found = find_encoding("landsat_c2_l1_toa", item, {"href": "LE07_x_B8.TIF"}, {"mtl": mtl})
    assert (found.scale, found.offset) == (pytest.approx(4.4e-3), pytest.approx(-0.026))


def test_level_1_without_sun_or_with_radiance_only_is_refused() -> None:
    with pytest.raises(InputError, match="no sun elevation"):
        find_encoding("landsat_c2_l1_toa", make_item(), band_states(scale=2e-5), {})
    item = make_item(**{"view:sun_elevation": 30.0, "platform": "landsat-5"})
    with pytest.raises(InputError, match="does not state a reflectance scale"):
        find_encoding("landsat_c2_l1_toa", item, band_states(scale=0.88, unit="W/m^2/sr/um"), {})


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
