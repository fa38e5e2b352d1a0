"""Gap experiments through Snakemake, from nothing to tables: every filler, split by place, by time, and not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from stfuse.cube import Cube, read_cube
from stfuse.filling.calibration import read_errors
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.state import read_meta
from stfuse.truth import read_truth
from whole_runs import NOTHING, ROOT, jobs_of, rows, run_once, snakemake

pytestmark = pytest.mark.e2e

CONFIG = ["--configfile", str(ROOT / "tests/config/filling.yaml")]
FILLINGS = {
    name: yaml.safe_load((ROOT / f"tests/config/experiments/{name}.yaml").read_text())
    for name in ("filling_space", "filling_here", "filling_later")
}
RUNS = [(name, entry["sites"][0], method) for name, entry in FILLINGS.items() for method in entry["methods"]]
LAYERS = ["ndvi", "uncertainty"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of tests/config/filling.yaml."""
    return run_once(tmp_path_factory, "filling", *CONFIG)


@pytest.fixture(scope="module")
def results(run: Path) -> Path:
    return run / "results"


def filled(results: Path, name: str, site: str, method: str, ending: str = "", layers: list[str] = LAYERS) -> Cube:
    return read_cube(results / f"fused/{name}/{site}/{method}/seed0{ending}.nc", layers)


def dates(results: Path, site: str, *sensors: str) -> set[str]:
    """Dates of analysis-ready images."""
    return {path.stem for sensor in sensors for path in results.glob(f"ard/{site}/{sensor}/????-??-??.tif")}


def value(
    table: list[dict[str, str]], method: str, metric: str, stratum: str = "all", truth: str = "observed"
) -> float:
    wanted = {"method": method, "metric": metric, "stratum": stratum, "truth": truth}
    (found,) = [row["value"] for row in table if all(row[key] == word for key, word in wanted.items())]
    return float(found)


@pytest.mark.parametrize(("name", "site", "method"), RUNS)
def test_every_pixel_is_filled_on_every_date_of_any_sensor(results: Path, name: str, site: str, method: str) -> None:
    cube = filled(results, name, site, method)
    found = {str(date) for date in cube.dates["time"]}
    sensors = [FILLINGS[name]["fine"], *FILLINGS[name].get("aux", {}).values()]
    assert found <= dates(results, site, *sensors)
    assert len(found) > (15 if len(sensors) > 1 else 4)
    ndvi, sigma = (cube.values[layer] for layer in LAYERS)
    assert ndvi.shape[1:] == (64, 64) and np.isfinite(ndvi).mean() > 0.99
    assert (np.isfinite(sigma) == np.isfinite(ndvi)).all() and np.nanmin(sigma) > 0 and np.nanmax(sigma) < 0.6
    assert np.nanmin(ndvi) >= -1 and np.nanmax(ndvi) <= 1 and np.nanstd(ndvi) > 0.02
    assert cube.attrs["method"] == method and "settings" in cube.attrs


@pytest.mark.parametrize("method", ["temporal", "whittaker", "gaussian_process"])
def test_filled_values_are_near_the_truth(results: Path, method: str) -> None:
    cube = filled(results, "filling_space", "filling_east", method)
    away = []
    for date, image in zip(cube.dates["time"], cube.values["ndvi"], strict=True):
        truth = read_truth(results / "simulated/filling_east/truth.nc", date, ["red", "nir"], "ndvi", 10)[0]
        away.append(np.nanmean(np.abs(image - truth)))
    assert np.mean(away) < 0.12


def scores_of(results: Path, name: str) -> list[dict[str, str]]:
    """The scores of one experiment."""
    return [row for row in rows(results / "scores/all.csv") if row["experiment"] == name]


def test_every_method_is_scored_on_the_same_hidden_values(results: Path) -> None:
    for name, entry in FILLINGS.items():
        table = scores_of(results, name)
        assert {row["method"] for row in table} == set(entry["methods"])
        assert {row["truth"] for row in table} == {"observed", "known"}
        for metric in ("truth_mean", "truth_sd", "n_series"):
            for truth in ("observed", "known"):
                assert len({value(table, method, metric, truth=truth) for method in entry["methods"]}) == 1, (
                    name,
                    metric,
                )
        for method in entry["methods"]:
            assert 0.005 < value(table, method, "mae") < 0.3 and value(table, method, "covered") == 1
            assert 0.3 < value(table, method, "coverage90") <= 1


def test_gap_classes_hold_all_values_and_gap_lengths_are_counted(results: Path) -> None:
    folder = results / "scores/filling_space/filling_east/temporal"
    table = rows(folder / "seed0.csv")
    count = {row["stratum"]: int(row["n"]) for row in table if (row["metric"], row["truth"]) == ("mae", "observed")}
    assert sum(count[f"gap {name}"] for name in GAP_CLASSES) == count["all"] > 500
    assert sum(int(row["n"]) for row in rows(folder / "seed0_gaps.csv")) == count["all"]


def test_what_a_method_learned_at_a_scored_place_was_other_ground_or_other_dates(results: Path) -> None:
    (here,) = read_meta(results / "model/filling_here/filling_west/gaussian_process/seed0.npz")["scenes"]
    assert here["held_out"] is True and here["until"] is None
    apart, everywhere = (scores_of(results, name) for name in ("filling_here", "filling_space"))
    assert value(apart, "temporal", "n_series") < 0.3 * 32**2
    assert value(everywhere, "temporal", "n_series") > 0.9 * 21**2
    (later,) = read_meta(results / "model/filling_later/filling_west/gaussian_process/seed0.npz")["scenes"]
    assert later["until"] == "2023-06-05" and later["date"].split("/")[1] <= "2023-06-05"
    (space,) = read_meta(results / "model/filling_space/pooled/gru/seed0.npz")["scenes"]
    assert space["truth"] == "pixels/filling_space/filling_west"


def test_errors_are_known_by_gap_length(results: Path) -> None:
    for method in FILLINGS["filling_space"]["methods"]:
        errors = read_errors(results / f"model/filling_space/pooled/{method}/seed0_errors.csv")
        assert errors.n.sum() > 200 and np.nanmax(errors.rmse) < 0.6


def test_networks_learn_and_closed_form_methods_leave_the_head_of_a_curve(results: Path) -> None:
    folder = results / "model/filling_space/pooled"
    for method in ("gru", "gru_optical", "gru_backscatter"):
        curve = rows(folder / method / "seed0.csv")
        assert [row["epoch"] for row in curve] == ["0", "1", "2", "3"]
        assert float(curve[-1]["train_loss"]) > 0
    assert rows(folder / "temporal/seed0.csv") == []


@pytest.mark.parametrize(("name", "site", "method"), RUNS)
def test_dates_left_out_lie_beside_what_was_observed(results: Path, name: str, site: str, method: str) -> None:
    shown = FILLINGS[name]["show"]
    names = ["observed", *LAYERS]
    row = filled(results, name, site, method, "_left_out", names)
    strip = filled(results, name, site, method, "_strip", names)
    side, count = shown["strip"]["side"], shown["strip"]["dates"]
    assert row.grid.shape == (1, 64) and strip.grid.shape == (side, side) and len(strip.dates["time"]) == count
    for cube in (row, strip):
        assert (cube.dates["time"] > np.datetime64(FILLINGS[name].get("train_until", "2000-01-01"))).all()
        both = np.isfinite(cube.values["observed"]) & np.isfinite(cube.values["ndvi"])
        assert both.any()
        error = np.abs(cube.values["ndvi"] - cube.values["observed"])[both]
        # Predicted without that date: never the observation itself.
        assert 0.003 < np.median(error) < 0.4


def test_gap_scores_stand_with_the_others_in_one_table(results: Path) -> None:
    table, summary = rows(results / "scores/all.csv"), rows(results / "scores/summary.csv")
    assert {row["experiment"] for row in table} == {row["experiment"] for row in summary} == {*FILLINGS, "filling_sar"}
    of = ("filling_space", "mae", "observed")
    ranked = {r["method"]: r for r in summary if (r["experiment"], r["metric"], r["truth"]) == of}
    assert set(ranked) == set(FILLINGS["filling_space"]["methods"])
    assert ranked["temporal"]["covered"] == "1"


def test_tables_by_gap_length_come_of_it(results: Path) -> None:
    for name, entry in FILLINGS.items():
        overall = rows(results / f"tables/{name}/overall.csv")
        assert {row["method"] for row in overall} == set(entry["methods"])
        assert rows(results / f"tables/{name}/gaps.csv")
    assert (results / "report_filling.html").exists()


def test_a_second_run_has_nothing_to_do(run: Path) -> None:
    again = snakemake(run, *CONFIG)
    assert again.returncode == 0 and NOTHING in again.stdout + again.stderr


def test_another_setting_runs_only_that_method_again(run: Path) -> None:
    changed = snakemake(run, "--dry-run", *CONFIG, "--config", "methods={whittaker: {lam: 500}}")
    jobs = jobs_of(changed)
    made = ["train_filling", "fill", "fill_left_out", "score_filling"]
    assert changed.returncode == 0 and [jobs.count(job) for job in made] == [1, 1, 1, 1]
    assert not {"train", "fuse", "fuse_series", "prepare", "gather_pixels", "simulate"} & set(jobs)


def test_a_series_that_is_lost_is_filled_again_with_the_same_bits(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy", copy_function=shutil.copy2))
    cube = copy / "results/fused/filling_space/filling_east/gru/seed0.nc"
    before = read_cube(cube, LAYERS)
    cube.unlink()
    again = snakemake(copy, str(cube.relative_to(copy)), *CONFIG)
    assert again.returncode == 0, again.stdout + again.stderr
    assert jobs_of(again) == ["fill"]
    after = read_cube(cube, LAYERS)
    for layer in LAYERS:
        np.testing.assert_array_equal(after.values[layer], before.values[layer])
