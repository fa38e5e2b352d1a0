"""The benchmarks: their land, what is measured and left out, the table, the figure and the tile's checks."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import methods, one_run, tile
from benchmarks.curves import PUBLIC, RATE, along, figure_of, names_of
from benchmarks.land import Land
from benchmarks.methods import Run, base_of, child, expected, machine, measured, own_window, plan
from stfuse import crops
from stfuse.grid import degrade_inside
from stfuse.methods import load
from stfuse.needs import Needs
from stfuse.plots import to_png
from stfuse.raster import read_image, write_image

ALL = Needs(references="all", pairs=True, aux=("pan", "sar"))
MACHINE = {"processor": "P", "cores": 2, "memory_gb": 8.0, "system": "S", "python": "3", "date": "2026-01-01"}
SMALL = {"sizes": [64, 2048, 256], "windows": [15, 51], "bands": [3, 1], "ratios": [3, 16], "threads": [1, 2]}


def asked(*methods: str, **more: Any) -> argparse.Namespace:
    given = {"methods": list(methods), "repeats": 3, "limit": 100.0, "budget": math.inf, **SMALL}
    return argparse.Namespace(**(given | more))


@pytest.mark.parametrize("ratio", [3, 4])
def test_a_part_of_the_land_has_the_values_of_the_whole(ratio: int) -> None:
    land = Land(401, 2, ratio, ALL, "all")
    whole = land.whole()
    assert whole.fine.values.shape == (4, 2, 401, 401) and len(whole.coarse.dates) == 5
    assert whole.aux["sar"].bands == ("vv", "vh")
    for window in ((slice(0, 401), slice(300, 401)), (slice(97, 230), slice(33, 34)), (slice(399, 401), slice(0, 50))):
        part, cut = land.crop(window), crops.crop(whole, window)
        for one, other in ((part.fine, cut.fine), (part.coarse, cut.coarse), (part.aux["pan"], cut.aux["pan"])):
            np.testing.assert_array_equal(one.values, other.values)
            assert one.grid == other.grid and (one.dates == other.dates).all()


def test_coarse_images_are_means_and_all_images_have_clouds_fields_and_steps_of_storage() -> None:
    task = Land(400, 3, 3, Needs(references="nearest", pairs=True), "nearest").whole()
    fine, of_date = task.fine.values[0], task.coarse.values[task.coarse.nearest(task.fine.dates[0])]
    means = degrade_inside(fine, task.fine.grid, task.coarse.grid)
    both = np.isfinite(means) & np.isfinite(of_date)
    assert both.mean() > 0.5 and (np.isfinite(means) != np.isfinite(of_date)).mean() < 1e-3
    np.testing.assert_allclose(of_date[both], means[both], rtol=0, atol=5.1e-5)
    assert 0.5 < np.isfinite(fine).mean() < 0.99
    assert np.nanmin(fine) > 0 and np.nanmax(fine) < 0.8
    steps = fine[np.isfinite(fine)] / np.float32(1e-4)
    np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=2e-3)
    now = task.coarse.values[task.coarse.nearest(task.dates[0])]
    assert np.nanmean(np.abs(now - of_date)) > 0.01  # the season changes something
    assert np.nanstd(fine[1]) > 0.05


def test_there_are_the_images_that_a_method_needs_and_no_others() -> None:
    task = Land(60, 1, 3, Needs(references="bracketing", coarse=False), "bracketing").whole()
    assert len(task.fine.dates) == 2 and not len(task.coarse.dates) and not task.aux
    assert task.fine.dates[0] < task.dates[0] < task.fine.dates[1]
    task = Land(60, 1, 3, Needs(), "none").whole()
    assert not len(task.fine.dates) and (task.coarse.dates == task.dates).all()


def test_inputs_are_read_as_they_are(tmp_path: Path) -> None:
    land = Land(100, 2, 3, ALL, "bracketing")
    one_run.write_inputs(land, tmp_path, step=17)
    read, whole = one_run.read_inputs(land, tmp_path), land.whole()
    for one, other in ((read.fine, whole.fine), (read.coarse, whole.coarse), (read.aux["pan"], whole.aux["pan"])):
        np.testing.assert_array_equal(one.values, other.values)
        assert one.grid == other.grid and (one.dates == other.dates).all()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone forgets")
def test_the_peak_counts_from_where_it_was_forgotten() -> None:
    big = np.ones(20_000_000)
    assert one_run.peak() > one_run.resident() - 5 > 160
    before = one_run.resident()
    del big
    one_run.forget_peak()
    assert one_run.peak() < before - 100


def test_one_thing_at_a_time_is_changed_from_the_base() -> None:
    options = asked("starfm_si", "temporal")
    runs = plan(options)
    assert len(set(runs)) == len(runs)
    for name in options.methods:
        base = base_of(name, options)
        assert base in runs and (base.size, base.bands, base.ratio, base.threads) == (256, 3, 3, 1)
        for run in (r for r in runs if r.file == name):
            different = [k for k, v in vars(run).items() if v != getattr(base, k)]
            assert len(different) <= 1 or different == ["references", "window"]
        for what, values in (("size", {64, 256, 2048}), ("bands", {1, 3}), ("ratio", {3, 16}), ("threads", {1, 2})):
            assert {getattr(r, what) for r in runs if r.file == name} == values
    assert {r.window for r in runs if r.file == "starfm_si"} == {None, 15, 51}
    assert {r.window for r in runs if r.file == "temporal"} == {None}
    needs = load("temporal").NEEDS
    assert {r.references for r in runs if r.file == "temporal"} == {needs.references, *needs.also}
    # Each scene is made once: its measurements follow each other.
    scenes = [(r.size, r.bands, r.ratio) for r in runs]
    assert len([s for i, s in enumerate(scenes) if i == 0 or s != scenes[i - 1]]) == len(set(scenes))


def test_a_window_counts_only_in_fine_pixels() -> None:
    params = load("starfm_si").Params

    def method(halo: Any) -> Any:
        return SimpleNamespace(Params=params, halo=halo)

    assert own_window(load("starfm_si")) == params().window
    assert own_window(method(lambda p: 2 * (p.window // 2))) == params().window
    assert own_window(load("bilinear")) is None  # has none
    assert own_window(method(lambda p: 2)) is None  # its halo does not follow: coarse pixels
    assert own_window(method(lambda p: None)) is None


def row(run: Run, seconds: float | None) -> dict[str, Any]:
    return methods.row_of(run, False, {"seconds": seconds})


def test_times_are_expected_from_what_is_most_like() -> None:
    run = Run("starfm_si", "nearest", 256, 3, 3, 1)
    own = own_window(load("starfm_si"))
    assert own
    known = [row(run, 1.0), row(replace(run, size=512), 5.0), row(replace(run, size=1024), None)]
    assert expected(replace(run, file="temporal"), known) is None
    assert expected(replace(run, size=2048), known) == pytest.approx(5.0 * 16)
    assert expected(replace(run, size=128), known) == pytest.approx(0.25)
    assert expected(replace(run, window=own + 20), known) == pytest.approx(((own + 20) / own) ** 2)
    assert json.loads(row(replace(run, window=51), 1.0)["settings"]) == {"window": 51}
    assert row(run, 2.0)[RATE] == 3 * 256**2 / 2


def test_what_takes_too_long_is_left_out_and_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(run: Run, folder: Path, compiled: object, options: object) -> dict[str, Any]:
        if run.ratio == 16:
            return {"left_out": "failed: no"}
        return {"seconds": run.band_pixels / 1e4, "peak_mb": 1.0, "own_mb": 1.0}

    monkeypatch.setattr(methods, "run_one", fake)
    rows: list[dict[str, Any]] = []
    lines = list(measured(plan(asked("bilinear")), asked("bilinear"), rows))
    assert len(lines) == len(rows) == 6
    table = pd.DataFrame(rows).sort_values("size")
    late, failed = table[table["size"] == 2048].iloc[0], table[table["ratio"] == 16].iloc[0]
    assert "limit is 100 s" in late["left_out"] and late[["seconds", RATE, "own_mb"]].isna().all()
    assert failed["left_out"] == "failed: no" and pd.isna(failed["seconds"])
    assert table["base"].sum() == 1
    assert any("left out" in line for line in lines) and "min left" in lines[0]
    rows.clear()
    list(measured(plan(asked("bilinear")), asked("bilinear", budget=0.0), rows))
    assert all("budget" in r["left_out"] for r in rows)


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    request = {"file": "bilinear", "settings": {"nope": 1}, "references": "none", "bands": 1, "ratio": 3, "threads": 1}
    assert "nope" in child(request, tmp_path)["left_out"]


def test_the_command_writes_table_figure_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "bench --methods bilinear --sizes 100 --bands 2 --threads 1 --ratios 3 --repeats 2 --out"
    monkeypatch.setattr(sys, "argv", [*words.split(), str(tmp_path)])
    assert methods.main() == 0
    (found,) = pd.read_csv(tmp_path / "methods.csv").to_dict("records")
    assert (found["method"], found["size"], found["bands"], found["repeats"], found["base"]) == (
        "bilinear",
        100,
        2,
        2,
        1,
    )
    assert found[RATE] == pytest.approx(2 * 100**2 / found["seconds"], rel=1e-4)
    assert 0 < found["seconds_min"] <= found["seconds"] and found["finite"] > 0.5
    assert 0 < found["cpu_seconds"] < 10
    assert 0 <= found["own_mb"] < found["peak_mb"] and found["compile_s"] >= 0 and found["load_s"] >= 0
    assert (tmp_path / "methods.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "machine.json").read_text()) == machine()


def test_the_machine_is_described() -> None:
    found = machine()
    assert found["processor"] and found["cores"] >= 1 and found["memory_gb"] > 0.1
    assert found["python"] == ".".join(map(str, sys.version_info[:3])) and found["numpy"] == np.__version__


def made_up_table() -> pd.DataFrame:
    options = asked("bilinear", "starfm_si", "temporal")
    rows = []
    for number, run in enumerate(plan(options)):
        seconds = None if run.size == 2048 and run.file == "starfm_si" else run.band_pixels / (1e6 + 1e4 * number)
        found = {"seconds": seconds, "own_mb": 5.0, "repeats": 3, "left_out": None if seconds else "too long"}
        rows.append(methods.row_of(run, run == base_of(run.file, options), found))
    return pd.DataFrame(rows)


def test_curves_hold_what_was_measured_along_one_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    table = made_up_table()
    monkeypatch.setitem(PUBLIC, "starfm_si", (37e3, "window", 51))
    assert set(names_of(table)) == {"bilinear", "starfm_si", "temporal"}
    assert along(table, "starfm_si", "size")["size"].tolist() == [64, 256]
    assert along(table, "bilinear", "size")["size"].tolist() == [64, 256, 2048]
    assert along(table, "bilinear", "window").empty and len(along(table, "bilinear", "method")) == 1
    widths = along(table, "starfm_si", "window")["window"].tolist()
    assert widths == sorted({15, 51, own_window(load("starfm_si"))})
    figure = figure_of(table, MACHINE)
    axes = {a.get_title(loc="left"): a for a in figure.axes}
    assert len(axes) == 6
    window = axes["rate over window"]
    assert [list(line.get_xdata()) for line in window.lines] == [widths, [51]]
    assert window.lines[-1].get_ydata()[0] == 37e3
    assert len(axes["speed-up with 2 threads"].patches) == 3
    words = " ".join(t.get_text() for t in figure.texts)
    assert "256 x 256" in words and "P, 2 cores, 8 GB" in words and "Left out as too long or failed: 1" in words
    assert to_png(figure).startswith(b"\x89PNG")


def test_a_tile_goes_through_the_stage_and_a_changed_pixel_is_noticed(tmp_path: Path) -> None:
    options = argparse.Namespace(method="temporal", threads=1, size=130, bands=2, ratio=4)
    found = tile.measure(options, tmp_path)
    assert found["windows_checked"] == 5 and found["finite"] > 0.5 and found["peak_mb"] > 20
    assert found[RATE] == pytest.approx(2 * 130**2 / found["seconds"])
    needs = load("temporal").NEEDS
    land = Land(130, 2, 4, needs, needs.references)
    values, bands, grid = read_image(tmp_path / "temporal.tif")
    y, x = np.argwhere(np.isfinite(values[1]))[1000]
    values[1, y, x] += np.float32(1.1e-4)
    write_image(tmp_path / "wrong.tif", values, bands, grid)
    with pytest.raises(SystemExit, match="differs"):
        tile.check_windows(tmp_path / "wrong.tif", "temporal", land, side=130)
    with pytest.raises(SystemExit, match="expected"):
        tile.check_file(tmp_path / "temporal.tif", replace(land, size=131))


def test_expected_times_follow_from_rates_and_speed_up() -> None:
    table = made_up_table()
    found = tile.expected_times(table, 6e7, bands=1, threads=2).set_index("method")
    one = along(table, "bilinear", "bands").set_index("bands")[RATE][1]
    gain = along(table, "bilinear", "threads")[RATE].to_list()
    assert found["minutes"]["bilinear"] == pytest.approx(1e6 / (one * gain[1] / gain[0]))
