import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_patches import scaled, turned
from stfuse.errors import InputError
from stfuse.learning.patches import Moments, Scaling, gather, patch_size, window_sums


@pytest.mark.parametrize(("side", "size"), [(216, 33), (72, 24), (64, 21), (22, 7), (12, 4)])
def test_patches_shrink_with_the_image(side, size):
    assert patch_size([(300, 400), (side, side + 5)], 33) == size


@pytest.mark.parametrize(
    ("side", "wanted", "align", "size"),
    [(216, 33, 5, 30), (216, 33, 3, 33), (72, 33, 5, 20), (17, 33, 5, 5), (12, 33, 3, 3), (3, 1, 1, 1), (90, 2, 3, 3)],
)
def test_patch_sides_are_multiples_of_the_alignment(side, wanted, align, size):
    assert patch_size([(side, side)], wanted, align) == size


@pytest.mark.parametrize(
    ("shapes", "wanted", "align", "message"),
    [
        ([], 33, 1, "no training samples"),
        ([(11, 40)], 33, 1, "11 pixels wide, too small to cut patches of 4 .*at least 12"),
        ([(40, 14)], 33, 5, "14 pixels wide, too small to cut patches of 5 .*at least 15"),
        ([(2, 9)], 1, 1, "2 pixels wide, too small to cut patches of 1 .*at least 3"),
    ],
)
def test_images_without_room_are_refused(shapes, wanted, align, message):
    with pytest.raises(InputError, match=message):
        patch_size(shapes, wanted, align)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.integers(0, 99))
def test_window_sums_count(height, width, size, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    found = window_sums(mask, size)
    assert found.shape == (max(height - size + 1, 0), max(width - size + 1, 0))
    for (row, column), count in np.ndenumerate(found):
        assert count == mask[row : row + size, column : column + size].sum()


def test_the_eight_turns_differ_and_keep_inputs_and_goal_together():
    image = np.arange(16.0).reshape(1, 4, 4)
    turns = [turned(image, k) for k in range(8)]
    assert len({t.tobytes() for t in map(np.ascontiguousarray, turns)}) == 8
    assert all(sorted(t.ravel()) == sorted(image.ravel()) for t in turns)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 3), st.integers(0, 999))
def test_the_kernel_cuts_turns_scales_and_fills_as_the_plain_way_does(side, channels, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(channels, side + 5, side + 3)).astype(np.float32)
    images[rng.random(images.shape) < 0.1] = np.nan
    images[rng.random(images.shape) < 0.05] = np.inf
    mean, scale = rng.normal(size=channels).astype(np.float32), rng.uniform(0.1, 2, channels).astype(np.float32)
    rows, columns, turns = rng.integers(6, size=8), rng.integers(4, size=8), rng.permutation(8)
    places = rng.permutation(10)[:8]
    out = np.full((10, channels, side, side), 7, np.float32)
    mask = out.copy()
    gather(images, rows, columns, turns, mean, scale, places, out, mask)
    by = Scaling(mean, scale, mean, scale)
    for row, column, turn, place in zip(rows, columns, turns, places, strict=True):
        patch = turned(images[:, row : row + side, column : column + side], turn)
        np.testing.assert_array_equal(out[place], scaled(patch, by))
        np.testing.assert_array_equal(mask[place], np.isfinite(patch))
    rest = np.setdiff1d(np.arange(10), places)
    assert (out[rest] == 7).all() and (mask[rest] == 7).all()


def test_the_kernel_leaves_an_empty_mask_alone():
    out = np.zeros((1, 1, 2, 2), np.float32)
    zero, one = np.zeros(1, np.int64), np.ones(1, np.float32)
    images = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    gather(images, zero, zero, zero, one, one, zero, out, np.empty((0, 0, 0, 0), np.float32))
    np.testing.assert_array_equal(out[0], images - 1)


def moments(*images, free=None):
    stack = [np.asarray(i, np.float32) for i in images]
    return Moments.of(stack, np.ones(stack[0].shape, bool) if free is None else free)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.sampled_from([0.0, 1e3, -1e5]), st.integers(0, 99))
def test_moments_of_parts_add_up_to_those_of_the_whole(sizes, level, seed):
    rng = np.random.default_rng(seed)
    parts = [(level + rng.normal(0, 0.5, (1, n))).astype(np.float32) for n in sizes]
    total = moments(parts[0])
    for part in parts[1:]:
        total = total + moments(part)
    values = np.concatenate([p.ravel() for p in parts]).astype(np.float64)
    by = total.scaling(1)
    assert by.in_mean[0] == np.float32(values.mean())
    # Sums of squares would have cancelled here.
    assert by.in_scale[0] == pytest.approx(values.std(), rel=1e-6)


def test_moments_leave_out_gaps_and_what_is_not_free():
    image = np.array([[1.0, 3.0, np.nan, np.inf], [50.0, -np.inf, 5.0, 1e6]])
    by = moments(image, free=np.array([[True] * 4, [False, True, True, False]])).scaling(1)
    assert by.in_mean[0] == 3 and by.in_scale[0] == pytest.approx(np.std([1, 3, 5]))


def test_what_was_never_seen_or_never_varies_still_has_a_scale():
    by = moments(np.full((2, 2), np.nan), np.full((2, 2), 0.25), np.array([[0.0, 2.0], [0.0, 2.0]])).scaling(2)
    assert by.in_mean.tolist() == [0, 0.25] and by.out_mean.tolist() == [1]
    assert by.in_scale[0] == 1 and by.in_scale[1] == np.float32(1e-4) and by.out_scale[0] == 1


def test_tied_channels_take_the_scaling_of_the_goal():
    images = [np.array([[0.0, 2.0 * k]]) for k in range(1, 6)]
    loose, tied = moments(*images).scaling(3), moments(*images).scaling(3, tied=2)
    np.testing.assert_array_equal(tied.in_mean, [*loose.out_mean, loose.in_mean[2]])
    np.testing.assert_array_equal(tied.in_scale, [*loose.out_scale, loose.in_scale[2]])
    np.testing.assert_array_equal(tied.out_mean, loose.out_mean)
    assert {getattr(tied, n).dtype for n in Scaling.__dataclass_fields__} == {np.dtype(np.float32)}
