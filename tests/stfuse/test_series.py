"""Series: which source a pixel takes, what counts as noise, how gaps are filled and flagged."""

import numpy as np
import pytest

from stfuse.curve import smooth_series
from stfuse.phenology.logistic import double_logistic
from stfuse.series import (
    FUSED,
    NOISE,
    OBSERVED,
    Dense,
    SeriesSettings,
    assemble,
    day_numbers,
    find_noise,
    regular_steps,
    to_steps,
)

NAN = np.float32(np.nan)


def days(*text):
    return np.array(text, "datetime64[D]")


def image(*row):
    return np.array([row], np.float32)


def every(step, count):
    return np.datetime64("2023-01-01") + step * np.arange(count)


def test_observed_pixels_win_and_fused_ones_fill_their_gaps():
    observed = np.stack([image(0.5, np.nan, np.nan), image(0.1, 0.1, 0.1)])
    fused = np.stack([image(0.7, 0.7, np.nan), image(0.3, 0.3, 0.3)])
    dense = assemble((observed, days("2023-05-11", "2023-05-01")), (fused, days("2023-05-11", "2023-05-06")))
    assert dense.dates.tolist() == days("2023-05-01", "2023-05-06", "2023-05-11").tolist()
    assert dense.values[2, 0] == pytest.approx([0.5, 0.7, np.nan], nan_ok=True)
    assert dense.flags[2, 0].tolist() == [OBSERVED, FUSED, 0]
    assert dense.flags[:2, 0, 0].tolist() == [OBSERVED, FUSED]


def test_images_of_one_source_and_date_are_averaged_where_they_overlap():
    observed = np.stack([image(0.2, np.nan), image(0.4, 0.6)])
    dense = assemble((observed, days("2023-05-01", "2023-05-01")), (observed[:0], days()))
    assert dense.values[:, 0] == pytest.approx(np.array([[0.3, 0.6]]))


def test_series_of_nothing_and_of_too_few_dates_are_refused():
    nothing = np.zeros((0, 1, 1), np.float32), days()
    with pytest.raises(ValueError, match="at least one image"):
        assemble(nothing, nothing)
    with pytest.raises(ValueError, match="one date an image"):
        assemble((np.zeros((2, 1, 1), np.float32), days("2023-05-01")), nothing)


@pytest.mark.parametrize(
    ("values", "noise"),
    [
        ([0.8, 0.8, 0.3, 0.8, 0.8], [2]),  # a cloud
        ([0.2, 0.2, 0.7, 0.2, 0.2], [2]),  # a rise that does not stay
        ([0.2, 0.2, 0.7, 0.8, 0.8], []),  # a rise of 0.5 in 5 days that stays: a fast season
        ([0.8, 0.8, 0.3, 0.2, 0.2], []),  # a harvest
        ([0.8, 0.8, 0.3, 0.38, 0.45], []),  # a cut that grows again
        ([0.8, 0.3, 0.8, 0.3, 0.8], [1, 3]),  # clouds on either side do not make the clear date a peak
        ([0.8, 0.4, 0.1, 0.8, 0.8], [1, 2]),  # a cloud on two dates
        ([0.8, 0.8, 0.72, 0.8, 0.8], []),  # smaller than the floor
        ([0.8, np.nan, 0.3, np.nan, 0.8], [2]),  # neighbours are the valid dates
    ],
)
def test_noise_is_what_comes_and_goes(values, noise):
    series = np.array(values, np.float32)[:, None, None]
    assert np.flatnonzero(find_noise(series, every(5, 5), SeriesSettings())).tolist() == noise


def test_dip_between_distant_dates_proves_nothing():
    series = np.array([0.8, 0.3, 0.8], np.float32)[:, None]
    assert find_noise(series, every(20, 3), SeriesSettings()).any()
    assert not find_noise(series, every(21, 3), SeriesSettings()).any()


def test_fast_season_has_no_noise_at_any_spacing():
    for step in (1, 2, 5, 8, 16):
        dates = every(step, 365 // step)
        season = double_logistic(day_numbers(dates, 2023), (0.2, 0.7, 0.14, 150, 0.14, 200)).astype(np.float32)
        assert not find_noise(season[:, None], dates, SeriesSettings()).any()


def test_day_numbers_start_at_one_and_go_on_past_the_year():
    found = day_numbers(days("2017-01-01", "2017-12-31", "2018-01-01"), 2017)
    assert found.tolist() == [1, 365, 366]


def test_steps_lie_on_the_line_between_valid_dates_and_stay_level_beyond():
    values = np.array([[0.2, np.nan], [np.nan, np.nan], [0.6, np.nan]], np.float32)
    filled, support, gap = to_steps(values, np.array([10.0, 20, 30]), np.array([0.0, 10, 15, 25, 30, 40]))
    assert filled[:, 0] == pytest.approx([0.2, 0.2, 0.3, 0.5, 0.6, 0.6])
    assert support[:, 0].tolist() == [10, 0, 5, 5, 0, 10]
    assert gap[1:4, 0].tolist() == [20, 20, 20]
    assert np.isnan(filled[:, 1]).all()
    assert np.isnan(support[:, 1]).all()


def test_long_gaps_are_flagged_not_hidden():
    dates = np.concatenate([every(5, 20), every(5, 20) + np.timedelta64(200, "D")])
    values = np.full((40, 1, 2), 0.5, np.float32)
    values[3, 0, 1] = np.nan
    dense = Dense(values, dates, np.full(values.shape, OBSERVED, np.uint8))
    steps = regular_steps(dates[0], dates[-1], 5)
    curve = smooth_series(dense, steps)
    at = (steps - dates[0]).astype(int)
    assert np.array_equal(curve.long_gap[:, 0, 0], (at > 95) & (at < 200))
    assert curve.support.max() == pytest.approx(50)
    assert curve.smooth == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    "settings",
    [SeriesSettings(), SeriesSettings(smoother="savitzky_golay"), SeriesSettings(upper_envelope=True)],
    ids=["posterior", "savitzky_golay", "envelope"],
)
def test_smooth_series_follows_the_season_and_passes_over_noise(settings):
    dates = np.datetime64("2023-01-01") + np.sort(np.random.default_rng(3).choice(365, 60, replace=False))
    curve = (0.2, 0.6, 0.10, 150.0, 0.08, 260.0)
    values = double_logistic(day_numbers(dates, 2023), curve).astype(np.float32)[:, None, None].repeat(2, axis=2)
    values[35, 0, 1] = -0.3
    dense = assemble((values, dates), (values[:0], dates[:0]))
    assert dense.flags[35, 0, 1] == OBSERVED | NOISE
    assert dense.values[35, 0, 1] == np.float32(-0.3)
    steps = regular_steps(dates[2], dates[-3], 5)
    smooth = smooth_series(dense, steps, settings).smooth
    expected = double_logistic(day_numbers(steps, 2023), curve)
    assert np.abs(smooth - expected[:, None, None]).max() < 0.06


def test_pixel_never_seen_stays_unknown():
    values = np.full((30, 1, 2), 0.5, np.float32)
    values[:, 0, 0] = np.nan
    dense = assemble((values, every(10, 30)), (values[:0], every(1, 0)))
    curve = smooth_series(dense, regular_steps(dense.dates[0], dense.dates[-1], 5))
    for unknown in (curve.smooth, curve.uncertainty, curve.support):
        assert np.isnan(unknown[:, 0, 0]).all()
    assert not curve.long_gap[:, 0, 1].any()
    assert np.isfinite(curve.smooth[:, 0, 1]).all()


def test_settings_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="fit"):
        SeriesSettings(half_width=2, degree=5)
