"""Hidden values: as many as asked, any of them, and how far from what is kept."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.filling.hiding import GAP_CLASSES, days_to_kept, gap_class, hide

SEEN = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=3, max_side=9))


@given(seen=SEEN, share=st.floats(0, 1), seed=st.integers(0, 99))
def test_whole_shares_of_what_was_seen_are_hidden_and_one_value_stays(
    seen: np.ndarray, share: float, seed: int
) -> None:
    hidden = hide(seen, share, np.random.default_rng(seed))
    assert not (hidden & ~seen).any()
    count = seen.sum(axis=0)
    np.testing.assert_array_equal(hidden.sum(axis=0), np.minimum(np.rint(share * count), np.maximum(count - 1, 0)))


def test_every_value_is_as_likely_to_be_hidden() -> None:
    often = hide(np.ones((9, 4000), bool), 2 / 3, np.random.default_rng(0)).mean(axis=1)
    assert np.abs(often - 2 / 3).max() < 0.03


@given(
    kept=SEEN,
    gaps=st.lists(st.integers(1, 40), min_size=9, max_size=9),
    wanted=st.lists(st.integers(-20, 300), max_size=8),
)
def test_gap_length_is_the_distance_to_the_nearest_kept_value(
    kept: np.ndarray, gaps: list[int], wanted: list[int]
) -> None:
    days = 18_000.0 + np.cumsum(gaps)[: len(kept)]
    asked = 18_000.0 + np.array(wanted)
    found = days_to_kept(kept, days, asked)
    assert found.shape == (len(asked), *kept.shape[1:]) and found.dtype == np.float32
    away = np.abs(asked[:, None] - days[None]).reshape(len(asked), len(days), *[1] * (kept.ndim - 1))
    expected = np.where(kept[None], away, np.inf).min(axis=1) if len(asked) else found
    np.testing.assert_array_equal(found, expected)


def test_the_papers_gap_classes_on_a_series_made_by_hand() -> None:
    kept = np.array([True, False, False, True, False, False])
    days = np.array([0.0, 4, 5, 14, 29, 34])
    gaps = days_to_kept(kept, days, days)
    assert gaps.tolist() == [0, 4, 5, 0, 15, 20]
    assert [GAP_CLASSES[i] for i in gap_class(gaps)] == ["<5", "<5", "5-9", "<5", "15-19", ">=20"]
    assert gap_class(np.array([np.inf, np.nan])).tolist() == [-1, -1]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_beyond_all_or_nothing_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        hide(np.ones((2, 2), bool), share, np.random.default_rng(0))
