"""FSDAF against its exact cases, the slow version, and real images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import naive_fsdaf
from factory import TURNS, days, make_grid, make_task
from stfuse import crops, tiles
from stfuse.grid import coarser, degrade, degrade_inside
from stfuse.methods import bilinear, fsdaf
from stfuse.methods.fsdaf import Params, predict, prepare
from stfuse.task import FloatArray, Series, Task

PAIR = Path(__file__).parents[2] / "../shared/data/landsat-pair-irrigation-simulated-coarse/sample_data.mat"
ONE: dict[str, Any] = {"references": ("2018-05-01",)}
TWO: dict[str, Any] = {"references": ("2018-05-01", "2018-06-30")}
LEVELS = np.array([[0.1, 0.5], [0.3, 0.2], [0.4, 0.6]], np.float32)
CHANGES = np.array([[0.05, -0.1], [-0.02, 0.03], [0.1, 0.0]], np.float32)


def rmse(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((values - truth) ** 2)))


def pair_task(before: FloatArray, after: FloatArray, ratio: float) -> Task:
    """A task of one pair whose coarse images are the exact means of two fine ones, shape (band, y, x)."""
    grid = make_grid(before.shape[1:])
    cells, bands = coarser(grid, ratio), ("red", "nir08", "swir16")[: len(before)]
    coarse = degrade_inside(np.stack([before, after]), grid, cells, 0.01)
    dates = days("2018-05-01", "2018-05-20")
    return Task(Series(before[None], dates[:1], bands, grid), Series(coarse, dates, bands, cells), ratio, dates[1:])


def of_classes(shape: tuple[int, int] = (60, 54), seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Three classes in patches, before and after each changed in its own way, shape (band, y, x)."""
    patches = np.random.default_rng(seed).integers(3, size=(shape[0] // 4 + 1, shape[1] // 4 + 1))
    labels = np.kron(patches, np.ones((4, 4), int))[: shape[0], : shape[1]]
    before = LEVELS[labels].transpose(2, 0, 1)
    return before, before + CHANGES[labels].transpose(2, 0, 1)


@pytest.mark.parametrize(("shape", "ratio"), [((60, 54), 6.0), ((61, 50), 6.0), ((60, 54), 2.5), ((60, 54), 16.7)])
@pytest.mark.parametrize("similar", [1, 20])
def test_a_pure_change_of_classes_is_predicted_exactly(shape: tuple[int, int], ratio: float, similar: int) -> None:
    before, after = of_classes(shape)
    task = pair_task(before, after, ratio)
    # The largest cells are much alike: rounding of the coarse images grows, and the classes changed far more than they.
    slack, bounded = (3e-6, True) if ratio < 10 else (1e-4, False)
    state = prepare([task], {}, Params(classes=3, bounded=bounded))
    np.testing.assert_allclose(state["centres"][0], LEVELS, rtol=0, atol=1e-7)
    np.testing.assert_allclose(state["change"][0, 0], CHANGES, rtol=0, atol=slack)
    found = predict(task, state, Params(classes=3, similar=similar))[0]
    np.testing.assert_allclose(found, after, rtol=0, atol=slack)


def test_classes_of_ones_own_are_used() -> None:
    before, after = of_classes()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.08, before.shape).astype(np.float32)  # k-means would find others
    before, after = before + noise, after + noise
    labels = naive_fsdaf.class_map(before, LEVELS.astype(float))
    after = before + CHANGES[labels].transpose(2, 0, 1)
    task, params = pair_task(before, after, 6.0), Params(similar=1, clean=0, clip=False)
    state = prepare([task], {"centres": LEVELS[None].astype(float)}, params)
    np.testing.assert_allclose(state["change"][0, 0], CHANGES, rtol=0, atol=2e-6)
    np.testing.assert_allclose(predict(task, state, params)[0], after, rtol=0, atol=3e-6)


@pytest.mark.parametrize("ratio", [3.0, 2.5, 16.7])
def test_no_change_returns_the_reference(ratio: float) -> None:
    task = make_task(ratio=ratio, **ONE)
    same = replace(task.coarse, values=np.repeat(task.coarse.values[:1], 2, axis=0))
    np.testing.assert_array_equal(predict(replace(task, coarse=same), {}, Params(clean=0))[0], task.fine.values[0])


def test_mass_is_conserved_before_smoothing() -> None:
    task = make_task((60, 60), ratio=6.0, change=0.3, **ONE)
    found = predict(task, {}, Params(similar=1, limits=False, clip=False, clean=0))[0]
    mean = degrade(found, task.fine.grid, task.coarse.grid)
    before = degrade(task.fine.values[0], task.fine.grid, task.coarse.grid)
    expected = before + task.coarse.values[1] - task.coarse.values[0]
    np.testing.assert_allclose(mean, expected, rtol=0, atol=5e-7)
    assert np.abs(expected - before).mean() > 0.005


VARIANTS = [
    ({}, (26, 23), 3.0, 0.06),
    ({"limits": False}, (20, 23), 2.5, 0.0),
    ({"similar": 3, "floor": 0.2}, (30, 25), 7.3, 0.06),
    ({"cap": 1.2, "radius": 1}, (23, 20), 2.5, 0.06),
    ({"clean": 0.02, "window": 5}, (23, 26), 16.7, 0.0),
    ({"nearness": 0.0, "similar": 5}, (20, 23), 2.5, 0.06),
    ({"nearness": 3.0, "similar": 5}, (20, 23), 2.5, 0.06),
]


@pytest.mark.parametrize(("settings", "shape", "ratio", "gaps"), VARIANTS, ids=str)
def test_equals_the_slow_version(settings: dict[str, Any], shape: tuple[int, int], ratio: float, gaps: float) -> None:
    task = make_task(shape, ratio=ratio, gaps=gaps, change=0.3, seed=4, **ONE)
    params = Params(**{"window": 11, "classes": 4, "clip": False, **settings})
    state = prepare([task], {}, params)
    expected = naive_fsdaf.forecast(
        task.fine.values[0], task.coarse.values[1], task.coarse.values[0], ratio, state, params
    )
    found = predict(task, state, params)[0]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    # Rounding to float32 may tip a pixel that lies on a threshold; nearly everywhere none does.
    same = np.isclose(found, expected, rtol=0, atol=3e-6, equal_nan=True)
    assert same.mean() > 0.99, f"{(~same).sum()} pixels differ by up to {np.nanmax(np.abs(found - expected))}"


@pytest.mark.parametrize("limits", [True, False])
def test_dark_pixels_equal_the_slow_version(limits: bool) -> None:
    """The limits of the scene end where the valid range does."""
    task, params = make_task((24, 27), change=0.3, seed=4, **ONE), Params(window=7, classes=4, limits=limits)
    coarse = task.coarse.values - np.array([0.08, 0.16], np.float32)[:, None, None, None]
    fine = np.maximum(task.fine.values - 0.08, 0.001)
    task = replace(
        task, fine=replace(task.fine, values=fine), coarse=replace(task.coarse, values=np.maximum(coarse, 0.0))
    )
    state = prepare([task], {}, params)
    assert (fine[0].min(axis=(1, 2)) + state["change"][0, 0].min(axis=0) < 0).any()
    assert state["limits"].min() == 0
    expected = naive_fsdaf.forecast(
        fine[0], task.coarse.values[1], task.coarse.values[0], 3.0, state, params, (0.0, 1.2)
    )
    same = np.isclose(predict(task, state, params)[0], expected, rtol=0, atol=3e-6)
    assert same.mean() > 0.99 and (expected < 0.01).mean() > 0.02


def test_predictions_are_held_between_the_coarse_image_and_the_temporal_prediction() -> None:
    before, after = of_classes()
    before[:, :3, :3], after[:, :20, :20] = 0.02, 0.45
    task, params = pair_task(before, after, 6.0), Params(classes=3, clean=0, similar=1, clip=False)
    state = prepare([task], {}, params)
    labels = naive_fsdaf.class_map(before, state["centres"][0])
    temporal = before + state["change"][0, 0][labels].transpose(2, 0, 1)
    both = np.concatenate([part.reshape(2, -1) for part in (temporal, task.coarse.values[1])], axis=1)
    expected = np.array([both.min(axis=1), both.max(axis=1)])
    np.testing.assert_allclose(state["limits"][:, 0, 0], expected, rtol=0, atol=1e-6)
    held, free = predict(task, state, params)[0], predict(task, state, replace(params, limits=False))[0]
    np.testing.assert_allclose(held, np.clip(free, *expected[..., None, None]), rtol=0, atol=1e-6)
    assert np.abs(held - free).max() > 0.01


@pytest.mark.parametrize("turn", TURNS)
def test_turning_the_inputs_turns_the_output(turn: Any) -> None:
    before, after = of_classes((48, 48))
    rng = np.random.default_rng(1)
    before, after = (image + rng.normal(0, 0.01, image.shape).astype(np.float32) for image in (before, after))
    after[:, 10:20, 15:30] += 0.1
    before[:, 30:36, 7:12] = np.nan
    params = Params(classes=3, window=13)
    expected = turn(predict(pair_task(before, after, 4.0), {}, params))
    found = predict(pair_task(turn(before).copy(), turn(after).copy(), 4.0), {}, params)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same = np.isclose(found, expected, rtol=0, atol=1e-5, equal_nan=True)
    assert same.mean() > 0.998  # the order of sums may tip a pixel that lies on a threshold


def test_the_order_of_bands_is_irrelevant() -> None:
    task = make_task(**ONE)
    swapped = replace(
        task,
        fine=replace(task.fine, values=task.fine.values[:, ::-1].copy()),
        coarse=replace(task.coarse, values=task.coarse.values[:, ::-1].copy()),
    )
    expected = predict(task, {}, Params())[:, ::-1]
    assert np.isclose(predict(swapped, {}, Params()), expected, rtol=0, atol=1e-5).mean() > 0.99


@pytest.mark.parametrize("settings", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize(("ratio", "gaps"), [(3.0, 0.1), (16.7, 0.05)])
def test_tiles_give_the_bits_of_the_whole(settings: dict[str, Any], ratio: float, gaps: float) -> None:
    task = make_task((130, 70), ratio=ratio, gaps=gaps, **settings)
    params = Params(window=7)
    whole = tiles.predict("fsdaf", fsdaf, task, {}, params)
    np.testing.assert_array_equal(tiles.predict("fsdaf", fsdaf, task, {}, params, size=33, threads=2), whole)
    np.testing.assert_array_equal(predict(task, {}, params), whole)
    assert np.isfinite(whole).mean() > 0.8


def test_learning_in_pieces_is_like_learning_at_once() -> None:
    task, params = make_task((120, 110), ratio=2.5, gaps=0.05, **TWO), Params(classes=4, clean=0)
    once = prepare([task], {}, params)
    pieces = prepare(tiles.pieces(crops.Whole(task), fsdaf.halo(params), 37), {}, params)
    for key in ("accepted", "limits"):
        np.testing.assert_allclose(pieces[key], once[key], rtol=0, atol=5e-3)
    np.testing.assert_allclose(pieces["spread"], once["spread"], rtol=1e-6)
    np.testing.assert_allclose(pieces["centres"], once["centres"], rtol=0, atol=5e-3)
    np.testing.assert_allclose(pieces["change"], once["change"], rtol=0, atol=5e-3)
    known = prepare(tiles.pieces(crops.Whole(task), fsdaf.halo(params), 37), {"centres": once["centres"]}, params)
    np.testing.assert_allclose(known["change"], once["change"], rtol=0, atol=1e-6)  # the very same cells


def of_pair(task: Task, k: int) -> Task:
    """The task with one of its fine images."""
    return replace(task, fine=replace(task.fine, values=task.fine.values[[k]], dates=task.fine.dates[[k]]))


def test_two_pairs_are_weighted_by_how_little_the_coarse_images_changed() -> None:
    task, params = make_task(**TWO), Params(window=9)
    both, alone = predict(task, {}, params), [predict(of_pair(task, k), {}, params) for k in range(2)]
    assert ((both >= np.minimum(*alone) - 1e-6) & (both <= np.maximum(*alone) + 1e-6)).all()
    values, now = task.coarse.values.copy(), task.coarse.nearest(task.dates[0])
    values[0], values[2] = values[now] + 0.1, values[now] - 0.3
    task = replace(task, coarse=replace(task.coarse, values=values))
    alone = [predict(of_pair(task, k), {}, params) for k in range(2)]
    np.testing.assert_allclose(predict(task, {}, params), 0.75 * alone[0] + 0.25 * alone[1], rtol=0, atol=1e-6)


def test_the_order_of_two_pairs_is_irrelevant() -> None:
    task = make_task(gaps=0.05, **TWO)
    days_of = {str(d): task.coarse.values[i] for i, d in enumerate(task.coarse.dates)}
    # The same pairs with their dates exchanged.
    first, second = (str(d) for d in task.fine.dates)
    coarse = np.stack([days_of[second], days_of[str(task.dates[0])], days_of[first]])
    swapped = replace(
        task, fine=replace(task.fine, values=task.fine.values[::-1].copy()), coarse=replace(task.coarse, values=coarse)
    )
    state = prepare([task], {}, Params())
    turned = {k: v[:, ::-1] if k in ("accepted", "change") else v[::-1] for k, v in state.items() if k != "limits"}
    turned["limits"] = state["limits"][:, :, ::-1]
    np.testing.assert_array_equal(predict(swapped, turned, Params()), predict(task, state, Params()))


def test_without_the_pairs_coarse_pixel_classes_change_all_the_same() -> None:
    before, after = of_classes()
    task = pair_task(before, after, 6.0)
    coarse = task.coarse.values.copy()
    coarse[0, :, 3:5, 3:5] = np.nan
    found = predict(replace(task, coarse=replace(task.coarse, values=coarse)), {}, Params(classes=3))
    np.testing.assert_allclose(found[0], after, rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 40},
        {"radius": 0},
        {"radius": 7},
        {"classes": 0},
        {"similar": 0},
        {"trim": 0.5},
        {"clean": -1},
        {"floor": 0},
        {"seed": -1},
        {"nearness": -0.1},
    ],
    ids=str,
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Params(**settings)


def test_two_images_of_the_irrigation_pair() -> None:
    """Real fine images, coarse ones simulated at ratio 20: far better than either image alone."""
    if not PAIR.exists():
        pytest.skip("the shared data set landsat-pair-irrigation-simulated-coarse is not here")
    from scipy.io import loadmat

    data = loadmat(PAIR)
    before, after = (data[k].transpose(2, 0, 1)[:3].astype(np.float32) for k in ("Hr_GT", "Ht_GT"))
    task = pair_task(before, after, 20)
    found = predict(task, {}, Params())[0]
    assert rmse(found, after) < 0.65 * rmse(bilinear.predict(task, {}, bilinear.Params())[0], after)
    assert rmse(found, after) < 0.35 * rmse(before, after)
