from datetime import date

import numpy as np
import pytest
import xarray

from stfuse.errors import InputError
from stfuse.grid import site_grid
from stfuse.truth import read_truth, write_truth

GRID = site_grid("EPSG:32631", (500010, 5630760, 500130, 5630860), 10)
DATES = [date(2023, 2, 27), date(2023, 2, 28), date(2023, 3, 1)]
BANDS = ("red", "nir08")


def day(index):
    return np.random.default_rng(index).uniform(0.01, 0.6, (2, *GRID.shape)).astype(np.float32)


@pytest.fixture
def cube(tmp_path):
    write_truth(tmp_path / "truth.nc", GRID, DATES, BANDS, day)
    return tmp_path / "truth.nc"


def test_what_was_written_is_read_by_date_and_band(cube):
    for i, when in enumerate(DATES):
        found = read_truth(cube, when.isoformat(), ["nir08", "red"], "reflectance")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, day(i)[::-1], atol=5.1e-5)


def test_ndvi_is_made_of_red_and_near_infrared(cube):
    red, nir = read_truth(cube, "2023-02-28", BANDS, "reflectance")
    found = read_truth(cube, np.datetime64("2023-02-28"), BANDS, "ndvi")
    np.testing.assert_allclose(found, [(nir - red) / (nir + red)], rtol=1e-6)


def test_xarray_reads_it_by_its_conventions(cube):
    with xarray.open_dataset(cube) as data:
        assert dict(data.sizes) == {"time": 3, "band": 2, "y": 10, "x": 12}
        assert data.x.values[0] == 500015 and data.y.values[0] == 5630855
        assert np.datetime64("2023-03-01") == data.time.values[2]
        chosen = data.reflectance.sel(time="2023-03-01", band="red")
        np.testing.assert_allclose(chosen, day(2)[0], atol=5.1e-5)
        assert "32631" in data.crs.attrs["spatial_ref"]


def test_same_numbers_same_bytes(cube, tmp_path):
    write_truth(tmp_path / "again.nc", GRID, DATES, BANDS, day)
    assert cube.read_bytes() == (tmp_path / "again.nc").read_bytes()


@pytest.mark.parametrize(("when", "bands"), [("2023-03-02", BANDS), ("2023-02-26", BANDS), ("2023-02-28", ["blue"])])
def test_what_it_does_not_hold_is_an_error_that_names_the_file(cube, when, bands):
    with pytest.raises(InputError, match=r"truth\.nc"):
        read_truth(cube, when, bands, "reflectance")


def test_a_damaged_or_missing_file_is_an_error_with_a_cure(cube):
    cube.write_bytes(cube.read_bytes()[:300])
    with pytest.raises(InputError, match=r"cannot be read.*Cure"):
        read_truth(cube, "2023-02-28", BANDS, "reflectance")
    with pytest.raises(InputError, match="cannot be read"):
        read_truth(cube.with_name("none.nc"), "2023-02-28", BANDS, "reflectance")
