"""The line between two sensors: found, protected against outliers, and refused when doubtful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stfuse.errors import InputError
from stfuse.harmonisation.bandpass import Line, apply_lines, choose_pixels, fit_bands, published, without_date

FALLBACK = Line(1.02, 0.004, "published")
DAYS = ["2018-06-30", "2018-07-18", "2018-08-02", "2018-10-21"]


def make_pair(slope: float, offset: float, seed: int = 0, noise: float = 0.002, size: int = 20) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.02, 0.4, (1, size, size))
    y = slope * x + offset + rng.normal(0, noise, x.shape)
    return tuple(v.astype(np.float32) for v in (x, y, rng.uniform(0, 0.02, x.shape)))


def over_bands(*bands: Any) -> Any:
    """One date's pair of the given one-band pairs."""
    return tuple(np.concatenate(part) for part in zip(*bands, strict=True))


def fit(pairs: Any) -> Line:
    """The one band's line."""
    (line,) = fit_bands(pairs, DAYS[: len(pairs)], [FALLBACK])
    return line


@given(st.floats(0.75, 1.25), st.floats(-0.028, 0.028), st.integers(0, 50))
def test_a_known_line_is_found(slope: float, offset: float, seed: int) -> None:
    line = fit([make_pair(slope, offset, seed + i) for i in range(3)])
    assert line.rule == "fit"
    assert line.slope == pytest.approx(slope, abs=0.01)
    assert line.offset == pytest.approx(offset, abs=0.003)


def test_outliers_do_not_bend_it() -> None:
    pairs = [make_pair(1.1, 0.01, seed) for seed in range(3)]
    for _, y, _ in pairs:
        y[0, :3, :] += 0.3
    line = fit(pairs)
    assert line.slope == pytest.approx(1.1, abs=0.01)
    assert line.offset == pytest.approx(0.01, abs=0.003)


def test_a_hazy_date_is_left_out_and_named() -> None:
    line = fit([*(make_pair(1.1, 0.01, seed) for seed in range(3)), make_pair(1.7, 0.05, seed=3)])
    assert line.rule == "fit"
    assert line.slope == pytest.approx(1.1, abs=0.01)
    assert "2018-10-21 (1 of 1 bands odd: slope 1.7" in line.why
    assert "2018-08-02" not in line.why


def test_two_dates_are_too_few_whatever_their_pixels() -> None:
    line = fit([make_pair(1.1, 0.01, seed) for seed in range(2)])
    assert (line.slope, line.offset, line.rule) == (1.02, 0.004, "published")
    assert line.why == "fit refused: too few dates (2, 3 are needed)"


def test_a_large_offset_is_refused() -> None:
    line = fit([make_pair(1.2, -0.08, seed) for seed in range(3)])
    assert (line.rule, line.slope) == ("published", 1.02)
    assert "offset -0.08" in line.why


def test_a_date_odd_in_most_bands_is_left_out_of_all() -> None:
    good = [over_bands(*(make_pair(1.0, 0.0, 10 * seed + band) for band in range(3))) for seed in range(2)]
    faulty = over_bands(make_pair(1.6, 0, 1), make_pair(1.6, 0, 2), make_pair(1.2, 0, 3))
    lines = fit_bands([*good, faulty], DAYS[:3], [FALLBACK] * 3)
    assert [line.rule for line in lines] == ["published"] * 3  # two dates are left, the third band's good one is not
    assert all("2018-08-02 (2 of 3 bands odd" in line.why for line in lines)


def test_a_date_odd_in_one_band_of_many_serves_all() -> None:
    good = [over_bands(*(make_pair(1.0, 0.0, 10 * seed + band) for band in range(3))) for seed in range(2)]
    mixed = over_bands(make_pair(1.35, 0, 1), make_pair(1.0, 0, 2), make_pair(1.0, 0, 3))
    lines = fit_bands([*good, mixed], DAYS[:3], [FALLBACK] * 3)
    # Two dates alone would not do for any band. The odd band itself is too uncertain then.
    assert [line.rule for line in lines] == ["published", "fit", "fit"]
    assert "+- 0.2" in lines[0].why


def test_a_band_that_the_reference_lacks_has_no_say() -> None:
    pairs = []
    for seed in range(3):
        unknown = tuple(np.full_like(part, np.nan) for part in make_pair(1.0, 0.0))
        pairs.append(over_bands(make_pair(1.1, 0.0, seed), unknown))
    lines = fit_bands(pairs, DAYS[:3], [FALLBACK, Line(1.0, 0.0, "identity")])
    assert [line.rule for line in lines] == ["fit", "identity"]
    assert lines[1].why == "fit refused: too few dates (0, 3 are needed)"


@pytest.mark.parametrize(
    "change",
    [{"slope": 1.5}, {"noise": 0.3}, {"size": 4}, {"size": 3}],
    ids=["odd slope", "no correlation", "few pixels", "next to none"],
)
def test_a_doubtful_fit_falls_back_and_says_why(change: Any) -> None:
    line = fit([make_pair(**{"slope": 1.0, "offset": 0.0, "seed": seed, **change}) for seed in range(3)])
    assert (line.slope, line.offset, line.rule) == (1.02, 0.004, "published")
    assert line.why


def test_without_pairs_the_fallback_says_so() -> None:
    assert fit([]).why == "fit refused: too few dates (0, 3 are needed)"


def test_homogeneous_pixels_are_preferred() -> None:
    x, y, spread = make_pair(1.0, 0.0)
    spread[:] = 0.001
    spread[0, ::2], y[0, ::2] = 0.1, 0.5
    chosen, against, block = choose_pixels((x, y, spread), 0)
    assert len(chosen) == len(block) == x.size // 2
    np.testing.assert_allclose(chosen, against, atol=0.01)


def test_the_site_is_cut_into_sixteen_blocks() -> None:
    x, y, spread = make_pair(1.0, 0.0, size=6)  # too few pixels to choose among
    block = choose_pixels((x, y, spread), 0)[2].reshape(6, 6)
    assert sorted(np.unique(block)) == list(range(16))
    np.testing.assert_array_equal(block[0], [0, 0, 1, 2, 2, 3])
    np.testing.assert_array_equal(block[:, 0], [0, 0, 4, 8, 8, 12])


def test_a_day_s_haze_does_not_tilt_the_line() -> None:
    """Over all pixels together, bright days that are also hazy would make the slope steeper."""
    pairs = [make_pair(1.0, 0.0, seed) for seed in range(4)]
    hazy = [(x * 0.3 + 0.1 * i, y * 0.3 + 0.11 * i, spread) for i, (x, y, spread) in enumerate(pairs)]
    together = np.polyfit(*(np.concatenate([p[i].ravel() for p in hazy]) for i in (0, 1)), 1)[0]
    assert together > 1.05
    assert fit(hazy).slope == pytest.approx(1.0, abs=0.01)


def world(rng: Any, dates: int, bands: int) -> tuple[list[Any], Any]:
    """Pairs of a place of fields whose two sensors differ by a line, each day's gain and haze, and noise."""
    true = np.column_stack([rng.uniform(0.95, 1.05, bands), rng.uniform(-0.004, 0.004, bands)])
    fields = np.kron(rng.integers(0, 25, (6, 6)), np.ones((6, 6), int))
    pairs = []
    for _ in range(dates):
        land = rng.uniform(0.02, 0.35, (bands, 25))[:, fields]
        gain = 1 + rng.normal(0, 0.03) + rng.normal(0, 0.01, (bands, 1, 1))
        y = gain * (true[:, :1, None] * land + true[:, 1:, None]) + rng.normal(0, 0.002, (bands, 1, 1))
        parts = land + rng.normal(0, 0.002, land.shape), y + rng.normal(0, 0.001, land.shape)
        pairs.append(tuple(v.astype(np.float32) for v in (*parts, rng.uniform(0, 0.01, land.shape))))
    return pairs, true


@pytest.mark.parametrize("dates", [3, 6])
def test_the_true_line_lies_within_twice_the_stated_error_in_19_of_20_cases(dates: int) -> None:
    rng = np.random.default_rng(dates)
    within = []
    for _ in range(50):
        pairs, true = world(rng, dates, 3)
        names = [f"2020-01-{day + 1:02d}" for day in range(dates)]
        for line, (slope, offset) in zip(fit_bands(pairs, names, [FALLBACK] * 3), true, strict=True):
            if line.rule == "fit":
                assert line.slope_error and line.offset_error
                within.append((abs(line.slope - slope) < 2 * line.slope_error,
                               abs(line.offset - offset) < 2 * line.offset_error))  # fmt: skip
    assert len(within) > 100
    # 95 % and three standard deviations of a share of 50 places; what is common to the bands of one is one draw.
    assert (np.mean(within, axis=0) > 0.86).all()


@pytest.mark.parametrize("dates", [3, 6])
def test_the_stated_error_is_no_larger_than_it_must_be(dates: int) -> None:
    rng = np.random.default_rng(dates)
    misses, errors = [], []
    for _ in range(40):
        pairs, true = world(rng, dates, 1)
        (line,) = fit_bands(pairs, [f"2020-01-{day + 1:02d}" for day in range(dates)], [FALLBACK])
        misses.append(line.slope - true[0, 0])
        errors.append(line.slope_error or np.nan)
    wide = {3: 2.195, 6: 1.312}[dates]  # Student's t over the normal distribution's 1.96
    assert np.nanmedian(errors) / wide < 1.5 * np.std(misses)


def test_a_line_known_no_better_than_to_a_tenth_is_refused() -> None:
    pairs = [make_pair(slope, 0.0, seed) for seed, slope in enumerate((0.8, 1.0, 1.2))]
    line = fit(pairs)
    assert line.rule == "published"
    assert "fit refused: slope 1.00 +- 0.2" in line.why


def test_a_date_can_be_left_out_afterwards() -> None:
    pairs = [make_pair(slope, 0.0, seed) for seed, slope in enumerate((0.98, 1.0, 1.02, 1.1))]
    line = fit(pairs).as_dict()
    assert list(line["days"]) == DAYS
    (without,) = without_date([line], DAYS[3], [FALLBACK])
    assert without.rule == "fit"
    assert list(without.days) == DAYS[:3]
    assert without.slope == pytest.approx(fit(pairs[:3]).slope)
    less = {**line, "days": dict(list(line["days"].items())[:3])}
    assert without_date([less], DAYS[0], [FALLBACK])[0].rule == "published"


def test_bands_without_a_published_line_stay_as_they_are() -> None:
    sensor = {"bandpass": {"red": [1.02, -0.001]}}
    red, nir = (published(sensor, band, "sentinel2") for band in ("red", "nir"))
    assert (red.slope, red.rule) == (1.02, "published")
    assert (nir.slope, nir.rule) == (1.0, "identity")
    assert published({}, "red", "sentinel2").rule == "identity"


def test_a_published_line_serves_only_the_references_that_it_leads_to() -> None:
    sensor = {"bandpass": {"red": [1.02, -0.001]}, "bandpass_to": ["sentinel2", "sentinel2_20m"]}
    assert published(sensor, "red", "sentinel2_20m").slope == 1.02
    other = published(sensor, "red", "venus")
    assert (other.slope, other.offset, other.rule) == (1.0, 0.0, "identity")
    (line,) = fit_bands([], [], [other])
    assert "not to venus" in line.why
    assert "too few dates" in line.why


def test_lines_are_applied_band_by_band_and_nan_stays() -> None:
    values = np.array([[[0.1, np.nan]], [[0.2, 0.3]]], np.float32)
    lines = {"red": {"slope": 2.0, "offset": 0.0}, "nir": {"slope": 1.0, "offset": 0.1}}
    np.testing.assert_allclose(apply_lines(values, ["red", "nir"], lines), [[[0.2, np.nan]], [[0.3, 0.4]]], rtol=1e-6)
    with pytest.raises(InputError, match=r"lacks \['blue'\]"):
        apply_lines(values, ["red", "blue"], lines)
