"""Figures and tables as the report's page holds them: read, and embedded whole."""

from __future__ import annotations

import base64
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stfuse.captions import figure_words, order_of, table_words
from stfuse.errors import InputError
from stfuse.raster import REMAKE
from stfuse.report_scenes import line_listing, scene_listing

__all__ = ["LARGEST", "figures_shown", "is_listing", "listing_shown", "scores_read", "table_shown"]

Facts = dict[str, Any]
LISTINGS = {"scenes": scene_listing, "bandpass": line_listing}
"""Tables of a site that have a look of their own, by the stems of their files."""
SHORT = {"event_scores": {"class": "all"}}
"""Tables of which the page shows only the rows with these values; the embedded file has all."""
NAMES = ("experiment", "site")
"""Columns that a section's own heading says."""
LONGEST = 120
"""Rows of a table shown on the page; the embedded file has all."""
LARGEST = 4_000_000
"""Bytes of a table embedded for download."""


def is_listing(path: Path) -> bool:
    """Whether a table has a look of its own."""
    return path.suffix == ".csv" and path.stem in LISTINGS


def listing_shown(path: Path) -> Facts:
    """A table with a look of its own, whole.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        # Only empty cells are empty: a sensor might be called "nan", and a scene "020200101".
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"scene": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error
    facts = {k: v for k, v in table_shown(path).items() if k in ("caption", "file", "src")}
    return facts | LISTINGS[path.stem](table)._asdict()


def figures_shown(paths: Sequence[Path]) -> list[Facts]:
    """The pictures among the paths, in the order of the page.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    found = []
    for path in sorted((p for p in paths if p.suffix == ".png"), key=lambda p: order_of(p.stem)):
        title, caption = figure_words(path.stem)
        anchor = "-".join([*path.parent.parts[-2:], path.stem])
        words = {"name": path.stem, "title": title, "caption": caption, "anchor": anchor}
        found.append(words | {"src": _embed(path, "image/png")})
    return found


def _embed(path: Path, kind: str) -> str:
    try:
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


def scores_read(path: Path) -> pd.DataFrame:
    """A table of numbers in which words name what is beaten.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        words = {"worse_than_bilinear": str, "worse_than_nearest": str}
        return pd.read_csv(path, dtype=words)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error


def table_shown(path: Path) -> Facts:
    """A table as it stands, its first rows shown and all of it to be saved.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    title, caption = table_words(path.stem)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            columns, *rows = list(csv.reader(file)) or [[]]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error
    if path.stem in SHORT:
        columns, rows = _shortened(columns, rows, SHORT[path.stem])
    shown = rows[:LONGEST]
    file_name = "_".join([*path.parent.parts[-2:], path.name])
    return {
        "title": title,
        "caption": caption,
        "columns": [c.replace("_", " ") for c in columns],
        "rows": shown,
        "cut": len(rows) if len(rows) > len(shown) else 0,
        "open": False,
        "file": file_name,
        "src": _embed(path, "text/csv"),
    }


def _shortened(
    columns: Sequence[str], rows: Sequence[Sequence[str]], only: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """The rows with these values, without the columns that then say the same in all of them."""
    asked = [(columns.index(name), value) for name, value in only.items() if name in columns]
    places = [i for i, name in enumerate(columns) if name not in (*only, *NAMES)]
    kept = [row for row in rows if all(row[i] == value for i, value in asked)]
    return [columns[i] for i in places], [[row[i] for i in places] for row in kept]
