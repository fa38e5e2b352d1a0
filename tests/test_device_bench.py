"""The benchmark of the device: operations counted, the bare loop, what is heard of the engine, table and figure."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from benchmarks import device_rates, device_run, device_together, device_work, devices
from benchmarks.device_figure import figure_of
from benchmarks.device_inference import predicted
from benchmarks.device_rates import Yard, matrix_rate
from benchmarks.device_scenes import samples_of, task_of
from benchmarks.device_training import QUICK, arguments_of, study, trained
from benchmarks.device_work import Call, Loop, Watch, counter, overheard
from benchmarks.land import BANDS
from stfuse.learning import training
from stfuse.learning.lessons import Lesson
from stfuse.learning.plan import Plan
from stfuse.methods import load, make_params
from stfuse.needs import Needs
from stfuse.networks.lstm import PixelLSTM
from stfuse.networks.three_layer import three_layer
from stfuse.plots import to_png

CPU = torch.device("cpu")
WEIGHTS = 6 * 64 * 81, 64 * 32 * 25, 32 * 6 * 25
"""Of the three layers, without biases; each is used once a pixel of its output."""
MACHINE = {"processor": "P", "gpu": None, "threads": 2, "torch": "2", "date": "2026-01-01",
           "matrix_flops_per_s": {"float32": 1e11}}  # fmt: skip


def flops_by_hand(side: int, count: int) -> int:
    """Multiplications and additions of the three-layer network whose answer is `side` pixels wide."""
    pixels = (side + 8) ** 2, (side + 4) ** 2, side**2
    return 2 * count * sum(n * weights for n, weights in zip(pixels, WEIGHTS, strict=True))


def image(count: int, side: int, channels: int = 6) -> torch.Tensor:
    return torch.rand(count, channels, side, side).to(memory_format=torch.channels_last)


def test_operations_are_those_counted_by_hand_forward_and_backward() -> None:
    network = three_layer(6, 6)
    with torch.inference_mode(), counter() as count, Watch() as watch:
        network(image(2, 29))
    assert count.get_total_flops() == sum(one.flops for one in watch.products) == flops_by_hand(13, 2)
    with counter() as count:
        network(image(2, 29)).sum().backward()
    # Backward every layer costs twice as much, the first one half of that: nothing asks for the image's gradient.
    first = 2 * 2 * 21**2 * WEIGHTS[0]
    assert count.get_total_flops() == 3 * flops_by_hand(13, 2) - first


def test_recurrent_layers_count_too() -> None:
    weights = 4 * 100 * (6 + 100) + 4 * 100 * (100 + 100)
    network, pixels = PixelLSTM(12, 6), 2 * 7 * 7
    by_hand = 2 * pixels * (2 * weights + 600)
    with torch.inference_mode(), counter() as count, Watch() as watch:
        network.eval()(image(2, 7, 12))
    assert count.get_total_flops() == sum(one.flops for one in watch.products) == by_hand
    Loop(watch.products, CPU).run()
    with counter() as count:
        network.train()(image(2, 7, 12)).sum().backward()
    assert count.get_total_flops() == 3 * by_hand
    # As cuDNN has it: all weights in one list, biases among them.
    shapes = [(400, 6), (400, 100), (400,), (400,), (400, 100), (400, 100), (400,), (400,)]
    cudnn = device_work.RECURRENT[torch.ops.aten._cudnn_rnn]
    assert cudnn((2, pixels, 6), shapes, 4, None, out_shape=None) == 2 * pixels * 2 * weights


def test_the_bare_loop_has_the_shapes_of_the_layers() -> None:
    network = three_layer(6, 6).to(memory_format=torch.channels_last)
    seen: list[Any] = []
    for layer in (module for module in network if isinstance(module, nn.Conv2d)):
        layer.register_forward_hook(lambda at, given, _: seen.append((given[0].shape, at.weight.shape, at.bias.shape)))
    with torch.inference_mode(), Watch() as watch:
        network(image(3, 40))
    assert [one.shapes for one in watch.products] == seen
    with Watch() as again:
        Loop(watch.products, CPU).run()
    assert [one.shapes for one in again.products] == seen
    assert [one.args for one in again.products] == [one.args for one in watch.products]  # layout and numbers, too


def test_the_loop_copies_nothing_where_the_network_gives_a_part_of_an_array() -> None:
    layer, whole = nn.Conv2d(4, 5, 3, padding=1), image(2, 9, 8)
    with torch.inference_mode(), Watch() as watch:
        layer(whole[:, :4])
    assert watch.products[0].args[0].stride == (9 * 9 * 8, 1, 9 * 8, 8)
    with Watch() as again:
        Loop(watch.products, CPU).run()
    assert again.products[0].args[0].stride == (9 * 9 * 4, 1, 9 * 4, 4)
    assert again.products[0].args[4] == [1, 1]  # its own padding stays


def test_the_matrix_rate_leaves_the_precision_as_it_was() -> None:
    before = torch.get_float32_matmul_precision()
    rates = {kind: matrix_rate(CPU, kind, repeats=2, side=256) for kind in ("float32", "tf32", "bfloat16")}
    assert all(rate > 1e8 for rate in rates.values()) and torch.get_float32_matmul_precision() == before
    assert Yard(CPU, torch.float32).kind == "float32" and Yard(CPU, torch.bfloat16).kind == "bfloat16"
    gpu = torch.device("cuda")
    assert Yard(gpu, torch.float32).kind == "tf32"  # what cuDNN does unless it is told otherwise
    assert Yard(gpu, torch.float32, exact=True).kind == "float32" and Yard(gpu, torch.bfloat16).kind == "bfloat16"


def test_calls_are_heard_by_any_name_and_changed() -> None:
    def slow(a: int, b: int = 2) -> int:
        time.sleep(0.01)
        return a + b

    module: Any = SimpleNamespace(other_name=slow)
    sys.modules["stfuse_test_module"] = module
    try:
        with overheard(slow, CPU) as calls:
            assert module.other_name(1) == 3
        assert module.other_name is slow
        assert calls[0].args == (1,) and 0.01 <= calls[0].seconds < 1
        with overheard(slow, CPU, lambda call: {"a": call.args[0], "b": 5}):
            assert module.other_name(1) == 6
    finally:
        del sys.modules["stfuse_test_module"]


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the matrix rate is does not matter here, how long it takes does."""
    monkeypatch.setattr(device_rates, "SIDE", {"cpu": 192})


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Call, dict[str, Any]]:
    """A training of srcnn as it was called, and its state."""
    method, folder = load("srcnn"), tmp_path_factory.mktemp("device")
    samples = samples_of(method.NEEDS, folder, 2, size=60, bands=6, ratio=3)
    with overheard(training.train, CPU, lambda call: arguments_of(call, **QUICK)) as calls:
        state = method.fit(samples, method.Params(batch=2, patch=13), 0)
    return calls[0], state


def test_a_training_is_studied_and_timed_through_the_engine(lesson: tuple[Call, dict[str, Any]]) -> None:
    call, _ = lesson
    found = study(call)
    assert (found.side, found.channels, found.bands, found.parameters) == (13, 6, 6, 87_206)
    assert found.flops == 3 * flops_by_hand(13, 1) - 2 * 21**2 * WEIGHTS[0]
    row = trained(call, {"batch": 3}, CPU, seconds=0.1)
    assert row["batch"] == 3 and row["window"] == 13
    assert row["pixels_per_s"] == pytest.approx(3 * 13**2 / row["seconds"])
    assert row["flops_per_s"] == pytest.approx(3 * found.flops / row["seconds"])
    assert 0 <= row["waiting"] <= 1 and row["peak_mb"] > 50 and row["precision"] == "float32"


def test_networks_that_lessons_use_themselves_do_not_count(lesson: tuple[Call, dict[str, Any]]) -> None:
    call, _ = lesson
    used: list[torch.Tensor] = []

    def other(one: Lesson) -> Lesson:
        return replace(one, see=lambda window: (used.append(three_layer(6, 6)(image(1, 20))), one.see(window))[1])

    apart = Call(([other(one) for one in call.args[0]], *call.args[1:]), call.kwargs)
    assert study(apart).flops == study(call).flops and used


def test_a_prediction_is_timed_beside_its_bare_loop(lesson: tuple[Call, dict[str, Any]]) -> None:
    method = load("srcnn")
    task = task_of(method.NEEDS, size=90, bands=6, ratio=3)
    state = {name: values for name, values in lesson[1].items() if name != "curve"}
    whole = predicted(method, task, state, method.Params(), CPU, repeats=2)
    assert whole["window"] == 90 + 16 and whole["batch"] == 1 and whole["bands"] == 6
    assert whole["flops_per_pixel"] * 90**2 == pytest.approx(flops_by_hand(90, 1))
    assert whole["networks_seconds"] < whole["seconds"]
    assert 0 < whole["whole_share_of_loop"] < whole["share_of_loop"]
    parts = predicted(method, task, state, method.Params(), CPU, window=64, repeats=1)
    assert parts["window"] == 45 + 16 and parts["batch"] * 4 >= 4
    assert parts["flops_per_pixel"] * 90**2 == pytest.approx(flops_by_hand(45, 4))


def test_scenes_have_what_a_method_can_use(tmp_path: Path) -> None:
    needs = Needs(references="bracketing", pairs=True, uses=("pan",), beside=("native", "guide"), samples="target")
    (scene,) = samples_of(needs, tmp_path, 3, size=48, bands=4, ratio=3)
    task = scene.crop((slice(0, 48), slice(0, 48)))
    assert set(task.aux) == {"pan", "native", "guide"} and not hasattr(scene, "truth")
    assert len(task.aux["native"].dates) == len(task.fine.dates) == 2 and len(task.coarse.dates) == 3
    assert task.aux["native"].bands == ("nir08", "swir16", "swir22") and task.aux["native"].values.shape[-1] == 24
    learning = samples_of(Needs(samples="wald"), tmp_path / "wald", 2, size=48, bands=2, ratio=3)
    one, other = (sample.truth((slice(0, 48), slice(0, 48))) for sample in learning)  # type: ignore[attr-defined]
    assert one.shape == (1, 2, 48, 48) and not np.array_equal(one, other)


def test_one_thing_at_a_time_is_tried() -> None:
    asked = {"plans": [{}, {"compile": True}], "batches": [64], "patches": [96, 0]}
    assert list(device_run.tries(asked)) == [{}, {"batch": 64}, {"patch": 96}, {"compile": True}]


def test_every_method_that_learns_from_images_is_measured() -> None:
    learning = {p for p in devices.FILES if load(p).NEEDS.samples not in ("none", "series")}
    assert set(devices.networks()) == learning >= {"srcnn", "esrcnn"}
    options = argparse.Namespace(settings='{"dstfn": {"growth": 8}}')
    assert devices.width_of("dstfn", 32, options) == {"features": 32, "growth": 8}
    assert devices.width_of("srcnn", 32, options) == {}


def test_the_command_writes_table_figure_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(asked: dict[str, Any], *_: Any) -> Iterator[dict[str, Any]]:
        if not asked:
            return iter([device_run.about(CPU)])
        if asked["file"] == "esrcnn":
            return iter([{"left_out": "failed: no memory"}])
        return device_run.measured(asked, Path(asked["folder"]))

    monkeypatch.setattr(devices, "child", here)
    monkeypatch.setattr(devices, "PLACE", {"places": 1, "place_size": 45})
    words = "bench --device cpu --methods srcnn esrcnn --size 60 --bands 2 --seconds 0.05 --repeats 1 --windows"
    small = '{"srcnn": {"batch": 2, "patch": 12}}'
    monkeypatch.setattr(sys, "argv", [*words.split(), "--settings", small, "--out", str(tmp_path)])
    assert devices.main() == 1  # esrcnn fails, and it is said why
    table = pd.read_csv(tmp_path / "devices.csv")
    assert list(table["what"].dropna()) == ["training", "inference"] and "memory" in table["left_out"].iloc[-1]
    both = table[table["method"] == "srcnn"]
    share = both["flops_per_s"] / both["matrix_flops_per_s"]
    np.testing.assert_allclose(both["share_of_matrix"], share, rtol=1e-4)
    assert both["own"].astype(bool).all() and (both["load_average"] >= 0).all()
    assert (tmp_path / "devices.png").read_bytes().startswith(b"\x89PNG")
    facts = json.loads((tmp_path / "devices.json").read_text())
    assert facts["device"] == "cpu" and facts["cores"] >= 1 and facts["matrix_flops_per_s"]["float32"] > 1e8


def test_a_process_of_its_own_tells_rows_and_why_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, sys; print(sys.argv[1]); print(os.environ['OMP_NUM_THREADS'], flush=True); sys.exit('too large')"
    monkeypatch.setattr(devices, "COMMAND", [sys.executable, "-c", code])
    assert list(devices.child({"file": "srcnn"}, "cpu", 3)) == [{"file": "srcnn"}, 3, {"left_out": "failed: too large"}]


def test_several_gpus_train_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def learned(processes: int, samples: Any, method: Any, bands: Any, variable: str, seed: int, folder: Path) -> Any:
        assert processes == 2 and bands == BANDS[:2] and samples[0]["truth"]
        make_params(load(method["file"]), method["settings"])
        assert (method["settings"]["batch"], method["settings"]["steps"], method["settings"]["patch"]) == (4, 5, 12)
        # stage, epoch, losses, learning rate, seconds, waiting
        known = ((0, 0, 0), (1, 90, 1), (2, 100, 0.3), (3, 120, 0.6))
        return {"curve": np.array([[1, epoch, 0, 0, 0, s, waiting] for epoch, s, waiting in known])}

    monkeypatch.setattr(device_together, "learn_together", learned)
    assert device_together.processes_here(1) == 0 and device_together.processes_here(2) == 2
    samples = samples_of(load("srcnn").NEEDS, tmp_path, 1, size=45, bands=2, ratio=3)
    kept = ("what", "precision", "compiled", "channels", "bands", "parameters")
    alone = dict.fromkeys(kept, 0) | {"window": 12, "flops_per_pixel": 10.0, "matrix_flops_per_s": 5.0}
    alone |= {"seconds": 0.1, "batch": 2}
    (row,) = device_together.together("srcnn", {"patch": 12}, samples, [alone], 2, 1.0, tmp_path)
    assert row["processes"] == 2 and row["batch"] == 4 and not row["own"]
    assert row["seconds"] == pytest.approx(30 / 10) and row["waiting"] == pytest.approx((10 * 0.3 + 20 * 0.6) / 30)
    assert row["pixels_per_s"] == pytest.approx(4 * 12**2 / 3) and row["patches_per_s"] == pytest.approx(4 / 3)
    assert row["matrix_flops_per_s"] == 10 and row["flops_per_s"] == pytest.approx(10 * row["pixels_per_s"])


def test_the_figure_shows_what_there_is() -> None:
    row = {"method": "srcnn", "width": None, "stage": 1, "own": True, "what": "training", "pixels_per_s": 1e4,
           "share_of_matrix": 0.5, "waiting": 0.01, "peak_mb": 500.0, "load_average": 1.0}  # fmt: skip
    other = row | {"own": False, "pixels_per_s": 2e4}
    failed = {"method": "carn", "left_out": "failed: no memory"}
    figure = figure_of(pd.DataFrame([row, other, failed]), MACHINE)
    words = " ".join(text.get_text() for text in figure.texts)
    assert "Left out: carn" in words and "100.0 GFLOP/s" in words
    training_rate, predicting_rate = figure.axes[0], figure.axes[4]
    assert [patch.get_width() for patch in training_rate.patches] == [1e4]
    assert "not measured" in predicting_rate.texts[0].get_text()
    assert to_png(figure).startswith(b"\x89PNG")


def test_where_there_is_no_gpu_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "child", lambda *_: iter([{"device": "cpu", "torch": "2"}]))
    with pytest.raises(SystemExit, match="no GPU"):
        devices.device_here(argparse.Namespace(device="cuda", threads=1))
    assert Plan().compile is False  # else the flag --also compile would change nothing
