"""A product experiment whose series filled values join: what fits is taken, what does not is said with its cure."""

import pytest

from stfuse.errors import InputError
from stfuse.filling.checks import check_filled

FILLINGS = {"gaps": {"name": "gaps", "fine": "sentinel2", "methods": ["temporal", "gru"], "sites": ["wet", "dry"]}}
SEEDS = {"temporal": [0], "gru": [3, 4]}


def product(**changes):
    filled = {"experiment": "gaps", "method": "gru", "seed": 4}
    return {"name": "dense", "fine": "sentinel2", "sites": ["wet", "mosaic"], "filled": filled} | changes


def test_experiments_that_fit_each_other_and_those_without_filled_values_are_taken():
    check_filled(product(), FILLINGS, SEEDS)
    check_filled(product(filled={"experiment": "gaps", "method": "gru"}), FILLINGS, SEEDS)
    check_filled({"name": "dense", "fine": "sentinel2", "sites": ["wet"]}, {}, SEEDS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filled": {"experiment": "none", "method": "gru"}}, "none, which is no gap experiment.*Cure: name it"),
        ({"fine": "venus"}, "gaps fills series of sentinel2.*Cure: take one"),
        ({"filled": {"experiment": "gaps", "method": "hgbrt"}}, "does not run hgbrt.*Cure: choose from temporal, gru"),
        (
            {"filled": {"experiment": "gaps", "method": "gru", "seed": 0}},
            "gru does not run with seed 0.*Cure: choose from 3, 4",
        ),
        ({"sites": ["mosaic"]}, "has none of its sites.*Cure"),
    ],
)
def test_what_nothing_fills_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        check_filled(product(**changes), FILLINGS, SEEDS)
