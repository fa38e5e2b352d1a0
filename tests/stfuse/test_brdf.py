import numpy as np
import pytest

from stfuse.harmonisation.brdf import ROY, c_factor, li_sparse, ross_thick

# (sun zenith, view zenith, relative azimuth) -> K_vol, K_geo
VECTORS = {
    (0, 0, 0): (0, 0),
    (45, 0, 0): (-0.045862, -1.106819),
    (45, 0, 77): (-0.045862, -1.106819),
    (30, 10, 0): (0.019683, -0.446630),
    (30, 10, 180): (-0.076913, -0.925294),
    (30, 10, 90): (-0.032606, -0.734687),
    (60, 7.5, 120): (-0.049133, -1.557007),
}
FACTORS = {
    0: {"blue": 0.95566, "green": 0.94923, "red": 0.95531, "nir": 0.95375, "swir16": 0.95603, "swir22": 0.95789},
    180: {"blue": 1.03959, "green": 1.04606, "red": 1.04014, "nir": 1.04146, "swir16": 1.03943, "swir22": 1.03776},
}


@pytest.mark.parametrize("directions", VECTORS)
def test_kernels_have_the_published_values(directions):
    found = ross_thick(*directions), li_sparse(*directions)
    assert found == pytest.approx(VECTORS[directions], abs=1e-6)


def test_the_hot_spot_has_the_closed_form():
    # Sun and view in one direction: K_vol = pi / (4 cos) - pi / 4, K_geo = sec^2 - sec (full overlap of shadows).
    for angle in (5.0, 40.0, 70.0):
        secant = 1 / np.cos(np.radians(angle))
        assert ross_thick(angle, angle, 0) == pytest.approx(np.pi / 4 * secant - np.pi / 4)
        assert li_sparse(angle, angle, 0) == pytest.approx(secant**2 - secant, abs=1e-6)


def test_kernels_are_reciprocal_and_symmetric():
    rng = np.random.default_rng(0)
    sun, view, turn = rng.uniform(0, 75, 200), rng.uniform(0, 75, 200), rng.uniform(0, 360, 200)
    for kernel in (ross_thick, li_sparse):
        np.testing.assert_allclose(kernel(sun, view, turn), kernel(view, sun, turn), atol=1e-12)
        np.testing.assert_allclose(kernel(sun, view, turn), kernel(sun, view, 360 - turn), atol=1e-12)
        assert np.isfinite(kernel(sun, view, turn)).all()


@pytest.mark.parametrize("turn", FACTORS)
def test_c_factors_have_the_published_values(turn):
    for band, expected in FACTORS[turn].items():
        assert c_factor(band, 45, 7.5, turn) == pytest.approx(expected, abs=5e-6)


def test_the_c_factor_takes_the_model_to_the_zenith():
    rng = np.random.default_rng(1)
    sun, view, turn = rng.uniform(20, 60, (3, 4, 5))
    iso, geo, vol = ROY["red"]
    seen = iso + vol * ross_thick(sun, view, turn) + geo * li_sparse(sun, view, turn)
    for target in (sun, np.full((4, 5), 35.0)):
        zenith = iso + vol * ross_thick(target, 0, 0) + geo * li_sparse(target, 0, 0)
        np.testing.assert_allclose(c_factor("red", sun, view, turn, target) * seen, zenith, rtol=1e-12)
    np.testing.assert_array_equal(c_factor("nir", sun, 0, turn), np.ones((4, 5)))


@pytest.mark.parametrize(
    ("band", "iso", "geo", "vol"),
    [
        ("rededge1", 0.2085, 0.0256, 0.0845),
        ("rededge2", 0.2316, 0.0273, 0.1003),
        ("rededge3", 0.2599, 0.0294, 0.1197),
        ("nir08", 0.3093, 0.0330, 0.1535),
    ],
)
def test_with_the_sun_moved_to_the_zenith_both_kernels_vanish_above(
    band: str, iso: float, geo: float, vol: float
) -> None:
    # c = iso / (iso + vol K_vol + geo K_geo), with the kernels' published values at (30, 10, 90).
    expected = iso / (iso + vol * -0.032606 + geo * -0.734687)
    assert c_factor(band, 30, 10, 90, 0) == pytest.approx(expected, abs=2e-6)


def test_a_sensor_with_the_sun_in_its_back_sees_too_much() -> None:
    # Relative azimuth 0: no shadows in view, so the factor is below 1; 180: shadows only.
    for band in ROY:
        assert c_factor(band, 45, 7.5, 0) < 0.96 < 1.03 < c_factor(band, 45, 7.5, 180)


def test_a_band_without_parameters_is_refused():
    with pytest.raises(ValueError, match="pan"):
        c_factor("pan", 40, 5, 0)
