"""What a standard deviation means where errors are normal."""

from __future__ import annotations

from typing import Final

__all__ = ["NINETY"]

NINETY: Final = 1.645
"""Standard deviations on each side of a value that hold 90 % of normal errors."""
