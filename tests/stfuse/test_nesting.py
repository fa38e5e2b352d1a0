"""Fine pixels in coarse cells: the same numbers in every crop, at any ratio."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from factory import make_grid
from stfuse.errors import InputError
from stfuse.fusion.nesting import nesting_of, on_pixels, tie_breaker
from stfuse.grid import coarser


@pytest.mark.parametrize("ratio", [1.0, 2.5, 3.0, 16.7])
def test_pixels_lie_in_the_cell_that_holds_their_centre(ratio: float) -> None:
    grid = make_grid((50, 37))
    nesting = nesting_of(grid, coarser(grid, ratio))
    for axis, count in ((nesting.rows, 50), (nesting.columns, 37)):
        place = (np.arange(count) + 0.5) / ratio
        np.testing.assert_array_equal(axis.cell, np.floor(place))
        np.testing.assert_allclose(axis.cell + 0.5 + axis.offset, place, atol=1e-6)
        np.testing.assert_allclose(axis.edges, np.arange(count + 1) / ratio, atol=1e-6)
        for cell in range(len(axis.first)):
            touching = [i for i in range(count) if min(i + 1, (cell + 1) * ratio) - max(i, cell * ratio) > 1e-4]
            assert list(range(axis.first[cell], axis.last[cell])) == touching
            assert list(range(axis.start[cell], axis.start[cell + 1])) == list(np.flatnonzero(axis.cell == cell))


def test_a_crop_has_the_numbers_of_the_whole() -> None:
    grid = make_grid((300, 300))
    cells = coarser(grid, 16.7)
    whole = nesting_of(grid, cells).rows
    part = nesting_of(grid[101:250, 7:200], cells[2:18, :]).rows
    np.testing.assert_array_equal(part.cell + 2, whole.cell[101:250])
    np.testing.assert_array_equal(part.offset, whole.offset[101:250])
    np.testing.assert_array_equal(part.edges + 2, whole.edges[101:251])


@pytest.mark.parametrize("ratio", [2.5, 3.0, 16.7])
def test_every_cell_belongs_to_one_piece(ratio: float) -> None:
    """Also those at the edge whose centres lie outside the scene."""
    grid = make_grid((100, 100))
    rows = nesting_of(grid, coarser(grid, ratio)).rows
    owned = [n for first in range(0, 100, 30) for n in range(len(rows.first))[rows.owned(first, min(first + 30, 100))]]
    assert owned == list(range(len(rows.first)))


def test_cells_that_the_scene_begins_in_belong_to_the_first_piece() -> None:
    grid = make_grid((30, 30))
    shifted = GeoBox((5, 5), grid.affine * Affine.translation(-8, -8) * Affine.scale(10), grid.crs)
    rows = nesting_of(grid, shifted).rows
    assert (rows.owned(0, 20), rows.owned(20, 30)) == (slice(0, 3), slice(3, 4))
    assert (rows.first[0], rows.last[0], rows.first[4], rows.last[4]) == (0, 2, 30, 30)


def test_cells_beside_the_scene_belong_to_nobody() -> None:
    grid = make_grid((30, 30))
    wide = GeoBox((10, 10), grid.affine * Affine.translation(-30, -30) * Affine.scale(10), grid.crs)
    assert nesting_of(grid, wide).rows.owned(0, 30) == slice(3, 6)
    assert nesting_of(grid, wide).rows.owned(20, 20) == slice(0, 0)


def test_a_stretch_is_of_whole_cells() -> None:
    grid = make_grid((40, 40))
    rows = nesting_of(grid, coarser(grid, 8)).rows
    part = rows.around(10, 17)
    assert (part.pixels, part.cells, list(part.start)) == (slice(8, 24), slice(1, 3), [0, 8, 16])
    assert rows.around(-5, 100).pixels == slice(0, 40)


def test_a_stretch_outside_the_coarse_grid_has_no_cells() -> None:
    grid = make_grid((40, 40))
    rows = nesting_of(grid, coarser(grid, 8)[:2, :2]).rows
    assert rows.around(10, 30).pixels == slice(8, 30) and rows.around(10, 30).cells == slice(1, 2)
    assert rows.around(20, 30).pixels == slice(20, 30) and len(rows.around(20, 30).start) == 1


def test_values_of_cells_on_pixels() -> None:
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    found = on_pixels(values, np.array([-1, 0, 0, 1, 2]), np.array([0, 1, 2, 3]))
    assert np.isnan(found[0, [0, 4]]).all() and np.isnan(found[..., 3]).all()
    np.testing.assert_array_equal(found[0, 1:4, :3], values[0, [0, 0, 1]])


def test_turned_grids_are_refused() -> None:
    grid = make_grid((30, 30))
    for turn in (Affine.rotation(10), Affine.scale(1, -1)):
        with pytest.raises(InputError, match="turned or mirrored"):
            nesting_of(grid, GeoBox((3, 3), grid.affine * turn * Affine.scale(10), grid.crs))
    with pytest.raises(InputError, match="another CRS"):
        nesting_of(grid, GeoBox((3, 3), grid.affine * Affine.scale(10), "EPSG:32632"))


def test_tie_breakers_belong_to_the_place() -> None:
    cells = coarser(make_grid((900, 900)), 16.7)
    whole = tie_breaker(cells)
    np.testing.assert_array_equal(tie_breaker(cells[3:20, 5:9]), whole[3:20, 5:9])
    assert len(np.unique(whole)) == whole.size and whole.min() >= 0 and whole.max() < 1
    assert np.abs(np.corrcoef(whole.ravel(), np.indices(whole.shape).reshape(2, -1))[0, 1:]).max() < 0.1
    assert whole.mean() == pytest.approx(0.5, abs=0.02)
