import json
import math
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.special import ndtr

import small_world
from stfuse.grid import site_grid
from stfuse.simulated import sinusoidal

FIXTURES = Path(__file__).parents[3] / "shared" / "stac-fixtures" / "planetary-computer" / "modis-43A4-061"
LIVE = "MCD43A4.A2025061.h35v10.061.2025070035331.json"
SHEARED = site_grid("EPSG:32616", (400000, 4430000, 400960, 4430960), 10)


def test_the_pixel_and_the_tiles_are_those_of_the_global_grid():
    assert pytest.approx(463.312716527778, abs=1e-9) == sinusoidal.PIXEL
    assert sinusoidal.tile_of(-88.2, 40.1) == (11, 4)
    assert sinusoidal.tile_of(3.02, 50.82) == (18, 3)
    assert sinusoidal.tile_of(150.0, -35.0) == (30, 12)


def test_tiles_begin_where_the_archives_begin():
    if not (FIXTURES / LIVE).exists():
        pytest.skip("the archives' items (../shared/stac-fixtures) are not here")
    live = json.loads((FIXTURES / LIVE).read_text())
    h, v = (live["properties"][f"modis:{k}-tile"] for k in ("horizontal", "vertical"))
    transform = live["properties"]["proj:transform"]
    assert transform[2] == pytest.approx((h - 18) * sinusoidal.TILE, abs=0.001)
    assert transform[5] == pytest.approx((9 - v) * sinusoidal.TILE, abs=0.001)
    assert live["properties"]["proj:wkt2"] == sinusoidal.WKT
    _, south, east, north = live["bbox"]
    assert sinusoidal.tile_of(east - 1, (south + north) / 2) == (h, v)


@pytest.mark.parametrize("site", [SHEARED, site_grid(small_world.CRS, small_world.BOUNDS, 5)])
def test_the_window_is_snapped_to_the_global_grid_and_holds_the_site_and_a_pixel_more(site):
    grid = sinusoidal.coarse_grid(site)
    for edge in (grid.affine.c, grid.affine.f):
        assert edge / sinusoidal.PIXEL == pytest.approx(round(edge / sinusoidal.PIXEL), abs=1e-6)
    bounds = site.extent.to_crs(grid.crs, resolution=20).boundingbox
    own = grid.extent.boundingbox
    for far, near in zip((*own.bbox[:2], *bounds.bbox[2:]), (*bounds.bbox[:2], *own.bbox[2:]), strict=True):
        assert sinusoidal.PIXEL - 1 <= near - far <= 2 * sinusoidal.PIXEL + 1


def test_a_window_across_tiles_is_cut_where_they_meet():
    corner = Affine.translation(-7 * sinusoidal.TILE - 2 * sinusoidal.PIXEL, 5 * sinusoidal.TILE + sinusoidal.PIXEL)
    grid = GeoBox((4, 5), corner @ Affine.scale(sinusoidal.PIXEL, -sinusoidal.PIXEL), sinusoidal.WKT)
    found = dict(sinusoidal.tiles(grid))
    assert set(found) == {(10, 3), (11, 3), (10, 4), (11, 4)}
    assert grid[found[11, 4]].affine.c == pytest.approx(-7 * sinusoidal.TILE, abs=1e-3)
    assert grid[found[11, 4]].affine.f == pytest.approx(5 * sinusoidal.TILE, abs=1e-3)
    assert [tuple(grid[found[t]].shape) for t in ((10, 3), (11, 4))] == [(1, 2), (3, 3)]


@pytest.mark.parametrize("site", [SHEARED, site_grid(small_world.CRS, small_world.BOUNDS, 10)])
def test_the_world_holds_every_pixel_that_touches_the_site_with_its_blur(site):
    far = math.ceil(sinusoidal.reach(site) / site.resolution.x)
    world, grid = site.pad(far), sinusoidal.coarse_grid(site)
    whole = grid.pad(2).to_crs(site.crs).boundingbox
    enough = site_grid(str(site.crs), tuple(round(v, -1) for v in whole.bbox), site.resolution.x)
    weights = [
        np.asarray(sinusoidal.mean_weights(w, grid, 0.35, slice(0, w.height)).sum(axis=1)).ravel()
        for w in (world, enough)
    ]
    touched = sinusoidal.mean_weights(site, grid, 0.0, slice(0, site.height)).sum(axis=1)
    assert (touched > 0).any()
    pairs = [(a, b) for a, b, t in zip(*weights, np.asarray(touched).ravel(), strict=True) if t > 0]
    for here, everywhere in pairs:
        assert here == pytest.approx(everywhere, rel=1e-3)


def test_the_blur_is_a_box_and_a_gaussian():
    source = GeoBox((200, 2000), Affine(5, 0, 0, 0, -5, 1000), "EPSG:32631")
    target = GeoBox((2, 20), Affine(500, 0, 0, 0, -500, 1000), "EPSG:32631")
    weights = sinusoidal.means(sinusoidal.mean_weights(source, target, 0.35, slice(0, 200)))
    step = np.tile(np.arange(2000) >= 1000, (200, 1)).ravel().astype(float)
    found = (weights @ step).reshape(2, 20)[0]
    # An edge at pixel 10, seen by a box of one pixel and a Gaussian whose tails are cut.
    z = (np.arange(20)[:, None] + (np.arange(4000) + 0.5) / 4000 - 10) / 0.35
    np.testing.assert_allclose(found, ndtr(z).mean(axis=1), atol=0.01)
    assert found[8] < found[9] < 0.5 < found[10] and found[5] == 0 and found[14] == pytest.approx(1)
