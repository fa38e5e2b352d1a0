"""Which filled series join the dense series of a product experiment, as the rules ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from rule_functions import INPUTS, rule_functions
from stfuse.errors import InputError
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


def test_a_likeness_of_series_is_refused_by_name() -> None:
    path = INPUTS / "figures_sites.smk"
    names = {"InputError": InputError, "FILLINGS": {"gaps": {}}}
    names["STUDIES"] = {"mine": {"name": "mine", "experiments": ["gaps"], "likeness": ["gaps"]}}
    with pytest.raises(InputError, match=r"studies/mine\.yaml: `likeness:` names gaps, whose protocol is gaps.*Cure"):
        exec(compile(path.read_text(), str(path), "exec"), names)
