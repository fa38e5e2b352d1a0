"""Every closed-form method on two real data sets; see real_pairs.py for the table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import real_pairs
from benchmarks.evidence import evidence, ideal, reason
from benchmarks.method_runs import Scene, all_runs, pick, predict_all, shared_pixels, unchanged
from benchmarks.pair_data import CELL, IRRIGATION, KRANJ, irrigation, kranj, native_cells, read_images, targets
from factory import days, make_grid
from stfuse.grid import coarser, degrade, regrid
from stfuse.needs import Needs
from stfuse.task import Series

FUSING = [run for run in all_runs() if not run.trivial]
needs_irrigation = pytest.mark.skipif(not IRRIGATION.exists(), reason=f"{IRRIGATION.parent.name} is not here")
needs_kranj = pytest.mark.skipif(not KRANJ.exists(), reason=f"{KRANJ.name} is not here")


def rmse(values, truth, mask):
    return float(np.mean(np.sqrt(np.mean((values - truth)[:, mask].astype(float) ** 2, axis=1))))


def made_scene(drift=0.0, change=0.1, seed=0):
    """Two dates: the first half of the fields changes, the coarse images are means with a drift on the second date."""
    rng = np.random.default_rng(seed)
    grid = make_grid((40, 40), 30)
    before = np.kron(rng.uniform(0.1, 0.4, (2, 10, 10)), np.ones((4, 4))).astype(np.float32)
    after = before.copy()
    after[:, :20] += change
    fine = Series(np.stack([before, after]), days("2020-01-01", "2020-02-01"), ("red", "nir08"), grid)
    coarse = degrade(fine.values, grid, coarser(grid, 10)) + np.array([0, drift], np.float32)[:, None, None, None]
    return Scene("made", fine, Series(coarse, fine.dates, fine.bands, coarser(grid, 10)), 10.0)


def test_every_method_without_training_runs_with_each_choice_of_references():
    runs = all_runs()
    assert {"bilinear", "starfm_si"} <= {run.file for run in runs}
    assert len({str(run) for run in runs}) == len(runs)
    assert {run.name: run.trivial for run in runs}["bilinear"]
    assert not {run.name: run.trivial for run in runs}["starfm_si"]


def test_a_run_sees_neither_the_truth_nor_more_than_it_asks_for():
    scene = made_scene()
    for run in all_runs():
        task = scene.task(run, "2020-02-01")
        if task is not None:
            assert "2020-02-01" not in task.fine.dates.astype(str)
            assert len(task.coarse.dates) == run.needs.coarse + len(task.fine.dates) * run.needs.pairs


def test_only_dates_with_a_coarse_image_are_references_of_methods_that_need_pairs():
    scene = replace(made_scene(), references=("2020-01-01",))
    alone = replace(scene, coarse=pick(scene.coarse, ["2020-02-01"]))
    pairs = [alone.chosen(Needs(references="nearest", pairs=p), "2020-02-01") for p in (True, False)]
    assert pairs == [None, ("2020-01-01",)]
    assert scene.chosen(Needs(references="nearest", pairs=True), "2020-02-01") == ("2020-01-01",)


def test_pixels_are_shared_by_all_images_but_those_that_are_mostly_missing():
    truth, part, hardly = (np.ones((2, 4, 4), np.float32) for _ in range(3))
    truth[0, 0, 0] = part[1, 1, 1] = np.nan
    hardly[:, 1:] = np.nan
    shared = shared_pixels(truth, [part, hardly])
    assert shared.sum() == 14
    assert not shared[0, 0] and not shared[1, 1]


def test_evidence_of_perfect_coarse_images_finds_no_fault_with_them():
    scene = made_scene()
    found = evidence(scene, "2020-02-01", "2020-01-01", np.ones((40, 40), bool))
    assert (found.cells, found.whole_cells) == (16, 16)
    assert found.change == pytest.approx(0.1 * np.sqrt(0.5), abs=1e-6)
    assert found.inside == pytest.approx(0, abs=1e-6)  # the changed half is made of whole coarse pixels
    assert found.agreement == pytest.approx(1, abs=1e-6)
    assert found.drift < 1e-6 and found.bias < 1e-6


def test_evidence_sees_a_coarse_sensor_that_drifts():
    found = evidence(made_scene(drift=0.02), "2020-02-01", "2020-01-01", np.ones((40, 40), bool))
    assert found.drift == pytest.approx(0.02, abs=1e-6)
    assert found.bias < 1e-6


def test_ideal_coarse_images_are_means_of_the_fine_ones():
    scene = made_scene(drift=0.05)
    np.testing.assert_allclose(ideal(scene).coarse.values, made_scene().coarse.values, atol=1e-6)


def test_what_would_win_with_better_coarse_images_says_why_it_loses():
    found = [evidence(made_scene(0.02), "2020-02-01", "2020-01-01", np.ones((40, 40), bool))]
    assert "the coarse sensor is why" in reason("bilinear", 0.02, 0.01, 0.01, found)
    assert "too large coarse pixels are why" in reason("bilinear", 0.02, 0.03, 0.01, found)
    assert "the change itself is why" in reason("bilinear", 0.02, 0.03, 0.03, found)


def test_ideal_coarse_pixels_may_be_smaller():
    small = ideal(made_scene(), 2.0)
    assert (small.coarse.values.shape[-2:], small.ratio) == ((8, 8), 5.0)
    np.testing.assert_allclose(small.coarse.values[0, 0, 0, 0], small.fine.values[0, 0, :5, :5].mean(), rtol=1e-5)


def test_a_run_is_measured_against_the_best_trivial_prediction():
    found = real_pairs.verdict(0.03, {"bilinear": 0.04, "unchanged": 0.05}, (0.02, 0.02), [])
    assert (found["best_trivial"], found["beats_trivial"]) == ("bilinear", "yes")
    known = [evidence(made_scene(), "2020-02-01", "2020-01-01", np.ones((40, 40), bool))]
    lost = real_pairs.verdict(0.045, {"bilinear": 0.04, "unchanged": 0.05}, (0.02, 0.02), known)
    assert lost["beats_trivial"] == "no"
    assert "bilinear has 0.0400" in str(lost["why_not"])


def test_cells_are_had_back_from_their_bilinear_interpolation():
    grid = make_grid((44, 45), 30)
    cells, small = native_cells(np.zeros((1, 1, 44, 45), np.float32), grid)
    drawn = np.random.default_rng(0).uniform(0, 0.5, cells.shape).astype(np.float32)
    found, again = native_cells(regrid(drawn, small, grid, "bilinear"), grid)
    assert again == small
    near = found - drawn
    assert np.abs(near[..., 1:-1, 1:-1]).max() < 1e-4  # the outer ones weigh next to nothing in the scene
    np.testing.assert_allclose(
        regrid(found, small, grid, "bilinear"), regrid(drawn, small, grid, "bilinear"), atol=1e-6
    )


@needs_kranj
def test_modis_images_of_kranj_are_interpolated_from_cells_of_463_m():
    scene = kranj()
    delivered, _, _ = read_images("modis_filled", 1.0)
    up = regrid(scene.coarse.values, scene.coarse.grid, scene.fine.grid, "bilinear")
    assert np.abs(up - delivered).max() < 1e-6
    assert scene.coarse.grid.resolution.x == pytest.approx(CELL)
    assert scene.coarse.values.min() > 0 and scene.coarse.values.max() < 0.5


@needs_kranj
@pytest.mark.parametrize("run", FUSING, ids=str)
def test_no_method_is_led_astray_by_real_modis_images(run):
    """On 16 coarse pixels, most of them cut, none can shine; which trivial predictions it beats, the table says."""
    scene = kranj()
    for target in targets(scene):
        task, truth = scene.task(run, target), scene.truth(target)
        assert task is not None
        values = run.predict(task)
        seen = np.isfinite(truth).all(axis=0)
        assert np.isfinite(values[:, seen]).all(axis=0).mean() > 0.9
        coarse = pick(scene.coarse, [target])
        smooth = regrid(coarse.values[0], coarse.grid, scene.fine.grid, "bilinear")
        mask = shared_pixels(truth, [values])
        assert rmse(values, truth, mask) < 1.1 * rmse(smooth, truth, mask)


@needs_irrigation
@pytest.mark.parametrize("run", [run for run in FUSING if run.needs.references != "bracketing"], ids=str)
def test_every_method_beats_both_halves_of_its_inputs_on_irrigated_fields(run):
    """Strong change, perfect coarse images: what fusion is for. A part of the scene, 12 x 12 coarse pixels."""
    whole = irrigation()
    fine = Series(whole.fine.values[..., :240, :240], whole.fine.dates, whole.fine.bands, whole.fine.grid[:240, :240])
    small = whole.coarse.grid[:12, :12]
    coarse = Series(whole.coarse.values[..., :12, :12], whole.coarse.dates, whole.coarse.bands, small)
    scene = replace(whole, fine=fine, coarse=coarse)
    (target,) = targets(scene)
    task, truth = scene.task(run, target), scene.truth(target)
    assert task is not None
    values = run.predict(task)
    assert np.isfinite(values).all()
    everywhere = np.ones(truth.shape[1:], bool)
    bilinear = regrid(coarse.values[1], small, fine.grid, "bilinear")
    least = min(rmse(unchanged(scene, target), truth, everywhere), rmse(bilinear, truth, everywhere))
    assert rmse(values, truth, everywhere) < 0.97 * least


@needs_kranj
def test_the_command_writes_table_reasons_and_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(real_pairs, "scenes", lambda: [kranj()])
    monkeypatch.setattr(real_pairs, "targets", lambda scene: ["2020-03-17"])
    monkeypatch.setattr("sys.argv", ["real_pairs.py", "--out", str(tmp_path)])
    real_pairs.main()
    table = pd.read_csv(tmp_path / "real_pairs.csv")
    assert set(table["method"]) == {"reference unchanged"} | set(predict_all(kranj(), "2020-03-17", all_runs()))
    scored = table[table["rmse"].notna()]
    assert (scored.groupby("target")["pixels"].nunique() == 1).all()
    lost = table[table["beats_trivial"] == "no"]
    assert lost["why_not"].notna().all()
    assert (tmp_path / "real_pairs.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "real_pairs.txt").read_text() == capsys.readouterr().out


def test_without_data_the_command_says_what_to_do(monkeypatch):
    monkeypatch.setattr(real_pairs, "scenes", list)
    monkeypatch.setattr("sys.argv", ["real_pairs.py"])
    with pytest.raises(SystemExit, match="Cure"):
        real_pairs.main()
