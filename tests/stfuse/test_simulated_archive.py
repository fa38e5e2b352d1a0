import json
from datetime import date
from pathlib import Path

import numpy as np
import pystac
import pytest

import small_world
from small_sensors import DAY, MODULES, decoded
from stfuse.acquisition.scenes import normal_platform, tile
from stfuse.products.encodings import decode, find_encoding
from stfuse.simulated.archive import catalog_document, collection_document, footprint, make_item
from stfuse.simulated.sensors import landsat8, sentinel2_coarse

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "earth-search"
ALL = {**MODULES, "sentinel2_coarse": sentinel2_coarse}


@pytest.fixture(scope="module")
def products():
    """Sensor -> its products of one day."""
    settings = small_world.settings(gaps=0)
    return {name: module.Observer(small_world.world(), settings).observe(DAY) for name, module in ALL.items()}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sentinel2", "sentinel-2-c1-l2a/S2B_T20EPT_20250731T131905_L2A.json"),
        ("landsat8", "landsat-c2-l2/LC08_L2SP_033032_20231008_02_T1.json"),
    ],
)
def test_items_are_like_the_live_ones(products, name, file):
    if not (FIXTURES / file).exists():
        pytest.skip("the archives' items (../shared/stac-fixtures) are not here")
    item, live = products[name][0].item, json.loads((FIXTURES / file).read_text())
    assert item["collection"] == live["collection"] and item["stac_version"] == live["stac_version"]
    for key, asset in item["assets"].items():
        assert asset["raster:bands"] == live["assets"][key]["raster:bands"]
        assert asset["roles"] == live["assets"][key]["roles"]
        own, other = (a.get("eo:bands", [{}])[0] for a in (asset, live["assets"][key]))
        assert own.get("common_name") == other.get("common_name")
    unlike = set(item["properties"]) - set(live["properties"])
    assert unlike == {"stfuse:simulated"}
    assert normal_platform(item["properties"]["platform"])[:-1] == live["properties"]["platform"][:-1]


def test_no_real_scene_can_be_meant(products):
    codes = {"sentinel2": "31SIM", "landsat8": "000000", "venus": "SIM", "sentinel2_coarse": "31SIM"}
    for name, own in products.items():
        for product in own:
            assert tile(product.item) == codes[name]
            assert product.item["properties"]["stfuse:simulated"] is True


def test_products_belong_to_the_sensor_s_collections(products):
    for name, own in products.items():
        assert {p.item["collection"] for p in own} == set(ALL[name].SENSOR.collections)


def test_every_asset_has_its_file_on_the_grid_it_states(products):
    for product in (p for own in products.values() for p in own):
        named = {key: asset["href"].removeprefix("./") for key, asset in product.item["assets"].items()}
        assert set(named.values()) == set(product.rasters) | set(product.documents)
        for key, file in named.items():
            if file in product.rasters:
                raster, asset = product.rasters[file], product.item["assets"][key]
                assert raster.values.shape == tuple(raster.grid.shape)
                if "proj:transform" in asset:
                    assert asset["proj:shape"] == list(raster.grid.shape)
                    assert asset["proj:transform"] == list(raster.grid.affine)[:6]
                layer = asset.get("raster:bands", [{}])[0]
                assert layer.get("data_type", raster.values.dtype) == raster.values.dtype
                assert layer.get("nodata", raster.nodata) == raster.nodata


def test_level_1_states_its_scale_in_the_metadata_file_alone(products):
    _, level1 = products["landsat8"]
    assert "raster:bands" not in level1.item["assets"]["pan"]
    (document,) = level1.documents.values()
    rescaling = document["LANDSAT_METADATA_FILE"]["LEVEL1_RADIOMETRIC_RESCALING"]
    assert float(rescaling["REFLECTANCE_MULT_BAND_8"]) == 2e-5 and float(rescaling["REFLECTANCE_ADD_BAND_8"]) == -0.1


def test_level_1_has_the_keys_and_the_angles_of_its_archive(products):
    _, level1 = products["landsat8"]
    assert set(level1.item["assets"]) == {"pan", "qa_pixel", "MTL.json", "SAA", "SZA", "VAA", "VZA"}
    zenith, azimuth = landsat8.view_of_site(small_world.settings())
    properties = level1.item["properties"]
    known = {
        "SZA": 90 - properties["view:sun_elevation"], "SAA": properties["view:sun_azimuth"], "VZA": zenith,
        "VAA": azimuth,
    }  # fmt: skip
    for key, degrees in known.items():
        raster = level1.rasters[level1.item["assets"][key]["href"].removeprefix("./")]
        assert raster.values.dtype == np.int16 and np.ptp(raster.values) == 0
        turned = (raster.values[0, 0] / 100 - degrees) % 360
        assert min(turned, 360 - turned) <= 0.0051


def test_the_package_decodes_what_the_items_state(products):
    rules = {"sentinel2": "sentinel2_l2a", "landsat8": "landsat_c2_sr", "sentinel2_coarse": "sentinel2_l2a"}
    for name, rule in rules.items():
        product = products[name][0]
        for band, (values, _) in decoded([product]).items():
            asset = product.item["assets"][band]
            numbers = product.rasters[asset["href"].removeprefix("./")].values
            found = decode(numbers, find_encoding(rule, product.item, asset, {}))
            np.testing.assert_allclose(found, values, atol=1e-6)


def test_views_differ_from_place_to_place_within_each_mission_s_bounds():
    bounds = {"landsat8": (0, 6.5), "venus": (5, 30)}
    for name, (least, most) in bounds.items():
        views = [MODULES[name].view_of_site(small_world.settings(seed=seed)) for seed in range(40)]
        zeniths, azimuths = np.array(views).T
        assert least <= zeniths.min() < zeniths.max() <= most and np.unique(zeniths).size > 30
        assert azimuths.min() >= 0 and azimuths.max() < 360
        assert name != "landsat8" or set(azimuths) == {98, 278}


def test_the_outline_ends_where_the_scene_ends(products):
    grid = products["sentinel2"][0].rasters["SCL.tif"].grid
    centre = tuple(small_world.world().site.extent.centroid.coords[0])
    whole, half = footprint(grid), footprint(grid, (1.0, 0.0, 0.0), centre)
    west, east = half.boundingbox.left, half.boundingbox.right
    assert west == pytest.approx(whole.boundingbox.left)
    assert east == pytest.approx((whole.boundingbox.left + whole.boundingbox.right) / 2, abs=2e-4)


def test_a_scene_that_ends_within_the_site_says_so():
    for name, module in ALL.items():
        observer = module.Observer(small_world.world(), small_world.settings())
        optics = getattr(observer, "fine", observer).optics
        optics._edge = lambda day: (1.0, 0.0, 0.0)
        for product in observer.observe(DAY):
            assert product.item["geometry"]["type"] == "Polygon"
            assert product.item["bbox"][2] < 3.006, name
            raster = next(iter(product.rasters.values()))
            assert 0.4 < (raster.values == 0).mean() < 0.6, name


def test_pystac_reads_items_and_collections(products):
    for name, own in products.items():
        for product in own:
            item = pystac.Item.from_dict(product.item)
            assert item.id and item.datetime.date() == DAY and item.bbox[0] < item.bbox[2]
            texts = ALL[name].SENSOR.collections[product.item["collection"]]
            document = collection_document(product.item["collection"], texts, [product.item])
            collection = pystac.Collection.from_dict(document)
            assert "imulated" in collection.description and texts[1] in collection.description


def test_ids_are_of_one_scene_each(products):
    later = [
        p.item["id"]
        for module in ALL.values()
        for p in module.Observer(small_world.world(), small_world.settings()).observe(date(2023, 6, 12))
    ]
    names = later + [p.item["id"] for own in products.values() for p in own]
    assert len(set(names)) == len(names) == 12


def test_documents_link_to_one_another(products):
    for item in (p.item for own in products.values() for p in own):
        document = collection_document(item["collection"], ("Title", "Text."), [item])
        hrefs = [link["href"] for link in document["links"] if link["rel"] == "item"]
        assert hrefs == [f"./{item['id']}/{item['id']}.json"]
        assert document["extent"]["spatial"]["bbox"] == [item["bbox"]]
    root = catalog_document("small", ["landsat-c2-l2"], "abc")
    assert [li["href"] for li in root["links"] if li["rel"] == "child"] == ["./scenes/landsat-c2-l2/collection.json"]


def test_an_item_of_a_time_span_has_no_moment():
    outline = footprint(small_world.world().site)
    span = {"start_datetime": "2023-06-01T00:00:00Z", "end_datetime": "2023-06-16T23:59:59Z"}
    item = make_item("modis", "one", None, outline, span, {})
    assert pystac.Item.from_dict(item).datetime is None and "proj:epsg" not in item["properties"]
    document = collection_document("modis", ("Title", "Text."), [item])
    assert document["extent"]["temporal"]["interval"] == [list(span.values())]
