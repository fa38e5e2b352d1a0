"""The table of a site's scenes, and of its bandpass lines, as the report shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from stfuse.scene_table import IDLE, USED, archive_words, is_suspect

OPEN_UP_TO = 40
"""Rows of a table that is not folded away."""
MARKS = {"used": "●", "idle": "○", "dropped": "✕"}


class Cell(NamedTuple):
    """A cell's text, and what it says when the pointer rests on it."""

    text: str
    title: str = ""


class Row(NamedTuple):
    """A row's kind (used, idle, dropped, or empty) and its cells."""

    kind: str
    cells: list[Cell]


class Listing(NamedTuple):
    """A table for reading; what is empty throughout is left out."""

    summary: str
    columns: list[str]
    rows: list[Row]
    open: bool


def scene_listing(table: pd.DataFrame) -> Listing:
    """Every scene of a site in order of time, marked by what became of it.

    Parameters
    ----------
    table : DataFrame
        As `stfuse.scene_table.scene_table` makes it.
    """
    rows, suspect = [], is_suspect(table)
    for row, odd in zip(table.to_dict("records"), suspect, strict=True):
        kind = {USED: "used", IDLE: "idle"}.get(row["fate"], "dropped")
        why = [row["reason"], row["suspect"] if odd else "", row["notes"], IDLE if kind == "idle" else ""]
        cells = {
            "": Cell(MARKS[kind] + (" !" if odd else ""), "suspect" if odd else row["fate"]),
            "date": Cell(row["date"]),
            "sensor": Cell(row["sensor"]),
            "cloud cover %": Cell(_number(row["cloud_cover"], 0), "of the whole scene, as the archive states"),
            "clear %": Cell(
                _share(row["clear"]), f"of the site by the archive's mask; seen: {_share(row['covered'])} %"
            ),
            "left %": Cell(_share(row["image_clear"]), "of the site in the day's image after all masking"),
            "why": Cell("; ".join(_text(word) for word in why if _text(word))),
            "missed cloud %": Cell(
                _share(row["missed_cloud"] or None), "of the site, taken away by comparison in time"
            ),
            "doubtful %": Cell(_share(row["doubtful"]), "of the pixels left stand out of their season"),
            "moved (m)": _shift(row),
            "match": _match(row),
            "bandpass": _rules(_text(row["bandpass"])),
            "NBAR": Cell(_text(row["nbar"])),
            "masks": Cell(_text(row["masks"])),
            "platform": Cell(_text(row["platform"])),
            "archive": Cell(
                archive_words(_text(row["archive"])), f"{_text(row['archive'])} {_text(row['collection'])}"
            ),
            "scene": Cell(row["scene"]),
        }
        rows.append((kind, cells))
    return _listing(_scene_summary(table), rows)


def line_listing(lines: pd.DataFrame) -> Listing:
    """The bandpass lines of every sensor that is adjusted.

    Parameters
    ----------
    lines : DataFrame
        As `stfuse.scene_table.line_table` makes it.
    """
    rows, before = [], ""
    for line in lines.to_dict("records"):
        why = _text(line["why"])
        # Bands are judged together, so their remarks are often one.
        remarks, before = "as above" if why and why == before else why, why
        cells = {
            "sensor": Cell(line["sensor"]), "band": Cell(line["band"]), "rule": Cell(line["rule"]),
            "slope": Cell(_number(line["slope"], 4)), "± ": Cell(_number(line["slope_error"], 4), "standard error"),
            "offset": Cell(_number(line["offset"], 4)), "±": Cell(_number(line["offset_error"], 4), "standard error"),
            "dates": Cell(_number(line["dates"], 0)), "pixels": Cell(_number(line["n"] or None, 0)),
            "r": Cell(_number(line["r"], 3)), "remarks": Cell(remarks),
        }  # fmt: skip
        rows.append(("", cells))
    return _listing("Bandpass lines: reference = slope x observed + offset", rows)


def _listing(summary: str, rows: list[tuple[str, dict[str, Cell]]]) -> Listing:
    names = list(rows[0][1]) if rows else []
    held = [name for name in names if any(cells[name].text for _, cells in rows)]
    found = [Row(kind, [cells[name] for name in held]) for kind, cells in rows]
    return Listing(summary, [name.strip() for name in held], found, 0 < len(rows) <= OPEN_UP_TO)


def _scene_summary(table: pd.DataFrame) -> str:
    """How many scenes there are, and what became of them."""
    counts = table["fate"].value_counts()
    used, idle = int(counts.get(USED, 0)), int(counts.get(IDLE, 0))
    words = [f"{len(table)} scenes: {used} in images", *([f"{idle} {IDLE}"] if idle else [])]
    causes = counts.drop([USED, IDLE], errors="ignore")
    if len(causes):
        each = ", ".join(f"{count} {cause}" for cause, count in causes.items())
        words.append(f"{causes.sum()} dropped ({each})")
    odd = table.loc[is_suspect(table), ["sensor", "date"]].drop_duplicates()
    words += [f"{len(odd)} suspect images"] if len(odd) > 1 else ["1 suspect image"] if len(odd) else []
    return "; ".join(words)


def _shift(row: Mapping[Any, Any]) -> Cell:
    """Metres to the east and north, or that the image stayed where its archive put it and why."""
    if pd.isna(row["shift_accepted"]):
        return Cell("")
    if not row["shift_accepted"]:
        return Cell("left", _text(row["notes"]))
    return Cell(f"{row['shift_x_m']:+.1f} E {row['shift_y_m']:+.1f} N")


def _match(row: Mapping[Any, Any]) -> Cell:
    if pd.isna(row["match_before"]):
        return Cell("")
    words = "correlation before and after, with the reference sensor's image, or for its own with the frame: the mean "
    words += "of its clear dates"
    return Cell(f"{row['match_before']:.3f} → {_number(row['match_after'], 3)}", words)


def _rules(bandpass: str) -> Cell:
    """Which rules the bands follow; the coefficients when the pointer rests on it."""
    parts = [part.rpartition(" (")[2].rstrip(")") for part in bandpass.split("; ") if part]
    return Cell(", ".join(dict.fromkeys(parts)), bandpass)


def _share(value: Any) -> str:
    return "" if pd.isna(value) else _number(100 * float(value), 0)


def _number(value: Any, digits: int) -> str:
    words = "" if pd.isna(value) else f"{float(value):.{digits}f}"
    return words.removeprefix("-") if words and float(words) == 0 else words


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
