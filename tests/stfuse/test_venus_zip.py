"""A zip of Theia as an item: read without unpacking, refused where it is not what it should be."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import muscate_product as product
from scripts.raw import fetch
from scripts.raw_scenes import find_scenes
from stfuse.acquisition.scenes import acquired, find_asset, make_scene, platform, tile
from stfuse.errors import InputError
from stfuse.harmonisation.masks import clear, mask_bands
from stfuse.products.encodings import decode, find_encoding
from stfuse.products.sensors import read_sensors
from stfuse.products.venus_zip import LARGEST_TEXT, item_of_zip, read_member
from stfuse.raster_stored import read_window
from stfuse.rawscene import read_scene

ROOT = Path(__file__).parents[2]
SENSORS = read_sensors(ROOT / "config/sensors")
FILES = product.files()
NAME = product.NAME


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return product.write_zip(tmp_path_factory.mktemp("theia (2020)") / "VENUS 30.zip", FILES)


def test_the_item_says_what_the_metadata_say(zipped: Path) -> None:
    item = item_of_zip(zipped)
    assert (item["id"], item["collection"]) == (NAME, "venus-muscate")
    assert acquired(item) == "2020-04-02T19:13:52.000Z"
    assert (platform(item), tile(item)) == ("venus", "GALLOP30")
    properties = item["properties"]
    assert properties["eo:cloud_cover"] == 7
    assert (properties["view:sun_elevation"], properties["view:sun_azimuth"]) == (54.5, 151.25)
    # Detectors that look at 350 and 10 degrees look north in the mean, not south.
    assert properties["view:incidence_angle"] == 13
    assert min(properties["view:azimuth"], 360 - properties["view:azimuth"]) < 1e-6
    assert properties["proj:code"] == "EPSG:32610"
    grid = GeoBox(tuple(properties["proj:shape"]), Affine(*properties["proj:transform"]), "EPSG:32610")
    assert grid == product.GRID
    west, south, east, north = item["bbox"]
    known = product.GRID.extent.to_crs("EPSG:4326").boundingbox
    np.testing.assert_allclose((west, south, east, north), known.bbox, atol=1e-9)
    assert json.loads(json.dumps(item)) == item


def test_bands_and_masks_are_read_out_of_the_zip_by_the_sensor_file(zipped: Path, tmp_path: Path) -> None:
    item, sensor = item_of_zip(zipped), SENSORS["venus"]
    assert make_scene(item, sensor) is not None
    before = sorted(zipped.parent.iterdir())
    bounds = (649450.0, 4238400.0, 649550.0, 4238450.0)
    rule = sensor["collections"]["venus-muscate"]["encoding"]
    for band, number in (("blue", "B3"), ("green", "B4"), ("red", "B7"), ("nir08", "B11"), ("nir", "B11")):
        asset = find_asset(item, sensor, band)
        values, grid, _ = read_window(asset["href"], bounds, "EPSG:32610", 0)
        np.testing.assert_array_equal(values, product.stored("SRE", number)[10:20, 10:30])
        assert grid.affine == product.GRID.affine @ Affine.translation(10, 10)
        np.testing.assert_allclose(decode(values, find_encoding(rule, item, asset, {})), values / 10000, rtol=1e-6)
    for mask in mask_bands(sensor):
        href = find_asset(item, sensor, mask)["href"]
        assert read_window(href, bounds, "EPSG:32610", 0)[0].shape == (10, 20)
    assert sorted(zipped.parent.iterdir()) == before


def test_scale_and_fill_are_the_product_s_and_never_assumed(tmp_path: Path) -> None:
    text = product.metadata(quantification="1000", nodata="-1000")
    item = item_of_zip(product.write_zip(tmp_path / "old.zip", FILES, text))
    encoding = find_encoding("muscate", item, item["assets"]["SRE_B3"], {})
    stored = np.array([-1000, 0, 250], np.int16)
    np.testing.assert_allclose(decode(stored, encoding), [np.nan, 0.0, 0.25], rtol=1e-6)
    for half in ({}, {"scale": 1e-4}, {"nodata": -10000}):
        with pytest.raises(InputError, match="does not state scale and nodata"):
            find_encoding("muscate", item, {"href": "x.tif", "raster:bands": [half]}, {})
    for lacking in (
        text.replace("<REFLECTANCE_QUANTIFICATION_VALUE>1000</REFLECTANCE_QUANTIFICATION_VALUE>", ""),
        text.replace('<SPECIAL_VALUE name="nodata">-1000</SPECIAL_VALUE>', ""),
        text.replace(">1000<", ">NOT_INITIALIZED<"),
        text.replace(">1000<", ">0<"),
    ):
        with pytest.raises(InputError, match=r"REFLECTANCE_QUANTIFICATION_VALUE|nodata"):
            item_of_zip(product.write_zip(tmp_path / "lacking.zip", FILES, lacking))


def test_sentinel2_by_maja_lies_in_the_same_kind_of_zip(tmp_path: Path) -> None:
    name, bands = "SENTINEL2B_20200106-105907-758_L2A_T31TCH_C_V4-0", ("B2", "B3", "B4", "B8", "B8A", "B11", "B12")
    text = product.metadata(name, platform="SENTINEL2B", bands=bands, group="R1")
    # Its bands come in two sizes of pixel; the item states the grid of the smaller, whichever is named first.
    first = '<Group_Geopositioning group_id="R1">'
    coarse = f"{text[text.index(first) :].split('</Group_Geopositioning>')[0]}</Group_Geopositioning>"
    coarse = coarse.replace("R1", "R2").replace(">5.0<", ">10.0<").replace(">-5.0<", ">-10.0<")
    text = text.replace(first, coarse.replace(">40<", ">20<").replace(">50<", ">25<") + first)
    item = item_of_zip(product.write_zip(tmp_path / "s2.zip", product.files(name, bands, group="R1"), text, name))
    sensor = SENSORS["sentinel2_maja"]
    assert (item["collection"], platform(item)) == ("sentinel-2-muscate", "sentinel-2b")
    assert (item["properties"]["proj:shape"], item["properties"]["proj:transform"][0]) == ([40, 50], 5)
    found = {band: find_asset(item, sensor, band)["href"].rsplit("_", 2)[-2:] for band in sensor["bands"]}
    assert found["nir08"] == ["SRE", "B8A.tif"]
    assert found["swir22"] == ["SRE", "B12.tif"]
    assert all(find_asset(item, sensor, mask) for mask in mask_bands(sensor))


def test_the_metadata_are_read_by_their_link(zipped: Path) -> None:
    item = item_of_zip(zipped)
    assert read_member(item["assets"]["MTD_ALL"]["href"]) == product.metadata()
    with pytest.raises(InputError, match="is no link into a zip"):
        read_member("/vsicurl/https://x/y.xml")
    with pytest.raises(InputError, match="damaged or no zip"):
        read_member(item["assets"]["MTD_ALL"]["href"] + ".no")


@pytest.mark.parametrize(
    "member",
    ["../outside.tif", f"{NAME}/../../x.tif", "/etc/x.tif", f"{NAME}\\x.tif", "C:/x.tif", f"{NAME}/a\0b.tif"],
)
def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path: Path, member: str) -> None:
    placeholder = "N" * len(member)
    path = product.write_zip(tmp_path / "evil.zip", {**FILES, placeholder: b"x"})
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), member.encode()))
    with pytest.raises(InputError, match="leads out of it"):
        item_of_zip(path)


def test_names_with_two_dots_that_lead_nowhere_are_none_of_these(tmp_path: Path) -> None:
    assert item_of_zip(product.write_zip(tmp_path / "x.zip", {**FILES, f"{NAME}/a..b.txt": b""}))["id"] == NAME


def without(*ends: str) -> dict[str, bytes]:
    return {name: data for name, data in FILES.items() if not name.endswith(ends)}


@pytest.mark.parametrize(
    ("content", "text", "says"),
    [
        (FILES, "", "no product of Theia: no name in it ends with _MTD_ALL.xml"),
        ({**FILES, "other/other_MTD_ALL.xml": b"<a/>"}, None, "holds 2 products"),
        (without("_SRE_B7.tif"), None, r"lacks 1 files that its metadata list: \['.*_SRE_B7.tif'\]"),
        (without("_MG2_XS.tif"), None, "lacks 1 files that its metadata list"),
        (without("E_B3.tif", "E_B4.tif", "E_B7.tif", "E_B11.tif"), None, "no image of surface reflectance"),
        (FILES, product.metadata(level="L1C"), "is of level L1C: only level 2A is surface reflectance"),
        (FILES, "<html>log in</html>", "no metadata of a Theia product"),
        (FILES, "not XML", "is no XML"),
        (FILES, product.metadata().replace("32610", "99999999"), "coordinate reference system 99999999 is unknown"),
        (FILES, product.metadata().replace("ACQUISITION_DATE", "DATE"), "has no .*ACQUISITION_DATE"),
        (FILES, product.metadata().replace(">649400.0<", ">west<"), "ULX holds 'west', no number"),
        ({**FILES, f"{NAME}/{NAME}_SRE_B3.tif": b"<VRTDataset/>"}, None, "_SRE_B3.tif is no TIFF"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_a_zip_that_is_not_one_whole_product_is_refused(
    tmp_path: Path, content: dict[str, bytes], text: str | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        item_of_zip(product.write_zip(tmp_path / "faulty.zip", content, text))


@pytest.mark.parametrize(
    "type_of_its_own",
    [
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/hostname">',
    ],
)
def test_documents_that_could_grow_or_reach_out_are_refused(tmp_path: Path, type_of_its_own: str) -> None:
    start = "<Muscate_Metadata_Document>"
    text = product.metadata().replace(start, type_of_its_own + start, 1)
    with pytest.raises(InputError, match="declares a document type"):
        item_of_zip(product.write_zip(tmp_path / "bomb.zip", FILES, text))


def test_metadata_that_unpack_to_a_bomb_are_not_unpacked(tmp_path: Path) -> None:
    path = product.write_zip(tmp_path / "bomb.zip", FILES, "<a>" + " " * (LARGEST_TEXT + 1) + "</a>")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="more than 16 MB"):
        item_of_zip(path)


def test_only_what_is_named_is_read(tmp_path: Path) -> None:
    """A member that nobody asks for may be as broken as it likes."""
    path = product.write_zip(tmp_path / "x.zip", {**FILES, f"{NAME}/DATA/broken.bin": b"Q" * 4000})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(f"{NAME}/DATA/broken.bin").header_offset
    content[start + 30 + len(f"{NAME}/DATA/broken.bin")] ^= 0xFF
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive, pytest.raises((zipfile.BadZipFile, Exception)):
        archive.read(f"{NAME}/DATA/broken.bin")
    assert item_of_zip(path)["id"] == NAME


def flagged(path: Path, flag: int) -> None:
    """Set a flag of every entry in the zip's directory."""
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        where = content.find(signature)
        while where >= 0:
            (old,) = struct.unpack_from("<H", content, where + at)
            struct.pack_into("<H", content, where + at, old | flag)
            where = content.find(signature, where + 4)
    path.write_bytes(content)


def test_encrypted_damaged_and_missing_zips_are_refused(tmp_path: Path) -> None:
    locked = product.write_zip(tmp_path / "locked.zip", FILES)
    flagged(locked, 0x1)
    with pytest.raises(InputError, match=r"locked\.zip is encrypted"):
        item_of_zip(locked)
    cut = product.write_zip(tmp_path / "cut.zip", FILES)
    cut.write_bytes(cut.read_bytes()[:-400])
    with pytest.raises(InputError, match="damaged or no zip"):
        item_of_zip(cut)
    with pytest.raises(InputError, match="cannot be opened"):
        item_of_zip(tmp_path / "none.zip")
    page = tmp_path / "page.zip"
    page.write_text("<html>please log in</html>")
    with pytest.raises(InputError, match="damaged or no zip"):
        item_of_zip(page)
    with pytest.raises(InputError, match="braces"):
        item_of_zip(product.write_zip(tmp_path / "a{b}.zip", FILES))


def test_metadata_whose_bytes_are_damaged_are_refused(tmp_path: Path) -> None:
    path = product.write_zip(tmp_path / "x.zip", FILES)
    with zipfile.ZipFile(path) as archive:
        info: Any = archive.getinfo(f"{NAME}/{NAME}_MTD_ALL.xml")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|is no XML"):
        item_of_zip(path)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    product.write_zip(path, {**FILES, f"{NAME}/x": b"1"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(f"{NAME}/x", b"2")
    with pytest.raises(InputError, match="two files of one name"):
        item_of_zip(path)


def test_a_zip_in_the_sheet_goes_the_road_to_reflectance(zipped: Path, tmp_path: Path) -> None:
    """Search, fetch and reading back; the product's north-west corner is cloud (MG2 bit 1)."""
    sheet = tmp_path / "scenes.tsv"
    sheet.write_text(f"site\tsensor\tpath\nfarm\tvenus\t{zipped}\n")
    bounds = [649400.0, 4238300.0, 649650.0, 4238500.0]
    site: dict[str, Any] = {
        "name": "farm",
        "crs": "EPSG:32610",
        "bounds": bounds,
        "period": ["2020-01-01", "2020-12-31"],
    }
    site |= {"min_clear": 0.5, "mask_dilation_m": 0}
    source = {"name": "sheet", "href": str(sheet), "kind": "sheet", "data": ""}
    tables = tmp_path / "scenes.csv", tmp_path / "items.json"
    find_scenes({"venus": [source]}, site, {"venus": SENSORS["venus"]}, *tables)
    assert str(zipped) in tables[1].read_text()
    out = tmp_path / "raw" / NAME
    fetch(tables[1], NAME, SENSORS["venus"], site, ["red", "nir08"], out)
    scene = read_scene(out, ["red", "nir08"])
    stored, grid = scene.stored["red"]
    assert grid == product.GRID
    red = decode(stored, scene.encodings["red"])
    assert np.isnan(red[0, 0])
    np.testing.assert_allclose(red[1:], product.stored("SRE", "B7")[1:] / 10000, rtol=1e-6)
    assert scene.mask is not None
    usable = clear(scene.mask[0], "venus", 5, 0)
    np.testing.assert_array_equal(~usable, np.pad(np.ones((5, 5), bool), ((0, 35), (0, 45))))
