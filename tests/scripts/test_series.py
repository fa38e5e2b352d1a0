"""The stage `series` from images to a NetCDF file."""

from pathlib import Path

import numpy as np
import pytest

from scripts.series import make_series
from stfuse.cube import Layer, read_cube, write_cube
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.raster import write_image
from stfuse.series import FILLED, OBSERVED

SITE = {
    "name": "tiny",
    "crs": "EPSG:32631",
    "bounds": [500010, 5629080, 500130, 5629170],
    "period": ["2023-01-01", "2023-12-31"],
}
LABELS = {"experiment": "tiny_product", "site": "tiny", "source": "srcnn", "seed": "0"}
NAMES = ["ndvi", "uncertainty", "weight", "flags", "origin", "ndvi_smooth", "uncertainty_smooth", "support", "long_gap"]


def grid(resolution):
    return site_grid(SITE["crs"], tuple(SITE["bounds"]), resolution)


def reflectance(path: Path, index, resolution=10.0):
    """An image whose NDVI is `index`: red + nir08 = 0.4."""
    shape = grid(resolution).shape
    values = np.stack([np.full(shape, 0.2 * (1 - index)), np.full(shape, 0.2 * (1 + index))]).astype(np.float32)
    write_image(path, values, ["red", "nir08"], grid(resolution))
    return path


def index_image(path: Path, index):
    write_image(path, np.full((1, *grid(10).shape), index, np.float32), ["ndvi"], grid(10))
    return path


@pytest.fixture
def images(tmp_path):
    observed = [reflectance(tmp_path / f"s2/2023-{m:02}-15.tif", 0.1 * m) for m in range(1, 9)]
    fused = [index_image(tmp_path / f"fused/2023-{m:02}-01.tif", 0.1 * m - 0.05) for m in range(2, 9)]
    return observed, fused


def test_method_series_holds_observed_and_fused_dates_in_order(images, tmp_path):
    observed, fused = images
    out = tmp_path / "srcnn/seed0.nc"
    make_series(fused, observed, LABELS, ["red", "nir08"], "ndvi", SITE, out)
    cube = read_cube(out, NAMES)
    assert [str(d) for d in cube.dates["time"][:3]] == ["2023-01-15", "2023-02-01", "2023-02-15"]
    assert cube.values["ndvi"][:3, 0, 0] == pytest.approx([0.1, 0.15, 0.2], abs=1e-3)
    assert cube.values["origin"][:3].tolist() == [0, 1, 0]
    assert cube.values["flags"][:3, 4, 4].tolist() == [1, 2, 1]
    assert cube.grid == grid(10)
    assert cube.attrs["source"] == "srcnn"
    assert cube.attrs["period"] == "2023-01-01/2023-12-31"
    assert float(cube.attrs["noise"]) > 0  # what the phenology counts on
    assert len(cube.dates["step"]) == 73
    assert np.isfinite(cube.values["ndvi_smooth"]).all()
    spring = np.flatnonzero(cube.dates["step"] == np.datetime64("2023-04-16"))[0]
    assert cube.values["ndvi_smooth"][spring] == pytest.approx(0.4, abs=0.02)
    assert cube.values["support"][spring] == pytest.approx(1)
    assert cube.values["long_gap"][-1].all()
    assert not cube.values["long_gap"][spring].any()


def test_fused_reflectance_becomes_ndvi(images, tmp_path):
    fused = [reflectance(tmp_path / "six/2023-05-01.tif", 0.33)]
    make_series(fused, [], LABELS, ["red", "nir08"], "reflectance", SITE, tmp_path / "a.nc")
    cube = read_cube(tmp_path / "a.nc", ["ndvi", "origin"])
    assert cube.values["ndvi"] == pytest.approx(0.33, abs=1e-3)
    assert cube.values["origin"].tolist() == [1]


def test_coarse_sensor_comes_to_the_fine_grid(tmp_path):
    observed = [reflectance(tmp_path / f"l8/2023-0{m}-15.tif", 0.1 * m, 30.0) for m in (3, 5)]
    make_series([], observed, LABELS, ["red", "nir08"], "ndvi", SITE, tmp_path / "a.nc")
    cube = read_cube(tmp_path / "a.nc", ["ndvi"])
    assert cube.grid == grid(10)
    assert cube.values["ndvi"][0] == pytest.approx(0.3, abs=1e-3)


def test_what_is_missing_is_said_and_nothing_is_left(images, tmp_path):
    observed, _ = images
    out = tmp_path / "out" / "a.nc"
    with pytest.raises(InputError, match="no image for the series"):
        make_series([], [], LABELS, ["red", "nir08"], "ndvi", SITE, out)
    with pytest.raises(InputError, match="red and nir08"):
        make_series([], observed, LABELS, [], "reflectance", SITE, out)
    with pytest.raises(InputError, match="lacks the bands"):
        make_series([], observed, LABELS, ["red", "nir"], "ndvi", SITE, out)
    with pytest.raises(InputError, match="Settings of the series"):
        make_series([], observed, LABELS, ["red", "nir08"], "ndvi", SITE, out, {"widht": 3})
    with pytest.raises(InputError, match=r"2023-01-20\.tif cannot be read"):
        make_series([], [tmp_path / "2023-01-20.tif"], LABELS, ["red", "nir08"], "ndvi", SITE, out)
    assert not out.parent.exists()


def fields_of(path: Path, index, rng):
    """An image of which every pixel has a course of its own, a fifth of them under clouds."""
    image = np.clip(index + rng.normal(0, 0.05, grid(10).shape), -1, 1).astype(np.float32)
    image[rng.random(image.shape) < 0.2] = np.nan
    write_image(path, np.stack([0.2 * (1 - image), 0.2 * (1 + image)]), ["red", "nir08"], grid(10))
    return path


def filled_cube(path: Path, days, where=None, sigma=0.06):
    """What a gap experiment says on `days`: NDVI 0.6 everywhere."""
    where = where or grid(10)
    values = np.full((len(days), *where.shape), 0.6, np.float32)
    layers = {
        "ndvi": Layer(values, "time", "NDVI", packed=True),
        "uncertainty": Layer(np.full_like(values, sigma), "time", "1 sigma", packed=True),
    }
    write_cube(path, layers, {"time": np.array(days, "datetime64[D]")}, where, {})
    return path


def test_series_made_in_blocks_are_those_made_at_once(tmp_path):
    rng = np.random.default_rng(0)
    observed = [fields_of(tmp_path / f"s2/2023-{m:02}-15.tif", 0.08 * m, rng) for m in range(1, 9)]
    coarse = [reflectance(tmp_path / f"l8/2023-{m:02}-01.tif", 0.08 * m, 30.0) for m in range(2, 9)]
    cube = filled_cube(tmp_path / "gru.nc", np.arange("2023-01-01", "2023-12-01", 3, dtype="datetime64[D]"))
    rest = (coarse, observed, LABELS, ["red", "nir08"], "reflectance", SITE)
    make_series(*rest, tmp_path / "whole.nc", filled=cube)
    make_series(*rest, tmp_path / "blocks.nc", filled=cube, block=6, threads=2)
    whole, blocks = (read_cube(tmp_path / name, NAMES) for name in ("whole.nc", "blocks.nc"))
    for name in NAMES:
        assert np.array_equal(whole.values[name], blocks.values[name], equal_nan=whole.values[name].dtype.kind == "f")
    assert whole.dates["time"].tolist() == blocks.dates["time"].tolist()


def test_filled_values_join_the_series_at_its_steps_with_their_own_uncertainty(images, tmp_path):
    observed, _ = images
    days = np.arange("2023-01-01", "2023-12-31", dtype="datetime64[D]")
    make_series([], observed, LABELS, ["red", "nir08"], "ndvi", SITE, tmp_path / "a.nc",
                filled=filled_cube(tmp_path / "gru.nc", days))  # fmt: skip
    cube = read_cube(tmp_path / "a.nc", NAMES)
    found = {str(d): i for i, d in enumerate(cube.dates["time"])}
    assert len(found) == 73 + 5  # the steps, and the observed days that are none
    late, seen = found["2023-11-07"], found["2023-03-15"]
    assert cube.values["flags"][[seen, late], 0, 0].tolist() == [OBSERVED, FILLED]
    assert cube.values["origin"][[seen, late]].tolist() == [0, 2]
    assert cube.values["ndvi"][late] == pytest.approx(0.6, abs=1e-3)
    assert cube.values["uncertainty"][[seen, late], 0, 0] == pytest.approx([0.03, 0.06], abs=1e-4)
    assert cube.values["weight"][seen] == pytest.approx(1)
    assert 0.02 < cube.values["weight"][late, 0, 0] < 0.25 / 3
    steps = cube.dates["step"]
    end = np.flatnonzero(steps == np.datetime64("2023-11-07"))[0]
    assert cube.values["ndvi_smooth"][end] == pytest.approx(0.6, abs=0.03)
    assert cube.values["support"][end, 0, 0] == 84  # days since 15 August: filled values are no support


def test_filled_cube_of_another_grid_is_refused(images, tmp_path):
    cube = filled_cube(tmp_path / "gru.nc", ["2023-03-01"], grid(30))
    with pytest.raises(InputError, match=r"gru\.nc lies on"):
        make_series([], images[0], LABELS, ["red", "nir08"], "ndvi", SITE, tmp_path / "a.nc", filled=cube)


def test_the_uncertainty_written_is_the_scatter_of_the_series(tmp_path):
    rng = np.random.default_rng(0)
    days = np.arange("2023-04-01", "2023-07-01", 8, dtype="datetime64[D]")
    out = []
    for sigma in (0.02, 0.05):
        paths = []
        for day in days:
            image = (0.5 + rng.normal(0, sigma, grid(10).shape)).astype(np.float32)
            paths.append(tmp_path / f"{sigma}/{day}.tif")
            write_image(paths[-1], np.stack([0.2 * (1 - image), 0.2 * (1 + image)]), ["red", "nir08"], grid(10))
        make_series([], paths, LABELS, ["red", "nir08"], "ndvi", SITE, tmp_path / f"{sigma}.nc")
        out.append(float(read_cube(tmp_path / f"{sigma}.nc", ["uncertainty"]).values["uncertainty"][0, 0, 0]))
    assert out == pytest.approx([0.02, 0.05], rel=0.15)
