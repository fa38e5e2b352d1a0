"""The data set of a gap experiment: what is read is what was written, in any window, and nothing beyond the dates."""

from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr  # noqa: F401
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import make_grid
from stfuse.crops import Whole
from stfuse.errors import InputError
from stfuse.filling import pixels_writer
from stfuse.filling.files import guided
from stfuse.filling.pixels import PixelStore, lattice_grid, write_pixels
from stfuse.task import EVERYWHERE, Series, Task

FIRST = np.datetime64("2020-01-01")
STEP = 5.1e-5
"""NDVI is stored in steps of 1e-4."""


def series(shape: tuple[int, int], bands: tuple[str, ...], dates: int, seed: int, scale: float = 1.0) -> Series:
    """Values of which a third is missing, on dates of their own."""
    rng, grid = np.random.default_rng(seed), make_grid(shape)
    values = (scale * rng.uniform(-1, 1, (dates, len(bands), *shape))).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    days = FIRST + np.sort(rng.choice(200, dates, replace=False)).astype("timedelta64[D]")
    return Series(values, days, bands, grid)


def task_of(shape: tuple[int, int] = (53, 48), guide: int = 12, sar: int = 7, seed: int = 0) -> Task:
    """Optical NDVI, a guide, another guide and backscatter."""
    fine = series(shape, ("ndvi",), 9, seed)
    guides = {"sar": series(shape, ("ndvi",), guide, seed + 1), "other": series(shape, ("ndvi",), 3, seed + 2)}
    aux = {"sar": series(shape, ("vv", "vh"), sar, seed + 3, 20.0)}
    return guided(fine, guides, aux, fine.dates)


def roles(task: Task) -> dict[str, Series]:
    return {"fine": task.fine, "coarse": task.coarse, **task.aux}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Task]:
    """A store of every second pixel, in several pieces; who damages it takes a copy."""
    path, task = tmp_path_factory.mktemp("pixels") / "here.zarr", task_of((150, 140))
    write_pixels(path, Whole(task), 2, {"site": "here"})
    return path, task


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    lattice=st.integers(1, 7),
    seed=st.integers(0, 99),
    guide=st.integers(0, 3),
    held=st.integers(1, 3000),
)
def test_what_is_read_is_every_so_manieth_pixel_of_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], lattice: int, seed: int, guide: int, held: int
) -> None:
    path, task = tmp_path_factory.mktemp("store") / "a.zarr", task_of(shape, guide, 2, seed)
    first = lattice // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels_writer, "PIECE", 3)
        patch.setattr(pixels_writer, "_HELD", held)  # strips of any height
        if min(shape) <= first:
            with pytest.raises(InputError, match=r"No pixel .* lattice"):
                write_pixels(path, Whole(task), lattice)
            return
        write_pixels(path, Whole(task), lattice)
    store = PixelStore(path)
    found = store.crop(EVERYWHERE)
    assert store.lattice == lattice and store.offset == (first, first) and store.site_grid == task.fine.grid
    assert set(roles(found)) == set(roles(task))
    for role, expected in roles(task).items():
        one = roles(found)[role]
        np.testing.assert_array_equal(one.dates, expected.dates)
        assert one.bands == expected.bands and one.values.dtype == np.float32
        exact = expected.values[..., first::lattice, first::lattice]
        np.testing.assert_allclose(one.values, exact, rtol=0, atol=STEP if "ndvi" in one.bands else 0)
    np.testing.assert_array_equal(store.truth(EVERYWHERE), found.fine.values)
    np.testing.assert_array_equal(found.dates, task.fine.dates)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_window_is_that_part_of_the_whole(stored: tuple[Path, Task], data: st.DataObject) -> None:
    store = PixelStore(stored[0])
    whole = store.crop(EVERYWHERE)
    window: Any = tuple(
        slice(start := data.draw(st.integers(0, n - 1)), data.draw(st.integers(start + 1, n))) for n in store.grid.shape
    )
    found = store.crop(window)
    for role, expected in roles(whole).items():
        np.testing.assert_array_equal(roles(found)[role].values, expected.values[..., *window])
        assert roles(found)[role].grid == store.grid[window]
    np.testing.assert_array_equal(store.truth(window), whole.fine.values[..., *window])


@given(until=st.integers(-5, 210), after=st.none() | st.integers(-5, 210))
@settings(max_examples=40, deadline=None)
def test_nothing_beyond_the_dates_is_there(stored: tuple[Path, Task], until: int, after: int | None) -> None:
    last, first = FIRST + until, None if after is None else FIRST + after
    store = PixelStore(stored[0], until=str(last), after=None if first is None else str(first))
    window, whole = (slice(3, 5), slice(60, 70)), PixelStore(stored[0])
    found, everything = roles(store.crop(window)), roles(whole.crop(window))
    for role, expected in everything.items():
        keep = (expected.dates <= last) & ((expected.dates > first) if first is not None else True)
        np.testing.assert_array_equal(found[role].dates, expected.dates[keep])
        np.testing.assert_array_equal(found[role].values, expected.values[keep])
    np.testing.assert_array_equal(store.dates, found["fine"].dates)
    assert store.truth(window).shape[0] == len(store.dates)


def test_the_lattice_lies_on_the_pixels_centres() -> None:
    for lattice in range(1, 7):
        grid = make_grid((40, 37))
        found, (row, column) = lattice_grid(grid, lattice)
        for r, c in ((0, 0), (found.shape[0] - 1, found.shape[1] - 1)):
            centre = found.affine @ (c + 0.5, r + 0.5)
            expected = grid.affine @ (column + lattice * c + 0.5, row + lattice * r + 0.5)
            np.testing.assert_allclose(centre, expected)
        assert found.affine.a == lattice * grid.affine.a


def test_xarray_opens_it_in_its_place_with_dates_and_missing_values(stored: tuple[Path, Task]) -> None:
    path, task = stored
    with xr.open_dataset(path, engine="zarr", consolidated=False, decode_coords="all") as data:
        assert data.odc.geobox == PixelStore(path).grid
        np.testing.assert_array_equal(data["time"].to_numpy().astype("datetime64[D]"), task.fine.dates)
        np.testing.assert_allclose(data["ndvi"], task.fine.values[:, 0, 1::2, 1::2], rtol=0, atol=STEP)
        np.testing.assert_array_equal(data["sar_vh"], task.aux["sar"].values[:, 1, 1::2, 1::2])
        assert data.attrs["site"] == "here"


def test_it_is_light_to_send_and_read_by_several_threads(stored: tuple[Path, Task]) -> None:
    store = PixelStore(stored[0], until="2020-05-01")
    store.crop((slice(0, 2), slice(0, 2)))
    sent = pickle.dumps(store)
    assert len(sent) < 500
    windows = [(slice(i, i + 9), slice(j, j + 9)) for i in range(0, 60, 7) for j in range(0, 60, 7)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(pickle.loads(sent).truth, windows))
    for window, values in zip(windows, found, strict=True):
        np.testing.assert_array_equal(values, store.truth(window))


@pytest.mark.parametrize("damage", ["piece lost", "piece cut", "array lost", "head lost", "all lost"])
def test_a_missing_or_damaged_store_says_what_to_do(stored: tuple[Path, Task], tmp_path: Path, damage: str) -> None:
    path = Path(shutil.copytree(stored[0], tmp_path / "copy.zarr"))
    piece = path / "ndvi/c/0/1/1"
    if damage == "piece lost":
        piece.unlink()
    elif damage == "piece cut":
        piece.write_bytes(piece.read_bytes()[:20])
    elif damage == "array lost":
        shutil.rmtree(path / "sar_vv")
    elif damage == "head lost":
        (path / "zarr.json").unlink()
    else:
        shutil.rmtree(path)
    with pytest.raises(InputError, match=r"copy\.zarr.*Cure: delete the folder and run again"):
        PixelStore(path).truth(EVERYWHERE)


def test_a_store_that_is_made_anew_is_read_anew(tmp_path: Path) -> None:
    path, task = tmp_path / "a.zarr", task_of((12, 12))
    write_pixels(path, Whole(task), 2)
    before = PixelStore(path).truth(EVERYWHERE)
    write_pixels(path, Whole(task_of((12, 12), seed=50)), 3)
    assert PixelStore(path).truth(EVERYWHERE).shape != before.shape


def test_a_failure_leaves_no_store_and_no_remains(tmp_path: Path) -> None:
    task = task_of((12, 12))

    class Failing(Whole):
        def crop(self, window: Any) -> Task:
            if window[0].stop > 1:
                raise InputError("an image is damaged", "mend it")
            return super().crop(window)

    with pytest.raises(InputError, match="damaged"):
        write_pixels(tmp_path / "a.zarr", Failing(task), 2)
    assert list(tmp_path.iterdir()) == []


def test_without_an_optical_image_there_is_nothing_to_gather(tmp_path: Path) -> None:
    task = task_of((12, 12))
    empty = Series(task.fine.values[:0], task.fine.dates[:0], ("ndvi",), task.fine.grid)
    with pytest.raises(InputError, match="no optical image"):
        write_pixels(tmp_path / "a.zarr", Whole(replace(task, fine=empty)), 2)
