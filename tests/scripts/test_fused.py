"""Stage `fused` on files: the prediction, what its COG says, and what is refused."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from factory import make_task
from scripts.fused import fuse
from stfuse import __version__, methods
from stfuse.errors import InputError
from stfuse.inputs import read_task
from stfuse.needs import read_needs
from stfuse.raster import read_image, write_image
from stfuse.state import save_state
from stfuse.tiles import predict
from task_files import write_sample

BANDS = ["red", "nir08"]
FILES = Path(str(methods.__file__)).parent.glob("*.py")
METHODS = [p for p in sorted(FILES) if not p.stem.startswith("_") and read_needs(p).samples == "none"]


def entry(file: str, name: str = "", **settings: Any) -> dict[str, Any]:
    return {"name": name or file, "file": file, "settings": settings}


def run(folder: Path, sample: dict[str, Any], method: dict[str, Any], variable: str = "reflectance") -> Path:
    state, out = folder / "seed0.npz", folder / "fused" / f"{sample['date']}.tif"
    save_state(state, {}, method, BANDS, variable)
    fuse(sample, method, BANDS, variable, state, out)
    return out


@pytest.mark.parametrize("file", ["bilinear", "temporal", "starfm_si"])
@pytest.mark.parametrize("variable", ["reflectance", "ndvi"])
def test_writes_the_prediction_on_the_fine_grid(tmp_path: Path, file: str, variable: str) -> None:
    task = make_task()
    sample = write_sample(tmp_path, task)
    values, bands, grid = read_image(run(tmp_path, sample, entry(file), variable))
    assert bands == (("ndvi",) if variable == "ndvi" else tuple(BANDS))
    assert grid.shape == task.fine.grid.shape and grid.affine == task.fine.grid.affine
    assert np.isfinite(values).all()
    if variable == "reflectance":
        module = methods.load(file)
        expected = module.predict(read_task(sample, BANDS, variable), {}, module.Params())[0]
        np.testing.assert_allclose(values, expected, rtol=0, atol=5.1e-5)  # stored in steps of 1e-4


@pytest.mark.parametrize("file", [path.stem for path in METHODS])
def test_a_scene_read_window_by_window_gives_the_prediction_of_the_whole(tmp_path: Path, file: str) -> None:
    module = methods.load(file)
    references = ("2018-05-01", "2018-06-30")[: 1 if module.NEEDS.references == "nearest" else 2]
    task = make_task((150, 140), ratio=2.5, references=references, gaps=0.05, seed=4)
    sample = write_sample(tmp_path, task)
    state, out = tmp_path / "seed0.npz", tmp_path / "fused" / "2018-05-20.tif"
    save_state(state, {}, entry(file), BANDS, "reflectance")
    fuse(sample, entry(file), BANDS, "reflectance", state, out, threads=3)
    with rasterio.open(out) as image:
        stored = image.read()
    expected = predict(file, module, read_task(sample, BANDS, "reflectance"), {}, module.Params())[0]
    write_image(tmp_path / "expected.tif", expected, BANDS, task.fine.grid)
    with rasterio.open(tmp_path / "expected.tif") as image:
        np.testing.assert_array_equal(stored, image.read())
    assert (stored != -32768).mean() > 0.5


def test_the_seed_is_that_of_the_state_however_its_file_is_named(tmp_path: Path) -> None:
    sample, state, out = write_sample(tmp_path, make_task()), tmp_path / "seed2" / "2018-05-20.npz", tmp_path / "f.tif"
    save_state(state, {}, entry("bilinear"), BANDS, "reflectance", seed=2)
    fuse(sample, entry("bilinear"), BANDS, "reflectance", state, out)
    with rasterio.open(out) as image:
        assert image.tags()["seed"] == "2"


def test_a_state_that_learned_from_the_truth_is_refused(tmp_path: Path) -> None:
    sample, state, out = write_sample(tmp_path, make_task()), tmp_path / "seed0.npz", tmp_path / "fused.tif"
    scenes = [{"date": "2018-05-20", "truth": "ard/here/sentinel2/2018-05-20", "inputs": []}]
    save_state(state, {}, entry("bilinear"), BANDS, "reflectance", scenes=scenes)
    fuse(sample, entry("bilinear"), BANDS, "reflectance", state, out, truth="results/ard/here/sentinel2/2018-05-21.tif")
    with pytest.raises(InputError, match=r"learned from ard/here/sentinel2/2018-05-20.*Cure"):
        fuse(
            sample,
            entry("bilinear"),
            BANDS,
            "reflectance",
            state,
            out,
            truth="results/ard/here/sentinel2/2018-05-20.tif",
        )


def test_the_image_says_where_it_comes_from(tmp_path: Path) -> None:
    method = entry("bilinear", "cubic", kernel="cubic")
    with rasterio.open(run(tmp_path, write_sample(tmp_path, make_task()), method)) as image:
        tags = image.tags()
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.descriptions == tuple(BANDS)
    assert json.loads(tags["settings"]) == {"kernel": "cubic"}
    expected = {
        "method": "cubic",
        "file": "bilinear",
        "seed": "0",
        "date": "2018-05-20",
        "variable": "reflectance",
        "references": "2018-05-01 2018-06-30",
        "coarse": "2018-05-01 2018-05-20 2018-06-30",
        "stfuse": __version__,
    }
    assert expected.items() <= tags.items()


def test_settings_left_out_are_written_with_their_defaults(tmp_path: Path) -> None:
    with rasterio.open(run(tmp_path, write_sample(tmp_path, make_task()), entry("starfm_si", window=11))) as image:
        settings = json.loads(image.tags()["settings"])
    assert settings["window"] == 11
    assert set(settings) == set(methods.load("starfm_si").Params.__dataclass_fields__)


def test_the_truth_is_never_opened(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, make_task()) | {"truth": str(tmp_path / "missing.tif")}
    assert run(tmp_path, sample, entry("bilinear")).exists()


def test_nothing_observed_is_written_as_nothing_and_the_reason_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = make_task()
    task.coarse.values[:] = np.nan
    with caplog.at_level(logging.WARNING):
        out = run(tmp_path, write_sample(tmp_path, task), entry("starfm_si"))
    assert np.isnan(read_image(out)[0]).all()
    assert "all NaN: the coarse images of 2018-05-20 have no observed pixel" in caplog.text


def add_method(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """A method file of the test's own, found by its name like the others."""
    head = "from stfuse.methods.temporal import *\nimport numpy as np\n"
    (tmp_path / "own_method.py").write_text(head + body)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "stfuse.methods.own_method", raising=False)


def test_a_wrong_shape_is_an_error_that_names_the_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_method(monkeypatch, tmp_path, "def predict(task, state, params): return task.fine.values[:, 0]\n")
    sample = write_sample(tmp_path, make_task())
    with pytest.raises(InputError, match="mine predicted shape"):
        run(tmp_path, sample, entry("own_method", "mine"))
    assert not [*(tmp_path / "fused").glob("*")]


def test_a_method_that_knows_nothing_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_method(
        monkeypatch, tmp_path, "def predict(task, state, params): return task.fine.values[:1] * np.float32('nan')\n"
    )
    with caplog.at_level(logging.WARNING):
        out = run(tmp_path, write_sample(tmp_path, make_task()), entry("own_method", "mine"))
    assert np.isnan(read_image(out)[0]).all()
    assert "mine returned no finite value" in caplog.text


@pytest.mark.parametrize(
    ("method", "without", "message"),
    [
        (entry("starfm_si"), "fine", "starfm_si needs a fine reference image to predict 2018-05-20"),
        (entry("bilinear"), "coarse", "bilinear needs a coarse image"),
        (entry("bilinear", kernel="average"), "", "kernel must be one of"),
        (entry("bilinear", knernel="cubic"), "", "knernel"),
        (entry("no_such_method"), "", r"no_such_method\.py was not found"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(
    tmp_path: Path, method: dict[str, Any], without: str, message: str
) -> None:
    sample = write_sample(tmp_path, make_task())
    with pytest.raises(InputError, match=message):
        run(tmp_path, sample | ({without: []} if without else {}), method)
    assert not [*(tmp_path / "fused").glob("*")]


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, make_task())
    broken = Path(sample["fine"][0])
    broken.write_bytes(broken.read_bytes()[:700])
    with pytest.raises(InputError, match=str(broken)):
        run(tmp_path, sample, entry("temporal"))
    assert not [*(tmp_path / "fused").glob("*")]


def test_another_methods_state_is_refused(tmp_path: Path) -> None:
    sample, state = write_sample(tmp_path, make_task()), tmp_path / "seed0.npz"
    save_state(state, {}, entry("temporal"), BANDS, "reflectance")
    with pytest.raises(InputError, match="was made for file 'temporal'"):
        fuse(sample, entry("bilinear"), BANDS, "reflectance", state, tmp_path / "out.tif")
