import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_patches import around
from small_lessons import example, lesson, lessons
from stfuse.errors import InputError
from stfuse.learning.blocks import Blocks, Cut, Limits, read
from stfuse.learning.patches import Moments

CUT = Cut(size=4, halo=3, align=1, cell=8, min_valid=0.5)
NOTHING_KEPT = Limits(block=16, memory=0)


def held(row, column, height=8, width=8):
    return slice(row, row + height), slice(column, column + width)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20), st.integers(1, 20), st.integers(0, 6), st.integers(0, 4), st.sampled_from([1, 3, 5]), st.data()
)
def test_what_is_read_is_the_window_of_the_mirrored_whole(height, width, halo, context, align, data):
    one = example((height, width))
    ends = [
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in (height, width)
    ]
    rows, columns = (slice(*pair) for pair in ends)
    # The lesson spoils the context of what it is asked for: a read that asks for too little would show it.
    piece = read(lesson(one, context), (rows, columns), halo, align)
    np.testing.assert_array_equal(piece.inputs, around(one.inputs, rows, columns, halo, align))
    np.testing.assert_array_equal(piece.goal, one.goal[:, rows, columns])
    assert (piece.row, piece.column) == (rows.start, columns.start)


def test_windows_that_are_looked_at_are_aligned():
    looked = []
    read(lesson(example((40, 33)), 2, looked=looked), (slice(7, 20), slice(11, 31)), 3, 5)
    assert looked == [(slice(0, 25), slice(5, 33))]


@pytest.mark.parametrize("limits", [NOTHING_KEPT, Limits(block=16), Limits()])
def test_blocks_cover_each_lesson_once_and_hold_the_patches_that_begin_in_them(limits):
    blocks = Blocks(lessons([example((30, 41)), example((20, 50), seed=1)]), CUT, limits, 2)
    for i, other in enumerate(blocks.lessons):
        count = np.zeros(other.shape, int)
        for block in (b for b in blocks.all if b.lesson == i):
            count[block.core] += 1
            for core, extent, n in zip(block.core, block.extent, other.shape, strict=True):
                assert core.start == extent.start and core.start % CUT.cell == 0
                assert extent.stop == min(core.stop + CUT.size - 1, n)
        assert (count == 1).all()


def test_blocks_that_fit_are_read_once_and_others_each_time():
    for limits, times in ((Limits(block=16), 1), (NOTHING_KEPT, 2)):
        looked = []
        blocks = Blocks([lesson(example(), looked=looked)], CUT, limits, 1)
        before = len(looked)
        assert before == (len(blocks.all) if times == 1 else 1)
        assert bool(blocks.kept) == (times == 1)
        for k in range(len(blocks.all)):
            blocks.piece(k)
        assert len(looked) == before + (0 if times == 1 else len(blocks.all))


@pytest.mark.parametrize("corner", [(0, 0), (8, 16), (16, 24), (24, 8)])
def test_a_cell_looks_the_same_from_memory_and_read_alone(corner):
    one = example((32, 40))
    one.goal[:, 20:26] = np.nan
    kept, read_anew = (Blocks([lesson(one, 2)], CUT, limits, 1) for limits in (Limits(block=16), NOTHING_KEPT))
    cell = held(*corner)
    first, second = kept.look(0, cell), read_anew.look(0, cell)
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.goal, one.goal[:, *cell])
    np.testing.assert_array_equal(second.goal, one.goal[:, *cell])
    assert (first.row, first.column) == corner and first.inputs.flags.c_contiguous


@pytest.mark.parametrize("limits", [NOTHING_KEPT, Limits(block=16), Limits()])
@pytest.mark.parametrize("align", [1, 2])
def test_a_survey_finds_every_place_and_no_held_out_one(limits, align):
    cut = Cut(4, 3, align, 8, 0.5)
    one = example((30, 36), bands=2)
    one.goal[1, 5:12, 20:30] = np.nan
    one.goal[0, 17, 17] = np.inf
    taken = [held(8, 8), held(23, 30, 4, 3)]  # the second of another grid, across cells
    blocks = Blocks([lesson(one)], cut, limits, 2)
    found = list(blocks.survey([taken]))
    places = {
        (int(r) + b.extent[0].start, int(c) + b.extent[1].start)
        for b, (_, origin) in zip(blocks.all, found, strict=True)
        for r, c in origin
    }
    free = np.ones((30, 36), bool)
    for cell in taken:
        free[cell] = False
    seen = np.isfinite(one.goal).all(axis=0)
    expected = {
        (r, c)
        for r in range(0, 27, align)
        for c in range(0, 33, align)
        if free[r : r + 4, c : c + 4].all() and seen[r : r + 4, c : c + 4].sum() >= 8
    }
    assert places == expected and sum(len(origin) for _, origin in found) == len(expected)
    total = found[0][0]
    for one_block, _ in found[1:]:
        total = total + one_block
    whole = Moments.of([*one.inputs, *one.goal], free)
    np.testing.assert_array_equal(total.count, whole.count)
    np.testing.assert_allclose(total.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(total.squares, whole.squares, rtol=1e-10)


def test_lessons_with_other_channels_are_refused():
    with pytest.raises(InputError, match="3 channels and 1 bands, others 2 and 1"):
        Blocks(lessons([example(), example(channels=3)]), CUT, Limits(), 1)


def test_memory_bounds_blocks_and_held_out_cells():
    blocks = Blocks(lessons([example((32, 32))]), CUT, Limits(block=16), 1)
    largest = 4 * (2 * (19 + 6) ** 2 + 19**2)
    assert blocks.room(3 * largest) == 3 and blocks.room(3 * largest - 1) == 2
    cell = 4 * (2 * (8 + 6) ** 2 + 8**2)
    assert blocks.most_cells(Limits(memory=4 * 5 * cell)) == 5
    assert blocks.most_cells(Limits(held=7)) == 7
    assert blocks.most_cells(NOTHING_KEPT) == 1
