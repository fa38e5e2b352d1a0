"""Attempts to get a hidden optical image into what learns NDVI from radar."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from rule_functions import rule_functions
from stfuse.cases import days_between, targets
from stfuse.errors import InputError
from test_leaks import DECLARED, SENSORS, SITES, day, experiment, numbers, scenes

RADAR = [name for name, needs in DECLARED.items() if needs.ndvi and "sar" in needs.aux and not needs.coarse]


@settings(max_examples=40, deadline=None)
@given(numbers, numbers, st.integers(0, 3), st.integers(0, 12), st.integers(0, 90))
def test_what_learns_from_radar_sees_no_hidden_optical_date_and_none_after_the_split(
    optical: set[int], radar: set[int], pair_days: int, gap_days: int, until: int
) -> None:
    days = {"here": scenes(optical, set()) | {"radar": scenes(radar, set())["fine"]}}
    base = {"coarse": "radar", "coarse_quantity": "backscatter", "aux": {"sar": "radar"}, "variable": "ndvi"}
    hides = experiment(**base, protocol="withheld", pair_days=pair_days, gap_days=gap_days)
    split = experiment(**base, protocol="product", pair_days=pair_days, train_until=day(until))
    job = SimpleNamespace(experiment="e", trainset="here", method=RADAR[0], seed="0")
    for asks in (hides, split):
        try:
            tested = targets(asks, days["here"])
            found = rule_functions(asks, days, SITES, SENSORS, {n: DECLARED[n] for n in RADAR}).training_samples(job)
        except InputError:  # too few images
            continue
        for one in found:
            truth, image = Path(one["truth"]).stem, Path(one["aux"]["sar"][0]).stem
            assert days_between(truth, image) <= pair_days
            assert one["coarse"] == one["fine"] == []
            if asks is hides:
                assert all(days_between(truth, target) > gap_days for target in tested)
            else:
                assert max(truth, image) <= day(until) < min(tested)
