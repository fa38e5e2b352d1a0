"""The scripts of gap experiments on small series in files: nothing scored is learned from, nothing hidden is seen."""

import csv
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scripts.fused_filling as filling
import scripts.scores_filling as scores
from scripts.fused_left_out import leave_dates_out
from scripts.model_filling import train
from small_series import SmallSample, make_series, true_ndvi
from stfuse.cube import Layer, read_cube, write_cube
from stfuse.errors import InputError
from stfuse.filling.calibration import CALIBRATE, SCORE, ground, read_errors
from stfuse.filling.files import SeriesFiles
from stfuse.filling.pixels import PixelStore, write_pixels
from stfuse.methods import gaussian_process
from stfuse.raster import write_image
from stfuse.state import load_state, read_meta
from stfuse.summary import as_score, summarise
from stfuse.task import EVERYWHERE
from task_files import grid_entry, write_series

BANDS = ["red", "nir"]
TEMPORAL = {"name": "temporal", "file": "temporal", "settings": {}}
PROCESS = {"name": "process", "file": "gaussian_process", "settings": {"series": 20, "values": 10}}
WEEKLY = {"name": "weekly", "file": "hgbrt", "settings": {"rows": 500}}
SHAPE, LATTICE = (36, 40), 2
LABELS = {"experiment": "gaps", "site": "here", "method": "m", "seed": "0"}


@pytest.fixture(scope="module")
def sample():
    return make_series(SHAPE, days=240)


@pytest.fixture(scope="module")
def store(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "pixels" / "gaps" / "here.zarr"
    write_pixels(path, sample, LATTICE)
    return path


def changed(sample, where, path):
    """The same data set, other values at the given (time, y, x)."""
    values = sample.task.fine.values.copy()
    values[np.broadcast_to(where[:, None], values.shape)] *= -0.4
    write_pixels(path, SmallSample(replace(sample.task, fine=replace(sample.task.fine, values=values))), LATTICE)
    return path


def learned(folder, store, method, scored=False, until=None, **others):
    """Files of a training: state, curve, errors."""
    files = [folder / f"seed0{ending}" for ending in (".npz", ".csv", "_errors.csv")]
    train([{"store": store, "scored": scored}], method, BANDS, "ndvi", until, 2 / 3, 0, *files, **others)
    return files


def scored(folder, store, method, state, errors, after=None, apart=False, known=None, **others):
    """Rows of the scores, and of the gap lengths."""
    out = folder / "rows.csv", folder / "gaps.csv"
    about = method, BANDS, "ndvi", state, errors, known, LABELS
    scores.score_filling(store, *about, 2 / 3, after, apart, *out, **others)
    return [list(csv.DictReader(path.open(newline=""))) for path in out]


def value(rows, metric, stratum="all", truth="observed"):
    (row,) = [r for r in rows if (r["metric"], r["stratum"], r["truth"]) == (metric, stratum, truth)]
    return float(row["value"])


def off_lattice(part):
    """Ground of the lattice as pixels of the site, shape (1, y, x)."""
    full = np.zeros(SHAPE, bool)
    full[LATTICE // 2 :: LATTICE, LATTICE // 2 :: LATTICE] = part
    return full[None]


def test_a_closed_form_method_has_an_empty_state_and_errors_by_gap_length(store, tmp_path):
    state, curve, errors = learned(tmp_path, store, TEMPORAL)
    assert load_state(state, TEMPORAL, BANDS, "ndvi") == {} and read_meta(state)["scenes"] == []
    assert len(curve.read_text().splitlines()) == 1
    found = read_errors(errors)
    # Optical dates lie five days apart.
    assert found.n.sum() > 1000 and (found.n > 0).tolist() == [False, True, False, *[True] * 6]
    assert found.rmse[6] > found.rmse[1]


def test_what_is_scored_is_neither_learned_from_nor_calibrated_on(sample, store, tmp_path):
    parts = ground(PixelStore(store).grid.shape, True)
    everything = np.ones(len(sample.task.fine.dates), bool)[:, None, None]
    other = changed(sample, everything & off_lattice(parts == SCORE), tmp_path / "pixels/gaps/here.zarr")
    of_one = learned(tmp_path / "one", store, PROCESS, scored=True)
    of_other = learned(tmp_path / "other", other, PROCESS, scored=True)
    states = [load_state(files[0], PROCESS, BANDS, "ndvi") for files in (of_one, of_other)]
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name])
    assert of_one[2].read_text() == of_other[2].read_text()
    # That ground does count where nobody scores it.
    assert learned(tmp_path / "all", other, PROCESS)[2].read_text() != of_one[2].read_text()
    assert read_meta(of_one[0])["scenes"][0]["held_out"] is True


def test_a_checkpoint_belongs_to_the_data_set_that_it_learned_from(sample, tmp_path, monkeypatch):
    store, belongs = tmp_path / "pixels/gaps/here.zarr", []

    def begun(folder, belongs_, minutes):
        belongs.append(belongs_)
        return nullcontext()

    monkeypatch.setattr("stfuse.learning.fitting.resuming", begun)
    write_pixels(store, sample, LATTICE)
    for _ in range(2):
        learned(tmp_path, store, TEMPORAL)
    write_pixels(store, sample, LATTICE)
    learned(tmp_path, store, TEMPORAL)
    assert belongs[0] == belongs[1] != belongs[2]


def test_what_calibrates_is_not_learned_from(sample, store, tmp_path):
    parts = ground(PixelStore(store).grid.shape, False)
    everything = np.ones(len(sample.task.fine.dates), bool)[:, None, None]
    other = changed(sample, everything & off_lattice(parts == CALIBRATE), tmp_path / "pixels/gaps/here.zarr")
    of_one, of_other = learned(tmp_path / "one", store, PROCESS), learned(tmp_path / "other", other, PROCESS)
    states = [load_state(files[0], PROCESS, BANDS, "ndvi") for files in (of_one, of_other)]
    assert all(np.array_equal(array, states[1][name]) for name, array in states[0].items())
    assert of_one[2].read_text() != of_other[2].read_text()


def test_nothing_after_the_cut_is_learned_from_and_nothing_before_it_is_scored(sample, store, tmp_path):
    until = "2021-05-31"
    late = sample.task.fine.dates > np.datetime64(until)
    everywhere = np.ones((1, *SHAPE), bool)
    after = changed(sample, late[:, None, None] & everywhere, tmp_path / "after/pixels/gaps/here.zarr")
    before = changed(sample, ~late[:, None, None] & everywhere, tmp_path / "before/pixels/gaps/here.zarr")
    state, _, errors = learned(tmp_path / "one", store, PROCESS, until=until)
    other = learned(tmp_path / "other", after, PROCESS, until=until)
    assert errors.read_text() == other[2].read_text()
    assert state.read_bytes() == other[0].read_bytes()
    tables = [scored(tmp_path, path, PROCESS, state, errors, after=until) for path in (store, before, after)]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize(("apart", "after"), [(False, None), (True, None), (False, "2021-05-31")])
def test_a_state_that_learned_from_what_would_be_scored_is_refused(store, tmp_path, apart, after):
    state, _, errors = learned(tmp_path, store, PROCESS)
    with pytest.raises(InputError, match="learned from pixels/gaps/here"):
        scored(tmp_path, store, PROCESS, state, errors, after=after, apart=apart)


def test_only_held_out_ground_is_scored_where_a_method_learned_at_the_place(sample, store, tmp_path):
    state, _, errors = learned(tmp_path, store, PROCESS, scored=True)
    rows, _ = scored(tmp_path, store, PROCESS, state, errors, apart=True)
    held = (ground(PixelStore(store).grid.shape, True) == SCORE).sum()
    assert 0.9 * held < value(rows, "n_series") <= held
    # A closed-form method, whose scores stand beside these, is scored on the same values.
    state, _, errors = learned(tmp_path / "closed", store, TEMPORAL, scored=True)
    others, _ = scored(tmp_path, store, TEMPORAL, state, errors, apart=True)
    for metric in ("n_series", "truth_mean", "truth_sd"):
        assert value(rows, metric) == value(others, metric)
        assert value(rows, metric, "gap 5-9") == value(others, metric, "gap 5-9")


def test_scores_are_a_table_of_scores_and_gap_lengths_add_up(store, tmp_path):
    state, _, errors = learned(tmp_path, store, TEMPORAL)
    rows, gaps = scored(tmp_path, store, TEMPORAL, state, errors)
    assert {row["stratum"] for row in rows} == {"all", "gap <5", "gap 5-9", "gap 10-14", "gap 15-19", "gap >=20"}
    assert {row["date"] for row in rows} == {""} and {row["band"] for row in rows} == {"ndvi"}
    (n,) = {row["n"] for row in rows if row["metric"] == "mae" and row["stratum"] == "all"}
    assert sum(int(row["n"]) for row in gaps) == int(n) > 3000
    assert 0.8 < value(rows, "coverage90") < 0.98
    assert value(rows, "mae", "gap 5-9") < value(rows, "mae", "gap >=20")
    lines = {line["metric"]: line for line in summarise(map(as_score, rows))}
    assert lines["mae"]["value"] == pytest.approx(value(rows, "mae"), rel=1e-6) and lines["covered"]["value"] == 1


def test_the_same_scores_come_of_several_threads(store, tmp_path):
    state, _, errors = learned(tmp_path / "two", store, TEMPORAL, threads=2)
    assert errors.read_text() == learned(tmp_path / "one", store, TEMPORAL)[2].read_text()
    one = scored(tmp_path, store, TEMPORAL, state, errors)
    assert one == scored(tmp_path, store, TEMPORAL, state, errors, threads=2)


def test_a_method_of_weeks_has_no_gap_classes(store, tmp_path):
    state, _, errors = learned(tmp_path, store, WEEKLY, scored=True)
    rows, _ = scored(tmp_path, store, WEEKLY, state, errors, apart=True)
    assert {row["stratum"] for row in rows} == {"all"}


def test_a_simulated_truth_is_read_on_the_lattice(sample, store, tmp_path, monkeypatch):
    def read_truth(path, date, bands, variable, resolution):
        assert (path, bands, variable, resolution) == (tmp_path / "truth.nc", BANDS, "ndvi", 10)
        return true_ndvi(SHAPE, np.array([date]))

    monkeypatch.setattr(scores, "read_truth", read_truth)
    state, _, errors = learned(tmp_path, store, TEMPORAL)
    rows, _ = scored(tmp_path, store, TEMPORAL, state, errors, known=tmp_path / "truth.nc")
    # What is filled is off the observed by the observation's noise as well.
    expected = value(rows, "rmse") ** 2 - 0.01**2
    assert value(rows, "rmse", truth="known") ** 2 == pytest.approx(expected, rel=0.05)


@pytest.fixture(scope="module")
def files(sample, tmp_path_factory):
    """The same series as images and a cube."""
    folder, task = tmp_path_factory.mktemp("images"), sample.task
    paths = []
    for date, ndvi in zip(task.fine.dates, task.fine.values[:, 0], strict=True):
        paths.append(str(folder / f"{date}.tif"))
        write_image(paths[-1], np.stack([0.25 * (1 - ndvi), 0.25 * (1 + ndvi)]), BANDS, task.fine.grid)
    guide = folder / "guide.nc"
    layers = {"ndvi": Layer(task.coarse.values[:, 0], "time", "NDVI", packed=True)}
    write_cube(guide, layers, {"time": task.coarse.dates}, task.fine.grid, {})
    both = sorted({*map(str, task.fine.dates), *map(str, task.coarse.dates)})
    entry = grid_entry(task.fine.grid)
    return {
        "dates": both, "fine": paths, "guides": {"sar": [str(guide)]},
        "aux": {"sar": write_series(folder / "sar", task.aux["sar"])},
        "aux_bands": {"sar": ["vv", "vh"]}, "grids": {"fine": entry, "aux": {"sar": entry}},
    }  # fmt: skip


def test_every_date_of_any_sensor_is_filled_with_an_uncertainty(files, store, sample, tmp_path, monkeypatch):
    state, _, errors = learned(tmp_path, store, PROCESS)
    filling.fill(files, PROCESS, BANDS, "ndvi", state, errors, tmp_path / "whole.nc")
    cube = read_cube(tmp_path / "whole.nc", ["ndvi", "uncertainty"])
    assert list(map(str, cube.dates["time"])) == files["dates"] and cube.grid == sample.task.fine.grid
    ndvi, sigma = cube.values["ndvi"], cube.values["uncertainty"]
    task = SeriesFiles(files, BANDS).crop(EVERYWHERE)
    params = gaussian_process.Params(series=20, values=10)
    expected = gaussian_process.predict(task, load_state(state, PROCESS, BANDS, "ndvi"), params)[:, 0]
    np.testing.assert_allclose(ndvi, expected, atol=6e-5)
    assert (np.isfinite(sigma) == np.isfinite(ndvi)).all()
    observed = np.isin(cube.dates["time"], sample.task.fine.dates)
    seen = np.zeros(ndvi.shape, bool)
    seen[observed] = np.isfinite(sample.task.fine.values[:, 0])
    assert np.nanmax(sigma[seen]) == np.nanmin(sigma) < np.nanmean(sigma[~seen])
    monkeypatch.setattr(filling, "window_side", lambda sample: 16)
    filling.fill(files, PROCESS, BANDS, "ndvi", state, errors, tmp_path / "windows.nc", threads=2)
    windows = read_cube(tmp_path / "windows.nc", ["ndvi", "uncertainty"])
    for name, values in cube.values.items():
        np.testing.assert_array_equal(windows.values[name], values)


def test_dates_left_out_are_shown_beside_what_was_observed(files, store, sample, tmp_path):
    state, _, errors = learned(tmp_path, store, TEMPORAL)
    show = {"row": 0.25, "strip": {"row": 0.9, "column": 0.1, "side": 12, "dates": 4}}
    out = tmp_path / "left_out.nc", tmp_path / "strip.nc"
    leave_dates_out(files, show, TEMPORAL, BANDS, "ndvi", state, errors, *out)
    names = ["observed", "ndvi", "uncertainty"]
    row, strip = (read_cube(path, names) for path in out)
    grid = sample.task.fine.grid
    assert row.grid == grid[9:10, :] and strip.grid == grid[24:36, 0:12] and len(strip.dates["time"]) == 4
    observed = sample.task.fine.values[:, 0, 9:10]
    any_seen = np.isfinite(observed).any(axis=(1, 2))
    np.testing.assert_array_equal(row.dates["time"], sample.task.fine.dates[any_seen])
    np.testing.assert_allclose(row.values["observed"], observed[any_seen], atol=1e-3)
    error = np.abs(row.values["ndvi"] - row.values["observed"])
    # Near the observation, and yet not it.
    assert 0.005 < np.nanmedian(error) < 0.1


def test_dates_that_were_learned_from_are_neither_shown_nor_predicted_from(files, store, sample, tmp_path):
    until = "2021-05-31"
    state, _, errors = learned(tmp_path, store, PROCESS, until=until)
    show = {"strip": {"side": 12, "dates": 4}}
    # As if nothing had been seen before the cut.
    new = files | {"fine": [path for path in files["fine"] if Path(path).stem > until]}
    found = []
    for name, given in (("all", files), ("new", new)):
        out = [tmp_path / f"{name}_{what}.nc" for what in ("left_out", "strip")]
        leave_dates_out(given, show, PROCESS, BANDS, "ndvi", state, errors, *out, after=until)
        found.append([read_cube(path, ["observed", "ndvi", "uncertainty"]) for path in out])
    for cube, same in zip(*found, strict=True):
        dates = cube.dates["time"]
        assert len(dates) >= 4 and (dates > np.datetime64(until)).all()
        for name, values in cube.values.items():
            np.testing.assert_array_equal(values, same.values[name])
    late = np.isfinite(sample.task.fine.values[:, 0, 18]).any(axis=1) & (sample.task.fine.dates > np.datetime64(until))
    np.testing.assert_array_equal(found[0][0].dates["time"], sample.task.fine.dates[late])


def test_windows_are_smaller_the_more_images_a_series_has():
    def side(dates):
        images = [f"{date}.tif" for date in range(dates)]
        given = {"dates": images, "fine": images, "aux": {"sar": images}, "aux_bands": {"sar": ["vv", "vh"]}}
        return filling.window_side(given)

    assert side(1) == side(300) == 256 and side(100_000) == 64
    sides = {dates: side(dates) for dates in range(300, 6000, 50)}
    assert [*sides.values()] == sorted(sides.values(), reverse=True) and {*sides.values()} == {256, 192, 128, 64}
    assert all(side == 64 or 4 * dates * side**2 <= filling.MOST for dates, side in sides.items())
