"""From raw scenes to images on the site's grid."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.ard import make_ard
from scripts.ard_bandpass import fit_bandpass
from scripts.ard_fields import make_fields
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import read_image, write_image
from stfuse.raster_stored import read_stored, write_stored
from tiny_archive import BANDS, SENSORS, SITE, add_item, landsat8_bands, landscape, make_archive, write_catalog

FINE = site_grid(SITE["crs"], tuple(SITE["bounds"]), 10)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder with every scene of the tiny archive fetched."""
    root = tmp_path / "a"
    make_archive(root)
    cloudy = landsat8_bands(0.5)
    add_item(root, "landsat-c2-l2", "L8_B", "2020-03-01T10:40:25Z", cloudy, {"platform": "landsat-8"})
    find_scenes(str(write_catalog(root)), SITE, SENSORS, tmp_path / "scenes.csv", tmp_path / "items.json")
    for scene in ("S2_A", "S2_B", "L8_A", "L8_B"):
        sensor = SENSORS["sentinel2" if scene.startswith("S2") else "landsat8"]
        fetch(tmp_path / "items.json", scene, sensor, SITE, BANDS, tmp_path / scene)
    return tmp_path


def make(
    raw: Path, scenes: list[str], date: str, site: dict[str, Any] = SITE, **more: Path
) -> tuple[Any, dict[str, str]]:
    sensor = SENSORS["sentinel2" if scenes[0].startswith("S2") else "landsat8"]
    image, quality = raw / sensor["name"] / f"{date}.tif", raw / sensor["name"] / f"{date}.csv"
    folders = [raw / name for name in scenes]
    make_ard(folders, sensor, site, BANDS, image, quality, more.get("reference"), more.get("bandpass"))
    values, names, grid = read_image(image)
    assert names == tuple(BANDS)
    assert grid == site_grid(site["crs"], tuple(site["bounds"]), sensor["resolution"])
    with quality.open() as table:
        (row,) = csv.DictReader(table)
    return values, row


def inner(values: Any, margin: int) -> Any:
    return values[..., margin:-margin, margin:-margin]


def test_bands_on_the_grid_come_back_exactly_and_others_interpolated(raw: Path) -> None:
    values, row = make(raw, ["S2_A"], "2020-03-01")
    known = inner(landscape(10), 4)
    np.testing.assert_allclose(values[:2], known[:2], atol=6e-5)
    assert 0.9 < np.corrcoef(values[2].ravel(), known[2].ravel())[0, 1] < 1
    assert row["clear"] == "1.0000"
    assert row["encoding"] == "baseline 05.10 has the offset"
    assert row["shift_accepted"] == ""


def test_masked_pixels_stay_unobserved(raw: Path) -> None:
    values, row = make(raw, ["S2_B"], "2020-03-11")
    assert np.isnan(values[:, :6]).all()
    assert np.isfinite(values[:, 6:]).all()
    assert row["clear"] == "0.7500"


def test_the_mask_is_widened_by_the_site_s_metres(raw: Path) -> None:
    values, _ = make(raw, ["S2_B"], "2020-03-11", {**SITE, "mask_dilation_m": 40})
    assert np.isnan(values[:, :10]).all()
    assert np.isfinite(values[:, 10:]).all()


def test_scenes_of_one_day_fill_one_another(raw: Path) -> None:
    alone, _ = make(raw, ["L8_B"], "2020-03-01")
    both, row = make(raw, ["L8_A", "L8_B"], "2020-03-01")
    assert np.isnan(alone[:, :4]).all()
    assert np.isfinite(both).all()
    np.testing.assert_allclose(both, inner(landscape(30), 4), atol=8e-5)
    assert row["scenes"] == "L8_A L8_B"


def test_the_bandpass_is_applied(raw: Path) -> None:
    plain, _ = make(raw, ["L8_A"], "2020-03-01")
    line = {"slope": 1.1, "offset": 0.01, "rule": "fit"}
    (raw / "b.json").write_text(json.dumps(dict.fromkeys(BANDS, line)))
    adjusted, row = make(raw, ["L8_A"], "2020-03-01", bandpass=raw / "b.json")
    np.testing.assert_allclose(adjusted, 1.1 * plain + 0.01, atol=2e-4)
    assert row["bandpass"] == "blue:fit red:fit nir08:fit"


def test_a_known_displacement_of_a_band_is_taken_out(raw: Path) -> None:
    plain, _ = make(raw, ["S2_A"], "2020-03-01")
    moved, _ = make(raw, ["S2_A"], "2020-03-01", {**SITE, "band_shifts_m": {"sentinel2": {"red": [0, 10]}}})
    np.testing.assert_allclose(moved[1, :-1], plain[1, 1:], atol=2e-4)
    np.testing.assert_array_equal(moved[0], plain[0])


def test_a_reference_on_another_place_is_not_followed(raw: Path) -> None:
    rng = np.random.default_rng(3)
    write_image(raw / "2020-03-02.tif", rng.uniform(0.1, 0.4, (3, 24, 24)).astype(np.float32), BANDS, FINE)
    _, row = make(raw, ["L8_A"], "2020-03-01", reference=raw / "2020-03-02.tif")
    assert row["shift_accepted"] == "0"
    assert row["notes"].startswith("not moved: ")


def test_cloud_that_the_mask_missed_is_taken_out_by_the_reference(raw: Path) -> None:
    reference, _ = make(raw, ["S2_A"], "2020-03-01")
    stored, grid = read_stored(raw / "L8_A" / "blue.tif")
    red, _ = read_stored(raw / "L8_A" / "red.tif")
    stored[6, 7] = red[6, 7] = round((0.7 + 0.2) / 2.75e-5)
    write_stored(raw / "L8_A" / "blue.tif", stored, grid, 0)
    write_stored(raw / "L8_A" / "red.tif", red, grid, 0)
    values, row = make(raw, ["L8_A"], "2020-03-01", reference=raw / "sentinel2" / "2020-03-01.tif")
    assert reference.shape == (3, 24, 24)
    assert np.isnan(values[:, 2, 3]).all()
    assert np.isfinite(values).mean() > 0.97
    assert float(row["missed_cloud"]) > 0
    # The reference's own image is compared with nothing.
    with (raw / "sentinel2" / "2020-03-01.csv").open() as table:
        assert next(csv.DictReader(table))["missed_cloud"] == ""


@pytest.mark.parametrize(("snow", "bits"), [("keep", 1 << 5), ("drop", 1 << 6)])
def test_snow_that_the_site_keeps_passes_for_no_cloud(raw: Path, snow: str, bits: int) -> None:
    make(raw, ["S2_A"], "2020-03-01")
    for band in ("blue", "red", "qa_pixel"):
        stored, grid = read_stored(raw / "L8_A" / f"{band}.tif")
        stored[6:8, 7:9] = bits if band == "qa_pixel" else round((0.7 + 0.2) / 2.75e-5)
        write_stored(raw / "L8_A" / f"{band}.tif", stored, grid, 1 if band == "qa_pixel" else 0)
    reference = raw / "sentinel2" / "2020-03-01.tif"
    values, row = make(raw, ["L8_A"], "2020-03-01", {**SITE, "snow": snow}, reference=reference)
    assert np.isfinite(values[:, 2:4, 3:5]).all() == (snow == "keep")
    assert (float(row["missed_cloud"]) > 0) == (snow == "drop")


def test_a_raw_folder_without_a_band_is_named(raw: Path) -> None:
    with pytest.raises(InputError, match=r"L8_A lacks the bands \['pan'\]"):
        make_ard([raw / "L8_A"], SENSORS["landsat8"], SITE, ["pan"], raw / "x.tif", raw / "x.csv", None, None)
    assert not (raw / "x.tif").exists()


def test_a_truncated_raw_band_leaves_nothing_half_written(raw: Path) -> None:
    path = raw / "L8_A" / "red.tif"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"L8_A/red\.tif cannot be read"):
        make(raw, ["L8_A"], "2020-03-01")
    assert not (raw / "landsat8").exists() or not list((raw / "landsat8").iterdir())


def test_published_and_no_bandpass_need_no_pairs(tmp_path: Path) -> None:
    for choice, rules in (("published", ["published", "published", "identity"]), ("none", ["identity"] * 3)):
        fit_bandpass([], SENSORS["landsat8"], {**SITE, "bandpass": choice}, BANDS, tmp_path / "b.json")
        lines = json.loads((tmp_path / "b.json").read_text())
        assert [lines[b]["rule"] for b in BANDS] == rules
    assert lines["red"]["slope"] == 1


def test_a_single_pair_falls_back_to_the_published_line_and_says_so(raw: Path) -> None:
    make(raw, ["S2_B"], "2020-03-11")
    pairs = [{"scenes": [raw / "L8_B"], "reference": raw / "sentinel2" / "2020-03-11.tif"}]
    fit_bandpass(pairs, SENSORS["landsat8"], SITE, BANDS, raw / "b.json")
    line = json.loads((raw / "b.json").read_text())["red"]
    assert (line["rule"], line["slope"]) == ("published", 1.02)
    assert line["why"] == "fit refused: too few dates (1, 3 are needed)"


@pytest.fixture
def pairs(tmp_path: Path) -> list[dict[str, Any]]:
    """Three coincident days."""
    root = tmp_path / "a"
    for seed in (1, 2, 3):
        bands = landsat8_bands(seed=seed)
        add_item(root, "landsat-c2-l2", f"L{seed}", f"2020-03-0{seed}T10:40:00Z", bands, {"platform": "landsat-8"})
    write_catalog(root)
    return fetch_pairs(tmp_path)


def fetch_pairs(folder: Path) -> list[dict[str, Any]]:
    """Three pairs of the archive's days with references on the line 1.05 x - 0.01."""
    sensors = {"landsat8": SENSORS["landsat8"]}
    find_scenes(str(folder / "a" / "catalog.json"), SITE, sensors, folder / "scenes.csv", folder / "items.json")
    pairs = []
    for seed in (1, 2, 3):
        fetch(folder / "items.json", f"L{seed}", SENSORS["landsat8"], SITE, BANDS, folder / f"L{seed}")
        known = inner(landscape(10, seed), 4) * 1.05 - 0.01
        write_image(folder / f"2020-03-0{seed}.tif", known.astype(np.float32), BANDS, FINE)
        pairs.append({"scenes": [folder / f"L{seed}"], "reference": folder / f"2020-03-0{seed}.tif"})
    return pairs


def test_coincident_pairs_give_the_line_between_the_sensors(pairs: list[dict[str, Any]], tmp_path: Path) -> None:
    fit_bandpass(pairs, SENSORS["landsat8"], SITE, BANDS, tmp_path / "b.json")
    for band in BANDS:
        line = json.loads((tmp_path / "b.json").read_text())[band]
        assert line["rule"] == "fit"
        assert line["slope"] == pytest.approx(1.05, abs=0.003)
        assert line["offset"] == pytest.approx(-0.01, abs=0.001)


def test_cloud_that_the_mask_missed_takes_no_part_in_the_fit(
    pairs: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    monkeypatch.setattr("scripts.ard_bandpass.day_lines", lambda pair: read.append(pair) or [None] * len(BANDS))
    for band in ("blue", "red"):
        path = tmp_path / "L2" / f"{band}.tif"
        stored, grid = read_stored(path)
        stored[6, 7] = round((0.7 + 0.2) / 2.75e-5)
        write_stored(path, stored, grid, 0)
    fit_bandpass(pairs, SENSORS["landsat8"], SITE, BANDS, tmp_path / "b.json")
    assert len(read) == 3
    assert np.isnan(read[1][0][:, 2, 3]).all()
    assert np.isfinite(read[0][0][:, 2, 3]).all()


def test_a_date_that_was_not_moved_is_in_the_log(
    pairs: list[dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(3).uniform(0.1, 0.4, (3, 24, 24)).astype(np.float32)
    write_image(tmp_path / "2020-03-02.tif", noise, BANDS, FINE)
    with caplog.at_level("INFO"):
        fit_bandpass(pairs, SENSORS["landsat8"], SITE, BANDS, tmp_path / "b.json")
    assert "2020-03-02 on 2020-03-02: moved by (0.0, 0.0) m (" in caplog.text
    assert "left out 2020-03-02" in caplog.text


def test_a_field_map_keeps_its_numbers_on_the_site_s_grid(tmp_path: Path) -> None:
    given = np.zeros((24, 24), np.int32)
    given[2:8, 2:8], given[10:20, 10:20] = 7, 9
    write_stored(tmp_path / "map.tif", given, FINE, 0)
    make_fields(SITE, tmp_path / "map.tif", [], 10, tmp_path / "fields.tif")
    found, grid = read_stored(tmp_path / "fields.tif")
    np.testing.assert_array_equal(found, given)
    assert (found.dtype, grid) == (np.int32, FINE)


def test_fields_lie_on_the_grid_of_the_resolution_asked_for(tmp_path: Path) -> None:
    write_stored(tmp_path / "map.tif", np.full((24, 24), 7, np.int32), FINE, 0)
    make_fields(SITE, tmp_path / "map.tif", [], 30, tmp_path / "fields.tif")
    assert read_stored(tmp_path / "fields.tif")[1] == site_grid(SITE["crs"], tuple(SITE["bounds"]), 30)


def test_an_image_on_another_grid_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "2020-01-01.tif", np.full((2, 24, 24), 0.1, np.float32), ["red", "nir08"], FINE)
    with pytest.raises(InputError, match=r"2020-01-01\.tif lies on"):
        make_fields(SITE, None, [tmp_path / "2020-01-01.tif"], 30, tmp_path / "fields.tif")


def test_without_a_map_fields_are_found_in_the_images(tmp_path: Path) -> None:
    values = np.full((2, 24, 24), 0.1, np.float32)
    values[1, :, :12], values[1, :, 12:] = 0.5, 0.3
    write_image(tmp_path / "2020-01-01.tif", values, ["red", "nir08"], FINE)
    make_fields(SITE, None, [tmp_path / "2020-01-01.tif"], 10, tmp_path / "fields.tif")
    found, _ = read_stored(tmp_path / "fields.tif")
    assert len(np.unique(found)) == 2
    assert len(np.unique(found[:, :12])) == 1


def test_neither_map_nor_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a field map nor images"):
        make_fields(SITE, None, [], 10, tmp_path / "fields.tif")
