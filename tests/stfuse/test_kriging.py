"""Area-to-point kriging weights and their use, against dense systems solved pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

import naive_kriging
from factory import make_grid
from stfuse.fusion.cells import Axis, axes
from stfuse.fusion.kriging import Kernels, kernels, krige
from stfuse.grid import coarser
from stfuse.task import FloatArray

RATIOS = [2.0, 3.0, 2.5, 3.3, 5.0]


def made(ratio: float, shape: tuple[int, int] = (20, 17)) -> tuple[Axis, Axis]:
    grid = make_grid(shape)
    return axes(coarser(grid, ratio), grid)


def tables_of(ratio: float, reach: float = 4.0, model: str = "exponential", window: int = 5) -> Kernels:
    return kernels(*made(ratio), np.array([reach]), model, window)  # type: ignore[arg-type]


def shares(axis: Axis, phase: float) -> FloatArray:
    """Share of each sub-pixel in the middle cell that begins at `phase`."""
    sub = np.arange(axis.subs)
    overlap = np.minimum(sub + 1, phase + axis.ratio) - np.maximum(sub, phase)
    return np.asarray(np.clip(overlap, 0, None) / axis.ratio)


@pytest.mark.parametrize("ratio", [*RATIOS, 16.7, 15.4437])
@pytest.mark.parametrize("model", ["exponential", "spherical"])
def test_weights_sum_to_one_for_each_place_in_a_cell(ratio: float, model: str) -> None:
    weights = tables_of(ratio, model=model, window=3).weights
    np.testing.assert_allclose(weights.sum(axis=-2), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("reach", [0.5, 4.0, 30.0])
def test_weights_of_a_cells_pixels_average_to_the_cell_itself(ratio: float, reach: float) -> None:
    """What makes the prediction coherent, also where a cell holds parts of pixels."""
    rows, columns = made(ratio)
    weights = tables_of(ratio, reach).weights[0]
    itself, tested = np.eye(25)[12], 0
    for p, q in np.ndindex(*weights.shape[:2]):
        share = np.outer(shares(rows, rows.phases[p]), shares(columns, columns.phases[q])).ravel()
        if share.sum() > 1 - 1e-9:  # else the cell's last pixel belongs to the next cell
            tested += 1
            np.testing.assert_allclose(weights[p, q] @ share, itself, rtol=0, atol=1e-6)
    assert tested


@pytest.mark.parametrize("ratio", [2.0, 3.0, 5.0])
def test_weights_are_as_symmetric_as_the_cell(ratio: float) -> None:
    r = int(ratio)
    weights = tables_of(ratio).weights[0, 0, 0].reshape(5, 5, r, r)
    for turned in (weights[::-1, :, ::-1], weights[:, ::-1, :, ::-1], weights.transpose(1, 0, 3, 2)):
        np.testing.assert_allclose(turned, weights, rtol=0, atol=1e-6)
    if r % 2:
        middle = weights[:, :, r // 2, r // 2]
        assert middle[2, 2] == middle.max()


@pytest.mark.parametrize(("ratio", "model"), [(3.0, "exponential"), (2.5, "exponential"), (2.0, "spherical")])
def test_equals_the_slow_version_with_gaps_and_edges(ratio: float, model: str) -> None:
    shape, rng = (14, 11), np.random.default_rng(1)
    rows, columns = made(ratio, shape)
    cells = (len(rows.edges) - 1, len(columns.edges) - 1)
    residual = rng.normal(0, 0.1, cells).astype(np.float32)
    residual[rng.random(cells) < 0.2] = np.nan
    trend = rng.uniform(0, 1, shape).astype(np.float32)
    found = run(residual, trend, rows, columns, kernels(rows, columns, np.array([1.0, 6.0]), model, 3), chosen=1)  # type: ignore[arg-type]
    expected = naive_kriging.krige(residual, trend, ratio, 6.0, model, 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def run(
    residual: FloatArray, trend: FloatArray, rows: Axis, columns: Axis, tables: Kernels, chosen: int = 0
) -> FloatArray:
    """`krige` of one band, all cells asked for."""
    asked, which = np.ones((1, *residual.shape), bool), np.array([chosen])
    return krige(residual[None], asked, which, tables, rows, columns, trend[None])[0]


@pytest.mark.parametrize("ratio", [3.0, 16.7])
def test_the_whole_window_equals_the_slow_version(ratio: float) -> None:
    """All places of one inner cell, from all 25 cells at ratio 3 and from 9 of many pixels at 16.7."""
    window = 5 if ratio == 3 else 3
    pixels = int(7 * ratio)
    rows, columns = made(ratio, (pixels, pixels))
    residual = np.random.default_rng(2).normal(0, 0.1, (len(rows.edges) - 1,) * 2).astype(np.float32)
    tables = kernels(rows, columns, np.array([3.0]), "exponential", window)
    found = run(residual, np.zeros((pixels, pixels), np.float32), rows, columns, tables)
    near = [(i, j) for i in range(3 - window // 2, 4 + window // 2) for j in range(3 - window // 2, 4 + window // 2)]
    cells = [naive_kriging.support((a * ratio, b * ratio), ((a + 1) * ratio, (b + 1) * ratio)) for a, b in near]
    start = rows.starts[3]
    places = [(start, start), (start + 1, start + 2), (start + int(ratio) - 1, start)]
    for y, x in places[: 3 if ratio == 3 else 1]:
        weights = naive_kriging.weights((y, x), cells, ratio, 3.0, "exponential")
        assert found[y, x] == pytest.approx(sum(w * residual[p] for w, p in zip(weights, near, strict=True)), abs=1e-6)


def test_a_uniform_residual_is_added_as_it_is_whatever_is_missing() -> None:
    rng = np.random.default_rng(3)
    rows, columns = made(3.0, (30, 30))
    residual = np.full((10, 10), 0.125, np.float32)
    residual[rng.random((10, 10)) < 0.5] = np.nan
    found = run(residual, np.zeros((30, 30), np.float32), rows, columns, tables_of(3.0))
    np.testing.assert_allclose(found, 0.125, rtol=0, atol=1e-6)


def test_where_no_residual_is_known_the_trend_stands() -> None:
    rows, columns = made(3.0, (30, 30))
    trend = np.random.default_rng(4).random((30, 30)).astype(np.float32)
    residual = np.full((10, 10), np.nan, np.float32)
    np.testing.assert_array_equal(run(residual, trend, rows, columns, tables_of(3.0)), trend)


def test_only_cells_that_are_asked_for_are_answered() -> None:
    rows, columns = made(3.0, (30, 30))
    trend, residual = np.zeros((2, 30, 30), np.float32), np.ones((2, 10, 10), np.float32)
    asked = np.zeros((2, 10, 10), bool)
    asked[0, 2, 3] = True
    tables = kernels(rows, columns, np.array([2.0]), "exponential", 5)
    found = krige(residual, asked, np.array([0, 0]), tables, rows, columns, trend)
    np.testing.assert_array_equal(np.argwhere(np.isfinite(found[0])), [(y, x) for y in (6, 7, 8) for x in (9, 10, 11)])
    assert np.isnan(found[1]).all()


def test_a_short_range_leaves_blocks_and_a_long_one_is_smooth() -> None:
    rows, columns = made(4.0, (40, 40))
    residual = np.random.default_rng(5).normal(0, 1, (10, 10)).astype(np.float32)
    blocks = np.kron(residual, np.ones((4, 4)))

    def roughness(reach: float) -> float:
        tables = kernels(rows, columns, np.array([reach]), "exponential", 5)
        return float(np.abs(run(residual, np.zeros((40, 40), np.float32), rows, columns, tables) - blocks).mean())

    assert roughness(0.1) < 0.01 * roughness(5.0)
