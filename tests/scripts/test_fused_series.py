"""Every date of a method in one cube: the bits of single images in any windows, and no state that saw a truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factory import make_task
from scripts.fused import fuse
from scripts.fused_series import fuse_series
from stfuse import methods, tiles
from stfuse.cube import read_cube
from stfuse.errors import InputError
from stfuse.inputs import TaskFiles
from stfuse.raster import read_image
from stfuse.state import save_state
from task_files import write_sample

BANDS = ["red", "nir08"]
DATES = ("2018-05-10", "2018-05-20", "2018-06-02")


def entry(file: str) -> dict[str, Any]:
    return {"name": file, "file": file, "settings": {}}


def samples_of(folder: Path, shape: tuple[int, int] = (150, 140)) -> list[dict[str, Any]]:
    """A site on several dates, each with its gaps."""
    made = []
    for i, date in enumerate(DATES):
        references = ("2018-05-01",)
        task = make_task(shape, date=date, references=references, gaps=0.05, seed=i)
        made.append(write_sample(folder / date, task))
    return made


def run(folder: Path, samples: list[dict[str, Any]], file: str, **more: Any) -> Path:
    state, out = folder / "seed3.npz", folder / "cube.nc"
    save_state(state, {}, entry(file), BANDS, "ndvi", seed=3)
    given = {"truths": [None] * len(samples), "labels": {"site": "here"}} | more
    fuse_series(samples, [state] * len(samples), method=entry(file), bands=BANDS, variable="ndvi", out=out, **given)
    return out


@pytest.mark.parametrize("file", ["bilinear", "starfm_si"])
@pytest.mark.parametrize("threads", [1, 3])
def test_each_date_has_the_bits_of_its_single_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, threads: int
) -> None:
    monkeypatch.setattr(tiles, "SIZE", 64)  # several windows
    samples = samples_of(tmp_path)
    cube = read_cube(run(tmp_path, samples, file, threads=threads), ["ndvi"])
    np.testing.assert_array_equal(cube.dates["time"], np.array(DATES, "datetime64[D]"))
    assert cube.attrs["site"] == "here" and cube.attrs["seed"] == "3" and cube.attrs["method"] == file
    for i, sample in enumerate(samples):
        fuse(sample, entry(file), BANDS, "ndvi", tmp_path / "seed3.npz", tmp_path / f"{DATES[i]}.tif")
        single, _, grid = read_image(tmp_path / f"{DATES[i]}.tif")
        np.testing.assert_allclose(cube.values["ndvi"][i], single[0], rtol=0, atol=1e-7)
        assert np.isfinite(single).mean() > 0.5
        assert grid.affine == cube.grid.affine and grid.shape == cube.grid.shape


def test_a_windows_size_changes_no_bit_and_keeps_the_windows_small(tmp_path: Path) -> None:
    module, samples = methods.load("starfm_si"), samples_of(tmp_path)
    scenes = [TaskFiles(sample, BANDS, "reflectance") for sample in samples]

    def predicted(most: int) -> tuple[np.ndarray, list[int]]:
        out, values_of = np.full((len(DATES), 2, *scenes[0].grid.shape), np.nan, np.float32), []

        def put(window: Any, values: np.ndarray) -> None:
            values_of.append(values.size)
            out[..., *window] = values

        tiles.predict_dates(put, "starfm_si", module, scenes, [{}] * len(scenes), module.Params(), most=most)
        return out, values_of

    whole, (one,) = predicted(10**9)
    small, many = predicted(2 * len(DATES) * 64 * 64)
    assert one == whole.size and sum(many) == whole.size and max(many) == 2 * len(DATES) * 64 * 64
    np.testing.assert_array_equal(small, whole)


def test_a_method_that_knows_the_whole_scene_is_prepared_for_each_date(tmp_path: Path) -> None:
    """The mean over the scene, of each date its own, whatever window it is asked for."""
    scenes = [TaskFiles(sample, BANDS, "ndvi") for sample in samples_of(tmp_path)]
    base = methods.load("bilinear")

    class Mean:
        NEEDS, Params, halo, fit = base.NEEDS, base.Params, staticmethod(base.halo), staticmethod(base.fit)

        @staticmethod
        def prepare(pieces: Any, state: Any, params: Any) -> Any:
            cores = [piece.coarse.values[..., 2:-2, 2:-2].ravel() for piece in pieces]
            return {"mean": np.nanmean(np.concatenate(cores))}

        @staticmethod
        def predict(task: Any, state: Any, params: Any) -> np.ndarray:
            return np.full((1, *task.fine.values.shape[1:]), state["mean"], np.float32)

    found: list[np.ndarray] = []
    tiles.predict_dates(lambda _, v: found.append(v), "mean", Mean, scenes, [{}] * 3, None, most=64 * 64 * 3)  # type: ignore[arg-type]
    assert len(found) > 1
    means = [{float(v) for block in found for v in np.unique(block[i])} for i in range(3)]
    assert [len(values) for values in means] == [1, 1, 1] and len(set.union(*means)) == 3


def test_a_state_that_saw_a_truth_is_refused(tmp_path: Path) -> None:
    samples, truth = samples_of(tmp_path, (48, 42)), "results/ard/here/fine/2018-05-20.tif"
    state = tmp_path / "seed0.npz"
    scene = {"date": "2018-05-20", "truth": "ard/here/fine/2018-05-20", "inputs": []}
    save_state(state, {}, entry("bilinear"), BANDS, "ndvi", None, [scene], 0)
    with pytest.raises(InputError, match=r"learned from .*2018-05-20"):
        fuse_series(
            samples, [state] * 3, [None, truth, None], entry("bilinear"), BANDS, "ndvi", {}, tmp_path / "cube.nc"
        )
    assert not (tmp_path / "cube.nc").exists()


def test_an_image_of_another_grid_leaves_no_cube(tmp_path: Path) -> None:
    samples = samples_of(tmp_path, (48, 42))
    other = write_sample(tmp_path / "other", replace(make_task((30, 30), date="2018-07-01")))
    broken = samples[2] | {"coarse": other["coarse"]}
    with pytest.raises(InputError, match="lies on"):
        run(tmp_path, [*samples[:2], broken], "bilinear")
    assert not (tmp_path / "cube.nc").exists()
