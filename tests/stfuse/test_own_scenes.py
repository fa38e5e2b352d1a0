"""The sheet of own GeoTIFFs: what its rows become, and what is said of rows that make no sense."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from muscate_product import files, write_zip
from pixel_server import serving, status, times
from stfuse.acquisition import patience
from stfuse.acquisition.archives import with_own
from stfuse.acquisition.own_scenes import items_of_sheet
from stfuse.acquisition.scenes import find_asset, make_scene
from stfuse.errors import InputError
from stfuse.products.encodings import find_encoding
from stfuse.raster_stored import read_asset

SITE = {"name": "here", "period": ["2020-01-01", "2020-12-31"]}
ASSETS = {"red": ["red", "B04"], "nir": ["nir"], "scl": ["scl", "SCL"]}
PLAIN: dict[str, Any] = {
    **{"name": "mine", "resolution": 10, "bands": {"red": 10, "nir": 10}, "platforms": ["sentinel-2"]},
    "collections": {"sentinel-2-l2a": {"encoding": "sentinel2_l2a", "assets": ASSETS}},
}
MASKED = {**PLAIN, "mask": {"band": "scl", "kind": "scl"}}


def write(path: Path, layers: int, names: Sequence[str] = (), dtype: str = "uint16", **stated: Any) -> Path:
    """A file whose layer n holds the number n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "width": 2,
        "height": 2,
        "crs": "EPSG:32631",
        "transform": Affine(10, 0, 0, 0, -10, 0),
    }
    with rasterio.open(path, "w", count=layers, dtype=dtype, nodata=stated.get("nodata"), **profile) as out:
        for layer in range(1, layers + 1):
            out.write(np.full((2, 2), layer, dtype), layer)
        if names:
            out.descriptions = tuple(names)
        if "scale" in stated:
            out.scales = (stated["scale"],) * layers
    return path


def sheet(folder: Path, *rows: dict[str, str], text: str = "") -> Path:
    """A sheet with the columns that the rows name."""
    columns = list(dict.fromkeys(["site", "sensor", "path", *(key for row in rows for key in row)]))
    whole = [{"site": "here", "sensor": "mine", **row} for row in rows]
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in whole)]
    (folder / "scenes.tsv").write_text(text or "\n".join(lines) + "\n")
    return folder / "scenes.tsv"


def items(path: Path, sensor: dict[str, Any] = PLAIN, data: str = "") -> list[dict[str, Any]]:
    return items_of_sheet(path, SITE, with_own(sensor), data)


def layer_of(item: dict[str, Any], band: str, sensor: dict[str, Any] = PLAIN) -> int:
    return int(find_asset(item, with_own(sensor), band)["stfuse:band"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), {"red": 1, "nir": 2}),  # the sensor's order
        (("nir", "red"), {"red": 2, "nir": 1}),
        (("NIR", "b04"), {"red": 2, "nir": 1}),  # an archive's name for it, whatever the case
        (("elevation", "red"), {"red": 2}),
    ],
)
def test_a_file_of_several_bands_is_one_scene(tmp_path: Path, names: tuple[str, ...], expected: dict[str, int]) -> None:
    write(tmp_path / "field 1.tif", 2, names, scale=0.0001)
    (item,) = items(sheet(tmp_path, {"date": "2020-05-01", "path": "field 1.tif"}))
    assert {band: layer_of(item, band) for band in expected} == expected
    assert len(item["assets"]) == len(expected)
    assert (item["id"], item["collection"]) == ("field_1_2020-05-01", "own")
    scene = make_scene(item, PLAIN)
    assert scene
    assert (scene.date, scene.datetime, scene.platform) == ("2020-05-01", "2020-05-01T12:00:00Z", "sentinel-2")


def test_a_row_for_each_band_makes_one_scene_of_a_day_or_of_a_name(tmp_path: Path) -> None:
    for name in ("r", "n", "r2"):
        write(tmp_path / f"{name}.tif", 1)
    write(tmp_path / "both.tif", 3)
    day = {"date": "2020-05-01", "time": "10:56:21"}
    rows = [
        {"path": "r.tif", "band": "red", **day},
        {"path": "n.tif", "band": "nir", **day},
        {"path": "both.tif", "band": "B04", "layer": "3", "scene": "east", **day},
    ]
    west, east = items(sheet(tmp_path, *rows))
    assert (west["id"], sorted(west["assets"])) == ("mine_2020-05-01_105621", ["nir", "red"])
    assert west["properties"]["datetime"] == "2020-05-01T10:56:21Z"
    assert (east["id"], layer_of(east, "red")) == ("east", 3)


def test_files_of_one_name_in_a_folder_for_each_day_are_scenes_of_their_own(tmp_path: Path) -> None:
    rows = [{"path": f"{day}/scene.tif", "date": day} for day in ("2020-05-01", "2020-05-11")]
    for row in rows:
        write(tmp_path / row["path"], 2)
    write(tmp_path / "S2A_20200521.tif", 2)
    rows.append({"path": "S2A_20200521.tif", "date": "2020-05-21"})
    names = [item["id"] for item in items(sheet(tmp_path, *rows))]
    assert names == ["scene_2020-05-01", "scene_2020-05-11", "S2A_20200521"]


def test_numbers_are_read_as_the_sheet_says_else_as_the_file_says(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 2, scale=0.001, nodata=9)
    rows = [{"path": "a.tif", "date": "2020-05-01", "scene": "file"}]
    rows.append(
        {"path": "a.tif", "date": "2020-05-02", "scene": "sheet", "scale": "0.0001", "offset": "-0.1", "nodata": "0"}
    )
    found = {}
    for item in items(sheet(tmp_path, *rows)):
        made = find_encoding("as_stated", item, find_asset(item, with_own(PLAIN), "red"), {})
        found[item["id"]] = (made.scale, made.offset, made.nodata)
    assert found == {"file": (0.001, 0.0, 9.0), "sheet": (0.0001, -0.1, 0.0)}


def test_a_product_of_an_archive_keeps_the_archives_rule_and_keys(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 3)
    row = {"path": "a.tif", "date": "2023-05-01", "collection": "sentinel-2-l2a", "s2:processing_baseline": "05.10"}
    path = sheet(tmp_path, {**row, "eo:cloud_cover": "12.5", "platform": "S2B"})
    (item,) = items_of_sheet(path, {**SITE, "period": ["2023-01-01", "2023-12-31"]}, with_own(MASKED))
    assert sorted(item["assets"]) == ["nir", "red", "scl"]
    encoding = find_encoding("sentinel2_l2a", item, item["assets"]["red"], {})
    assert (encoding.scale, encoding.offset) == (1e-4, -0.1)
    assert (item["properties"]["eo:cloud_cover"], item["properties"]["platform"]) == (12.5, "S2B")


def test_scenes_of_other_sites_sensors_and_years_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 2)
    rows = [
        {"path": "a.tif", "date": "2020-05-01", "scene": "in"},
        {"path": "a.tif", "date": "2021-05-01", "scene": "out"},
    ]
    others = [{"path": "gone.tif", "site": "there", "date": "?"}, {"path": "gone.tif", "sensor": "other", "date": "?"}]
    assert [item["id"] for item in items(sheet(tmp_path, *rows, *others))] == ["in"]
    with pytest.raises(InputError, match=r"has no row of mine at site here, only of \['there/mine'\].*add a row"):
        items(sheet(tmp_path, others[0]))


def test_paths_count_from_where_one_runs_else_from_the_sheet_and_data_is_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("run", "sheets", "data"):
        write(tmp_path / folder / "a.tif", 2)
    monkeypatch.chdir(tmp_path / "run")
    rows = [
        {"path": "a.tif", "date": "2020-05-01", "scene": "x"},
        {"path": "{data}/a.tif", "date": "2020-05-02", "scene": "y"},
    ]
    where = {
        i["id"]: i["assets"]["red"]["href"]
        for i in items(sheet(tmp_path / "sheets", *rows), data=str(tmp_path / "data"))
    }
    assert where == {"x": "a.tif", "y": str(tmp_path / "data" / "a.tif")}
    (tmp_path / "run" / "a.tif").unlink()
    (item, _) = items(tmp_path / "sheets" / "scenes.tsv", data=str(tmp_path / "data"))
    assert item["assets"]["red"]["href"] == str(tmp_path / "sheets" / "a.tif")


def test_a_zip_tells_itself_what_it_is(tmp_path: Path) -> None:
    write_zip(tmp_path / "product.zip", files())
    venus = {
        **PLAIN,
        "platforms": ["venus"],
        "collections": {"venus-muscate": {"encoding": "x", "assets": {"red": ["SRE_B7"]}}},
    }
    product = items_of_zip_day(tmp_path)
    site = {**SITE, "period": [product, product]}
    (item,) = items_of_sheet(sheet(tmp_path, {"path": "product.zip"}), site, with_own(venus))
    assert find_asset(item, venus, "red")["href"].startswith("/vsizip/")
    assert item["properties"]["datetime"][:10] == product
    with pytest.raises(InputError, match=rf"date is 2020-01-01, the product is of {product}"):
        items_of_sheet(sheet(tmp_path, {"path": "product.zip", "date": "2020-01-01"}), site, with_own(venus))
    with pytest.raises(InputError, match="the product is of venus-muscate, which mine has not"):
        items(sheet(tmp_path, {"path": "product.zip"}))


def items_of_zip_day(folder: Path) -> str:
    """The day of the product in the folder."""
    from stfuse.products.venus_zip import item_of_zip

    return str(item_of_zip(folder / "product.zip")["properties"]["datetime"])[:10]


GOOD = {"path": "a.tif", "date": "2020-05-01"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{**GOOD, "date": "1.5.2020"}], r"line 2: the scene was taken on '1\.5\.2020'.*write the date as 2021-07-31"),
        ([{**GOOD, "date": ""}], "the scene was taken on ''"),
        ([{**GOOD, "time": "10:00+02:00"}], "in UTC"),
        ([{**GOOD, "path": "b.tif"}], r"line 2: there is no file b\.tif"),
        ([{**GOOD, "path": "https://me:pass@e.org/a.tif"}], "line 2: `path`, https://e.org/a.tif, bears a password"),
        (
            [GOOD, {**GOOD, "path": f"https://e.org/a.tif?sig={'x' * 300}"}],
            "line 3: `path`, https://e.org/a.tif, bears",
        ),
        ([{**GOOD, "path": ""}], "line 2: site, sensor or path is empty"),
        ([{**GOOD, "scale": "1/10000"}], "scale is '1/10000', no number"),
        ([{**GOOD, "band": "green"}], "has no band green.*choose from red, nir"),
        ([{**GOOD, "band": "red", "layer": "3"}], r"a\.tif has no layer 3, it has 2"),
        ([{**GOOD, "band": "red", "layer": "last"}], "layer is 'last'"),
        ([{**GOOD, "collection": "landsat"}], "has no collection landsat.*choose from own, sentinel-2-l2a"),
        ([{**GOOD, "scene": "../x"}], "is named '../x'"),
        ([{**GOOD, "path": "three.tif"}], r"the file has 3 layers without names, mine has the bands red, nir"),
        ([{**GOOD, "path": "text.tif"}], r"text\.tif cannot be read"),
        ([GOOD, GOOD], "line 3: the scene a_2020-05-01 is listed before"),
        (
            [{**GOOD, "band": "red"}, {**GOOD, "band": "B04"}],
            "line 3: the band red of scene mine_2020-05-01 is listed before",
        ),
        ([{**GOOD, "scene": "x"}, {**GOOD, "scene": "x", "band": "red"}], "line 3: the scene x is listed before"),
        (
            [{**GOOD, "scene": "x", "band": "red"}, {**GOOD, "scene": "x", "band": "nir", "date": "2020-05-02"}],
            "line 3: date differs from the first row of x",
        ),
        ([{**GOOD, "comment": "x"}], r"line 1, has the columns \['comment'\]"),
    ],
)
def test_rows_that_make_no_scene_are_named_with_their_line_and_the_cure(
    tmp_path: Path, rows: list[dict[str, str]], words: str
) -> None:
    write(tmp_path / "a.tif", 2)
    write(tmp_path / "three.tif", 3)
    (tmp_path / "text.tif").write_text("no image")
    with pytest.raises(InputError, match=words) as error:
        items(sheet(tmp_path, *rows))
    assert "Cure: " in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1, lacks the columns"),
        (
            "site,sensor,path\nhere,mine,a.tif\n",
            r"lacks the columns \['site', 'sensor', 'path'\].*separate the columns by tabs",
        ),
        ("site\tsensor\tpath\tpath\n", "each once"),
        (
            "# own\n\nsite\tsensor\tpath\nhere\tmine\ta.tif\tmore\n",
            "line 4, has 4 cells, the first line names 3 columns",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = sheet(tmp_path)
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        items(path)


def test_a_missing_sheet_and_one_in_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tsv cannot be read.*correct `scenes:`"):
        items(tmp_path / "none.tsv")
    (tmp_path / "scenes.tsv").write_bytes("site\tsensor\tpath\nhere\tmine\tfür.tif".encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read"):
        items(tmp_path / "scenes.tsv")


def test_a_mask_is_asked_for_where_the_sensor_has_one(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 2)
    write(tmp_path / "b.tif", 3)
    with pytest.raises(InputError, match=r"scene a_2020-05-01 lacks scl, the mask of mine.*no `mask:`"):
        items(sheet(tmp_path, GOOD), MASKED)
    (item,) = items(sheet(tmp_path, {**GOOD, "path": "b.tif"}), MASKED)
    assert layer_of(item, "scl", MASKED) == 3


def test_a_file_on_the_net_is_described_and_read_as_one_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BACKOFF", 0.0)
    write(tmp_path / "net" / "a.tif", 2, ("nir", "red"), scale=0.0001)
    with serving(tmp_path / "net") as server:
        server.fail("/a.tif", times(1, status(503)))
        (item,) = items(sheet(tmp_path, {**GOOD, "path": f"{server.url}/a.tif"}))
        asset = find_asset(item, with_own(PLAIN), "red")
        assert (asset["href"], asset["stfuse:band"]) == (f"{server.url}/a.tif", 2)
        values, _, _ = read_asset(asset, item, (0, -20, 20, 0), "EPSG:32631", 0)
    assert (values == 2).all()
