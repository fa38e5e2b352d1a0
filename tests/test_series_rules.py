"""What the rules of series and phenology ask for, by the size of a site and its number of images."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rule_functions import rule_functions

SENSORS = {"fine": {"resolution": 10, "bands": {"red": 10, "nir": 10}}}
PERIOD = ["2023-01-01", "2023-12-31"]
SITES = {
    name: {"name": name, "bounds": [0, 0, 10 * side, 10 * side], "reference": "fine", "period": PERIOD}
    for name, side in (("small", 500), ("tile", 10980))
}


def rules(bands: list[str]) -> SimpleNamespace:
    experiment = {"name": "e", "protocol": "product", "fine": "fine", "coarse": "fine", "bands": bands}
    return rule_functions(experiment, {}, SITES, SENSORS, {})


def asked(site: str) -> Any:
    return SimpleNamespace(site=site, experiment="e")


def test_memory_of_a_series_holds_a_block_of_every_image_for_each_thread() -> None:
    found = rules(["red", "nir"])
    assert [found.series_threads(asked(site)) for site in SITES] == [2, 8]
    for images in (0, 100, 400):
        held = (3 + 2) * images * 512 * 512 * 4 / 1e6
        assert found.series_memory(asked("tile"), ["a"] * images, 8, 1) >= held + 2000


def test_phenology_of_a_tile_asks_for_a_row_of_windows_not_for_the_tile() -> None:
    found = rules(["red", "nir"])
    assert [found.phenology_threads(asked(site)) for site in SITES] == [2, 8]
    assert found.phenology_memory(asked("small"), 1) < 2500
    assert 2000 + 4 * 120 < found.phenology_memory(asked("tile"), 1) < 10_000
    assert found.phenology_memory(asked("tile"), 2) == 2 * found.phenology_memory(asked("tile"), 1)


@pytest.mark.parametrize(
    ("bands", "pair"),
    [
        (["blue", "red", "nir"], ["red", "nir"]),
        (["red", "nir", "nir08"], ["red", "nir08"]),
        (["nir08"], []),
        (["red", "blue"], []),
    ],
)
def test_every_stage_makes_ndvi_of_the_same_bands(bands: list[str], pair: list[str]) -> None:
    assert rules(bands).vegetation_bands(asked("small")) == pair
