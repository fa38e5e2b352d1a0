from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster_stored import read_stored
from stfuse.simulated import covers
from stfuse.simulated.covers import CODES, CROPS, FIELD_CLASSES, NAMES, PLACE_CLASSES, check_land
from stfuse.simulated.land.farmland import quota
from stfuse.simulated.land.landmap import CDL, LEGENDS, land_of_map
from stfuse.simulated.land.landscape import DISTRICT, draw_landscape, spans
from stfuse.simulated.land.parcels import area, divide, fill, rectangle
from stfuse.simulated.settings import EUROPE, Settings, stream

CRS = "EPSG:32631"
LABELS = Path(__file__).parents[3] / "shared" / "data" / "belgium-31UDS-2018" / "labels" / "croptype.tif"
CORN_BELT = {"maize": 37, "soybean": 35, "broadleaf_wood": 4, "built_up": 12, "water": 1, "grassland": 11}
CITY = {"built_up": 0.6, "broadleaf_wood": 0.1, "water": 0.05, "grassland": 0.1, "maize": 0.08, "soybean": 0.07}
FOREST = {"broadleaf_wood": 0.6, "needle_wood": 0.25, "water": 0.05, "built_up": 0.03, "grassland": 0.07}
BUILT = ("garden", "tree", "yard", "red_roof", "grey_roof", "bright_roof")


def site(side, pixel=5.0):
    return site_grid(CRS, (500010, 5630010, 500010 + side, 5630010 + side), pixel)


def draw(side, margin=0, pixel=5.0, **changes):
    """The land, and class and object of every cell of the site."""
    grid, settings = site(side, pixel), Settings(**{"seed": 1, "resolution": pixel, **changes})
    land = draw_landscape(grid.pad(margin), grid.extent.boundingbox.bbox, settings)
    assert land.labels.shape == tuple((n + 2 * margin) * settings.cells for n in grid.shape)
    inside = slice(margin * settings.cells, (margin + grid.height) * settings.cells)
    return land, land.cover[land.labels[inside, inside]], land.labels[inside, inside]


def shares(classes):
    return dict(zip(NAMES, np.bincount(classes.ravel(), minlength=len(NAMES)) / classes.size, strict=True))


@pytest.mark.parametrize(("land", "field_ha"), [(EUROPE, 4.2), (CORN_BELT, 12.0), (CITY, 12.0), (FOREST, 4.2)])
def test_shares_of_the_area_are_those_asked_for(land, field_ha):
    found = shares(draw(2000, land=land, field_ha=field_ha)[1])
    total = sum(land.values())
    roads = found["road"] + found["track"] + found["verge"]
    assert roads < 0.16
    for name, share in land.items():
        if name == "water":
            assert found[name] == pytest.approx(share / total, abs=0.002)
        elif name in ("broadleaf_wood", "needle_wood"):
            assert found[name] == pytest.approx(share / total * (1 - found["road"]), abs=0.01)
        elif name == "built_up":
            # Streets are roads.
            parts = sum(found[n] for n in BUILT)
            assert 0.8 * share / total - 0.01 < parts < 1.03 * share / total + 0.01
        else:
            # Roads and margins are taken from the fields.
            assert share / total * 0.85 - 0.02 < found[name] < share / total * 1.02 + 0.01


def test_where_pixels_are_pure_the_shares_are_exact_and_nothing_else_is_there():
    for pixel, side in ((10.0, 1500), (30.0, 4800), (500.0, 30000)):
        land, classes, _ = draw(side, pixel=pixel, mixed=False)
        found = shares(classes)
        assert {NAMES[c] for c in land.cover} == set(EUROPE)
        for name, share in EUROPE.items():
            assert found[name] == pytest.approx(share, abs=0.012)


def test_a_share_of_zero_means_none_at_all():
    none = {"built_up": {*BUILT, "built_up"}, "water": {"water"}, "broadleaf_wood": {"broadleaf_wood"}}
    for missing, parts in none.items():
        land, _, _ = draw(1000, margin=20, land={**EUROPE, missing: 0})
        kinds = {NAMES[c] for c in land.cover}
        if missing == "built_up":
            parts = parts - {"tree"}  # trees stand by the stream, too
        assert not parts & kinds
    assert {NAMES[c] for c in draw(600, land={"maize": 1, "water": 0})[0].cover} == {"maize"}


@pytest.mark.parametrize("only", ["broadleaf_wood", "water", "built_up"])
def test_land_without_fields(only):
    land, classes, _ = draw(600, land={only: 1}, mixed=False)
    assert land.fields == 0 and (classes == CODES[only]).all()
    houses = draw(600, land={only: 1})[1]
    assert (houses == CODES[only]).all() == (only != "built_up")


@pytest.mark.parametrize(("field_ha", "side"), [(0.5, 800), (4.2, 2400), (12.0, 3600)])
def test_median_of_the_fields_is_as_asked(field_ha, side):
    land, _, labels = draw(side, field_ha=field_ha, land={"maize": 1, "wheat_maize": 1})
    cut = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    hectares = np.bincount(labels.ravel(), minlength=len(land.cover))[: land.fields] * 2.5**2 / 1e4
    whole = np.delete(hectares, cut[cut < land.fields])
    assert 0.75 * field_ha < np.median(whole) < 1.3 * field_ha
    assert np.percentile(whole, 95) < 3.5 * field_ha


def test_every_field_is_one_patch_of_a_crop_and_comes_before_all_else():
    land, _, _ = draw(1500, margin=20)
    assert np.isin(land.cover[: land.fields], CROPS).all() and not np.isin(land.cover[land.fields :], CROPS).any()
    np.testing.assert_array_equal(np.unique(land.labels), np.arange(len(land.cover)))
    np.testing.assert_array_equal(land.parent, np.arange(len(land.cover)))
    for number, where in enumerate(ndimage.find_objects(land.labels + 1)[: land.fields]):
        assert ndimage.label(land.labels[where] == number)[1] == 1


def test_large_fields_lie_north_up_in_sections_and_small_ones_do_not():
    def straight(field_ha):
        _, _, labels = draw(3200, field_ha=field_ha, land={"maize": 1, "soybean": 1})
        edges = labels[1:] != labels[:-1]
        # In a north-up pattern edges run along whole rows.
        return np.sort(edges.mean(axis=1))[-12:].mean()

    assert straight(12.0) > 3 * straight(4.2)
    _, classes, _ = draw(4000, field_ha=12.0, land={"maize": 1, "soybean": 1})
    road = classes == CODES["road"]
    assert road[:, 640].mean() > 0.99 and road[1280].mean() > 0.99  # cells of 2.5 m


def test_same_seed_same_land_other_seed_another():
    one, same, other = (draw(800, margin=10, seed=s)[0] for s in (5, 5, 6))
    np.testing.assert_array_equal(one.labels, same.labels)
    np.testing.assert_array_equal(one.cover, same.cover)
    assert (one.cover[one.labels] != other.cover[other.labels]).mean() > 0.3


@pytest.mark.parametrize(("land", "field_ha", "mixed"), [(EUROPE, 4.2, True), (CITY, 12.0, True), (EUROPE, 4.2, False)])
def test_a_wider_margin_leaves_the_site_as_it_was(land, field_ha, mixed):
    none, some, wide = (draw(600, margin, land=land, field_ha=field_ha, mixed=mixed)[1] for margin in (0, 8, 120))
    np.testing.assert_array_equal(none, some)
    np.testing.assert_array_equal(none, wide)


def test_the_margin_is_land_of_the_same_mix():
    land, _, _ = draw(1000, 200)
    outside = np.ones(land.labels.shape, bool)
    outside[400:-400, 400:-400] = False
    found = shares(land.cover[land.labels[outside]])
    assert found["water"] == pytest.approx(EUROPE["water"], abs=0.01)
    assert found["winter_wheat"] == pytest.approx(EUROPE["winter_wheat"], abs=0.05)


def test_districts_fill_the_site_and_none_is_small():
    for length in (60.0, 2200.0, 7000.0, 7300.0, 10000.0, 24000.0):
        found = spans(length, 2400.0)
        assert found[0].start == 0 and found[0].first == -2400
        assert found[-1].end == length and found[-1].last == length + 2400
        assert [s.end for s in found[:-1]] == [s.start for s in found[1:]]
        if len(found) > 1:
            sizes = [s.end - s.start for s in found]
            assert min(sizes) >= DISTRICT / 2 and max(sizes) <= 1.5 * DISTRICT
            assert len(found) == pytest.approx(length / DISTRICT, abs=0.5)


def test_each_district_has_the_mix_and_land_of_its_own():
    _, classes, labels = draw(9600, pixel=20.0)  # cells of 5 m
    quarters = [classes[r : r + 960, c : c + 960] for r in (0, 960) for c in (0, 960)]
    for quarter in quarters:
        assert shares(quarter)["water"] == pytest.approx(EUROPE["water"], abs=0.002)
        assert shares(quarter)["maize"] == pytest.approx(EUROPE["maize"], abs=0.025)
    assert (quarters[0] != quarters[3]).mean() > 0.5
    parts = [set(np.unique(labels[r : r + 960, c : c + 960])) for r in (0, 960) for c in (0, 960)]
    assert not set.intersection(*parts)
    # A road runs along the border.
    assert (classes[:, 959] == CODES["road"]).mean() > 0.9


def test_a_division_loses_no_ground_and_keeps_to_the_sizes():
    square = rectangle(0, 0, 1000, 800)
    pieces = divide(square, 0.3, lambda _: 2e4, lambda a, _: ("road", 5.0), stream(1, "x"))
    sizes = [area(p) for p in pieces.leaves]
    assert sum(sizes) == pytest.approx(8e5)
    assert max(sizes) <= 3e4 and min(sizes) > 0.3 * 2e4
    assert len(pieces.strips) == len(pieces.leaves) - 1
    painted = np.zeros((320, 400), np.int32)
    counts = [fill(painted, p / 2.5, 0, 0, i) for i, p in enumerate(pieces.leaves, 1)]
    assert painted.min() == 1 and sum(counts) == painted.size
    strip = pieces.strips[0]
    assert area(strip.outline) == pytest.approx(5 * np.hypot(*(strip.end - strip.start)))


def test_a_polygon_takes_the_cells_whose_centres_it_holds():
    painted = np.zeros((6, 8), np.int32)
    painted[2, 3] = 7
    assert fill(painted, rectangle(1.4, 1.6, 4.6, 5.5), 0, 0, 2) == 4 * 3 - 1
    assert painted[2, 3] == 7 and painted[1, 1] == 0 and painted[2, 1] == 2


def test_quota_is_of_area_not_of_pieces():
    rng = np.random.default_rng(0)
    areas = rng.integers(10, 2000, 300)
    classes = quota(areas, {3: 0.6, 8: 0.3, 1: 0.1}, rng)
    for kind, share in ((3, 0.6), (8, 0.3), (1, 0.1)):
        assert areas[classes == kind].sum() / areas.sum() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("land", "word"),
    [({"maize": 0.5, "mais": 0.5}, "mais"), ({"maize": -1}, "maize"), ({"maize": 0}, "any class"), ({}, "any class"),
     ({"verge": 1}, "verge"), ({"maize": "much"}, "maize"), ({"maize": True}, "maize")],
)  # fmt: skip
def test_a_mix_that_cannot_be_drawn_is_refused(land, word):
    with pytest.raises(InputError, match=word):
        check_land(land, "`land:`")
    with pytest.raises(InputError, match=word):
        draw(100, land=land)


def test_unknown_classes_are_answered_with_the_known_ones():
    with pytest.raises(InputError) as error:
        check_land({"mais": 1}, "`land:` in config/sites/x.yaml")
    assert "config/sites/x.yaml" in str(error.value)
    assert all(name in error.value.cure for name in (*FIELD_CLASSES, *PLACE_CLASSES))


def test_covers_are_whole():
    for cover in covers.COVERS:
        assert {cover.ground} <= {*covers.MATERIALS, "soil"} and cover.dry in covers.MATERIALS
        assert (cover.curve is None) == (not cover.green)
        assert not cover.green or cover.green in covers.MATERIALS
        assert cover.second is None or cover.second[3] > cover.curve[5]
        assert cover.second_green in ("", *covers.MATERIALS)
        assert 0 <= cover.catch <= 1 and cover.volume > 0 and cover.geometry > 0
        assert all(-30 <= vh < vv <= 0 for vv, vh in zip(cover.vv, cover.vh, strict=True))
    assert all(0 < value < 1 for spectrum in covers.MATERIALS.values() for value in spectrum)
    assert set(FIELD_CLASSES) == {NAMES[c] for c in CROPS}


def test_snow_and_open_water_have_no_vegetation_signal_and_snow_is_dark_in_the_swir():
    def ndvi(name):
        spectrum = covers.material(name)
        return (spectrum[covers.NIR08] - spectrum[covers.RED]) / (spectrum[covers.NIR08] + spectrum[covers.RED])

    assert ndvi("snow") < 0 and ndvi("paddy") < 0 and ndvi("flood") < 0 and ndvi("water") < 0
    assert covers.material("snow")[5] < 0.2 < covers.material("snow")[0]


def test_a_map_comes_back_as_its_classes_on_the_cells_of_the_world():
    target = site(300, 5.0)
    # The map's pixels of 30 m are laid off by a third of a pixel, and end inside the world on the right.
    source = GeoBox((12, 9), Affine(30, 0, 499990, 0, -30, 5630330), CRS)
    codes = np.random.default_rng(2).choice([1, 5, 24, 111, 123], source.shape)
    labels, cover = land_of_map(codes, source, target, 2, "cdl")
    assert labels.shape == (120, 120) and labels.dtype == np.int32
    x = 500010 + (np.arange(120) + 0.5) * 2.5
    y = 5630310 - (np.arange(120) + 0.5) * 2.5
    rows, columns = ((5630330 - y) // 30).astype(int), np.minimum((x - 499990) // 30, 8).astype(int)
    wanted = np.vectorize(lambda code: CODES[CDL[code]])(codes[np.ix_(rows, columns)])
    np.testing.assert_array_equal(cover[labels], wanted)
    known = draw_landscape(target, target.extent.boundingbox.bbox, Settings(seed=1), (labels, cover))
    assert known.fields == np.isin(cover, CROPS).sum() and np.isin(cover[: known.fields], CROPS).all()
    for number in range(known.fields):
        assert ndimage.label(labels == number)[1] == 1
    assert sorted(NAMES[c] for c in cover[known.fields :]) == ["built_up", "water"]


def test_unlabelled_pixels_have_the_nearest_class():
    grid = site(50, 5.0)
    codes = np.zeros(grid.shape, np.uint16)
    codes[:, 0], codes[:, 9] = 1200, 9120
    labels, cover = land_of_map(codes, grid, grid, 1, "worldcereal")
    np.testing.assert_array_equal(cover[labels] == CODES["maize"], np.arange(10)[None] < 5 + np.zeros((10, 1)))


def test_codes_and_classes_that_nobody_knows_are_named_with_their_pixels():
    grid = site(20, 5.0)
    codes = np.array([[1, 1, 9, 9], [1, 1, 9, 9], [1, 1, 1, 1], [7, 1, 1, 1]])
    with pytest.raises(InputError, match=r"\{7: 1, 9: 4\}"):
        land_of_map(codes, grid, grid, 1, {1: "maize"})
    with pytest.raises(InputError, match="mais"):
        land_of_map(codes, grid, grid, 1, {1: "mais"})
    with pytest.raises(InputError, match="corine"):
        land_of_map(codes, grid, grid, 1, "corine")
    with pytest.raises(InputError, match="no labelled pixel"):
        land_of_map(codes * 0, grid, grid, 1, {0: "unlabelled"})
    elsewhere = GeoBox(grid.shape, Affine.translation(9e4, 0) @ grid.affine, CRS)
    with pytest.raises(InputError, match="no labelled pixel"):
        land_of_map(codes, elsewhere, grid, 1, {1: "maize", 7: "water", 9: "bare"})


def test_legends_name_known_classes():
    for legend in LEGENDS.values():
        assert set(legend.values()) <= {*FIELD_CLASSES, *PLACE_CLASSES, "unlabelled"}
    assert CDL[1] == "maize" and CDL[5] == "soybean" and CDL[24] == "winter_wheat" and CDL[111] == "water"


def test_the_real_patch_becomes_land_of_its_crops():
    if not LABELS.exists():
        pytest.skip("the real patch's crop labels (../shared/data) are not here")
    codes, source = read_stored(LABELS)
    labels, cover = land_of_map(np.squeeze(codes), source, source.pad(4), 1, "worldcereal")
    assert {NAMES[c] for c in cover} == {"maize", "grassland", "sugar_beet", "soybean"}
    for code, name in ((1200, "maize"), (9120, "grassland")):
        assert (cover[labels][4:-4, 4:-4][np.squeeze(codes) == code] == CODES[name]).all()
