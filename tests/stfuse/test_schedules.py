import math

import pytest

from stfuse.learning.plan import Plan
from stfuse.learning.schedules import rate_at


def test_constant_stays():
    plan = Plan(schedule="constant", learning_rate=0.3)
    assert {rate_at(plan, step, [1.0, 2.0]) for step in (0, 7, 399)} == {0.3}


def test_cosine_falls_from_the_whole_rate_to_nothing():
    plan = Plan(schedule="cosine", learning_rate=0.2, epochs=10, steps=4)
    assert rate_at(plan, 0, []) == 0.2
    assert rate_at(plan, 20, []) == pytest.approx(0.1)
    assert rate_at(plan, 10, []) == pytest.approx(0.2 * (0.5 + math.sqrt(0.5) / 2))
    assert rate_at(plan, 40, []) == pytest.approx(0, abs=1e-12)
    rates = [rate_at(plan, step, []) for step in range(41)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    ("losses", "halvings"),
    [
        ([], 0),
        ([5, 4, 3, 2, 1], 0),
        ([5, 5, 5], 1),  # an equal loss is no better one; the first sets the mark
        ([5, 6, 4, 6], 0),  # one bad epoch at a time is not yet a plateau
        ([5, 6, 7, 4, 5, 6], 2),
        ([5, 6, 7, 8, 9], 2),  # counted anew after each halving
    ],
)
def test_plateaus_halve_after_a_third_of_the_patience(losses, halvings):
    plan = Plan(schedule="plateau", learning_rate=0.8, patience=6)
    assert rate_at(plan, 0, [float(loss) for loss in losses]) == 0.8 * 0.5**halvings


def test_a_third_of_the_patience_is_rounded_up():
    short = Plan(schedule="plateau", learning_rate=1.0, patience=4)
    assert rate_at(short, 0, [1.0, 2.0]) == 1.0 and rate_at(short, 0, [1.0, 2.0, 2.0]) == 0.5
