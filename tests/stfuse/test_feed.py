import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_patches import around, scaled, turned
from small_lessons import example, lesson, lessons, make_plan, numbered, numbers
from stfuse.errors import InputError
from stfuse.learning.blocks import Limits
from stfuse.learning.feed import open_feed
from stfuse.learning.lessons import Example, Lesson

IN_TURN = Limits(block=16, memory=60_000)
"""So little memory that blocks of the lessons here take turns."""


def stacked(batches):
    return [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]


def feed_of(examples, seed=0, halo=1, align=1, tied=0, limits=None, rank=0, ranks=1, **changes):
    return open_feed(lessons(examples), make_plan(**changes), seed, halo, align, tied, rank, ranks, limits)


def places(feed, batch, halo):
    """Lesson, first row and first column of every patch of a batch of numbered lessons."""
    found = numbers(feed, batch[0])[:, :, halo : halo + feed.size, halo : halo + feed.size]
    return found.min(axis=(2, 3)).astype(int)


@settings(max_examples=25, deadline=None)
@given(
    *(st.integers(15, 60), st.integers(15, 60), st.integers(1, 40), st.integers(0, 999), st.floats(0.01, 0.9)),
    st.sampled_from([1, 2, 3, 5]),
)
def test_training_patches_touch_no_held_out_one_on_any_date(height, width, wanted, seed, share, align):
    every = [numbered((height, width), i) for i in range(2)]
    with feed_of(every, seed, 0, align, patch=wanted, batch=64, held_share=share, epochs=2) as feed:
        held = np.concatenate([places(feed, batch, 0) for batch in feed.held_batches()])
        train = np.concatenate([places(feed, batch, 0) for batch in feed.batches(0, 6)])
        assert feed.held_count == len(held) > 0 and feed.train_count > 0
    taken = np.zeros((height, width), int)
    for index, row, column in held:
        if index == 0:
            taken[row : row + feed.size, column : column + feed.size] += 1
    assert taken.max() == 1  # each once
    assert {tuple(p[1:]) for p in held if p[0] == 0} == {tuple(p[1:]) for p in held if p[0] == 1}
    assert not any(taken[r : r + feed.size, c : c + feed.size].any() for _, r, c in train)
    assert (train[:, 1:] % align == 0).all() and feed.size % align == 0


@pytest.mark.parametrize("limits", [None, Limits(block=16), IN_TURN])
@pytest.mark.parametrize(("patch", "halo", "align"), [(8, 3, 1), (9, 2, 3), (1, 0, 1), (1, 2, 1)])
def test_every_patch_is_a_turned_window_of_its_lesson_scaled(limits, patch, halo, align):
    every = [numbered((40, 47), i) for i in range(3)]
    with feed_of(every, 1, halo, align, limits=limits, patch=patch, batch=32) as feed:
        seen = set()
        for inputs, goal, mask in feed.batches(0, 9):
            assert {a.dtype for a in (inputs, goal, mask)} == {np.dtype(np.float32)}
            assert all(a.flags.c_contiguous for a in (inputs, goal, mask))
            assert inputs.shape == (32, 3, patch + 2 * halo, patch + 2 * halo) and goal.shape == (32, 2, patch, patch)
            for k, (index, row, column) in enumerate(places(feed, (inputs,), halo)):
                rows, columns = slice(row, row + patch), slice(column, column + patch)
                plain = scaled(around(every[index].inputs, rows, columns, halo, align), feed.scaling)
                fits = [t for t in range(8) if np.array_equal(turned(plain, t), inputs[k])]
                assert fits
                by = feed.scaling
                goals = every[index].goal[:, rows, columns]
                units = (goals - by.out_mean[:, None, None]) / by.out_scale[:, None, None]
                np.testing.assert_array_equal(goal[k], turned(units, fits[0]))
                seen.add(fits[0])
            assert (mask == 1).all()
        assert seen == ({0} if patch + 2 * halo == 1 else set(range(8)))


def test_patches_are_drawn_evenly_from_all_places_of_all_dates():
    every = [numbered((30, 36), i) for i in range(2)]
    with feed_of(every, batch=4096, steps=5, held_share=0.0) as feed:
        found = np.concatenate([places(feed, batch, 1) for batch in feed.batches(0, 5)])
        assert feed.train_count == 2 * 23 * 29
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert len(counts) == feed.train_count
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.15)  # as independent draws do


@pytest.mark.parametrize("limits", [None, IN_TURN])
def test_a_feed_that_resumes_at_any_step_goes_on_as_before(limits):
    every = [example((40, 40), seed=s) for s in range(3)]
    with feed_of(every, limits=limits) as feed:
        whole = list(feed.batches(0, 9))
    for first in range(1, 9):
        with feed_of(every, limits=limits) as feed:
            for one, other in zip(feed.batches(first, 9), whole[first:], strict=True):
                for a, b in zip(one, other, strict=True):
                    np.testing.assert_array_equal(a, b)


def test_batches_of_epochs_asked_for_one_by_one_are_the_same():
    with feed_of([numbered((40, 40))], limits=IN_TURN) as feed:
        whole = stacked(feed.batches(0, 9))
        parts = stacked([b for e in (2, 0, 1) for b in feed.batches(3 * e, 3 * e + 3)])
        order = [*range(24, 36), *range(24)]
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(a[order], b)


def test_another_seed_draws_others():
    batches = []
    for seed in (0, 0, 1):
        with feed_of([example()], seed) as feed:
            batches.append(next(iter(feed.batches(0, 1)))[0])
    assert np.array_equal(batches[0], batches[1]) and not np.array_equal(batches[0], batches[2])


def test_blocks_in_turn_are_read_again_and_change_from_epoch_to_epoch():
    looked = []
    some = [lesson(numbered((64, 64), i), looked=looked) for i in range(2)]
    plan = make_plan(patch=4, batch=256, epochs=40, steps=1)
    with open_feed(some, plan, 0, 0, limits=Limits(block=16, memory=4 * 9_000)) as feed:
        before = len(looked)
        found = [places(feed, batch, 0) for batch in feed.batches(0, 40)]
    blocks = [{(i, r // 16, c // 16) for i, r, c in one} for one in found]
    assert max(map(len, blocks)) < 8 and len(set().union(*blocks)) == 32
    assert len(looked) - before < 40 * 8  # a block that stays is not read again
    assert blocks[0] != blocks[1]


def test_ranks_share_the_very_batch_that_one_would_have():
    every = [example(seed=s) for s in range(2)]
    with feed_of(every, batch=5) as feed:
        whole = list(feed.batches(0, 3))
    parts = []
    for rank in range(2):
        with feed_of(every, batch=5, rank=rank, ranks=2) as feed:
            parts.append(list(feed.batches(0, 3)))
    for step, batch in enumerate(whole):
        for k, array in enumerate(batch):
            for rank in range(2):
                np.testing.assert_array_equal(parts[rank][step][k], array[rank::2])


def test_gaps_reach_neither_the_network_nor_the_loss():
    holed = numbered((30, 36))
    holed.inputs[1:, 3:9, 3:9] = np.nan
    holed.inputs[1, 20, 20] = -np.inf
    gap = np.zeros((30, 36), bool)
    gap[5:7, 5:9] = gap[25, 25] = True
    holed.goal[:, gap] = np.inf
    with feed_of([holed], halo=0, batch=64, steps=5) as feed:
        inputs, goal, mask = stacked([*feed.batches(0, 5), *feed.held_batches()])
        assert np.isfinite(inputs).all() and np.isfinite(goal).all()
        by = feed.scaling
        told = np.rint(goal * by.out_scale[:, None, None] + by.out_mean[:, None, None]).astype(int)
        masked = mask[:, 0] == 0
        assert masked.any() and (goal[mask == 0] == 0).all() and set(np.unique(mask)) == {0, 1}
        assert not gap[told[:, 0][~masked], told[:, 1][~masked]].any()
        empty = np.isnan(holed.inputs[1])[told[:, 0], told[:, 1]] & ~masked
        assert empty.any() and (inputs[:, 1:].swapaxes(0, 1)[:, empty] == 0).all()  # the mean


def test_patches_with_little_observed_are_neither_drawn_nor_held_out():
    clouded = numbered((30, 36))
    clouded.goal[:, :, :18] = np.nan
    with feed_of([clouded], halo=0, batch=128, min_valid=0.75) as feed:
        _, _, mask = stacked([*feed.batches(0, 3), *feed.held_batches()])
        assert mask.mean(axis=(1, 2, 3)).min() >= 0.75 and mask.min() == 0


def test_the_scaling_is_that_of_all_that_is_not_held_out():
    every = [example((40, 40), bands=2, seed=s) for s in range(2)]
    every[0].inputs[0, :9] = np.nan
    every[1].goal[1, :9] = np.inf
    feeds = [feed_of(every, halo=0, limits=limits, tied=tied) for limits, tied in ((None, 0), (IN_TURN, 0), (None, 2))]
    for feed in feeds:
        feed.close()
    free = np.ones((40, 40), bool)
    with feed_of([numbered((40, 40))], halo=0) as feed:
        for batch in feed.held_batches():
            for _, row, column in places(feed, batch, 0):
                free[row : row + 8, column : column + 8] = False
    assert (~free).sum() == 64 * 5
    for k in (0, 1):
        values = np.concatenate([e.inputs[k][free & np.isfinite(e.inputs[k])] for e in every]).astype(np.float64)
        for feed in feeds[:2]:
            assert feed.scaling.in_mean[k] == np.float32(values.mean())
            assert feed.scaling.in_scale[k] == pytest.approx(values.std(), rel=1e-6)
        goals = np.concatenate([e.goal[k][free & np.isfinite(e.goal[k])] for e in every]).astype(np.float64)
        assert feeds[0].scaling.out_mean[k] == np.float32(goals.mean())
    np.testing.assert_array_equal(feeds[2].scaling.in_mean, feeds[0].scaling.out_mean)
    np.testing.assert_array_equal(feeds[2].scaling.in_scale, feeds[0].scaling.out_scale)


def test_single_pixels_are_held_out_in_cells():
    every = [numbered((64, 48), i) for i in range(2)]
    with feed_of(every, halo=0, patch=1, batch=4096) as feed:
        held = stacked([[places(feed, b, 0)] for b in feed.held_batches()])[0]
        train = places(feed, next(iter(feed.batches(0, 1))), 0)
        assert feed.size == 1 and feed.train_count + feed.held_count == 2 * 64 * 48
    cells = {(r // 8, c // 8) for _, r, c in held}
    assert len(cells) == round(0.2 * 48) and len(held) == 2 * 64 * len(cells)
    assert not cells & {(r // 8, c // 8) for _, r, c in train} and len({tuple(p) for p in train}) > 2000


def test_held_out_patches_and_listed_places_are_bounded():
    limits = Limits(block=16, places=500, held=6)
    every = [numbered((64, 64), i) for i in range(3)]
    with feed_of(every, limits=limits, halo=0, batch=2000, steps=1, epochs=1) as feed:
        assert feed.held_count == 6 and 300 < feed.train_count <= 500
        found = places(feed, next(iter(feed.batches(0, 1))), 0)
        # All over the lessons, at any phase: not on a raster.
        assert all(len(set(found[:, k] % 8)) == 8 for k in (1, 2)) and set(found[:, 0]) == {0, 1, 2}
        assert len(np.unique(found // [1, 16, 16], axis=0)) > 30


@pytest.mark.parametrize(
    ("examples", "changes", "message"),
    [
        ([], {}, "no training samples"),
        ([example((11, 40))], {}, "11 pixels wide, too small"),
        ([example((40, 40))], {"align": 20}, "40 pixels wide, too small to cut patches of 20"),
        ([Example(example().inputs, np.full((1, 30, 36), np.nan, np.float32))], {}, "No 8 x 8 patch.*min_valid"),
        ([example(), example(channels=5)], {}, "5 channels.*others 2"),
    ],
)
def test_too_little_data_is_a_clear_error(examples, changes, message):
    with pytest.raises(InputError, match=message):
        feed_of(examples, **changes)


def test_more_tied_channels_than_there_are_is_an_error():
    with pytest.raises(ValueError, match=r"tied must lie in 0\.\.1, found 2"):
        feed_of([example()], tied=2)


def alive():
    return {t for t in threading.enumerate() if t.name != "tqdm_monitor"}


@pytest.mark.parametrize("limits", [None, IN_TURN])
def test_no_thread_stays_behind_a_consumer_that_stops_early(limits):
    before = alive()
    with feed_of([example((40, 40))], limits=limits, epochs=50) as feed:
        for _ in feed.batches(0, 150):
            break
        drawn = feed.batches(0, 150)
        next(drawn)
        next(feed.held_batches())
    assert alive() <= before
    assert list(drawn) == []


def test_no_more_batches_are_made_ahead_than_a_few():
    looked = []
    some = [lesson(example((40, 40)), looked=looked)]
    with open_feed(some, make_plan(epochs=500, steps=1), 0, 0, limits=Limits(block=16, memory=9_000)) as feed:
        drawn = feed.batches(0, 500)
        next(drawn)
        for reader in alive() - {threading.current_thread()}:
            reader.join(0.02)
        assert len(looked) < 60


def test_an_error_while_reading_reaches_the_training():
    one, broken = example((40, 40)), threading.Event()

    def see(w):
        if broken.is_set():
            raise InputError("The file is gone", "bring it back")
        return Example(one.inputs[:, *w], one.goal[:, *w])

    with open_feed([Lesson((40, 40), see)], make_plan(epochs=99), 0, 0, limits=Limits(block=16, memory=9_000)) as feed:
        drawn = feed.batches(0, 297)
        next(drawn)
        broken.set()
        with pytest.raises(InputError, match="The file is gone"):
            list(drawn)
