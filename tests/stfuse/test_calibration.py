"""Errors by gap length are those of hidden values on unseen ground; the uncertainty follows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_series import SmallSample, make_series
from stfuse.errors import InputError
from stfuse.filling.calibration import (
    BINS,
    CALIBRATE,
    LEARN,
    LEAST,
    SCORE,
    Errors,
    calibrate,
    ground,
    read_errors,
    uncertainty,
    write_errors,
)
from stfuse.filling.trials import gaps_of, trials
from stfuse.methods import temporal
from stfuse.task import FloatArray, Task

SIDES = st.integers(3, 70)


def interpolated(task: Task) -> FloatArray:
    return temporal.predict(task, {}, temporal.Params())


def errors(rmse: list[float], n: list[int]) -> Errors:
    values = np.array(rmse)
    return Errors(np.array(n), 0.8 * values, values, 0 * values)


@given(shape=st.tuples(SIDES, SIDES), scored=st.booleans())
def test_each_part_of_the_ground_has_its_share_and_none_is_left_without_anything_to_learn(
    shape: tuple[int, int], scored: bool
) -> None:
    parts = ground(shape, scored)
    shares = [float((parts == part).mean()) for part in (LEARN, CALIBRATE, SCORE)]
    assert shares[0] > 0.3
    assert 0.05 < shares[1] < 0.4
    assert (0.05 < shares[2] < 0.4) if scored else shares[2] == 0
    # A site that is scored elsewhere as well calibrates on the same ground.
    np.testing.assert_array_equal(parts == CALIBRATE, ground(shape, not scored) == CALIBRATE)


def test_held_out_ground_is_whole_blocks() -> None:
    parts = ground((48, 48), True)
    blocks = parts.reshape(6, 8, 6, 8)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_a_lattice_of_a_few_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        ground((2, 4), False)


def test_a_known_error_by_gap_length_is_found_in_its_bin() -> None:
    sample = make_series((12, 16), days=500, cloud=0.5)
    everywhere = np.ones((12, 16), bool)

    def off(task: Task) -> FloatArray:
        """The observation, wrong by a thousandth of NDVI for each day of the gap."""
        seen = np.nan_to_num(sample.task.fine.values)[:, :, everywhere][:, :, None]
        return (seen + 0.001 * gaps_of(task)[:, None]).astype(np.float32)

    found = calibrate([(sample, everywhere)], off, 2 / 3)
    enough = found.n > 0
    lower = np.array([1, *(b + 1 for b in BINS[:-1])])
    upper = np.array([*BINS[:-1], 500])
    assert enough.sum() >= 6
    assert (found.bias[enough] >= 0.001 * lower[enough] - 1e-6).all()
    assert (found.bias[enough] <= 0.001 * upper[enough] + 1e-6).all()
    np.testing.assert_allclose(found.mae[enough], found.bias[enough])
    assert (found.rmse[enough] >= found.mae[enough] - 1e-9).all()


def test_what_calibrates_lies_on_the_given_ground_alone() -> None:
    sample = make_series((12, 16))
    held = ground((12, 16), False) == CALIBRATE
    values = sample.task.fine.values.copy()
    values[:, :, ~held] = 0.9
    other = SmallSample(replace(sample.task, fine=replace(sample.task.fine, values=values)))
    for found, same in zip(
        calibrate([(sample, held)], interpolated, 0.5), calibrate([(other, held)], interpolated, 0.5), strict=True
    ):
        np.testing.assert_array_equal(found, same)


RMSE = st.lists(st.floats(0.001, 0.5), min_size=len(BINS), max_size=len(BINS))
COUNTS = st.lists(st.integers(0, 10_000), min_size=len(BINS), max_size=len(BINS))


@settings(deadline=None)
@given(rmse=RMSE, n=COUNTS)
def test_uncertainty_never_falls_with_gap_length_and_stays_among_the_bins_errors(
    rmse: list[float], n: list[int]
) -> None:
    of = errors([r if k else np.nan for r, k in zip(rmse, n, strict=True)], n)
    found = uncertainty(np.array([0, 1, 3, 7, 12, 20, 33, 60, 200, np.inf], np.float32), of)
    assert found.dtype == np.float32
    if not sum(n):
        assert np.isnan(found).all()
        return
    assert (np.diff(found) >= 0).all()
    known = [r for r, k in zip(rmse, n, strict=True) if k]
    assert min(known) - 1e-6 <= found[0] and found[-1] <= max(known) + 1e-6


def test_rising_errors_are_kept_and_interpolated_between_the_middles_of_the_bins() -> None:
    rising = [0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
    of = errors(rising, [1000] * len(BINS))
    found = uncertainty(np.array([0, 1, 2.5, 4, 12, 500], np.float32), of)
    np.testing.assert_allclose(found, [0.02, 0.02, 0.025, 0.03, 0.05, 0.1], atol=1e-6)


def test_a_bin_of_few_values_has_what_its_neighbours_have() -> None:
    wild = errors([0.02, 0.03, 0.9, 0.05, 0.06, 0.07, 0.08, 0.09, 0.9], [1000, 1000, LEAST - 1, *[1000] * 5, 3])
    found = uncertainty(np.array([7.5, 300], np.float32), wild)
    assert 0.03 < found[0] < 0.05 and found[1] == pytest.approx(0.09)


def test_the_stated_uncertainty_holds_as_often_as_it_says() -> None:
    """Linear interpolation on series with noise: calibrated on one sample, held against another."""
    everywhere = np.ones((24, 24), bool)
    of = calibrate([(make_series((24, 24), seed=1), everywhere)], interpolated, 2 / 3)
    (trial,) = trials(make_series((24, 24), seed=2), interpolated, 2 / 3, everywhere, 7)
    error = trial.predicted - trial.observed
    sigma = uncertainty(trial.gap, of)
    given = np.isfinite(error) & np.isfinite(sigma)
    assert given.sum() > 5000
    for shortest, longest in ((0, np.inf), (0, 5), (5, 14), (14, np.inf)):
        these = given & (trial.gap > shortest) & (trial.gap <= longest)
        ratio = np.abs(error[these]) / sigma[these]
        # Errors of lines have longer tails than the normal distribution's, and so more within one sigma than 68 %;
        # a little less in long gaps, as what is hidden at random lies in other months than real gaps.
        assert 0.65 < float((ratio <= 1).mean()) < 0.85
        assert 0.87 < float((ratio <= 1.645).mean()) < 0.95
        assert float(np.sqrt(np.mean(ratio**2))) == pytest.approx(1, abs=0.25)


def test_tables_come_back_as_they_were_and_others_are_refused(tmp_path: Path) -> None:
    of = calibrate([(make_series((8, 8)), np.ones((8, 8), bool))], interpolated, 0.5)
    write_errors(tmp_path / "errors.csv", of)
    for back, was in zip(read_errors(tmp_path / "errors.csv"), of, strict=True):
        np.testing.assert_allclose(back, was, rtol=1e-5)
    (tmp_path / "wrong.csv").write_text("gap_days,n,mae,rmse,bias\n3,1,1,1,1\n")
    for name in ("wrong.csv", "absent.csv"):
        with pytest.raises(InputError, match=name):
            read_errors(tmp_path / name)
