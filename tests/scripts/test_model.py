from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts import model
from scripts.model import processes_for, train
from small_scenes import sample
from stfuse.errors import InputError
from stfuse.learning import distributed, loop
from stfuse.learning.weights import CURVE
from stfuse.state import load_state, read_meta
from training_files import BANDS, written

SRCNN = {"name": "srcnn", "file": "srcnn", "settings": {"patch": 16, "batch": 2, "steps": 2, "epochs": 2}}
BILINEAR = {"name": "bilinear", "file": "bilinear", "settings": {}}


@pytest.mark.parametrize(("variable", "shape"), [("reflectance", (64, 2, 9, 9)), ("ndvi", (64, 1, 9, 9))])
def test_a_network_is_trained_from_files(tmp_path, variable, shape):
    samples = written(tmp_path)
    state, curve = tmp_path / "model" / "seed3.npz", tmp_path / "model" / "seed3.csv"
    train(samples, SRCNN, BANDS, variable, 3, state, curve)
    learned = load_state(state, SRCNN, BANDS, variable)
    assert learned["net.0.weight"].shape == shape and "curve" not in learned
    meta = read_meta(state)
    assert meta["scale"] == {"fine": 10.0, "coarse": 30.0, "ratio": 3.0} and meta["seed"] == 3
    for scene, given in zip(meta["scenes"], samples, strict=True):
        assert scene["date"] == given["date"]
        assert scene["truth"].endswith(f"fine/{given['date']}") and len(scene["inputs"]) == 1
        assert scene["inputs"][0].endswith(f"coarse/{given['date']}")
    rows = pd.read_csv(curve)
    assert tuple(rows.columns) == CURVE
    assert list(rows["epoch"]) == [0, 1, 2] and rows["train_loss"][1:].notna().all()


def test_the_same_seed_writes_the_same_state(tmp_path):
    samples = written(tmp_path)
    for name in ("a", "b"):
        train(samples, SRCNN, BANDS, "ndvi", 0, tmp_path / f"{name}.npz", tmp_path / f"{name}.csv")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_closed_form_method_writes_an_empty_state_and_the_head_of_a_curve(tmp_path):
    train([], BILINEAR, BANDS, "reflectance", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    assert load_state(tmp_path / "s.npz", BILINEAR, BANDS, "reflectance") == {}
    assert (tmp_path / "s.csv").read_text() == "stage,epoch,train_loss,held_loss,learning_rate,seconds,waiting\n"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({**SRCNN, "settings": {"stepps": 2}}, "stepps"),
        ({**SRCNN, "settings": {"steps": 0}}, "steps must be above 0"),
        ({**SRCNN, "file": "no_such_method"}, r"no_such_method\.py was not found"),
    ],
)
def test_wrong_settings_are_a_clear_error_and_leave_nothing(tmp_path, method, message):
    with pytest.raises(InputError, match=message):
        train([], method, BANDS, "ndvi", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_training_without_samples_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="no training samples"):
        train([], SRCNN, BANDS, "ndvi", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_a_damaged_image_is_named(tmp_path):
    samples = written(tmp_path)
    Path(samples[1]["truth"]).write_bytes(b"II*\0 not whole")
    with pytest.raises(InputError, match=samples[1]["date"]):
        train(samples, SRCNN, BANDS, "ndvi", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    assert not (tmp_path / "s.npz").exists()


def test_the_state_predicts_in_another_process(tmp_path):
    # What `fused` does with it: everything a prediction needs is in the file.
    from stfuse.methods import srcnn

    train(written(tmp_path), SRCNN, BANDS, "reflectance", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    task, _ = sample(48, 8, tuple(BANDS), references=False)
    learned = load_state(tmp_path / "s.npz", SRCNN, BANDS, "reflectance")
    assert np.isfinite(srcnn.predict(task, learned, srcnn.Params(**SRCNN["settings"]))).all()


def test_samples_of_different_ratios_are_a_clear_error(tmp_path):
    samples = written(tmp_path)
    samples[1]["grids"]["coarse"]["resolution"] = 20.0
    with pytest.raises(InputError, match=r"different ratios.*2\.0, 3\.0"):
        model._scale(samples)
    assert model._scale(samples[:1]) == {"fine": 10.0, "coarse": 30.0, "ratio": 3.0}


def test_samples_of_one_ratio_and_other_pixels_go_together(tmp_path):
    samples = written(tmp_path)
    for grid in samples[1]["grids"].values():
        grid["resolution"] *= 2
    assert model._scale(samples)["ratio"] == 3.0


def test_every_gpu_that_is_there_gets_a_process(monkeypatch):
    monkeypatch.setattr(distributed.torch.cuda, "device_count", lambda: 3)
    assert [processes_for(gpus) for gpus in (0, 1, 2, 3, 8)] == [1, 1, 2, 3, 3]
    monkeypatch.setattr(distributed.torch.cuda, "device_count", lambda: 0)
    assert processes_for(4) == 1


def test_no_more_processes_than_patches_in_a_batch(tmp_path, monkeypatch):
    asked = []

    def told(processes, samples, method, bands, variable, seed, checkpoints, minutes):
        asked.append(processes)
        return {"w": np.ones(2)}

    monkeypatch.setattr(distributed, "learn_together", told)
    samples = written(tmp_path)
    train(samples, SRCNN, BANDS, "ndvi", 0, tmp_path / "s.npz", tmp_path / "s.csv", processes=8)
    train([], BILINEAR, BANDS, "ndvi", 0, tmp_path / "b.npz", tmp_path / "b.csv", processes=8)
    assert asked == [2] and "w" in load_state(tmp_path / "s.npz", SRCNN, BANDS, "ndvi")
    assert load_state(tmp_path / "b.npz", BILINEAR, BANDS, "ndvi") == {}


def test_a_job_that_failed_goes_on_and_cleans_up(tmp_path, monkeypatch):
    samples = written(tmp_path)
    state, folder = tmp_path / "model/seed0.npz", tmp_path / "model/seed0.checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr(model, "save_state", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(samples, SRCNN, BANDS, "ndvi", 0, state, state.with_suffix(".csv"), minutes=0)
    assert (folder / "1.pt").exists()
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "run", lambda self: 1 / 0)  # nothing is left to be trained
        train(samples, SRCNN, BANDS, "ndvi", 0, state, state.with_suffix(".csv"), minutes=0)
    assert not folder.exists() and state.exists()
