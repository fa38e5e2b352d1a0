"""Scenarios of change, with the counts worked out by hand."""

from collections import Counter
from itertools import combinations

import pytest

from stfuse.scenarios import bonferroni, scenario, stages

YANG = (136, 179, 203, 235, 265, 301)  # days of the year, Yang et al. 2021
DATES = (162, 178, 210, 258, 290, 354)


def test_stages_count_the_dates_that_have_passed():
    assert stages(DATES, YANG).tolist() == [1, 1, 3, 4, 5, 6]
    assert stages([135, 136], YANG).tolist() == [0, 1]


def test_the_twenty_combinations_of_six_dates_are_16_rapid_and_4_moderate():
    counts = Counter(scenario(*three, YANG) for three in combinations(DATES, 3))
    assert counts == {"rapid": 16, "moderate": 4}


def test_dates_of_one_stage_are_minimal():
    assert scenario(150, 160, 165, YANG) == "minimal"
    assert scenario(150, 165, 275, YANG) == "moderate"
    assert scenario(150, 200, 275, YANG) == "rapid"


def test_dates_out_of_order_are_refused():
    with pytest.raises(ValueError, match="first < target < last"):
        scenario(200, 150, 275, YANG)


def test_p_values_are_corrected_and_stay_probabilities():
    assert bonferroni([0.007, 0.004, 0.0003, 0.5], 3) == pytest.approx([0.021, 0.012, 0.0009, 1])
