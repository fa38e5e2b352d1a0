"""Which images register, fit and are compared: what an experiment hides serves nothing but the comparison."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stfuse import cases

INPUTS = Path(__file__).parents[1] / "workflow/rules/inputs"
HIDDEN = "2020-03-11"
FINE = {"2020-03-01": 1.0, HIDDEN: 1.0, "2020-03-21": 0.95, "2020-04-01": 0.6, "2020-05-01": 1.0}
COARSE = {"2020-03-02": 1.0, HIDDEN: 1.0, "2020-03-20": 1.0, "2020-04-01": 0.9, "2020-04-20": 1.0}


def kept(clear: dict[str, float]) -> Any:
    return {date: SimpleNamespace(scenes=[f"S{date}"], clear=share) for date, share in clear.items()}


@pytest.fixture
def rules() -> SimpleNamespace:
    """The functions of inputs/ard.smk at a place where an experiment hides the fine date of March 11."""
    sensors = {
        "sentinel2": {"resolution": 10, "bands": {"red": 10, "nir": 10}},
        "landsat8": {"resolution": 30, "bands": {"red": 30, "nir": 30, "swir16": 30}},
        "pan": {"resolution": 15, "bands": {"pan": 15}},
        "modis": {"resolution": 500, "bands": {"red": 500, "nir": 500}},
        "sentinel1": {"resolution": 10, "bands": {"vv": 10}, "quantity": "backscatter"},
    }
    site = {"name": "here", "reference": "sentinel2", "sensors": list(sensors), "bandpass": "fit", "bandpass_days": 1}
    site |= {"frame": "mean", "coregistration": "ecc"}
    names: dict[str, Any] = {"plan": cases, "Path": Path, "SITES": {"here": site}, "SENSORS": sensors, "MAPS": {}}
    for stage in ("common", "ard"):
        exec((INPUTS / f"{stage}.smk").read_text(), names)
    found = {"sentinel2": kept(FINE), **{name: kept(COARSE) for name in sensors if name != "sentinel2"}}
    names["days"] = lambda site: found
    names["hidden_at"] = lambda site, sensor: {HIDDEN} if sensor == "sentinel2" else set()
    names["bands_of"] = lambda site, sensor: [band for band in sensors[sensor]["bands"] if band != "swir16"]
    images = {f"results/ard/here/{sensor}/{date}.tif" for sensor, dates in found.items() for date in dates}
    names["ard_images"] = lambda site: images
    return SimpleNamespace(**names)


def asked(**wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(site="here", **wildcards)


def test_a_hidden_or_cloudy_date_registers_nothing(rules: SimpleNamespace) -> None:
    assert rules.open_references("here") == ["2020-03-01", "2020-03-21", "2020-05-01"]
    found = {date: rules.reference_image(asked(sensor="landsat8", date=date)) for date in COARSE}
    assert found[HIDDEN] in (
        ["results/ard/here/sentinel2/2020-03-01.tif"],
        ["results/ard/here/sentinel2/2020-03-21.tif"],
    )
    assert found["2020-04-01"] == ["results/ard/here/sentinel2/2020-03-21.tif"]
    assert rules.reference_image(asked(sensor="sentinel2", date=HIDDEN)) == []


def test_a_hidden_or_cloudy_date_fits_nothing(rules: SimpleNamespace) -> None:
    pairs = rules.bandpass_pairs(asked(sensor="landsat8"))
    assert [Path(pair["reference"]).stem for pair in pairs] == ["2020-03-01", "2020-03-21"]
    assert not [file for file in rules.bandpass_files(asked(sensor="landsat8")) if HIDDEN in file]


def test_every_coincident_pair_is_compared_and_says_what_it_was_registered_to(rules: SimpleNamespace) -> None:
    pairs = rules.compared_pairs(asked())
    assert {pair["sensor"] for pair in pairs} == {"landsat8"}  # the others share no band, or are far too coarse
    dates = [(Path(pair["image"]).stem, Path(pair["reference"]).stem) for pair in pairs]
    assert dates == [
        ("2020-03-02", "2020-03-01"), (HIDDEN, HIDDEN), ("2020-03-20", "2020-03-21"), ("2020-04-01", "2020-04-01"),
    ]  # fmt: skip
    registered = {Path(pair["image"]).stem: pair["registered_to"] for pair in pairs}
    assert registered["2020-03-02"] == "2020-03-01"
    assert registered[HIDDEN] != HIDDEN
    assert {tuple(pair["bands"]) for pair in pairs} == {("red", "nir")}
    assert pairs[0]["bandpass"] == "results/ard/here/landsat8/bandpass.json"
    files = rules.compared_files(asked())
    assert f"results/raw/here/sentinel2/S{HIDDEN}" in files
    assert "results/ard/here/landsat8/bandpass.json" in files
    assert "" not in files


def test_images_of_reflectance_are_those_that_have_a_truth(rules: SimpleNamespace) -> None:
    sensors = {Path(image).parent.name for image in rules.reflectance_images(asked())}
    assert sensors == {"sentinel2", "landsat8", "pan", "modis"}


def test_quality_rows_lie_beside_their_images(rules: SimpleNamespace) -> None:
    images, rows = rules.quality_images(asked()), rules.quality_rows(asked())
    assert [Path(row).with_suffix(".tif") for row in rows] == [Path(image) for image in images]


def test_the_reference_is_laid_on_a_frame_of_open_dates_where_there_are_enough(rules: SimpleNamespace) -> None:
    assert list(rules.frame_scenes(asked())) == ["2020-03-01", "2020-03-21", "2020-05-01"]
    assert rules.frame_files(asked())[0] == "results/raw/here/sentinel2/S2020-03-01"
    laid = asked(sensor="sentinel2", date=HIDDEN)
    assert rules.frame_image(laid) == ["results/ard/here/frame.tif"]
    assert rules.frame_image(asked(sensor="landsat8", date=HIDDEN)) == []
    for setting in ({"frame": "delivered"}, {"coregistration": "none"}):
        before = {key: rules.SITES["here"][key] for key in setting}
        rules.SITES["here"].update(setting)
        assert rules.frame_image(laid) == []
        rules.SITES["here"].update(before)
