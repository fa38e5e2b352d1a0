"""Coarse cells on fine pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from factory import make_grid, punch
from stfuse.errors import InputError
from stfuse.fusion.footprints import axes, cell_means
from stfuse.grid import coarser, degrade_inside

RATIOS = [1.0, 2.0, 3.0, 2.5, 2.4, 16.7, 15.4437, 46.3]


def shifted(ratio: float, shape: tuple[int, int], by: float) -> GeoBox:
    """A coarse grid whose corner lies `by` fine pixels below and right of the fine grid's."""
    grid = make_grid(shape)
    return coarser(GeoBox(shape, grid.affine @ Affine.translation(by, by), grid.crs), ratio)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3, -1.25])
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_means_are_those_of_degrading(ratio: float, by: float, gaps: float) -> None:
    grid = make_grid((67, 58))
    values = punch(np.random.default_rng(0).random((3, 1, 67, 58), np.float32), gaps, 1)[:, 0]
    coarse = shifted(ratio, (67, 58), by)
    found, expected = cell_means(values, *axes(coarse, grid)), degrade_inside(values, grid, coarse)
    whole = [slice(1, -1), slice(1, -1)]  # the edge of a cell may round to nothing beyond the image
    # Ratios that are no simple fraction, and odd shifts, have their edges rounded to 1/4096 pixel.
    np.testing.assert_allclose(found[:, *whole], expected[:, *whole], rtol=0, atol=2e-4 / ratio)
    if by == 0 and ratio < 17 and ratio != 15.4437:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3])
def test_a_crop_has_the_cells_of_the_whole(ratio: float, by: float) -> None:
    grid, coarse = make_grid((300, 300)), shifted(ratio, (300, 300), by)
    whole = axes(coarse, grid)[0]
    first = int(np.ceil(40 / ratio))
    crop = axes(coarse[first:, first:], grid[37:, 41:])
    for axis, pixels in zip(crop, (37, 41), strict=True):
        np.testing.assert_array_equal(axis.edges, whole.edges[first:] - pixels * whole.unit)
        phase, base = axis.places()
        np.testing.assert_array_equal(phase, whole.places()[0][first:])
        np.testing.assert_array_equal(base, whole.places()[1][first:] - pixels)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("by", [0.0, 0.3])
def test_every_pixel_has_the_cell_that_holds_its_centre(ratio: float, by: float) -> None:
    axis = axes(shifted(ratio, (100, 100), by), make_grid((100, 100)))[0]
    owned, (_, base) = axis.owned(), axis.places()
    for i, (first, stop) in enumerate(pairwise(owned)):
        low = by + i * ratio
        inside = [y for y in range(100) if low - 1e-3 <= y + 0.5 < low + ratio - 1e-3]
        assert inside == list(range(first, stop))
        assert all(0 <= y - base[i] < axis.subs for y in inside)
    np.testing.assert_allclose(
        axis.phases[axis.places()[0]] + base, axis.edges[:-1] / axis.unit, rtol=0, atol=1 / 16 if ratio < 20 else 1 / 8
    )


def test_cells_of_pieces_cover_the_scene_once() -> None:
    axis = axes(coarser(make_grid((103, 103)), 2.5), make_grid((103, 103)))[0]
    parts = [axis.centred(start, min(start + 20, 103)) for start in range(0, 103, 20)]
    assert [i for part in parts for i in range(part.start, part.stop)] == list(
        range(41)
    )  # the last is cut, its centre outside


@pytest.mark.parametrize("matrix", [Affine.rotation(10) @ Affine.scale(3), Affine.scale(3, -3), Affine.scale(0.5)])
def test_grids_that_are_turned_or_finer_are_refused(matrix: Affine) -> None:
    grid = make_grid((10, 10))
    with pytest.raises(InputError, match="turned"):
        axes(GeoBox((3, 3), grid.affine @ matrix, grid.crs), grid)
