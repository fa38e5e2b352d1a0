from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from small_lessons import example, lesson, make_plan
from stfuse.learning.athand import AtHand, Schedule
from stfuse.learning.blocks import Blocks, Cut, Limits


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(2, 50), st.integers(0, 9))
def test_a_schedule_keeps_to_its_room_and_comes_round_to_every_block(count, room, seed):
    schedule = Schedule(count, room, seed)
    epochs = [schedule.at(e) for e in range(3 * count)]
    assert epochs == [Schedule(count, room, seed).at(e) for e in range(3 * count)]
    assert set().union(*epochs) == set(range(count))
    for now, then in pairwise(epochs):
        assert now == sorted(set(now)) and now
        # What one epoch uses and the next one adds are in memory together.
        assert len({*now, *then}) <= max(room, 2)
    assert schedule.all_fit == all(len(e) == count for e in epochs)


def test_other_seeds_have_other_schedules():
    assert len({tuple(Schedule(20, 6, seed).at(0)) for seed in range(5)}) > 1


def test_what_an_epoch_has_is_read_once_and_the_next_ones_share_before_it_begins():
    looked = []
    blocks = Blocks([lesson(example((64, 64)), looked=looked)], Cut(4, 0, 1, 8, 0.5), Limits(block=16, memory=0), 2)
    memory = 6 * 4 * 3 * 19 * 19
    at_hand = AtHand(blocks, range(16), memory, make_plan(epochs=9), 0)
    for epoch in range(9):
        now, piece = at_hand.at(epoch)
        assert now.tolist() == Schedule(16, 6, 0).at(epoch) and len(now) <= 4
        for k in now.tolist():
            block = blocks.all[k]
            assert (piece(k).row, piece(k).column) == (block.core[0].start, block.core[1].start)
    at_hand.close()
    # The first look was that of `Blocks`; a block that comes back after it went is read again, and no other.
    stays = sum(len({*b} - {*a}) for a, b in pairwise(Schedule(16, 6, 0).at(e) for e in range(9)))
    assert len(looked) == 1 + len(Schedule(16, 6, 0).at(0)) + stays
