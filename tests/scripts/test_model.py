from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.model import train
from small_scenes import sample
from stfuse.errors import InputError
from stfuse.raster import write_image
from stfuse.state import load_state, read_meta

BANDS = ["red", "nir08"]
SRCNN = {"name": "srcnn", "file": "srcnn", "settings": {"patch": 16, "batch": 2, "steps": 2, "epochs": 2}}
BILINEAR = {"name": "bilinear", "file": "bilinear", "settings": {}}


def described(grid) -> dict:
    box = grid.extent.boundingbox
    return {"crs": str(grid.crs), "bounds": [box.left, box.bottom, box.right, box.top], "resolution": grid.affine.a}


def written(folder: Path, days=(2, 5)) -> list[dict]:
    """Samples as the workflow names them, their images in files."""
    samples = []
    for day in days:
        task, truth = sample(48, day, tuple(BANDS), references=False)
        date = str(task.dates[0])
        fine, coarse = folder / "fine" / f"{date}.tif", folder / "coarse" / f"{date}.tif"
        write_image(fine, truth[0], BANDS, task.fine.grid)
        write_image(coarse, task.coarse.values[1], BANDS, task.coarse.grid)
        grids = {"fine": described(task.fine.grid), "coarse": described(task.coarse.grid)}
        samples.append({"date": date, "fine": [], "coarse": [str(coarse)], "truth": str(fine), "grids": grids})
    return samples


@pytest.mark.parametrize(("variable", "shape"), [("reflectance", (64, 2, 9, 9)), ("ndvi", (64, 1, 9, 9))])
def test_a_network_is_trained_from_files(tmp_path, variable, shape):
    samples = written(tmp_path)
    state, curve = tmp_path / "model" / "seed3.npz", tmp_path / "model" / "seed3.csv"
    train(samples, SRCNN, BANDS, variable, 3, state, curve)
    learned = load_state(state, SRCNN, BANDS, variable)
    assert learned["net.0.weight"].shape == shape and "curve" not in learned
    meta = read_meta(state)
    assert meta["dates"] == [s["date"] for s in samples] and meta["ratio"] == 3.0 and meta["seed"] == 3
    rows = pd.read_csv(curve)
    assert list(rows.columns) == ["epoch", "train_loss", "held_loss", "seconds"]
    assert list(rows["epoch"]) == [0, 1, 2] and rows["train_loss"][1:].notna().all()


def test_the_same_seed_writes_the_same_state(tmp_path):
    samples = written(tmp_path)
    for name in ("a", "b"):
        train(samples, SRCNN, BANDS, "ndvi", 0, tmp_path / f"{name}.npz", tmp_path / f"{name}.csv")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_closed_form_method_writes_an_empty_state_and_the_head_of_a_curve(tmp_path):
    train([], BILINEAR, BANDS, "reflectance", 0, tmp_path / "s.npz", tmp_path / "s.csv")
    assert load_state(tmp_path / "s.npz", BILINEAR, BANDS, "reflectance") == {}
    assert (tmp_path / "s.csv").read_text() == "epoch,train_loss,held_loss,seconds\n"


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
