"""Phase correlation of two images (Kuglin & Hines 1975, Proc. IEEE Int. Conf. Cybernetics and Society, 163-165).

The peak is found by scikit-image to a fraction of a pixel (Guizar-Sicairos et al. 2008, Optics Letters 33, 156-158). A
window and a mask that lie over both images alike draw the peak towards zero; so the image is moved by what was found
and compared again until nothing is left to move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stfuse.harmonisation.ecc import standard_error
from stfuse.harmonisation.edges import MIN_PIXELS, SIGMA, Flags, Real, Window

ROUNDS = 20
UPSAMPLE = 200  # the peak is found to a two-hundredth of a pixel
CUT = 1 / (2 * math.pi * SIGMA)
FLOOR = 0.015  # pixels by which noiseless images still miss, as `harmonisation.ecc.FLOOR`
TAPER = 4  # pixels over which the weight rises from a gap or the image's edge


def by_phase(windows: Sequence[Window], start: Real, max_shift: float) -> tuple[Real, float]:
    """The translation (down, right) in pixels from a start, and its standard error; as `harmonisation.ecc.by_ecc`."""
    shift = start.copy()
    for _ in range(ROUNDS):
        step = _peak(windows, shift)
        if step is None:
            return shift, math.inf
        shift = shift + step
        if np.abs(shift).max() > max_shift + 1:
            return shift, math.inf
        if np.abs(step).max() < 1.5 / UPSAMPLE:
            break
    return shift, math.hypot(standard_error(windows, shift), FLOOR)


def _peak(windows: Sequence[Window], shift: Real) -> Real | None:
    """What is left to move, pixels down and right; None where there is nothing to compare."""
    from skimage.registration import phase_cross_correlation  # only where used: it takes a second to import

    product, count = None, 0
    for window in windows:
        moved, both = window.moved(shift)
        count += int(both.sum())
        if not both.any():
            continue
        weight = _weight(both)
        fixed_freq, moved_freq = (np.fft.fft2(_flat(image, weight)) for image in (window.fixed, moved))
        own = fixed_freq * moved_freq.conj()
        product = own if product is None else product + own
    if product is None or count < MIN_PIXELS // 2 or not np.abs(product).max() > 0:
        return None
    # Of several windows the cross-power spectra are added up: scikit-image multiplies by what it gets second.
    found: Any = phase_cross_correlation(  # type: ignore[no-untyped-call]
        _phases(product), np.ones_like(product), space="fourier", upsample_factor=UPSAMPLE, normalization=None
    )
    return np.asarray(found[0], np.float64)


def _phases(product: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The phases of a cross-power spectrum, low frequencies counting most."""
    down, right = (np.fft.fftfreq(length) for length in product.shape)
    low = np.exp(-((down[:, None] ** 2 + right**2) / (2 * CUT**2)))
    strength = np.abs(product)
    return np.asarray(product / np.maximum(strength, 1e-12 * strength.max()) * low)


def _weight(both: Flags) -> Real:
    """Weight of each pixel, 1 inside and falling to 0 at gaps and at the image's edge."""
    framed = np.pad(both, 1)
    return np.asarray(np.minimum(ndimage.distance_transform_edt(framed)[1:-1, 1:-1] / TAPER, 1.0))


def _flat(image: Real, weight: Real) -> Real:
    """Weighted deviations from the weighted mean."""
    return np.asarray((image - np.average(image, weights=weight)) * weight)
