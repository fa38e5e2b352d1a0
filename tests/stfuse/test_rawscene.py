"""Folders of the stage `raw`, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from stfuse.ard import NativeScene
from stfuse.errors import InputError
from stfuse.raster_stored import write_stored
from stfuse.rawscene import correction_of, read_native, read_scene, scene_date, tell

GRID = GeoBox((6, 8), Affine(20, 0, 500000, 0, -20, 5600120), "EPSG:32631")
WIDE = GeoBox((20, 20), Affine(20, 0, 499800, 0, -20, 5600240), "EPSG:32631")
ENCODING = {"scale": 1e-4, "offset": 0.0, "nodata": 0, "valid": None, "rule": "plain"}
SITE = {"name": "s", "crs": "EPSG:32631", "bounds": [500000, 5600000, 500160, 5600120], "mask_dilation_m": 0}
SENSOR = {"name": "sentinel2", "bands": {"red": 20}, "collections": {"c": {"encoding": "sentinel2_l2a"}}}
STATED = {"sun_elevation": 45.0, "sun_azimuth": 150.0, "view_zenith": 7.5, "view_azimuth": 150.0}


def folder(tmp_path: Path, mask: dict[str, Any] | None = None, **facts: Any) -> Path:
    """A raw scene of two bands and whatever its mask names; red is 0.2, nir 0.4."""
    mask = mask or {"band": "scl", "kind": "scl"}
    for name, number in (("red", 2000), ("nir", 4000)):
        write_stored(tmp_path / f"{name}.tif", np.full(GRID.shape, number, np.uint16), GRID, 0)
    write_stored(tmp_path / "scl.tif", np.full(GRID.shape, 4, np.uint8), GRID, 0)
    write_stored(tmp_path / "cloud.tif", np.zeros(WIDE.shape, np.uint8), WIDE, None)
    about = {"id": "x", "date": "2023-06-21", "platform": "sentinel-2a", "collection": "c", "mask": mask, **facts}
    about["bands"] = {"red": ENCODING, "nir": ENCODING}
    (tmp_path / "scene.json").write_text(json.dumps(about))
    return tmp_path


def test_aids_and_the_bands_that_shadows_need_are_read_beside_the_mask(tmp_path: Path) -> None:
    mask = {"band": "scl", "kind": "scl", "aids": {"probability": "cloud"}, "ground": ["nir"]}
    scene = read_scene(folder(tmp_path, mask, sun_azimuth=150), ["red"])
    assert set(scene.stored) == {"red", "nir"}
    assert scene.ground == ["nir"]
    assert scene.aids.probability is not None and scene.aids.probability[1] == WIDE
    assert scene.aids.sun_azimuth == 150
    assert scene.mask is not None and scene.mask[1] == GRID


def test_bands_that_only_shadows_need_are_no_part_of_the_image(tmp_path: Path) -> None:
    mask = {"band": "scl", "kind": "scl", "aids": {"probability": "cloud"}, "ground": ["nir"]}
    (scene,) = read_native([folder(tmp_path, mask, **STATED)], ["red"], SENSOR, SITE)
    assert len(scene.bands) == 1
    np.testing.assert_allclose(scene.bands[0][0], 0.2 * 0.95531, rtol=1e-5)
    assert scene.told == {
        "id": "x", "platform": "sentinel-2a", "encoding": "plain",
        "masks": "cloud probability over 40 %, shadows of the sun at 150",
        "nbar": "c 0.955 (red), view 7.5 sun 45.0, item",
    }  # fmt: skip


def test_backscatter_is_not_corrected(tmp_path: Path) -> None:
    path = folder(tmp_path, **STATED)
    facts = json.loads((path / "scene.json").read_text())
    assert correction_of(facts, {**SENSOR, "quantity": "backscatter"}, SITE).described(["vv"]) == ""
    assert correction_of(facts, SENSOR, {**SITE, "nbar": "none"}).described(["red"]) == ""
    assert correction_of(facts, SENSOR, SITE).target is None
    assert correction_of(facts, SENSOR, {**SITE, "nbar": "latitude"}).target == pytest.approx(29.5, abs=1)


def test_what_scenes_say_is_told_once_and_in_order() -> None:
    scenes = [
        NativeScene([], (np.ones((1, 1), bool), GRID), 0.0, told=t) for t in ({"a": "2"}, {"a": "1"}, {}, {"a": "2"})
    ]
    assert tell(scenes, "a") == "1 | 2"
    assert tell(scenes, "b") == ""


def test_a_folder_that_is_not_whole_is_named(tmp_path: Path) -> None:
    assert scene_date(folder(tmp_path)) == "2023-06-21"
    with pytest.raises(InputError, match=r"lacks the bands \['blue'\]"):
        read_scene(tmp_path, ["blue"])
    (tmp_path / "scene.json").write_text("{")
    with pytest.raises(InputError, match=r"scene\.json cannot be read"):
        read_native([tmp_path], ["red"], SENSOR, SITE)
