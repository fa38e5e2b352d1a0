"""The stage `phenology` from a series to an image, a table and errors against a known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.phenology import find_phenology
from scripts.phenology_scores import compare_phenology
from stfuse.cube import Layer, write_cube
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, double_logistic, transition_dates
from stfuse.phenology.seasons import SEASON_NAMES
from stfuse.raster import read_image
from stfuse.raster_stored import write_stored
from stfuse.series import FUSED, NOISE, OBSERVED, day_numbers

GRID = site_grid("EPSG:32631", (500010.0, 5629080.0, 500070.0, 5629120.0), 10)  # 4 x 6 pixels
FIELDS = np.array([[3, 3, 3, 8, 8, 0]] * 4, np.int32)
CURVES = {3: (0.2, 0.6, 0.12, 365 + 150.0, 0.09, 365 + 250.0), 8: (0.25, 0.5, 0.08, 365 + 100.0, 0.12, 365 + 190.0)}
DATES = np.datetime64("2017-09-01") + 8 * np.arange(55)
LABELS = {"experiment": "tiny_product", "site": "tiny", "source": "srcnn", "seed": 0}


def write_series(path: Path) -> Path:
    days = day_numbers(DATES, 2017)
    values = np.full((len(DATES), *GRID.shape), 0.15, np.float32)
    for number, curve in CURVES.items():
        values[:, number == FIELDS] = double_logistic(days, curve)[:, None]
    flags = np.full(values.shape, OBSERVED, np.uint8)
    flags[1::2] = FUSED
    values[40, 0, 0], flags[40, 0, 0] = -0.5, OBSERVED | NOISE
    values[10:12, 1], flags[10:12, 1] = np.nan, 0
    layers = {"ndvi": Layer(values, "time", "NDVI", packed=True), "flags": Layer(flags, "time", "where from")}
    write_cube(path, layers, {"time": DATES}, GRID, {"period": "2017-08-01/2018-11-30"})
    return path


@pytest.fixture
def made(tmp_path):
    series, fields = write_series(tmp_path / "seed0.nc"), tmp_path / "fields.tif"
    write_stored(fields, FIELDS, GRID, 0)
    image, table = tmp_path / "out" / "seed0.tif", tmp_path / "out" / "seed0.csv"
    find_phenology(series, fields, LABELS, {}, image, table)
    return series, fields, image, table


def test_pixels_get_their_own_dates_counted_through_the_years(made):
    values, names, grid = read_image(made[2])
    assert names == SEASON_NAMES
    assert grid == GRID
    dates = values[6:12]
    for number, curve in CURVES.items():
        expected = np.broadcast_to(transition_dates(curve)[:, None], dates[:, number == FIELDS].shape)
        assert dates[:, number == FIELDS] == pytest.approx(expected, abs=0.5)
    assert np.isnan(values[:, FIELDS == 0]).all()


def test_table_has_a_row_a_field_with_days_and_dates(made):
    table = pd.read_csv(made[3])
    assert table["field"].tolist() == [3, 8]
    assert table["n_pixels"].tolist() == [12, 8]
    assert table["source"].tolist() == ["srcnn", "srcnn"]
    expected = transition_dates([CURVES[3], CURVES[8]])
    assert table[list(DATE_NAMES)].to_numpy() == pytest.approx(expected, abs=0.3)
    days = day_numbers(table["date2_iso"].to_numpy("datetime64[D]"), 2017)
    assert days == pytest.approx(expected[:, 1], abs=0.8)


def test_settings_reach_the_fit(made, tmp_path):
    series, fields, _, _ = made
    find_phenology(series, fields, LABELS, {"min_amplitude": 0.55}, tmp_path / "a.tif", tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["date1"].notna().tolist() == [True, False]


def test_wrong_settings_and_fields_are_said_and_leave_nothing(made, tmp_path):
    series, _, _, _ = made
    other = tmp_path / "other.tif"
    write_stored(other, FIELDS[:3], site_grid("EPSG:32631", (500010.0, 5629090.0, 500070.0, 5629120.0), 10), 0)
    out = tmp_path / "none" / "a.tif"
    with pytest.raises(InputError, match="min_amplitude"):
        find_phenology(series, other, LABELS, {"amplitude": 1}, out, out.with_suffix(".csv"))
    with pytest.raises(InputError, match=r"other\.tif lies on"):
        find_phenology(series, other, LABELS, {}, out, out.with_suffix(".csv"))
    assert not out.parent.exists()


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
