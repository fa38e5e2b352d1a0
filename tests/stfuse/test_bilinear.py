"""The coarse image on the fine grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factory import days, make_task
from stfuse import tiles
from stfuse.grid import degrade
from stfuse.methods import bilinear
from stfuse.methods.bilinear import KERNELS, Params, predict
from stfuse.task import FloatArray, Task


def of_plane(ratio: float) -> tuple[Task, FloatArray]:
    """A coarse image that is a plane, and that plane at the fine pixels' centres, shape (y, x)."""
    task = make_task((60, 60), ratio=ratio, bands=("red",), references=())

    def plane(height: int, width: int, step: float) -> FloatArray:
        y, x = (np.arange(height) + 0.5) * step, (np.arange(width) + 0.5) * step
        return (0.1 + 0.004 * y[:, None] + 0.002 * x[None, :]).astype(np.float32)

    image = plane(*task.coarse.grid.shape, ratio)
    return replace(task, coarse=replace(task.coarse, values=image[None, None])), plane(60, 60, 1.0)


@pytest.mark.parametrize("ratio", [2.0, 2.5, 3.0, 5.0])
@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_a_plane_is_reproduced_away_from_the_edge(ratio: float, kernel: str) -> None:
    task, expected = of_plane(ratio)
    inner = slice(12, 48)
    found = predict(task, {}, Params(kernel=kernel))[0, 0]  # type: ignore[arg-type]
    np.testing.assert_allclose(found[inner, inner], expected[inner, inner], rtol=0, atol=1e-6)


def test_nearest_repeats_coarse_pixels() -> None:
    task = make_task((12, 12), bands=("red",), references=())
    expected = np.kron(task.coarse.values[0, 0], np.ones((3, 3), np.float32))
    np.testing.assert_array_equal(predict(task, {}, Params(kernel="nearest"))[0, 0], expected)


def test_bilinear_weights_are_the_textbook_ones() -> None:
    task = make_task((6, 6), bands=("red",), references=())
    coarse = task.coarse.values[0, 0]
    found = predict(task, {}, Params())[0, 0]
    assert found[1, 1] == pytest.approx(coarse[0, 0])  # the centre of a coarse pixel
    across, down = (np.array([2 / 3, 1 / 3]),) * 2
    assert found[2, 2] == pytest.approx(down @ coarse[:2, :2] @ across, abs=1e-6)
    assert found[0, 0] == pytest.approx(coarse[0, 0])  # beyond the outermost centres the edge goes on


def test_takes_the_coarse_image_nearest_in_time() -> None:
    task = make_task(references=("2018-05-01", "2018-06-30"))
    task = replace(task, dates=days("2018-05-03", "2018-06-25"))
    found = predict(task, {}, Params())
    ends = [predict(replace(task, dates=days(d)), {}, Params())[0] for d in ("2018-05-01", "2018-06-30")]
    np.testing.assert_array_equal(found, ends)
    assert not np.array_equal(*ends)


def test_a_coarse_pixel_that_was_not_observed_stays_empty_and_spoils_no_other() -> None:
    task = make_task((30, 30), bands=("red",), references=())
    values = task.coarse.values.copy()
    values[..., 4, 4] = np.nan
    found = predict(replace(task, coarse=replace(task.coarse, values=values)), {}, Params())[0, 0]
    assert np.isnan(found[12:15, 12:15]).all()
    assert np.isnan(found).sum() == 9


def test_cubic_of_real_detail_is_nearer_to_its_source_than_bilinear() -> None:
    task = make_task((60, 60), bands=("red",), references=())

    def misfit(kernel: str) -> float:
        fine = predict(task, {}, Params(kernel=kernel))[0]  # type: ignore[arg-type]
        return float(np.abs(degrade(fine, task.fine.grid, task.coarse.grid) - task.coarse.values[0]).mean())

    assert misfit("cubic") < misfit("bilinear")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("ratio", [3.0, 2.5, 16.7])
def test_tiles_give_the_whole_with_every_kernel(kernel: str, ratio: float) -> None:
    task = make_task((120, 97), ratio=ratio, gaps=0.05, references=())
    params = Params(kernel=kernel)  # type: ignore[arg-type]
    whole = predict(task, {}, params)
    parts = tiles.predict("bilinear", bilinear, task, {}, params, size=37)  # type: ignore[arg-type]
    assert np.isfinite(whole).mean() > 0.8
    np.testing.assert_array_equal(parts, whole)


def test_only_the_core_is_resampled() -> None:
    task = make_task((60, 60), references=())
    core = (slice(7, 20), slice(30, 44))
    found = predict(replace(task, core=core), {}, Params(kernel="cubic"))
    np.testing.assert_array_equal(found[..., *core], predict(task, {}, Params(kernel="cubic"))[..., *core])
    assert np.isfinite(found).sum() == found.shape[1] * 13 * 14


@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_a_constant_image_stays_constant_beside_gaps_and_edges(kernel: str) -> None:
    task = make_task((47, 52), ratio=2.5, gaps=0.1, references=())
    coarse = replace(task.coarse, values=np.where(np.isnan(task.coarse.values), task.coarse.values, np.float32(0.25)))
    found = predict(replace(task, coarse=coarse), {}, Params(kernel=kernel))  # type: ignore[arg-type]
    np.testing.assert_allclose(found[np.isfinite(found)], 0.25, rtol=0, atol=1e-6)


def test_unknown_kernel_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="bilinear"):
        Params(kernel="average")
    for kernel in KERNELS:
        Params(kernel=kernel)


def test_no_coarse_image_is_an_error() -> None:
    task = make_task(references=())
    empty = replace(task.coarse, values=task.coarse.values[:0], dates=task.coarse.dates[:0])
    with pytest.raises(ValueError, match="empty"):
        predict(replace(task, coarse=empty), {}, Params())
