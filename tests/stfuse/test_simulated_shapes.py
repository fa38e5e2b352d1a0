"""Shapes of what lies among the fields: patches, streams, lakes and villages."""

import numpy as np
import pytest
from scipy import ndimage

from stfuse.grid import site_grid
from stfuse.simulated.covers import CODES
from stfuse.simulated.land.landscape import draw_landscape, make_plan
from stfuse.simulated.land.parcels import area
from stfuse.simulated.land.patches import Shape, draw_waves
from stfuse.simulated.land.places import VERGE, WAYSIDE, Canvas, to_road
from stfuse.simulated.land.towns import _rows
from stfuse.simulated.land.water import make_streams, paint_streams
from stfuse.simulated.settings import EUROPE, Settings, stream

SMOOTH = np.zeros((1, 4))
MIDDLE = np.array([500.0, 500.0])


def open_land(cell=2.5, side=1000):
    n = round(side / cell)
    return Canvas(np.ones((n, n), np.int32), cell, (0.0, 0.0), (0, n, 0, n), (0, 0))


def draw(side, land=EUROPE, pixel=5.0, seed=1):
    """Class of every cell of a site."""
    grid = site_grid("EPSG:32631", (500010, 5630010, 500010 + side, 5630010 + side), pixel)
    drawn = draw_landscape(grid, grid.extent.boundingbox.bbox, Settings(seed=seed, resolution=pixel, land=land))
    return drawn.cover[drawn.labels]


def plan(water=0.03, valleys=4800.0, seed=1):
    return make_plan(Settings(seed=seed, land={"maize": 1 - water, "water": water}), 2.5, valleys)


def elongation(mask):
    """Length by width of a patch, from its second moments."""
    values = np.linalg.eigvalsh(np.cov(np.argwhere(mask).T))
    return np.sqrt(values[1] / values[0])


@pytest.mark.parametrize("stretch", [1.0, 1.4])
def test_a_patch_without_waves_is_an_ellipse_of_the_circles_area(stretch):
    canvas = open_land()
    count = canvas.patch(MIDDLE, Shape(150.0, SMOOTH, stretch, angle=0.6), -9, False)
    taken = canvas.labels == -9
    assert count == taken.sum()
    assert count * 2.5**2 == pytest.approx(np.pi * 150**2, rel=0.01)
    assert elongation(taken) == pytest.approx(stretch**2, rel=0.02)


def test_a_patch_takes_no_more_cells_than_it_may_and_leaves_its_outermost_ones_off():
    canvas = open_land()
    assert canvas.patch(MIDDLE, Shape(150.0, SMOOTH), -9, False, most=5000) == pytest.approx(5000, abs=8)
    away = np.hypot(*((np.argwhere(canvas.labels == -9) + 0.5) * 2.5 - MIDDLE).T)
    assert away.max() == pytest.approx(np.sqrt(5000 * 2.5**2 / np.pi), abs=2)


def test_a_seam_has_its_width():
    canvas = open_land()
    canvas.patch(MIDDLE, Shape(150.0, SMOOTH), -9, False, rim=(10.0, VERGE))
    assert (canvas.labels == VERGE).sum() * 2.5**2 == pytest.approx(np.pi * (160**2 - 150**2), rel=0.05)


def test_a_patch_holds_to_field_boundaries_the_more_it_is_told_to():
    def straight(hold):
        canvas = open_land()
        canvas.labels[:, 168:] = 2  # boundary 80 m left of the middle, so the middles of both fields are known
        canvas.middles = np.array([[210.0, 500.0], [500.0, 500.0]])
        canvas.patch(MIDDLE, Shape(150.0, SMOOTH, hold=hold), -9, False)
        return (canvas.labels[:, :168] == -9).sum() / (canvas.labels == -9).sum()

    assert straight(0.0) > 0.15 > 0.02 > straight(0.6)


def test_a_patch_of_the_margin_leaves_the_district_alone():
    canvas = open_land()
    canvas.box = (0, 400, 0, 200)
    inside = canvas.labels[:, :200].copy()
    count = canvas.patch(MIDDLE, Shape(150.0, draw_waves(stream(1, "x"))), -9, True)
    np.testing.assert_array_equal(canvas.labels[:, :200], inside)
    assert count == (canvas.labels == -9).sum() > 1000


def test_streams_run_at_their_course_and_width_and_know_how_far_they_are():
    streams = make_streams(plan(), 2.5)
    canvas = open_land(2.5, 4800)
    own, beside = paint_streams(canvas, plan(), streams)
    water = canvas.labels < -4
    assert own == water.sum() and beside == 0
    away = [streams.away((cell[::-1] + 0.5) * 2.5) for cell in np.argwhere(water)[::97]]
    # Half of the width, and what its variation along the stream adds.
    assert max(a for a, _ in away) < 0.75 * streams.width
    assert own * 2.5**2 / 4800 == pytest.approx(streams.width, rel=0.6)
    assert own * 2.5**2 < 0.5 * 0.03 * 4800**2


def test_streams_of_other_sites_run_elsewhere_and_little_water_has_none():
    assert len({round(make_streams(plan(seed=s), 2.5).angle, 1) for s in range(8)}) > 4
    assert make_streams(plan(water=0.002, valleys=2000.0), 2.5) is None
    assert make_streams(plan(), 100.0) is None


def test_a_stream_goes_on_in_the_next_district():
    water = draw(9600, pixel=20.0) == CODES["water"]
    parts, count = ndimage.label(ndimage.binary_dilation(water, iterations=3))  # bridges of roads
    crossing = [set(np.unique(parts[:, 955])) & set(np.unique(parts[:, 964])),
                set(np.unique(parts[955])) & set(np.unique(parts[964]))]  # fmt: skip
    assert count > 1 and set.union(*crossing) - {0}


def test_lakes_are_no_circles():
    # Little water has no stream.
    found = []
    for seed in range(4):
        water = draw(2000, {"maize": 0.99, "water": 0.01}, seed=seed) == CODES["water"]
        parts, count = ndimage.label(water)
        found += [elongation(parts == i) for i in range(1, count + 1) if (parts == i).sum() > 300]
    assert len(found) > 5 and np.median(found) > 1.4


def test_rows_of_plots_lie_on_both_sides_of_a_road_as_far_as_the_village_goes():
    way = np.array([[0.0, 0.0, 1000.0, 0.0, 250.0]])
    blocks = _rows(way, np.array([400.0, 150.0]))
    # The road is cut where it is 250 m from the middle: 400 -+ 200 m.
    corners = np.concatenate(blocks)
    assert corners[:, 0].min() == pytest.approx(200) and corners[:, 0].max() == pytest.approx(600)
    assert sum(area(b) for b in blocks) == pytest.approx(2 * 400 * (WAYSIDE - 3))
    assert {round(float(b[:, 1].mean()), 1) for b in blocks} == {-22.5, 22.5}
    for block in blocks:  # its first side is on the road, the rest lies to the left of it
        np.testing.assert_allclose(np.abs(block[:2, 1]), 3)
        along, out = block[1] - block[0], block[3] - block[0]
        assert along[0] * out[1] - along[1] * out[0] > 0
    assert not _rows(way, np.array([400.0, 300.0]))


def test_villages_move_to_the_end_of_a_road_or_onto_it():
    canvas = open_land()
    canvas.roads = np.array([[100.0, 200.0, 700.0, 200.0], [0.0, 950.0, 3000.0, 950.0]])
    place, angle = to_road(canvas, np.array([600.0, 300.0]), 0.4, False)
    assert place.tolist() == [700, 200] and angle == 0
    # Both ends are too far or beyond the district.
    place, _ = to_road(canvas, np.array([800.0, 800.0]), 0.4, False)
    assert place.tolist() == [800, 950]
    canvas.roads = canvas.roads[:1] + 5000
    assert to_road(canvas, MIDDLE, 0.4, False) == (pytest.approx(MIDDLE), 0.4)
