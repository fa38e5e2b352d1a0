"""Landsat's metadata file in its three forms, and the panchromatic grid that only the file itself tells."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from stfuse.errors import InputError
from stfuse.products.mtl import level1_id, mtl_asset, read_mtl, reflectance_scale, sun
from stfuse.raster_stored import read_stored, read_window

SHARED = Path(__file__).parents[3] / "shared"
REAL = SHARED / "stac-fixtures" / "metadata" / "landsat-c2"
ALABAMA = SHARED / "data" / "l8-11band-pan-alabama-2015"
GROUPS = {
    "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": "LC09_L2SP_010065_20220129_20220131_02_T1"},
    "IMAGE_ATTRIBUTES": {"SUN_AZIMUTH": "112.2005908", "SUN_ELEVATION": "57.84396063"},
    "LEVEL1_PROCESSING_RECORD": {"LANDSAT_PRODUCT_ID": "LC09_L1TP_010065_20220129_20220129_02_T1"},
    "LEVEL1_RADIOMETRIC_RESCALING": {"REFLECTANCE_MULT_BAND_8": "2.0000E-05", "REFLECTANCE_ADD_BAND_8": "-0.100000"},
}
ROOT = "LANDSAT_METADATA_FILE"


def as_json() -> str:
    return json.dumps({ROOT: GROUPS})


def as_xml() -> str:
    inner = "".join(
        f"<{name}>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in group.items())}</{name}>"
        for name, group in GROUPS.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT}>{inner}</{ROOT}>'


def as_text() -> str:
    lines = [f"GROUP = {ROOT}"]
    for name, group in GROUPS.items():
        lines += [f"  GROUP = {name}"]
        lines += [f'    {k} = "{v}"' if "ID" in k else f"    {k} = {v}" for k, v in group.items()]
        lines += [f"  END_GROUP = {name}"]
    return "\n".join([*lines, f"END_GROUP = {ROOT}", "END", ""])


@pytest.mark.parametrize(
    "text", [as_json(), as_xml(), as_text(), "\ufeff\n" + as_json()], ids=["json", "xml", "txt", "bom"]
)
def test_all_three_forms_say_the_same(text: str) -> None:
    assert read_mtl(text) == {ROOT: GROUPS}
    assert level1_id(text) == "LC09_L1TP_010065_20220129_20220129_02_T1"
    assert reflectance_scale(text, "8") == (2e-5, -0.1)
    assert sun(text) == (57.84396063, 112.2005908)
    assert level1_id(read_mtl(text)) == level1_id(text)


@pytest.mark.skipif(not REAL.exists(), reason="no ../shared/stac-fixtures here")
def test_the_level_1_product_of_real_files_is_not_its_level_2_name_rewritten() -> None:
    found = {path.name: level1_id(path.read_text()) for path in sorted(REAL.glob("*_MTL.*"))}
    one = "LC08_L2SP_005009_20150710_20200908_02_T2_MTL"
    # L2SP of L1GT, and one that was made on another day.
    assert {found[f"{one}.{form}"] for form in ("json", "xml", "txt")} == {"LC08_L1GT_005009_20150710_20200908_02_T2"}
    assert found["LC09_L2SP_010065_20220129_20220131_02_T1_MTL.xml"] == "LC09_L1TP_010065_20220129_20220129_02_T1"
    assert len(found) == 8
    for name, level1 in found.items():
        assert name.split("_")[2:4] == level1.split("_")[2:4]


@pytest.mark.skipif(not REAL.exists(), reason="no ../shared/stac-fixtures here")
def test_the_scale_of_level_1_differs_between_instruments() -> None:
    etm = (REAL / "LE07_L2SP_021030_20100109_20200911_02_T1_MTL.xml").read_text()
    assert reflectance_scale(etm, "8") == (2.2471e-3, -0.013073)
    tm = (REAL / "LT05_L2SP_058014_20110312_20200823_02_T1_MTL.xml").read_text()
    with pytest.raises(InputError, match="no REFLECTANCE_MULT_BAND_8"):
        reflectance_scale(tm, "8")


@pytest.mark.skipif(not ALABAMA.exists(), reason="no ../shared/data here")
def test_a_file_from_before_the_collections_is_read_too() -> None:
    text = (ALABAMA / "l8_MTL.txt").read_text()
    assert reflectance_scale(text, "8") == (2e-5, -0.1)
    assert sun(text) == (64.74360932, 115.87210674)
    with pytest.raises(InputError, match="does not name its level-1 product"):
        level1_id(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE html><html>log in</html>", "has no group LANDSAT_METADATA_FILE, it begins with '<!DOCTYPE html>"),
        ("<html><body>log in</body></html>", "has no group LANDSAT_METADATA_FILE"),
        ("", "it begins with ''"),
        ("{}", "has no group LANDSAT_METADATA_FILE"),
        ('{"LANDSAT_METADATA_FILE": ', "is no JSON"),
        ("<LANDSAT_METADATA_FILE><a>", "is no XML"),
        ("<!DOCTYPE x [<!ENTITY a 'aa'>]><LANDSAT_METADATA_FILE/>", "declares a document type"),
        ("GROUP = X\nEND_GROUP = X\nEND_GROUP = X\nEND_GROUP = X\n", "has no group LANDSAT_METADATA_FILE"),
    ],
)
def test_what_is_no_mtl_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("{", r"\{").replace("(", r"\(")):
        read_mtl(text)


def test_missing_and_faulty_values_are_named() -> None:
    bare = f'{{"{ROOT}": {{}}}}'
    for ask, says in ((level1_id, "does not name its level-1"), (sun, "states no SUN_ELEVATION")):
        with pytest.raises(InputError, match=says):
            ask(bare)
    with pytest.raises(InputError, match="holds 'NaN-ish' where a number should be"):
        sun(as_json().replace("57.84396063", "NaN-ish"))
    with pytest.raises(InputError, match="no name that a file may bear"):
        level1_id(as_json().replace("LC09_L1TP", "../LC09_L1TP"))


def test_the_easiest_form_that_an_item_has_is_taken() -> None:
    assets = {"MTL.txt": {"href": "t"}, "MTL.json": {"href": "j"}, "MTL.xml": {"href": "x"}, "red": {"href": "r"}}
    assert mtl_asset({"assets": assets}) == {"href": "j"}
    assert mtl_asset({"assets": {"mtl.xml": {"href": "x"}, "MTL.txt": {"href": "t"}}}) == {"href": "x"}
    assert mtl_asset({"assets": {"red": {}}}) is None


@pytest.mark.skipif(not ALABAMA.exists(), reason="no ../shared/data here")
def test_the_panchromatic_grid_is_half_a_pixel_off_and_is_taken_from_its_file() -> None:
    _, pan = read_stored(ALABAMA / "l8_B8.tif")
    _, red = read_stored(ALABAMA / "l8_B4.tif")
    east, north = (pan.affine.c - red.affine.c) / 15, (pan.affine.f - red.affine.f) / 15
    assert (east % 1, north % 1) == (0.5, 0.5)
    left, top = red.affine * (20, 20)
    right, bottom = red.affine * (40, 40)
    values, grid, _ = read_window(str(ALABAMA / "l8_B8.tif"), (left, bottom, right, top), str(red.crs), 0)
    # The pixels that reach into the box, on the file's own grid.
    assert ((grid.affine.c - pan.affine.c) % 15, (grid.affine.f - pan.affine.f) % 15) == (0, 0)
    assert values.shape == (41, 41)
