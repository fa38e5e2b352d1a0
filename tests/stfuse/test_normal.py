"""The standard deviations that hold a share of normal errors."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from stfuse.normal import NINETY


def test_ninety_per_cent_lie_within() -> None:
    assert NormalDist().cdf(NINETY) - NormalDist().cdf(-NINETY) == pytest.approx(0.9, abs=1e-4)
