"""NetCDF cubes: what is written comes back, as CF asks, whole or not at all."""

import numpy as np
import pytest
import xarray as xr

from stfuse.cube import Blank, Layer, cube_file, read_cube, write_cube
from stfuse.errors import InputError
from stfuse.grid import site_grid

GRID = site_grid("EPSG:32631", (500010.0, 5629080.0, 500060.0, 5629110.0), 10)
DATES = {
    "time": np.array(["2023-01-03", "2023-05-01"], "datetime64[D]"),
    "step": np.array(["2023-01-01"], "datetime64[D]"),
}


def layers():
    values = np.random.default_rng(0).uniform(-1, 1, (2, 3, 5)).astype(np.float32)
    values[0, 1, 2] = np.nan
    flags = np.arange(30, dtype=np.uint8).reshape(2, 3, 5)
    attrs = {"flag_masks": np.array([1, 2], np.uint8), "flag_meanings": "observed fused"}
    return {
        "ndvi": Layer(values, "time", "NDVI", packed=True),
        "flags": Layer(flags, "time", "where from", attrs=attrs),
        "origin": Layer(np.array([0, 1], np.int8), "time", "observed or fused"),
        "support": Layer(np.full((1, 3, 5), 2.5, np.float32), "step", "days to the nearest date", "days"),
    }


def written(path):
    write_cube(path, layers(), DATES, GRID, {"title": "NDVI", "source": "srcnn"})
    return path


def test_cube_comes_back_as_written(tmp_path):
    cube = read_cube(written(tmp_path / "a.nc"), ["ndvi", "flags", "origin", "support"])
    for name, layer in layers().items():
        assert cube.values[name].dtype == layer.values.dtype
        assert cube.values[name] == pytest.approx(layer.values, abs=5.1e-5, nan_ok=True)
    assert {k: v.tolist() for k, v in cube.dates.items()} == {k: v.tolist() for k, v in DATES.items()}
    assert cube.grid == GRID
    assert cube.attrs["source"] == "srcnn"


def test_file_speaks_cf(tmp_path):
    with xr.open_dataset(written(tmp_path / "a.nc"), mask_and_scale=False, decode_times=False) as data:
        assert data.attrs["Conventions"].startswith("CF-")
        assert data["ndvi"].attrs["grid_mapping"] == "crs"
        assert data["ndvi"].attrs["units"] == "1"
        assert data["ndvi"].dtype == np.int16
        assert data["ndvi"].attrs["_FillValue"] == data["ndvi"].values[0, 1, 2]
        assert data["crs"].attrs["grid_mapping_name"] == "transverse_mercator"
        assert data["time"].attrs["units"].startswith("days since")
        assert data["time"].attrs["standard_name"] == "time"
        assert data["x"].attrs["standard_name"] == "projection_x_coordinate"
        assert data["x"].values[0] == 500015
        assert data["y"].values[0] == 5629105


def test_layer_of_another_shape_is_refused_and_leaves_nothing(tmp_path):
    wrong = {"ndvi": Layer(np.zeros((2, 3, 4), np.float32), "time", "NDVI")}
    with pytest.raises(ValueError, match="layer ndvi has shape"):
        write_cube(tmp_path / "a.nc", wrong, DATES, GRID, {})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_is_named_with_its_cure(tmp_path):
    path = written(tmp_path / "a.nc")
    with pytest.raises(InputError, match=r"a\.nc lacks the layers \['smooth'\].*Cure"):
        read_cube(path, ["smooth"])
    with pytest.raises(InputError, match=r"none\.nc cannot be read"):
        read_cube(tmp_path / "none.nc", ["ndvi"])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"a\.nc cannot be read"):
        read_cube(path, ["ndvi"])


WINDOWS = [(slice(0, 2), slice(None)), (slice(2, 3), slice(0, 4)), (slice(2, 3), slice(4, 5))]


def blanks():
    return {
        name: Blank(layer.axis, layer.long_name, layer.units, layer.packed, layer.attrs, layer.values.dtype)
        if layer.values.ndim == 3
        else layer
        for name, layer in layers().items()
    }


def put_all(path, windows):
    images = {name: layer.values for name, layer in layers().items() if layer.values.ndim == 3}
    with cube_file(path, blanks(), DATES, GRID, {"title": "NDVI"}) as out:
        for window in windows:
            out.put(window, {name: values[:, *window] for name, values in images.items()})


def test_cube_put_window_by_window_is_the_cube_written_whole(tmp_path):
    put_all(tmp_path / "windows.nc", WINDOWS)
    whole, pieces = (read_cube(p, list(layers())) for p in (written(tmp_path / "a.nc"), tmp_path / "windows.nc"))
    for name in layers():
        assert pieces.values[name].dtype == whole.values[name].dtype
        assert np.array_equal(pieces.values[name], whole.values[name], equal_nan=name in ("ndvi", "support"))
    assert pieces.grid == whole.grid


@pytest.mark.parametrize("windows", [WINDOWS[:2], [*WINDOWS, WINDOWS[2]]], ids=["missing", "twice"])
def test_cube_with_a_window_missing_or_put_twice_never_appears(tmp_path, windows):
    with pytest.raises(ValueError, match="put once"):
        put_all(tmp_path / "a.nc", windows)
    assert not list(tmp_path.iterdir())


def test_window_of_another_shape_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match="Layer flags has shape"),
        cube_file(tmp_path / "a.nc", blanks(), DATES, GRID, {}) as out,
    ):
        out.put(WINDOWS[0], {"flags": np.zeros((2, 3, 5), np.uint8)})


def test_packed_values_beyond_what_int16_holds_are_clipped(tmp_path):
    values = np.array([[[5.0, -5.0, np.nan, 0.5, -1.0]] * 3], np.float32)
    write_cube(tmp_path / "a.nc", {"ndvi": Layer(values, "step", "NDVI", packed=True)}, DATES, GRID, {})
    found = read_cube(tmp_path / "a.nc", ["ndvi"]).values["ndvi"][0, 0]
    assert found == pytest.approx([3.2767, -3.2767, np.nan, 0.5, -1.0], abs=1e-6, nan_ok=True)
