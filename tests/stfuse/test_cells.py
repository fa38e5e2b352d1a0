"""Coarse cells on fine pixels: the same numbers in every crop, at any ratio."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from factory import make_grid
from stfuse.errors import InputError
from stfuse.fusion.cells import Axis, axes, on_pixels, tie_breaker
from stfuse.grid import coarser

RATIOS = [1.0, 2.0, 3.0, 2.5, 2.4, 16.7, 15.4437, 46.3]


def shifted(ratio: float, shape: tuple[int, int], by: float) -> GeoBox:
    """A coarse grid whose corner lies `by` fine pixels below and right of the fine grid's."""
    grid = make_grid(shape)
    return coarser(GeoBox(shape, grid.affine @ Affine.translation(by, by), grid.crs), ratio)


def rows_of(ratio: float, pixels: int, by: float = 0.0) -> Axis:
    return axes(shifted(ratio, (pixels, pixels), by), make_grid((pixels, pixels)))[0]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3, -1.25])
def test_edges_lie_where_the_grids_have_them(ratio: float, by: float) -> None:
    axis = rows_of(ratio, 100, by)
    expected = by + ratio * np.arange(len(axis.edges))
    exact = by == 0 and ratio not in (15.4437, 46.3)  # no fractions with a small denominator: to half a tick
    np.testing.assert_allclose(axis.edges / axis.unit, expected, rtol=0, atol=1e-9 if exact else 0.52 / axis.unit)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3])
def test_a_crop_has_the_cells_of_the_whole(ratio: float, by: float) -> None:
    grid, coarse = make_grid((300, 300)), shifted(ratio, (300, 300), by)
    whole = axes(coarse, grid)[0]
    first = int(np.ceil(40 / ratio))
    crop = axes(coarse[first:, first:], grid[37:, 41:])
    for axis, pixels in zip(crop, (37, 41), strict=True):
        np.testing.assert_array_equal(axis.edges, whole.edges[first:] - pixels * whole.unit)
        (phase, base), (whole_phase, whole_base) = axis.places(), whole.places()
        np.testing.assert_array_equal(phase, whole_phase[first:])
        np.testing.assert_array_equal(base, whole_base[first:] - pixels)
        inside = axis.cell >= 0
        np.testing.assert_array_equal(axis.cell[inside] + first, whole.cell[pixels:][inside])
        np.testing.assert_array_equal(axis.offset[inside], whole.offset[pixels:][inside])


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3])
def test_every_pixel_has_the_cell_that_holds_its_centre(ratio: float, by: float) -> None:
    axis = rows_of(ratio, 100, by)
    place = (np.arange(100) + 0.5 - by) / ratio
    np.testing.assert_array_equal(axis.cell, np.floor(place + 1e-4))
    np.testing.assert_allclose(axis.cell + 0.5 + axis.offset, place, rtol=0, atol=1 / axis.unit)
    for i, (first, stop) in enumerate(pairwise(axis.starts)):
        assert list(range(first, stop)) == list(np.flatnonzero(axis.cell == i))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3])
def test_phases_are_where_cells_begin_and_hold_all_their_pixels(ratio: float, by: float) -> None:
    axis = rows_of(ratio, 100, by)
    phase, base = axis.places()
    begin = axis.edges[:-1] / axis.unit
    np.testing.assert_allclose(axis.phases[phase] + base, begin, rtol=0, atol=1 / 16 if ratio < 20 else 1 / 8)
    for i, (first, stop) in enumerate(pairwise(axis.starts)):
        assert all(0 <= y - base[i] < axis.subs for y in range(first, stop))


@pytest.mark.parametrize("ratio", [2.5, 3.0, 16.7])
def test_every_cell_is_of_one_piece(ratio: float) -> None:
    """Of the cut ones, those whose centres lie outside the scene only if asked for."""
    axis = rows_of(ratio, 103)
    ends = [(start, min(start + 20, 103)) for start in range(0, 103, 20)]
    cells = list(range(len(axis.edges) - 1))
    centred = [i for part in ends for i in cells[axis.centred(*part)]]
    assert centred == [i for i in cells if (i + 0.5) * ratio < 103]
    assert [i for part in ends for i in cells[axis.centred(*part, cut=True)]] == cells


def test_cells_that_the_scene_begins_in_are_of_the_first_piece() -> None:
    grid = make_grid((30, 30))
    rows, _ = axes(GeoBox((5, 5), grid.affine @ Affine.translation(-8, -8) @ Affine.scale(10), grid.crs), grid)
    assert (rows.centred(0, 20, cut=True), rows.centred(20, 30, cut=True)) == (slice(0, 3), slice(3, 4))
    assert rows.centred(0, 20) == slice(1, 3)


def test_cells_beside_the_scene_are_of_no_piece() -> None:
    grid = make_grid((30, 30))
    rows, _ = axes(GeoBox((10, 10), grid.affine @ Affine.translation(-30, -30) @ Affine.scale(10), grid.crs), grid)
    for cut in (False, True):
        assert rows.centred(0, 30, cut) == slice(3, 6)
    far, _ = axes(GeoBox((4, 4), grid.affine @ Affine.translation(50, 50) @ Affine.scale(10), grid.crs), grid)
    assert len(range(4)[far.centred(0, 30, cut=True)]) == 0
    assert len(range(10)[rows.centred(20, 20, cut=True)]) == 0


def test_cells_that_own_some_of_the_pixels_are_touched() -> None:
    np.testing.assert_array_equal(np.flatnonzero(rows_of(2.5, 20).touching(4, 9)), [1, 2, 3])
    np.testing.assert_array_equal(np.flatnonzero(rows_of(8.0, 40).touching(8, 16)), [1])


def test_a_stretch_is_of_whole_cells() -> None:
    rows = rows_of(8.0, 40)
    part = rows.around(10, 17)
    assert (part.pixels, part.cells, list(part.starts)) == (slice(8, 24), slice(1, 3), [0, 8, 16])
    np.testing.assert_array_equal(part.cell, rows.cell[8:24])
    np.testing.assert_array_equal(part.offset, rows.offset[8:24])
    assert rows.around(-5, 100).pixels == slice(0, 40)


def test_a_stretch_outside_the_coarse_grid_has_no_cells() -> None:
    grid = make_grid((40, 40))
    rows, _ = axes(coarser(grid, 8)[:2, :2], grid)
    assert rows.around(10, 30).pixels == slice(8, 30) and rows.around(10, 30).cells == slice(1, 2)
    assert rows.around(20, 30).pixels == slice(20, 30) and len(rows.around(20, 30).starts) == 1


def test_values_of_cells_on_pixels() -> None:
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    found = on_pixels(values, np.array([-1, 0, 0, 1, 2]), np.array([0, 1, 2, 3]))
    assert np.isnan(found[0, [0, 4]]).all() and np.isnan(found[..., 3]).all()
    np.testing.assert_array_equal(found[0, 1:4, :3], values[0, [0, 0, 1]])


def test_pixels_beside_the_coarse_grid_have_no_cell() -> None:
    grid = make_grid((40, 40))
    rows, columns = axes(coarser(grid, 8)[1:3, 1:3], grid)
    np.testing.assert_array_equal(rows.cell, np.repeat([-1, 0, 1, 2, 2], 8))
    assert (rows.offset[:8] == 0).all() and (rows.offset[24:] == 0).all()
    found = on_pixels(np.ones((1, 2, 2), np.float32), rows.cell, columns.cell)
    assert np.isfinite(found).sum() == np.isfinite(found[0, 8:24, 8:24]).sum() == 256


@pytest.mark.parametrize("matrix", [Affine.rotation(10) @ Affine.scale(3), Affine.scale(3, -3), Affine.scale(0.5)])
def test_grids_that_are_turned_or_finer_are_refused(matrix: Affine) -> None:
    grid = make_grid((10, 10))
    with pytest.raises(InputError, match="turned or mirrored"):
        axes(GeoBox((3, 3), grid.affine @ matrix, grid.crs), grid)


def test_grids_of_another_crs_are_refused() -> None:
    grid = make_grid((30, 30))
    with pytest.raises(InputError, match="another CRS"):
        axes(GeoBox((3, 3), grid.affine @ Affine.scale(10), "EPSG:32632"), grid)


@pytest.mark.parametrize("by", [0.0, 0.5, -0.5, 0.25])
def test_tie_breakers_belong_to_the_place_where_the_grid_begins_within_a_cell(by: float) -> None:
    """Rounded to even, every other crop of a grid that begins at half a cell would have other numbers."""
    grid = make_grid((20, 20))
    cells = GeoBox((20, 20), Affine(30, 0, 30 * (9_000 + by), 0, -30, 30 * (140_000 + by)), grid.crs)
    whole = tie_breaker(cells)
    for row, column in ((0, 1), (1, 0), (1, 1), (2, 3), (4, 4)):
        np.testing.assert_array_equal(tie_breaker(cells[row:, column:]), whole[row:, column:])


def test_tie_breakers_belong_to_the_place() -> None:
    cells = coarser(make_grid((900, 900)), 16.7)
    whole = tie_breaker(cells)
    np.testing.assert_array_equal(tie_breaker(cells[3:20, 5:9]), whole[3:20, 5:9])
    assert len(np.unique(whole)) == whole.size and whole.min() >= 0 and whole.max() < 1
    assert np.abs(np.corrcoef(whole.ravel(), np.indices(whole.shape).reshape(2, -1))[0, 1:]).max() < 0.1
    assert whole.mean() == pytest.approx(0.5, abs=0.02)
