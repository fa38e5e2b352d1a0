"""Which files a script is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from stfuse import sources as module
from stfuse.sources import PACKAGE, sources


def test_imports_are_followed_through_the_package(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("from stfuse.raster import read_image\nimport numpy\n")
    names = {Path(p).name for p in sources(script)}
    # raster imports grid, grid imports task, task imports needs: none of them is named in the script.
    assert {"raster.py", "grid.py", "task.py", "needs.py"} <= names
    assert not {"mine.py", "cases.py", "training.py"} & names


def test_a_package_file_is_made_of_itself_too() -> None:
    assert str(PACKAGE / "sources.py") in sources(Path(module.__file__))


def test_the_digest_follows_the_content_of_imported_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "stfuse"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "used.py").write_text("x = 1\n")
    (package / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(module, "PACKAGE", package)

    def of_script() -> str:
        for cached in (module.digest, module.sources, module._direct):
            cached.cache_clear()
        return module.digest(tmp_path / "mine.py")

    (tmp_path / "mine.py").write_text("from stfuse.used import x\n")
    before = of_script()
    (package / "other.py").write_text("x = 2\n")
    assert of_script() == before
    (package / "used.py").write_text("x = 2\n")
    assert of_script() != before
