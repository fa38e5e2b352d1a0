import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from small_lessons import example, lesson, lessons
from stfuse.grid import site_grid
from stfuse.learning.blocks import Blocks, Cut, Limits
from stfuse.learning.heldout import Ground, hold_out

CUT = Cut(size=8, halo=0, align=1, cell=8, min_valid=0.5)


def grid(left, top, height, width, resolution=10.0):
    return site_grid("EPSG:32631", (left, top - height * resolution, left + width * resolution, top), resolution)


def chosen(some, share=0.3, most=1000, seed=0, cut=CUT, limits=None, threads=1):
    blocks = Blocks(some, cut, limits or Limits(), threads)
    return hold_out(some, cut, share, most, seed, blocks.look, threads)


def cells_of(cells, index):
    return {(rows.start, columns.start) for i, (rows, columns) in cells if i == index}


def mask_of(shape, windows):
    mask = np.zeros(shape, bool)
    for window in windows:
        mask[window] = True
    return mask


def test_every_date_holds_out_the_same_cells():
    taken, cells = chosen(lessons([example(), example(seed=1)]))
    assert cells_of(cells, 0) == cells_of(cells, 1) and taken[0] == taken[1]
    assert len(cells_of(cells, 0)) == round(0.3 * (30 // 8) * (36 // 8))


def test_other_seeds_hold_out_other_cells():
    assert len({tuple(cells_of(chosen(lessons([example()]), seed=seed)[1], 0)) for seed in range(5)}) > 1


def test_nothing_is_held_out_where_nothing_is_asked_for_or_none_can_be_spared():
    assert chosen(lessons([example()]), share=0.0) == ([[]], [])
    dark = example()
    dark.goal[:] = np.nan
    assert chosen(lessons([dark])) == ([[]], [])
    dark.goal[:, 8:16, 8:16] = 1
    assert chosen(lessons([dark])) == ([[]], [])  # the one cell that is left to train on


def test_cells_are_held_out_where_some_date_saw_them():
    one, other = example(), example(seed=1)
    one.goal[:, :16] = np.nan
    other.goal[:] = np.nan
    other.goal[:, :8] = 1
    _, cells = chosen(lessons([one, other]), share=0.99)
    # All but one of the rows that either saw, and never those that neither did.
    rows = {row for row, _ in cells_of(cells, 0)}
    assert rows <= {0, 16} and len(cells_of(cells, 0)) == 7


def test_the_number_of_cells_is_bounded_over_all_dates():
    _, cells = chosen(lessons([example((80, 80), seed=s) for s in range(4)]), share=0.5, most=22)
    assert len(cells) == 20


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("memory", [0, 2**30])
def test_neither_threads_nor_memory_change_what_is_held_out(threads, memory):
    some = lessons([example((64, 64), seed=s) for s in range(3)])
    expected = chosen(some, most=9)
    assert chosen(some, most=9, limits=Limits(block=16, memory=memory), threads=threads) == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(-8, 8), st.integers(-8, 8), st.sampled_from([10.0, 20.0, 30.0, 12.5]), st.integers(0, 99))
def test_grids_that_overlap_hold_out_the_same_ground(down, across, resolution, seed):
    first = grid(500000, 5600000, 48, 56)
    count = int(480 / resolution)
    second = grid(500000 + 10 * across, 5600000 - 10 * down, count, count, resolution)
    some = [lesson(example((48, 56)), grid=first), lesson(example((count, count)), grid=second)]
    taken, cells = chosen(some, seed=seed)
    # In steps of 2.5 m: what a lesson holds out itself must be taken from the other wherever the two meet.
    ground = np.zeros((2, 400, 400), bool)
    steps = int(resolution / 2.5)
    for i, (window, per, top, left) in enumerate(
        ((taken[0], 4, 80, 80), (taken[1], steps, 80 + 4 * down, 80 + 4 * across))
    ):
        mask = np.kron(mask_of(some[i].shape, window), np.ones((per, per), bool))
        ground[i, top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    for i, (rows, columns) in cells:
        per, top, left = ((4, 80, 80), (steps, 80 + 4 * down, 80 + 4 * across))[i]
        box = (
            slice(top + per * rows.start, top + per * rows.stop),
            slice(left + per * columns.start, left + per * columns.stop),
        )
        assert ground[i][box].all()
        other = ((4, 80, 80, 48, 56), (steps, 80 + 4 * down, 80 + 4 * across, count, count))[1 - i]
        inside = np.zeros((400, 400), bool)
        inside[other[1] : other[1] + other[0] * other[3], other[2] : other[2] + other[0] * other[4]] = True
        assert ground[1 - i][box][inside[box]].all()
    assert len(cells) >= 2


def test_places_apart_are_held_out_each_for_itself():
    here, there = grid(500000, 5600000, 40, 40), grid(600000, 5600000, 40, 40)
    taken, _ = chosen([lesson(example((40, 40)), grid=here), lesson(example((40, 40)), grid=there)], share=0.4)
    assert all(len(windows) == 10 for windows in taken) and taken[0] != taken[1]


def test_a_place_seen_finer_holds_out_the_finer_cells_within():
    coarse, fine = grid(500000, 5600000, 48, 48, 20.0), grid(500000, 5600000, 96, 96)
    _, cells = chosen([lesson(example((96, 96)), grid=fine), lesson(example((48, 48)), grid=coarse)], share=0.2)
    fours = [(2 * r + down, 2 * c + across) for r, c in cells_of(cells, 1) for down in (0, 8) for across in (0, 8)]
    assert len(fours) == 4 * round(0.2 * 36) and cells_of(cells, 0) == set(fours)


def test_lessons_on_turned_grids_are_places_of_their_own():
    turned = GeoBox((30, 36), Affine.translation(500000, 5600000) @ Affine.rotation(20) @ Affine.scale(10, -10), 32631)
    ground = Ground.of(lesson(example(), grid=turned))
    assert (ground.down, ground.across) == (1, 1) and ground.name != str(turned.crs)
