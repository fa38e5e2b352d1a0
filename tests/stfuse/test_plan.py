import subprocess
import sys
from pathlib import Path

import pytest

from stfuse.learning.plan import Plan


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"patch": -1},
        {"clip": 0.0},
        {"learning_rate": float("nan")},
        {"held_share": 1.0},
        {"min_valid": -0.1},
        {"schedule": "stairs"},
        {"precision": "half"},
    ],
)
def test_settings_out_of_range_are_refused_by_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Plan(**changes)


def test_the_limits_themselves_are_allowed():
    plan = Plan(held_share=0.0, min_valid=0.0, schedule="plateau", precision="full")
    assert plan.held_share == 0


def test_the_snakefile_reads_it_without_torch_or_numpy():
    code = (
        "import stfuse.learning.plan, stfuse.learning.resuming, sys; assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    scripts = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
    subprocess.run([sys.executable, "-c", code], cwd=scripts, check=True)
