"""How the learning rate goes: a function of the step and of the losses so far, so that nothing of it need be kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stfuse.learning.plan import Plan

__all__ = ["rate_at"]


def rate_at(plan: Plan, step: int, losses: Sequence[float]) -> float:
    """The learning rate of a step.

    Parameters
    ----------
    step : int
        From 0 to ``epochs * steps - 1``.
    losses : sequence of float
        Held-out losses up to now, the untrained network's first; for the schedule "plateau" alone.

    Returns
    -------
    float
        ``plan.learning_rate`` or less.
    """
    if plan.schedule == "cosine":
        return plan.learning_rate * (0.5 + 0.5 * math.cos(math.pi * step / (plan.epochs * plan.steps)))
    if plan.schedule == "plateau":
        return float(plan.learning_rate * 0.5 ** _plateaus(losses, math.ceil(plan.patience / 3)))
    return plan.learning_rate


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """How often the least loss stayed the least for `patience` epochs; each time is counted from the last."""
    found, least, since = 0, math.inf, 0
    for loss in losses:
        least, since = (loss, 0) if loss < least else (least, since + 1)
        if since == patience:
            found, since = found + 1, 0
    return found
