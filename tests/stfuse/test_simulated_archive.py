import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import small_world
from stfuse.scenes import normal_platform, tile
from stfuse.simulated.archive import catalog_document, collection_document, products
from stfuse.simulated.instruments import LANDSAT8, SENTINEL2
from stfuse.simulated.scenes import Observer, footprint

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "earth-search"
DAY = date(2023, 6, 10)


@pytest.fixture(scope="module")
def scenes():
    world = small_world.world()
    truth = world.reflectance(world.dates.index(DAY))
    return [Observer(i, world, small_world.settings(gaps=0)).observe(truth, DAY) for i in (SENTINEL2, LANDSAT8)]


def test_items_are_like_the_live_ones(scenes):
    pairs = [
        (products(scenes[0])[0], "sentinel-2-c1-l2a/S2B_T20EPT_20250731T131905_L2A.json"),
        (products(scenes[1])[0], "landsat-c2-l2/LC08_L2SP_033032_20231008_02_T1.json"),
    ]
    for product, name in pairs:
        if not (FIXTURES / name).exists():
            pytest.skip("the archives' items (../shared/stac-fixtures) are not here")
        live = json.loads((FIXTURES / name).read_text())
        assert product.item["collection"] == live["collection"]
        for key, asset in product.item["assets"].items():
            assert asset["raster:bands"] == live["assets"][key]["raster:bands"]
        unlike = set(product.item["properties"]) - set(live["properties"])
        assert unlike == {"stfuse:simulated"}
        assert normal_platform(product.item["properties"]["platform"])[:-1] == live["properties"]["platform"][:-1]


def test_no_real_scene_can_be_meant(scenes):
    for product in (p for s in scenes for p in products(s)):
        assert tile(product.item) in ("31SIM", "000000")
        assert product.item["properties"]["stfuse:simulated"] is True


def test_every_asset_has_its_file(scenes):
    for product in (p for s in scenes for p in products(s)):
        named = {asset["href"].removeprefix("./") for asset in product.item["assets"].values()}
        assert named == set(product.files) | set(product.documents)


def test_level_1_states_its_scale_in_the_metadata_file_alone(scenes):
    _, level1 = products(scenes[1])
    assert "raster:bands" not in level1.item["assets"]["pan"]
    (document,) = level1.documents.values()
    rescaling = document["LANDSAT_METADATA_FILE"]["LEVEL1_RADIOMETRIC_RESCALING"]
    assert float(rescaling["REFLECTANCE_MULT_BAND_8"]) == 2e-5 and float(rescaling["REFLECTANCE_ADD_BAND_8"]) == -0.1


def test_the_outline_ends_where_the_scene_ends(scenes):
    scene = scenes[0]
    grid = scene.mask[1]
    whole = footprint(grid, None, scene.centre)
    half = footprint(grid, (1.0, 0.0, 0.0), scene.centre)
    west, east = half.boundingbox.left, half.boundingbox.right
    assert west == pytest.approx(whole.boundingbox.left)
    assert east == pytest.approx((whole.boundingbox.left + whole.boundingbox.right) / 2, abs=2e-4)
    cut = products(replace(scene, edge=(1.0, 0.0, 0.0)))[0].item
    assert cut["bbox"][2] == east and cut["geometry"]["type"] == "Polygon"


def test_documents_link_to_one_another(scenes):
    items = [p.item for s in scenes for p in products(s)]
    for item in items:
        document = collection_document(item["collection"], [item])
        hrefs = [link["href"] for link in document["links"] if link["rel"] == "item"]
        assert hrefs == [f"./{item['id']}/{item['id']}.json"]
        assert document["extent"]["spatial"]["bbox"] == [item["bbox"]]
    root = catalog_document("small", ["landsat-c2-l2"])
    assert [li["href"] for li in root["links"] if li["rel"] == "child"] == ["./scenes/landsat-c2-l2/collection.json"]
