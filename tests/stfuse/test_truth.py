from datetime import date

import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import write_images_as_truth
from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.truth import read_truth, render, write_truth

GRID = site_grid("EPSG:32631", (500010, 5630760, 500130, 5630860), 10)
DATES = [date(2023, 2, 27), date(2023, 2, 28), date(2023, 3, 1)]
BANDS = ("red", "nir08")


def day(index):
    return np.random.default_rng(index).uniform(0.01, 0.6, (2, *GRID.shape)).astype(np.float32)


@pytest.fixture
def cube(tmp_path):
    write_images_as_truth(tmp_path / "truth.nc", GRID, DATES, BANDS, day)
    return tmp_path / "truth.nc"


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5))
def test_the_formula_is_rendered_as_written(seed, n, answers):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (5 * n, 7 * n)).astype(np.int32)
    textures = rng.normal(size=(answers, 5, 7)).astype(np.float32)
    spectra = rng.uniform(size=(6, answers, 3)).astype(np.float32)
    expected = np.zeros((3, 5, 7))
    for y in range(5):
        for x in range(7):
            for cell in labels[y * n : (y + 1) * n, x * n : (x + 1) * n].ravel():
                expected[:, y, x] += textures[:, y, x] @ spectra[cell].astype(float) / n**2
    np.testing.assert_allclose(render(labels, textures, spectra), expected, atol=1e-5)


def test_what_was_written_is_read_by_date_and_band(cube):
    for i, when in enumerate(DATES):
        found = read_truth(cube, when.isoformat(), ["nir08", "red"], "reflectance")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, day(i)[::-1])


def test_ndvi_is_made_of_red_and_near_infrared(cube):
    red, nir = read_truth(cube, "2023-02-28", BANDS, "reflectance")
    found = read_truth(cube, np.datetime64("2023-02-28"), BANDS, "ndvi")
    np.testing.assert_allclose(found, [(nir - red) / (nir + red)], rtol=1e-6)


def test_a_coarser_resolution_is_the_area_mean_and_its_ndvi_that_of_the_mean(cube):
    blocks = day(1).reshape(2, 5, 2, 6, 2).mean(axis=(2, 4))
    found = read_truth(cube, "2023-02-28", BANDS, "reflectance", 20.0)
    np.testing.assert_allclose(found, blocks, atol=1e-6)
    ndvi = read_truth(cube, "2023-02-28", BANDS, "ndvi", 20.0)
    np.testing.assert_allclose(ndvi[0], (blocks[1] - blocks[0]) / (blocks[1] + blocks[0]), atol=1e-5)


def test_objects_that_do_not_lie_in_the_site_are_left_out(tmp_path):
    labels = np.full((20, 24), 5, np.int32)
    labels[:4] = 2
    spectra = np.random.default_rng(0).uniform(size=(3, 9, 2, 2)).astype(np.float32)
    textures = np.ones((2, *GRID.shape), np.float32)
    write_truth(tmp_path / "truth.nc", GRID, DATES, BANDS, labels, textures, spectra)
    with xarray.open_dataset(tmp_path / "truth.nc") as data:
        assert data.sizes["object"] == 2
    found = read_truth(tmp_path / "truth.nc", "2023-03-01", BANDS, "reflectance")
    np.testing.assert_allclose(found[:, 0, 0], spectra[2, 2].sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[:, 9, 9], spectra[2, 5].sum(axis=0), rtol=1e-6)


def test_xarray_reads_it_by_its_conventions_and_the_formula_stands_in_it(cube):
    with xarray.open_dataset(cube) as data:
        assert data.x.values[0] == 500015 and data.y.values[0] == 5630855
        assert np.datetime64("2023-03-01") == data.time.values[2]
        assert "32631" in data.crs.attrs["spatial_ref"]
        assert "texture" in data.attrs["comment"]
        own = data.spectrum.sel(time="2023-03-01", band="red").values[data.label.values][:, :, 0]
        np.testing.assert_array_equal(own * data.texture.values[0], day(2)[0])


def test_same_numbers_same_bytes(cube, tmp_path):
    write_images_as_truth(tmp_path / "again.nc", GRID, DATES, BANDS, day)
    assert cube.read_bytes() == (tmp_path / "again.nc").read_bytes()


def test_a_file_made_anew_is_read_anew(cube):
    read_truth(cube, "2023-02-28", BANDS, "reflectance")
    write_images_as_truth(cube, GRID, DATES, BANDS, lambda i: day(i) / 2)
    np.testing.assert_array_equal(read_truth(cube, "2023-02-28", BANDS, "reflectance"), day(1) / 2)


@pytest.mark.parametrize(("when", "bands"), [("2023-03-02", BANDS), ("2023-02-26", BANDS), ("2023-02-28", ["blue"])])
def test_what_it_does_not_hold_is_an_error_that_names_the_file(cube, when, bands):
    with pytest.raises(InputError, match=r"truth\.nc"):
        read_truth(cube, when, bands, "reflectance")


def test_asking_for_smaller_pixels_than_there_are_is_an_error_with_the_setting_to_change(cube):
    with pytest.raises(InputError, match=r"resolution: 5"):
        read_truth(cube, "2023-02-28", BANDS, "reflectance", 5.0)


def test_a_damaged_or_missing_file_is_an_error_with_a_cure(cube):
    cube.write_bytes(cube.read_bytes()[:300])
    with pytest.raises(InputError, match=r"cannot be read.*Cure"):
        read_truth(cube, "2023-02-28", BANDS, "reflectance")
    with pytest.raises(InputError, match="cannot be read"):
        read_truth(cube.with_name("none.nc"), "2023-02-28", BANDS, "reflectance")
