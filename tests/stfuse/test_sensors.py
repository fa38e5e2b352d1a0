"""Sensor files that are like one another."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from stfuse.errors import InputError
from stfuse.products.sensors import merged, read_sensors, require_map, require_series

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config/sensors"
SCHEMA = yaml.safe_load((ROOT / "config/schemas/sensors.schema.yaml").read_text())


def test_what_a_file_leaves_out_comes_from_the_one_it_is_like() -> None:
    files = {
        "a": {"resolution": 10, "bands": {"red": 10, "nir": 10}, "mask": {"band": "scl"}},
        "b": {"like": "a", "resolution": 20, "bands": {"red": 20}},
        "c": {"like": "b", "platforms": ["x"]},
    }
    assert merged("a", files.__getitem__) == files["a"]
    assert merged("b", files.__getitem__) == {"resolution": 20, "bands": {"red": 20}, "mask": {"band": "scl"}}
    assert merged("c", files.__getitem__) == merged("b", files.__getitem__) | {"platforms": ["x"]}
    assert files["b"] == {"like": "a", "resolution": 20, "bands": {"red": 20}}


def test_a_circle_is_refused() -> None:
    files = {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "b"}}
    with pytest.raises(InputError, match=r"Sensor a is like itself: a -> b -> c -> b.*sensors/c.yaml"):
        merged("a", files.__getitem__)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_every_sensor_is_whole_once_merged(name: str) -> None:
    own = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    sensor = {key: value for key, value in read_sensors(FOLDER)[name].items() if key != "name"}
    jsonschema.validate(own, SCHEMA)
    jsonschema.validate(sensor, SCHEMA)
    assert {"resolution", "bands", "collections"} <= set(sensor)
    mask = sensor.get("mask", {})
    required = [mask["band"]] if isinstance(mask.get("band", []), str) else mask.get("band", [])
    for collection in sensor["collections"].values():
        assert {*sensor["bands"], *required} <= set(collection["assets"])
        assert set(collection.get("layers", {})) <= set(collection["assets"])
    # What only some items have is named for some collection at least.
    aids = {mask[key] for key in ("probability", "saturation") if key in mask}
    assert aids <= {band for collection in sensor["collections"].values() for band in collection["assets"]}


def test_sensors_alike_differ_only_in_what_they_say() -> None:
    sensors = read_sensors(FOLDER)
    assert sensors["landsat"]["platforms"] == ["landsat-8", "landsat-9"]
    alike = {key: value for key, value in sensors["landsat8"].items() if key not in ("name", "platforms")}
    assert {key: value for key, value in sensors["landsat"].items() if key not in ("name", "platforms")} == alike
    # No published coefficients of another instrument are taken over.
    assert sensors["landsat7"]["bandpass"] == sensors["landsat5"]["bandpass"] == {}
    assert list(sensors["sentinel2_20m"]["bands"]) == ["nir08", "swir16", "swir22"]


def test_a_map_has_one_band_of_classes_and_no_mask() -> None:
    whole = {key: value for key, value in read_sensors(FOLDER)["usda_cdl"].items() if key != "name"}
    for faulty in (
        {"bands": {"red": 30}},
        {"bands": {"classes": 30, "red": 30}},
        {"mask": {"band": "x", "kind": "scl"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(whole | faulty, SCHEMA)


def test_maps_serve_fields_and_series_serve_fusion() -> None:
    sensors = read_sensors(FOLDER)
    require_map({"name": "farm"}, sensors["usda_cdl"])
    with pytest.raises(InputError, match="Site farm takes its fields from sensor landsat8, which is no map"):
        require_map({"name": "farm"}, sensors["landsat8"])
    fit = {"name": "mine", "fine": "sentinel2", "coarse": "landsat8", "aux": {"native": "sentinel2_20m"}}
    require_series(fit, sensors)
    for changed in ({"fine": "usda_cdl"}, {"coarse": "usda_cdl"}, {"aux": {"native": "usda_cdl"}}):
        with pytest.raises(InputError, match="Experiment mine would fuse sensor usda_cdl"):
            require_series(fit | changed, sensors)
