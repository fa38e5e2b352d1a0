"""Tiles cover the scene once and see what they need."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import make_grid, make_task
from stfuse import crops, tiles
from stfuse.errors import InputError
from stfuse.grid import coarser, degrade, regrid
from stfuse.needs import Needs
from stfuse.task import FloatArray, State, Task


def method(predict: Any, halo: int | None = 0, **more: Any) -> Any:
    return SimpleNamespace(predict=predict, halo=lambda params: halo, NEEDS=Needs(), **more)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 25), st.integers(0, 30))
def test_cores_cover_every_pixel_once_and_lie_in_their_surroundings(
    height: int, width: int, size: int, context: int
) -> None:
    count = np.zeros((height, width), int)
    index = np.arange(height * width).reshape(height, width)
    for tile in tiles.plan((height, width), (size, size + 3), context):
        count[tile.core] += 1
        np.testing.assert_array_equal(index[tile.outer][tile.inner], index[tile.core])
        for core, outer, length in zip(tile.core, tile.outer, (height, width), strict=True):
            assert outer.start == max(core.start - context, 0)
            assert outer.stop == min(core.stop + context, length)
    assert (count == 1).all()


@pytest.mark.parametrize("ratio", [1.0, 2.5, 3.0, 16.7])
@pytest.mark.parametrize("kernel", ["bilinear", "cubic", "lanczos", "nearest"])
def test_a_crop_is_resampled_to_the_bits_of_the_whole(ratio: float, kernel: Any) -> None:
    """Down to the coarse grid and up again: what STARFM-SI does to its reference."""

    def chain(task: Task, state: State, params: Any) -> FloatArray:
        down = degrade(task.fine.values, task.fine.grid, task.coarse.grid, 0.01)
        up = regrid(down, task.coarse.grid, task.fine.grid, kernel)
        return up + regrid(task.coarse.values[:1], task.coarse.grid, task.fine.grid, kernel)

    task = make_task((170, 61), ratio=ratio, references=("2018-05-01",), gaps=0.03)
    whole = tiles.predict("chain", method(chain), task, {}, None)
    assert np.isfinite(whole).mean() > 0.5
    np.testing.assert_array_equal(tiles.predict("chain", method(chain), task, {}, None, size=23), whole)


def test_auxiliary_grids_are_cropped_with_their_own_pixels() -> None:
    def from_aux(task: Task, state: State, params: Any) -> FloatArray:
        pan = task.aux["pan"]
        return np.repeat(regrid(pan.values, pan.grid, task.fine.grid, "cubic"), 2, axis=1)

    task = make_task((90, 61), references=("2018-05-01",), aux={"pan": ("pan",)})
    whole = tiles.predict("m", method(from_aux), task, {}, None)
    np.testing.assert_array_equal(tiles.predict("m", method(from_aux), task, {}, None, size=20), whole)
    part = crops.crop(task, (slice(30, 40), slice(30, 40)))
    assert part.fine.values.shape == (1, 2, 10, 10)
    assert part.aux["pan"].values.size < task.aux["pan"].values.size
    assert part.coarse.values.shape[2:] == (
        4 + 2 * crops.MARGIN,
        4 + 2 * crops.MARGIN,
    )  # rows 30..40 touch 4 coarse ones


def test_a_crop_copies_nothing_and_keeps_places() -> None:
    task = make_task((60, 60), ratio=2.5, references=("2018-05-01",))
    part = crops.crop(task, (slice(10, 40), slice(20, 60)))
    assert np.shares_memory(part.fine.values, task.fine.values) and np.shares_memory(
        part.coarse.values, task.coarse.values
    )
    assert part.fine.grid == task.fine.grid[10:40, 20:60]
    box, of_tile = part.coarse.grid.boundingbox, part.fine.grid.boundingbox
    assert box.left <= of_tile.left and box.right >= of_tile.right
    assert box.bottom <= of_tile.bottom and box.top >= of_tile.top


def test_a_grid_in_another_crs_is_given_whole() -> None:
    task = make_task((60, 60), references=("2018-05-01",))
    away = coarser(make_grid((60, 60)), 3)
    turned = replace(task, coarse=replace(task.coarse, grid=type(away)(away.shape, away.affine, "EPSG:32632")))
    assert crops.crop(turned, (slice(0, 5), slice(0, 5))).coarse.values.shape == task.coarse.values.shape


def test_a_method_without_halo_sees_the_whole_scene() -> None:
    shapes: list[Any] = []

    def predict(task: Task, state: State, params: Any) -> FloatArray:
        shapes.append(task.fine.values.shape[2:])
        return task.fine.values

    task = make_task((50, 40), references=("2018-05-01",))
    tiles.predict("m", method(predict, halo=None), task, {}, None, size=10)
    assert shapes == [(50, 40)]
    tiles.predict("m", method(predict, halo=1), task, {}, None, size=10)
    assert len(shapes) == 21 and max(s[0] for s in shapes[1:]) <= 10 + 2 * (1 + 3 * crops.MARGIN)


def test_prepare_goes_through_the_whole_scene_before_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def prepare(pieces: Any, state: State, params: Any) -> State:
        for _ in range(2):  # as often as it likes
            cores = [task.fine.values[..., *task.core] for task in pieces]
            calls.append([core.shape[2:] for core in cores])
        return {**state, "mean": np.concatenate([core.ravel() for core in cores]).mean(dtype=np.float64)}

    def predict(task: Task, state: State, params: Any) -> FloatArray:
        return np.full_like(task.fine.values, state["mean"])

    task = make_task((50, 40), references=("2018-05-01",))
    values = tiles.predict("m", method(predict, prepare=prepare), task, {}, None, size=10)
    assert calls == [[(50, 40)]] * 2  # pieces of `SIZE`, whatever the size of the tiles
    np.testing.assert_array_equal(values, np.float32(task.fine.values.mean(dtype=np.float64)))
    parts = [p.fine.values[..., *p.core] for p in tiles.pieces(crops.Whole(task), 3, size=30)]
    assert [part.shape[2:] for part in parts] == [(30, 30), (30, 10), (20, 30), (20, 10)]
    assert sum(part.sum(dtype=np.float64) for part in parts) == pytest.approx(task.fine.values.sum(dtype=np.float64))


def test_a_tile_says_where_its_answer_counts() -> None:
    def predict(task: Task, state: State, params: Any) -> FloatArray:
        out = np.full_like(task.fine.values, np.nan)
        top, bottom, left, right = task.edges
        out[..., top:bottom, left:right] = task.fine.values[..., *task.core]
        return out

    task = make_task((50, 40), references=("2018-05-01",))
    np.testing.assert_array_equal(tiles.predict("m", method(predict, halo=2), task, {}, None, 17), task.fine.values)
    assert task.edges == (0, 50, 0, 40)


def test_threads_give_the_bits_of_one_and_are_all_used() -> None:
    names: set[str] = set()
    meet = threading.Barrier(3, timeout=20)

    def predict(task: Task, state: State, params: Any) -> FloatArray:
        name = threading.current_thread().name
        if name not in names:
            names.add(name)
            meet.wait()  # none goes on before three are here
        return regrid(task.coarse.values[:1], task.coarse.grid, task.fine.grid, "cubic")

    task = make_task((400, 300), references=("2018-05-01",))
    values = tiles.predict("m", method(predict), task, {}, None, threads=3)
    assert len(names) == 3
    meet = threading.Barrier(1)
    np.testing.assert_array_equal(values, tiles.predict("m", method(predict), task, {}, None))


def test_a_network_has_the_threads_to_itself() -> None:
    names: set[str] = set()

    def predict(task: Task, state: State, params: Any) -> FloatArray:
        names.add(threading.current_thread().name)
        return task.fine.values

    task = make_task((300, 300), references=("2018-05-01",))
    own = SimpleNamespace(predict=predict, halo=lambda params: 0, NEEDS=Needs(gpu=True))
    tiles.predict("m", cast(Any, own), task, {}, None, size=100, threads=3)
    assert len(names) == 1


def test_an_error_in_one_tile_ends_the_others() -> None:
    done: list[int] = []

    def predict(task: Task, state: State, params: Any) -> FloatArray:
        if not done:
            done.append(0)
            raise InputError("found", "cure")
        done.append(1)
        return task.fine.values

    task = make_task((400, 400), references=("2018-05-01",))
    with pytest.raises(InputError, match="found"):
        tiles.predict("m", method(predict), task, {}, None, size=20, threads=2)
    assert len(done) < 100


@pytest.mark.parametrize("wrong", [lambda v: v[0], lambda v: v[..., :-1], lambda v: v.astype(np.float64)])
@pytest.mark.parametrize("size", [1000, 20])
def test_a_wrong_answer_names_the_method(wrong: Any, size: int) -> None:
    task = make_task((50, 40), references=("2018-05-01",))
    with pytest.raises(InputError, match="clumsy predicted shape"):
        tiles.predict("clumsy", method(lambda task, state, params: wrong(task.fine.values)), task, {}, None, size)
