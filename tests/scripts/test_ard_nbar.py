"""Reflectance as seen from the zenith, on the road from the archive to images and bandpass."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scripts.ard import make_ard
from scripts.ard_bandpass import fit_bandpass
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.errors import InputError
from stfuse.raster import read_image
from stfuse.rawscene import read_native, tell
from tiny_archive import (
    BANDS,
    MARGIN,
    SENSORS,
    SITE,
    add_item,
    landsat8_bands,
    landscape,
    sentinel2_bands,
    write_catalog,
)

DAYS = ("2020-03-01", "2020-03-11", "2020-03-21")
SUN = {"view:sun_elevation": 45, "view:sun_azimuth": 150}
# methods/harmonisation.md, section 3: sun 45, view 7.5; what the sensor sees too much against the sun, and too little.
BACK = {"blue": 0.95566, "red": 0.95531, "nir08": 0.95375}
FORWARD = {"blue": 1.03959, "red": 1.04014, "nir08": 1.04146}
SENTINEL2 = {"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "s2:mgrs_tile": "31UDS"}
AGAINST, ALONG = ({"view:incidence_angle": 7.5, "view:azimuth": a} for a in (150, 330))


def seen(bands: dict[str, Any], factors: dict[str, float], scale: float, offset: float) -> dict[str, Any]:
    """An archive's numbers of the landscape as seen from aside: its reflectance over the factor."""
    out = dict(bands)
    for band, factor in factors.items():
        numbers, pixel = bands[band]
        out[band] = (np.rint(((numbers * scale + offset) / factor - offset) / scale).astype(np.uint16), pixel)
    return out


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentinel-2 with the sun in its back and Landsat-8 against it, on three days; and one scene without directions."""
    folder = tmp_path_factory.mktemp("fetched")
    root = folder / "a"
    for seed, day in enumerate(DAYS):
        fine = seen(sentinel2_bands(seed=seed), BACK, 1e-4, -0.1)
        add_item(root, "sentinel-2-l2a", f"S{seed}", f"{day}T10:50:00Z", fine, {**SENTINEL2, **SUN, **AGAINST})
        coarse = seen(landsat8_bands(seed=seed), FORWARD, 2.75e-5, -0.2)
        facts = {"platform": "landsat-8", **SUN, **ALONG}
        add_item(root, "landsat-c2-l2", f"L{seed}", f"{day}T10:40:00Z", coarse, facts)
    add_item(root, "sentinel-2-l2a", "blind", "2020-04-01T10:50:00Z", sentinel2_bands(), {**SENTINEL2, **SUN})
    find_scenes(str(write_catalog(root)), SITE, SENSORS, folder / "scenes.csv", folder / "items.json")
    for scene in ("S0", "S1", "S2", "L0", "L1", "L2", "blind"):
        fetch(folder / "items.json", scene, sensor_of(scene), SITE, BANDS, folder / scene)
    return folder


@pytest.fixture
def raw(fetched: Path, tmp_path: Path) -> Path:
    """A copy of these scenes, to be changed at will."""
    return Path(shutil.copytree(fetched, tmp_path / "raw"))


def sensor_of(scene: str) -> dict[str, Any]:
    return SENSORS["landsat8" if scene.startswith("L") else "sentinel2"]


def make(raw: Path, scene: str, day: str, nbar: str | None = None) -> tuple[Any, dict[str, str], Path]:
    site = SITE if nbar is None else {**SITE, "nbar": nbar}
    image, quality = raw / sensor_of(scene)["name"] / f"{day}.tif", raw / f"{scene}.csv"
    make_ard([raw / scene], sensor_of(scene), site, BANDS, image, quality, None, None)
    with quality.open() as table:
        (row,) = csv.DictReader(table)
    return read_image(image)[0], row, image


def known(pixel: float, seed: int = 0) -> Any:
    return landscape(pixel, seed)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def test_both_sensors_images_are_the_land_from_the_zenith(raw: Path) -> None:
    fine, row, image = make(raw, "S0", DAYS[0])
    np.testing.assert_allclose(fine[:2], known(10)[:2], atol=1e-4)
    assert row["nbar"] == "c 0.955 (red), view 7.5 sun 45.0, item"
    assert row["platform"] == "sentinel-2b"
    with rasterio.open(image) as source:
        assert (source.tags()["NBAR"], source.tags()["PLATFORM"]) == (row["nbar"], "sentinel-2b")
    coarse, row, _ = make(raw, "L0", DAYS[0])
    np.testing.assert_allclose(coarse, known(30), atol=1e-4)
    assert row["nbar"] == "c 1.040 (red), view 7.5 sun 45.0, item"


def test_a_site_that_wants_none_has_the_land_as_it_was_seen(raw: Path) -> None:
    values, row, image = make(raw, "L0", DAYS[0], "none")
    for band, found, expected in zip(BANDS, values, known(30), strict=True):
        np.testing.assert_allclose(found, expected / FORWARD[band], atol=1e-4)
    assert row["nbar"] == ""
    with rasterio.open(image) as source:
        assert "NBAR" not in source.tags()


def test_the_usual_sun_makes_another_image_than_the_scene_s(raw: Path) -> None:
    scene, _, _ = make(raw, "L0", DAYS[0])
    usual, row, _ = make(raw, "L0", DAYS[0], "latitude")
    # Early in March at 51 degrees north it stands nearer to the horizon than 45: crowns cast more shadow.
    assert "sun 45.0 moved to 60.0" in row["nbar"]
    assert (usual[2] < 0.98 * scene[2]).all()


def test_a_scene_without_directions_is_left_and_says_so(raw: Path) -> None:
    values, row, _ = make(raw, "blind", "2020-04-01")
    np.testing.assert_allclose(values[:2], known(10)[:2], atol=6e-5)
    assert row["nbar"] == "not done: directions unknown"


def test_the_bandpass_is_fitted_to_what_the_images_hold(raw: Path) -> None:
    for seed, day in enumerate(DAYS):
        make(raw, f"S{seed}", day)
    pairs = [{"scenes": [raw / f"L{i}"], "reference": raw / "sentinel2" / f"{day}.tif"} for i, day in enumerate(DAYS)]
    fit_bandpass(pairs, SENSORS["landsat8"], SITE, BANDS, raw / "b.json")
    lines = json.loads((raw / "b.json").read_text())
    for band in ("blue", "red"):
        # Without the correction the slope were 1.04 / 0.955 = 1.09.
        assert lines[band]["rule"] == "fit"
        assert lines[band]["slope"] == pytest.approx(1, abs=0.004)


def granule(zenith: float, azimuth: float) -> str:
    """Granule metadata of four nodes around the site, with the sun at 45 and 150 degrees."""

    def grid(*numbers: float) -> str:
        parts = zip(("Zenith", "Azimuth"), numbers, strict=True)
        row = "<VALUES>{0} {0}</VALUES>"
        return "".join(
            f"<{name}><COL_STEP>5000</COL_STEP><Values_List>{row.format(n) * 2}</Values_List></{name}>"
            for name, n in parts
        )

    views = "".join(
        f'<Viewing_Incidence_Angles_Grids bandId="{band}" detectorId="{detector}">{grid(zenith, azimuth)}'
        "</Viewing_Incidence_Angles_Grids>"
        for band in (1, 3, 8)
        for detector in (5, 6)
    )
    return (
        "<Tile><HORIZONTAL_CS_CODE>EPSG:32631</HORIZONTAL_CS_CODE><Geoposition><ULX>499980</ULX><ULY>5630000</ULY>"
        f"</Geoposition><Tile_Angles><Sun_Angles_Grid>{grid(45, 150)}</Sun_Angles_Grid>{views}</Tile_Angles></Tile>"
    )


@pytest.mark.parametrize("there", [True, False])
def test_the_granule_metadata_of_the_archive_count_if_they_can_be_read(tmp_path: Path, there: bool) -> None:
    folder = add_item(
        tmp_path / "a", "sentinel-2-l2a", "S", "2020-03-01T10:50:00Z",
        seen(sentinel2_bands(), BACK if there else FORWARD, 1e-4, -0.1), {**SENTINEL2, **SUN, **ALONG},
    )  # fmt: skip
    item = json.loads((folder / "S.json").read_text())
    item["assets"]["granule_metadata"] = {"href": "./MTD_TL.xml", "type": "application/xml"}
    (folder / "S.json").write_text(json.dumps(item))
    if there:
        (folder / "MTD_TL.xml").write_text(granule(7.5, 150))
    sensor = json.loads(json.dumps(SENSORS["sentinel2"]))
    sensor["collections"]["sentinel-2-l2a"]["metadata"] = ["granule_metadata"]
    tables = tmp_path / "scenes.csv", tmp_path / "items.json"
    find_scenes(str(write_catalog(tmp_path / "a")), SITE, {"sentinel2": sensor}, *tables)
    fetch(tables[1], "S", sensor, SITE, BANDS, tmp_path / "S")
    values, row, _ = make(tmp_path, "S", DAYS[0])
    np.testing.assert_allclose(values[:2], known(10)[:2], atol=1e-4)
    assert row["nbar"].endswith("granule metadata" if there else "item")


def test_a_nadir_product_is_left_and_says_so(raw: Path) -> None:
    modis = json.loads(json.dumps(SENSORS["landsat8"]))
    modis["collections"]["landsat-c2-l2"]["encoding"] = "modis_nbar"
    (native,) = read_native([raw / "L0"], BANDS, modis, SITE)
    np.testing.assert_allclose(native.bands[1][0][MARGIN, MARGIN], known(30)[1, 0, 0] / FORWARD["red"], atol=1e-4)
    assert tell([native], "nbar") == "not done: delivered at nadir"


def test_scenes_of_an_earlier_version_state_their_directions_as_numbers(raw: Path) -> None:
    path = raw / "L0" / "scene.json"
    facts = json.loads(path.read_text())
    del facts["angles"]
    path.write_text(json.dumps(facts))
    (native,) = read_native([raw / "L0"], BANDS, SENSORS["landsat8"], SITE)
    assert tell([native], "nbar") == "c 1.040 (red), view 7.5 sun 45.0, item"
    del facts["view_azimuth"]
    path.write_text(json.dumps(facts))
    assert "unknown" in tell(read_native([raw / "L0"], BANDS, SENSORS["landsat8"], SITE), "nbar")


def test_scenes_of_a_day_tell_each_what_was_done_to_it(raw: Path) -> None:
    native = read_native([raw / "S0", raw / "blind", raw / "S1"], BANDS, SENSORS["sentinel2"], SITE)
    assert tell(native, "nbar") == "c 0.955 (red), view 7.5 sun 45.0, item | not done: directions unknown"
    assert [scene.told["id"] for scene in native] == ["S0", "blind", "S1"]


def test_an_unknown_setting_is_refused(raw: Path) -> None:
    with pytest.raises(InputError, match="nbar: roy is unknown"):
        make(raw, "L0", DAYS[0], "roy")
