"""Pictures of the simulated land share stretches, so that equal colours are equal reflectance."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stfuse.plots import to_png
from stfuse.plots_year import View, band_stretch, even_stretch, sensors_figure, year_figure


def images(count: int = 3, pixels: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(0.02, 0.3, (3, pixels, pixels)).astype(np.float32) for _ in range(count)]


def test_an_even_stretch_keeps_hues_and_a_day_of_snow_does_not_darken_the_others() -> None:
    ramp = np.linspace(0.1, 0.3, 1000, dtype=np.float32).reshape(1, 20, 50)
    plain = np.concatenate([ramp, ramp, ramp + 0.2])
    snow = np.full((3, 20, 50), 0.9, np.float32)
    stretch = even_stretch([plain, snow, plain])
    assert len(set(stretch)) == 1
    assert stretch[0] == pytest.approx((0.1, 0.5), abs=0.01)
    assert even_stretch([plain])[0] == stretch[0]
    each = band_stretch([plain, snow, plain])
    assert each[0] == pytest.approx((0.1, 0.3), abs=0.01)
    assert each[2] == pytest.approx((0.3, 0.5), abs=0.01)


def test_a_year_is_as_wide_as_the_report_and_grows_by_strips() -> None:
    sizes = {}
    for count in (2, 6, 7):
        figure = year_figure(images(count), images(count), [f"2023-{i + 1:02d}-15" for i in range(count)], 2000, "T")
        with Image.open(io.BytesIO(to_png(figure))) as picture:
            sizes[count] = picture.size
        assert len(figure.axes) == 2 * count
        assert figure.axes[0].get_title(loc="left") == "2023-01-15"
    assert {width for width, _ in sizes.values()} == {1650}
    assert sizes[7][1] > 1.5 * sizes[6][1]
    with pytest.raises(ValueError, match="at least one date"):
        year_figure([], [], [], 2000, "T")


def test_views_of_one_kind_are_stretched_by_the_first_of_them() -> None:
    truth = images(1)[0]
    cloud = np.full((3, 8, 8), 0.9, np.float32)
    radar = np.linspace(-20, -5, 64, dtype=np.float32).reshape(1, 8, 8)
    views = [View("truth", "", truth, "true colour"), View("sentinel2", "", cloud, "true colour")]
    figure = sensors_figure([*views, View("sentinel1", "", radar, "vv")], 1000, "T", "note")
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert np.asarray(shown[1]).min() == 1.0  # white, not grey by its own stretch
    assert np.asarray(shown[2]).min() == 0.0
    assert np.asarray(shown[2]).max() == 1.0
    assert shown[2].shape == (8, 8, 3)
    with pytest.raises(ValueError, match="at least one view"):
        sensors_figure([], 1000, "T", "note")


def test_what_was_not_observed_is_grey() -> None:
    half = images(1)[0]
    half[:, :20] = np.nan
    figure = sensors_figure([View("truth", "", half, "true colour")], 1000, "T", "note")
    shown = np.asarray(figure.axes[0].get_images()[0].get_array())
    assert np.ptp(shown[:20]) < 1e-6
    assert np.ptp(shown[20:]) > 0.5
