"""Which filled series join the dense series of a product experiment, as the rules ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from rule_functions import rule_functions
from stfuse.needs import Needs


@pytest.mark.parametrize(("changes", "seed"), [({}, 3), ({"seed": 4}, 4)])
def test_filled_values_are_of_a_seed_that_the_method_runs_with(changes: dict[str, Any], seed: int) -> None:
    filled = {"experiment": "gaps", "method": "gru", **changes}
    experiment = {"name": "e", "protocol": "product", "filled": filled}
    gaps = {"name": "gaps", "protocol": "gaps", "sites": ["wet"]}
    found: Any = rule_functions(experiment, {}, {}, {}, {"gru": Needs(samples="series", fills=True)}, [gaps])
    found.METHODS["gru"]["seeds"] = [3, 4]
    assert found.filled_cube(experiment, "wet") == [f"results/fused/gaps/wet/gru/seed{seed}.nc"]
    assert found.filled_cube(experiment, "dry") == []
