from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import days
from small_series import make_series
from stfuse.filling.labels import doy_features, to_label
from stfuse.filling.sequences import Form, cut, interpolated, joined
from stfuse.learning.patches import Scaling
from stfuse.methods import load

NAN = np.nan
DAYS = days("2021-01-01", "2021-01-03", "2021-01-06", "2021-01-11", "2021-01-21")
OPTICAL = np.array([[0.2, NAN], [NAN, NAN], [0.4, NAN], [NAN, 0.5], [0.8, NAN]], np.float32)
RADAR = np.array([[NAN, NAN], [0.3, 0.3], [NAN, NAN], [NAN, NAN], [0.1, NAN]], np.float32)
NONE = np.full((5, 2), NAN, np.float32)


def plain(channels, **form):
    count = channels + 2
    scaling = Scaling(
        np.zeros(count, np.float32), np.ones(count, np.float32), np.zeros(1, np.float32), np.ones(1, np.float32)
    )
    return Form(scaling, **{"residual": False, **form})


def test_interpolation_is_that_of_the_method_temporal():
    sample = make_series((4, 5), days=200)
    task = replace(sample.task, fine=replace(sample.task.fine, values=sample.task.fine.values.copy()))
    task.fine.values[:, :, 0, 0] = NAN
    temporal = load("temporal")
    expected = temporal.predict(task, {}, temporal.Params())[:, 0].reshape(-1, 20)
    found = interpolated(task.fine.dates, task.fine.values[:, 0].reshape(-1, 20))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found[:, 0]).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.booleans(), min_size=2, max_size=12).filter(lambda seen: seen[0] and seen[-1]), st.floats(-0.02, 0.02)
)
def test_interpolation_is_exact_on_straight_lines(seen, slope):
    axis = np.datetime64("2021-01-01") + np.cumsum(np.arange(len(seen)) % 4 + 1)
    line = (0.3 + slope * (axis - axis[0]).astype(float)).astype(np.float32)
    found = interpolated(axis, np.where(seen, line, np.float32(NAN))[:, None])
    np.testing.assert_allclose(found[:, 0], line, atol=1e-5)


def test_steps_at_which_nothing_is_known_are_dropped():
    label = NONE.copy()
    label[3, 0] = 0.6
    found = cut(DAYS, np.stack([OPTICAL, RADAR]), label, DAYS[0], DAYS[-1])
    assert found.lengths.tolist() == [5, 2]
    assert found.steps[:2, 1].tolist() == [1, 3]
    np.testing.assert_array_equal(found.values[:, :2, 1], np.array([[NAN, 0.5], [0.3, NAN]], np.float32))
    assert np.isnan(found.values[:, 2:, 1]).all() and np.isnan(found.base[2:, 1]).all()
    np.testing.assert_allclose(found.base[:, 0], [0.2, 0.28, 0.4, 0.4 + 0.4 / 3, 0.8], rtol=1e-6)


def test_steps_asked_for_stay_and_those_outside_go():
    wanted = np.array([False, True, False, False, True])
    found = cut(DAYS, OPTICAL[None], NONE, DAYS[1], DAYS[3], wanted)
    assert found.lengths.tolist() == [2, 2]
    assert found.steps[:2].T.tolist() == [[1, 2], [1, 3]]
    # What lies outside the sequence still serves the interpolation.
    np.testing.assert_allclose(found.base[0], [0.28, 0.5], rtol=1e-6)


def test_inputs_are_standardised_and_the_unknown_is_0():
    scaling = Scaling(
        np.array([0.5, 0.1, 0, 0], np.float32), np.array([2, 0.5, 1, 1], np.float32), *[np.zeros(1, np.float32)] * 2
    )
    found = cut(DAYS, np.stack([OPTICAL, RADAR]), NONE, DAYS[0], DAYS[-1]).network_inputs(Form(scaling, True, True))
    assert found.shape == (2, 7, 4, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0, :, 0], [-0.15, 0, -0.05, 0.15], atol=1e-6)
    np.testing.assert_allclose(found[0, 1, :, 0], [0, 0.4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, 2:4, :, 0].T, doy_features(DAYS[[0, 1, 2, 4]]), atol=1e-6)
    np.testing.assert_array_equal(found[0, 4:6, :, 0], [[1, 0, 1, 1], [0, 1, 0, 1]])
    np.testing.assert_allclose(1 / (1 + np.exp(-found[0, 6, 0, 0])), to_label(np.array([0.2])), rtol=1e-6)
    assert np.isnan(found[1, :, 2:]).all() and np.isfinite(found[1, :, :2]).all()
    bare = cut(DAYS, np.stack([OPTICAL, RADAR]), NONE, DAYS[0], DAYS[-1]).network_inputs(Form(scaling, False, False))
    np.testing.assert_array_equal(bare, found[:, :4])


def test_a_series_without_optical_values_adds_to_the_training_mean():
    found = cut(DAYS, np.stack([NONE, RADAR]), NONE, DAYS[0], DAYS[-1])
    inputs = found.network_inputs(plain(2, residual=True))
    np.testing.assert_allclose(inputs[0, 4, :2, 0], 0, atol=1e-6)  # the mean is 0: label 0.5, logit 0


def test_groups_of_sequences_come_together_in_their_order():
    first = cut(DAYS, OPTICAL[None], NONE, DAYS[0], DAYS[-1])
    second = cut(DAYS[:2], OPTICAL[None, :2, :1], NONE[:2, :1], DAYS[0], DAYS[1])
    found = joined([first, second], np.array([0, 2, 1]))  # the second group belongs between
    assert found.lengths.tolist() == [3, 1, 1]
    np.testing.assert_array_equal(found.values[0, :, 1], np.array([0.2, NAN, NAN], np.float32))
    np.testing.assert_array_equal(found.values[0, 0, [0, 2]], np.array([0.2, 0.5], np.float32))
