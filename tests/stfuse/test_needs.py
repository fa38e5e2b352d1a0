"""Declarations are read from a method file without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stfuse.errors import InputError
from stfuse.learning.plan import Plan
from stfuse.needs import Needs, read_needs, read_params, with_references


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_needs_and_settings_are_read_without_importing(tmp_path: Path) -> None:
    text = 'import nowhere_to_be_found\nNEEDS = Needs(references="nearest", aux=("pan",))\n'
    path = write(tmp_path, text + "class Params:\n    window: int = 31\n    _note = 1\n")
    assert read_needs(path) == Needs(references="nearest", aux=("pan",))
    assert read_params(path) == {"window"}


def test_a_network_has_the_settings_of_the_plan_beside_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, "NEEDS = Needs()\nclass Params(Plan):\n    width: int = 64\n    patch: int = 48\n")
    assert read_params(path) == {"width", *Plan.__dataclass_fields__}


@pytest.mark.parametrize("line", ["", "NEEDS = Needs(3)", "NEEDS = Needs(referenses='none')", "NEEDS = Needs(gpu=f())"])
def test_an_unreadable_declaration_names_the_file_and_the_cure(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"mine\.py.*Cure: write NEEDS"):
        read_needs(write(tmp_path, line))


def test_a_method_without_params_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no dataclass Params"):
        read_params(write(tmp_path, "x = 1"))


def test_an_entry_may_ask_for_references_that_the_method_can_use() -> None:
    needs = Needs(references="nearest", also=("bracketing",), pairs=True)
    assert with_references(needs, None, "mine") is needs
    assert with_references(needs, "bracketing", "mine") == Needs(
        references="bracketing", also=("bracketing",), pairs=True
    )
    with pytest.raises(InputError, match=r"mine cannot take references: all. Cure: choose from nearest, bracketing"):
        with_references(needs, "all", "mine")
