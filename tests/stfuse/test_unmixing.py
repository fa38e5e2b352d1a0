"""Shares of classes in coarse cells, and how much the classes changed, against exact cases."""

from __future__ import annotations

import numpy as np
import pytest

import naive_fsdaf
from factory import make_grid
from stfuse.fusion.cells import axes
from stfuse.fusion.unmixing import CellSums, Floats, cell_residual, class_change, composition
from stfuse.grid import coarser

CHANGE = np.array([[0.1, -0.02], [-0.05, 0.03], [0.02, 0.0]])


def some_labels(shape: tuple[int, int], classes: int = 3, gaps: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=shape).astype(np.int8)
    labels[rng.random(shape) < gaps] = -1
    return labels


@pytest.mark.parametrize(
    ("shape", "ratio"), [((12, 9), 3.0), ((17, 13), 2.5), ((40, 36), 16.7), ((5, 4), 8.0), ((4, 6), 1.0)]
)
def test_composition_equals_the_slow_version(shape: tuple[int, int], ratio: float) -> None:
    labels, grid = some_labels(shape), make_grid(shape)
    cells = coarser(grid, ratio)
    shares, seen = composition(labels, axes(cells, grid), 3, slice(0, cells.height), slice(0, cells.width))
    area, inside = naive_fsdaf.shares(labels, 3, ratio, cells.shape)
    with np.errstate(invalid="ignore"):  # cells without observations
        np.testing.assert_allclose(shares, area / area.sum(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(seen, [area.sum(axis=0) / inside, area.sum(axis=0) / ratio**2], rtol=0, atol=1e-12)


def test_composition_of_some_cells_is_that_of_all() -> None:
    labels, grid = some_labels((30, 30)), make_grid((30, 30))
    rows_and_columns = axes(coarser(grid, 2.5), grid)
    whole, part = (
        composition(labels, rows_and_columns, 3, *ends)[0] for ends in ([slice(0, 12)] * 2, [slice(2, 5), slice(4, 9)])
    )
    np.testing.assert_array_equal(part, whole[:, 2:5, 4:9])


def test_a_cell_without_observations_has_no_shares() -> None:
    labels, grid = np.full((6, 6), 1, np.int8), make_grid((6, 6))
    labels[:3, :3] = -1
    shares, seen = composition(labels, axes(coarser(grid, 3), grid), 2, slice(0, 2), slice(0, 2))
    assert np.isnan(shares[:, 0, 0]).all() and seen[0, 0, 0] == 0
    np.testing.assert_array_equal(shares[:, 1, 1], [0, 1])


def met(shares: Floats, change: Floats, whole: Floats | float = 1.0, count: int = 100) -> CellSums:
    """All cells at once; shares (cell, class), change (cell, band)."""
    tie = np.random.default_rng(9).random(len(shares))
    traits = np.column_stack([np.broadcast_to(whole, len(shares)), tie, shares])
    return CellSums.none(shares.shape[1], change.shape[1]).add(traits, change, change, count, 0.01)


def mixtures(cells: int, classes: int = 3, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), cells)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("trim", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("cells", [3, 5, 40, 1000])
def test_changes_of_classes_that_change_alike_everywhere_are_found(cells: int, trim: float, bounded: bool) -> None:
    shares = mixtures(cells)
    found = class_change(met(shares, shares @ CHANGE), bounded, trim)
    np.testing.assert_allclose(found, CHANGE, rtol=0, atol=1e-12 if not bounded or cells > 5 else 0.2)


def test_cells_that_changed_otherwise_are_trimmed_away() -> None:
    shares = np.repeat(np.eye(2), 50, axis=0)
    change = shares @ CHANGE[:2]
    change[[0, 1, 60]] += 0.5
    np.testing.assert_allclose(class_change(met(shares, change), True, 0.1), CHANGE[:2], rtol=0, atol=1e-12)
    assert np.abs(class_change(met(shares, change), True, 0.0) - CHANGE[:2]).max() > 5e-3


def test_a_class_changes_no_more_than_the_cells_do() -> None:
    """Two mixtures that differ little, and noise: without bounds the classes' changes are absurd."""
    shares = np.array([[0.52, 0.48], [0.5, 0.5], [0.48, 0.52]])
    change = np.array([[0.0], [0.1], [0.1]])
    low, high = met(shares, change).bounds()
    np.testing.assert_allclose([low, high], [[-change.std()], [0.1 + change.std()]])
    bounded = class_change(met(shares, change), True, 0)
    assert bounded.min() >= low[0] - 1e-12 and bounded.max() <= high[0] + 1e-12
    assert np.ptp(class_change(met(shares, change), False, 0)) > 1
    # Of all pairs within the bounds none fits better.
    grid = np.linspace(low[0], high[0], 201)
    errors = [np.square(shares @ [a, b] - change[:, 0]).sum() for a in grid for b in grid]
    assert np.square(shares @ bounded - change).sum() <= min(errors) + 1e-12


def test_what_the_cells_leave_open_is_their_mean_change() -> None:
    same = np.tile([0.3, 0.7, 0.0], (5, 1))  # two classes in one mixture, and one that is nowhere
    found = class_change(met(same, np.full((5, 1), 0.04)), True, 0.1)
    np.testing.assert_allclose(found, 0.04, rtol=0, atol=1e-12)
    one = class_change(met(np.array([[0.9, 0.1, 0.0]]), np.array([[0.04]])), True, 0.1)
    np.testing.assert_allclose(one, 0.04, rtol=0, atol=1e-12)


def test_one_class_changes_as_the_cells_do_on_average() -> None:
    change = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(
        class_change(met(np.ones((50, 1)), change), True, 0.0), [change.mean(axis=0)], atol=1e-12
    )


def test_no_cells_tell_nothing() -> None:
    nothing = CellSums.none(3, 2)
    assert np.isnan(class_change(nothing, True, 0.1)).all()
    assert class_change(nothing.add(np.empty((0, 5)), np.empty((0, 2)), np.empty((0, 2)), 9, 0), True, 0.1).shape == (
        3,
        2,
    )


def test_the_purest_cells_are_kept_whatever_the_pieces() -> None:
    shares, change = mixtures(500), np.random.default_rng(1).normal(size=(500, 2))
    traits = np.column_stack([np.ones(500), np.random.default_rng(2).random(500), shares])
    whole, parts = (CellSums.none(3, 2) for _ in range(2))
    whole = whole.add(traits, change, change, 20, 0.01)
    for part in np.array_split(np.random.default_rng(3).permutation(500), 7):
        parts = parts.add(traits[part], change[part], change[part], 20, 0.01)
    for k in range(3):
        assert len(whole.purest[k]) == 20
        np.testing.assert_array_equal(parts.purest[k], whole.purest[k])
        np.testing.assert_array_equal(whole.purest[k][:, 2 + k], np.sort(shares[:, k])[::-1][:20])
    np.testing.assert_allclose(
        [parts.bounds(), [*parts.now]], [whole.bounds(), [change.min(0), change.max(0)]], atol=1e-12
    )


def test_errors_of_cells_count_as_much_as_was_observed() -> None:
    found = class_change(met(np.ones((2, 1)), np.array([[0.1], [0.7]]), np.array([1.0, 0.5])), False, 0)
    assert found[0, 0] == pytest.approx((0.1 + 0.25 * 0.7) / 1.25)
    shares, seen = mixtures(40), np.random.default_rng(1).uniform(0.3, 1, 40)
    change = shares @ CHANGE + np.random.default_rng(2).normal(0, 0.01, (40, 2))
    found = class_change(met(shares, change, seen), False, 0)
    # A cell counts once for each class that it holds.
    of_classes = np.concatenate([np.flatnonzero(shares[:, k] > 0.01) for k in range(3)])
    rows = seen[of_classes, None]
    expected = np.linalg.lstsq(rows * shares[of_classes], rows * change[of_classes])[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_cells_with_the_largest_known_part_of_a_class_are_kept() -> None:
    shares = np.array([[0.8, 0.2], [0.2, 0.8], [1, 0], [0, 1]])
    for seen, kept in ((0.7, 0.8), (0.9, 1.0)):
        found = met(shares, shares, np.array([1.0, 1, seen, seen]), count=1)
        assert [found.purest[k][0, 2 + k] for k in range(2)] == [kept, kept]


def test_a_few_whole_cells_do_not_throw_the_others_away() -> None:
    shares = mixtures(300)
    change = shares @ CHANGE + np.random.default_rng(1).normal(0, 0.01, (300, 2))
    for number in (0, 1, 2, 5, 20, 300):
        seen = np.where(np.arange(300) < number, 1, 0.996)
        np.testing.assert_allclose(class_change(met(shares, change, seen), True, 0.1), CHANGE, rtol=0, atol=0.01)


def test_cells_with_next_to_nothing_of_a_class_say_nothing_of_it() -> None:
    found = met(np.array([[0.995, 0.005], [0.5, 0.5]]), np.zeros((2, 1)))
    assert [len(cells) for cells in found.purest] == [2, 1]


def test_residuals_are_what_the_classes_leave() -> None:
    shares = mixtures(6).T.reshape(3, 2, 3)
    cells = np.einsum("kyx,kb->byx", shares, CHANGE).astype(np.float32)
    cells[1, 0, 0] += np.float32(0.25)
    seen = np.ones((2, 3))
    seen[1, 2] = 0.4
    rest = cell_residual(cells, shares, seen, CHANGE)
    assert rest[1, 0, 0] == pytest.approx(0.25, abs=1e-7)
    assert np.isnan(rest[:, 1, 2]).all() and np.isfinite(rest).sum() == 10
    rest[1, 0, 0] = 0
    assert np.nanmax(np.abs(rest)) < 1e-8
