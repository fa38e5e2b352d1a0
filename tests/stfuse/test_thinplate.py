"""Thin-plate splines in moving windows against scipy's through all cells, and against exact cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter

import naive_fsdaf
from stfuse.fusion.thinplate import thin_plate
from stfuse.task import FloatArray


def points(pixels: int, ratio: float) -> tuple[Any, Any]:
    """The cell of each fine pixel, and its offset from that cell's centre."""
    place = (np.arange(pixels) + 0.5) / ratio
    return np.floor(place).astype(np.int64), place - np.floor(place) - 0.5


def evaluated(cells: Any, shape: tuple[int, int], ratio: float, radius: int = 5) -> FloatArray:
    values = np.asarray(cells, np.float32)
    rows, columns = points(shape[0], ratio), points(shape[1], ratio)
    return thin_plate(values[None] if values.ndim == 2 else values, *rows, *columns, radius).squeeze()


def noise(shape: tuple[int, int], seed: int = 0, gaps: float = 0.0) -> FloatArray:
    rng = np.random.default_rng(seed)
    values = rng.uniform(size=shape)
    values[rng.uniform(size=shape) < gaps] = np.nan
    return values.astype(np.float32)


@pytest.mark.parametrize(("ratio", "shape"), [(3.0, (21, 18)), (2.5, (17, 17)), (5.3, (30, 37))])
@pytest.mark.parametrize(("radius", "gaps"), [(1, 0.0), (2, 0.3), (6, 0.0), (6, 0.4)])
def test_equals_the_slow_version(ratio: float, shape: tuple[int, int], radius: int, gaps: float) -> None:
    cells = noise((7, 7), seed=1, gaps=gaps)
    expected = naive_fsdaf.thin_plate(cells, ratio, shape, radius)
    np.testing.assert_allclose(evaluated(cells, shape, ratio, radius), expected, rtol=0, atol=2e-6)


def test_windows_differ_little_from_one_spline_through_all_cells() -> None:
    """The numbers of the module's docstring, where windows are not cut by the edge."""
    cells = noise((21, 21))
    smooth = gaussian_filter(noise((21, 21), 1), 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    nodes = np.argwhere(np.isfinite(cells)).astype(float)
    place = (np.arange(84) + 0.5) / 4 - 0.5
    inner = np.stack(np.meshgrid(place[32:52], place[32:52], indexing="ij"), axis=-1).reshape(-1, 2)
    for image, most in ((cells, 3e-4), (smooth, 3e-5)):
        whole = RBFInterpolator(nodes, image.ravel().astype(float))(inner).reshape(20, 20)
        error = np.abs(evaluated(image, (84, 84), 4.0)[32:52, 32:52] - whole).max()
        assert 1e-6 < error < most


@pytest.mark.parametrize("ratio", [1.0, 3.0, 2.5, 16.7])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_planes_are_reproduced(ratio: float, gaps: float) -> None:
    shape = (round(11 * ratio), round(9 * ratio))
    y, x = ((np.arange(n) + 0.5) / ratio - 0.5 for n in shape)
    plane = 0.2 + 0.05 * y[:, None] - 0.03 * x
    cells = np.where(
        np.isfinite(noise((11, 9), gaps=gaps)), 0.2 + 0.05 * np.arange(11)[:, None] - 0.03 * np.arange(9), np.nan
    )
    found = evaluated(cells, shape, ratio)
    np.testing.assert_allclose(found[np.isfinite(found)], plane[np.isfinite(found)], rtol=0, atol=1e-6)
    assert np.isfinite(found).mean() == pytest.approx(np.isfinite(cells).mean(), abs=0.05)


def test_constants_are_reproduced_to_the_bit() -> None:
    np.testing.assert_array_equal(evaluated(np.full((6, 6), 0.3), (18, 18), 3.0), np.float32(0.3))


def test_goes_through_the_cells_values() -> None:
    cells = noise((8, 8), gaps=0.2)
    np.testing.assert_allclose(evaluated(cells, (40, 40), 5.0)[2::5, 2::5], cells, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seen", [[(3, 3)], [(3, 3), (4, 5)], [(1, 1), (3, 3), (4, 4)], [(3, 0), (3, 4)]])
def test_cells_on_one_line_keep_their_values(seen: list[tuple[int, int]]) -> None:
    cells = np.full((6, 6), np.nan, np.float32)
    for n, place in enumerate(seen):
        cells[place] = n + 1
    expected = np.kron(cells, np.ones((3, 3)))
    np.testing.assert_array_equal(evaluated(cells, (18, 18), 3.0), expected)


def test_a_cell_that_is_not_observed_has_no_values_and_changes_no_band_but_its_own() -> None:
    cells = np.stack([noise((9, 9), 0), noise((9, 9), 1)])
    spoilt = cells.copy()
    spoilt[0, 4, 4] = np.nan
    found, whole = evaluated(spoilt, (27, 27), 3.0), evaluated(cells, (27, 27), 3.0)
    assert np.isnan(found[0, 12:15, 12:15]).all() and np.isnan(found).sum() == 9
    np.testing.assert_array_equal(found[1], whole[1])
    assert np.nanmax(np.abs(found[0] - whole[0])) > 1e-3


@pytest.mark.parametrize("turn", [lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a.T])
def test_turning_the_cells_turns_the_values(turn: Any) -> None:
    cells = noise((9, 9), gaps=0.2)
    np.testing.assert_allclose(
        evaluated(turn(cells), (27, 27), 3.0), turn(evaluated(cells, (27, 27), 3.0)), rtol=0, atol=1e-6
    )


def test_a_crop_gives_the_bits_of_the_whole() -> None:
    cells = noise((20, 20), gaps=0.1)
    rows, offsets = points(50, 2.5)
    whole = thin_plate(cells[None], rows, offsets, rows, offsets, 4)[0]
    part = slice(20, 30)  # cells 8 to 11, with 4 around
    found = thin_plate(cells[None, 4:16, 4:16], rows[part] - 4, offsets[part], rows[part] - 4, offsets[part], 4)[0]
    np.testing.assert_array_equal(found, whole[part, part])


def test_points_outside_the_cells_have_no_value() -> None:
    rows, offsets = points(12, 3.0)
    found = thin_plate(noise((4, 4))[None], rows - 1, offsets, rows + 1, offsets, 4)[0]
    assert np.isnan(found[:3]).all() and np.isnan(found[:, 9:]).all() and np.isfinite(found[3:, :9]).all()
    alone = thin_plate(noise((4, 4))[None], rows[:3] - 1, np.zeros(3), rows[:3], np.zeros(3), 4)
    assert np.isnan(alone).all()
