"""Declarations are read from a method file without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stfuse.errors import InputError
from stfuse.learning.plan import Plan
from stfuse.methods import load
from stfuse.needs import Needs, read_defaults, read_needs, read_params, with_references, with_settings

METHODS = Path(__file__).parents[2] / "workflow/scripts/stfuse/methods"
FILES = [path for path in sorted(METHODS.glob("[!_]*.py")) if read_needs(path).by_setting]


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


def test_defaults_are_read_where_they_are_plain_values(tmp_path: Path) -> None:
    lines = ("kind: str = 'a'", "pair: tuple = (1, 2)", "share: float = SHARE", "none: int")
    text = "class Params(Plan):\n" + "".join(f"    {line}\n" for line in lines)
    assert read_defaults(write(tmp_path, text)) == {"kind": "a", "pair": (1, 2)}


@pytest.mark.parametrize(
    ("settings", "aux", "guides"),
    [({"kind": "a"}, ("pan",), ("sar",)), ({"kind": "b"}, ("pan", "sar"), ()), ({"kind": "c"}, ("pan",), ())],
)
def test_settings_decide_which_series_a_method_needs(
    settings: dict[str, str], aux: tuple[str, ...], guides: tuple[str, ...]
) -> None:
    rows = (("kind", "a", "guides", "sar"), ("kind", "b", "aux", "sar"), ("kind", "c", "", ""))
    found = with_settings(Needs(aux=("pan",), by_setting=rows), settings)
    assert (found.aux, found.guides) == (aux, guides)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_settings_decide_is_declared_of_values_that_they_may_have(path: Path) -> None:
    """A misspelt value would never be asked for, and its series never be missed."""
    needs, module = read_needs(path), load(path.stem)
    for key, value, where, name in needs.by_setting:
        assert key in read_defaults(path) and where in ("aux", "guides", "") and bool(name) == bool(where)
        assert getattr(module.Params(**{key: value}), key) == value
