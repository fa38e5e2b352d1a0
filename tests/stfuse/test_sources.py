"""Which files a script is made of."""

from __future__ import annotations

from pathlib import Path

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
