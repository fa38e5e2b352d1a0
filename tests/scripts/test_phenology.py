"""The stage `phenology` from a series to images, tables and errors against a known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from scripts.phenology import Outputs, find_phenology
from scripts.phenology_scores import compare_phenology
from stfuse.cube import Layer, write_cube
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, double_logistic, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES, STUBBLE
from stfuse.raster import read_image
from stfuse.raster_stored import write_stored
from stfuse.series import FUSED, NOISE, OBSERVED, day_numbers

GRID = site_grid("EPSG:32631", (500010.0, 5629080.0, 500070.0, 5629120.0), 10)  # 4 x 6 pixels
FIELDS = np.array([[3, 3, 3, 8, 8, 0]] * 4, np.int32)
CURVES = {3: (0.2, 0.6, 0.12, 365 + 150.0, 0.09, 365 + 250.0), 8: (0.25, 0.5, 0.08, 365 + 100.0, 0.12, 365 + 190.0)}
DATES = np.datetime64("2017-09-01") + 8 * np.arange(55)
LABELS = {"experiment": "tiny_product", "site": "tiny", "source": "srcnn", "seed": 0}


def write_series(path: Path, attrs: dict[str, str] | None = None) -> Path:
    days = day_numbers(DATES, 2017)
    values = np.full((len(DATES), *GRID.shape), 0.15, np.float32)
    for number, curve in CURVES.items():
        values[:, number == FIELDS] = double_logistic(days, curve)[:, None]
    catch = double_logistic(days, (0.0, 0.4, 0.1, 365 + 265.0, 0.12, 365 + 325.0))
    values[:, FIELDS == 8] += catch[:, None]
    flags, weight = np.full(values.shape, OBSERVED, np.uint8), np.ones(values.shape, np.float32)
    flags[1::2], weight[1::2] = FUSED, 0.5
    values[40, 0, 0], flags[40, 0, 0], weight[40, 0, 0] = -0.5, OBSERVED | NOISE, 0
    values[10:12, 1], flags[10:12, 1], weight[10:12, 1] = np.nan, 0, 0
    layers = {
        "ndvi": Layer(values, "time", "NDVI", packed=True),
        "flags": Layer(flags, "time", "where from"),
        "weight": Layer(weight, "time", "what it counts", packed=True),
    }
    write_cube(path, layers, {"time": DATES}, GRID, {"period": "2017-08-01/2018-11-30", **(attrs or {})})
    return path


@pytest.fixture
def made(tmp_path):
    series, fields = write_series(tmp_path / "seed0.nc"), tmp_path / "fields.tif"
    write_stored(fields, FIELDS, GRID, 0)
    out = outputs(tmp_path / "out")
    find_phenology(series, fields, LABELS, {}, out)
    return series, fields, out.main, out.table, out


def outputs(folder: Path) -> Outputs:
    seasons = [folder / f"seed0_season{k}.tif" for k in range(1, 5)]
    names = ("seed0.tif", seasons, "seed0_events.tif", "seed0.csv", "seed0_events.csv")
    return Outputs(*(name if isinstance(name, list) else folder / name for name in names))


def test_pixels_get_their_own_dates_counted_through_the_years(made):
    values, names, grid = read_image(made[2])
    assert names == SEASON_NAMES
    assert grid == GRID
    dates = values[6:12]
    for number, curve in CURVES.items():
        expected = np.broadcast_to(transition_dates(curve)[:, None], dates[:, number == FIELDS].shape)
        assert dates[:, number == FIELDS] == pytest.approx(expected, abs=0.5)
    assert np.isnan(values[:, FIELDS == 0]).all()


@pytest.mark.parametrize(("measured", "named", "taken"), [("0.06", {}, 0.06), ("0.06", {"noise": 0.04}, 0.04)])
def test_noise_is_the_one_measured_on_the_series_unless_the_config_names_one(tmp_path, measured, named, taken):
    series, fields = write_series(tmp_path / "seed0.nc", {"noise": measured}), tmp_path / "fields.tif"
    write_stored(fields, FIELDS, GRID, 0)
    find_phenology(series, fields, LABELS, named, outputs(tmp_path / "out"))
    with rasterio.open(tmp_path / "out" / "seed0.tif") as image:
        assert f"noise={taken}," in image.tags()["settings"]


def test_table_has_a_row_a_season_with_days_and_dates(made):
    table = pd.read_csv(made[3])
    assert table["field"].tolist() == [3, 8, 8]
    assert table["season"].tolist() == [1, 1, 2]
    assert table["n_pixels"].tolist() == [12, 8, 8]
    assert table["source"].tolist() == ["srcnn"] * 3
    table = table[table["main"] == 1]
    expected = transition_dates([CURVES[3], CURVES[8]])
    assert table[list(DATE_NAMES)].to_numpy() == pytest.approx(expected, abs=0.3)
    days = day_numbers(table["date2_iso"].to_numpy("datetime64[D]"), 2017)
    assert days == pytest.approx(expected[:, 1], abs=0.8)


def test_settings_reach_the_fit(made, tmp_path):
    series, fields, *_ = made
    find_phenology(series, fields, LABELS, {"min_amplitude": 0.55}, outputs(tmp_path / "a"))
    assert pd.read_csv(tmp_path / "a/seed0.csv")["date1"].notna().tolist() == [True, False]


def test_every_season_has_its_image(made):
    first, second, third = (read_image(path)[0] for path in made[4].seasons[:3])
    date2 = SEASON_NAMES.index("date2")
    assert first[date2, FIELDS == 8] == pytest.approx(365 + 100, abs=1)
    assert second[date2, FIELDS == 8] == pytest.approx(365 + 265, abs=6)
    assert np.isnan(second[:, FIELDS == 3]).all() and np.isnan(third).all()


def test_a_harvest_is_in_the_image_and_the_table(tmp_path):
    days = day_numbers(DATES, 2017)
    values = np.where(days < 545, double_logistic(days, CURVES[3]), 0.2)
    cube = np.broadcast_to(values[:, None, None], (len(days), *GRID.shape)).astype(np.float32)
    flags = np.full(cube.shape, OBSERVED, np.uint8)
    layers = {name: Layer(a, "time", name) for name, a in (("ndvi", cube), ("flags", flags), ("weight", cube * 0 + 1))}
    write_cube(tmp_path / "s.nc", layers, {"time": DATES}, GRID, {"period": "2017-08-01/2018-11-30"})
    write_stored(tmp_path / "fields.tif", FIELDS, GRID, 0)
    out = outputs(tmp_path / "out")
    find_phenology(tmp_path / "s.nc", tmp_path / "fields.tif", LABELS, {"max_events": 2}, out)
    image, names, _ = read_image(out.events)
    assert names[:5] == ("day_1", "error_1", "drop_1", "kind_1", "day_2") and len(names) == 8
    assert image[0] == pytest.approx(545, abs=8) and (image[3] == 2).all() and np.isnan(image[4:]).all()
    table = pd.read_csv(out.event_table)
    assert table["kind"].tolist() == ["harvest", "harvest"]
    assert (table["before"] < 545).all() and (table["after"] >= 545).all()
    seasons, expected = pd.read_csv(out.table), transition_dates(CURVES[3])
    assert seasons["date2"].to_numpy() == pytest.approx(expected[1], abs=3)
    # Cut green, ten weeks before date5 of the standing crop: the fall of the curve lies in the weeks left out.
    assert ((seasons["date5"] > 545) & (seasons["date5"] < 545 + STUBBLE)).all()
    assert (seasons["date6"] > seasons["date5"]).all() and (seasons["date6"] < 545 + 2 * STUBBLE).all()


def test_wrong_settings_and_fields_are_said_and_leave_nothing(made, tmp_path):
    series, *_ = made
    other = tmp_path / "other.tif"
    write_stored(other, FIELDS[:3], site_grid("EPSG:32631", (500010.0, 5629090.0, 500070.0, 5629120.0), 10), 0)
    out = outputs(tmp_path / "none")
    with pytest.raises(InputError, match="min_amplitude"):
        find_phenology(series, other, LABELS, {"amplitude": 1}, out)
    with pytest.raises(InputError, match=r"other\.tif lies on"):
        find_phenology(series, other, LABELS, {}, out)
    write_stored(other, FIELDS, site_grid("EPSG:32632", (500010.0, 5629080.0, 500070.0, 5629120.0), 10), 0)
    with pytest.raises(InputError, match=r"other\.tif lies on"):
        find_phenology(series, other, LABELS, {}, out)
    with pytest.raises(InputError, match="min_drop"):
        find_phenology(series, other, LABELS, {"events": {"drop": 1}}, out)
    assert not out.main.parent.exists()


def test_errors_against_the_truth_are_in_days(made, tmp_path):
    truth = pd.DataFrame({"field": [3, 8], "class": ["maize", "wheat"]})
    truth[list(CURVE_NAMES)] = [CURVES[3], CURVES[8]]
    truth[["t1", "t2"]] += 4
    truth.to_csv(tmp_path / "truth.csv", index=False)
    poor = pd.read_csv(made[3]).assign(source="landsat8")
    poor.loc[1, list(DATE_NAMES)] = np.nan
    poor.to_csv(tmp_path / "poor.csv", index=False)
    compare_phenology([made[3], tmp_path / "poor.csv"], tmp_path / "truth.csv", tmp_path / "errors.csv")
    errors = pd.read_csv(tmp_path / "errors.csv")
    assert list(errors)[:7] == ["experiment", "site", "source", "seed", "date_name", "class", "fields"]
    errors = errors[errors["class"] == "all"]
    assert errors["mae_days"].to_numpy() == pytest.approx(4, abs=0.3)
    assert errors["bias_days"].to_numpy() == pytest.approx(-4, abs=0.3)
    counts = errors[errors["date_name"] == "all"].set_index(["source", "fields"])["n"]
    assert counts.to_dict() == {
        ("srcnn", "all"): 12,
        ("srcnn", "common"): 6,
        ("landsat8", "all"): 6,
        ("landsat8", "common"): 6,
    }


def test_table_without_dates_is_named(made, tmp_path):
    (tmp_path / "truth.csv").write_text("field,class\n3,maize\n")
    with pytest.raises(InputError, match=r"truth\.csv lacks the columns"):
        compare_phenology([made[3]], tmp_path / "truth.csv", tmp_path / "errors.csv")
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        compare_phenology([tmp_path / "none.csv"], tmp_path / "truth.csv", tmp_path / "errors.csv")
