"""A site's scenes in one table: what the archives had, what was kept, and what was done to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

SEARCHED = (
    "date", "sensor", "scene", "platform", "archive", "collection", "cloud_cover", "covered", "clear", "day_clear",
    "kept", "reason",
)  # fmt: skip
"""What the search says of a scene."""
PREPARED = (
    "shift_x_m", "shift_y_m", "shift_accepted", "match_before", "match_after", "nbar", "masks", "missed_cloud",
    "doubtful", "suspect", "encoding", "notes",
)  # fmt: skip
"""What was done to its day's image."""
COLUMNS = (*SEARCHED, "fate", "image_clear", *PREPARED, "bandpass")
LINE_COLUMNS = (
    "sensor", "band", "slope", "slope_error", "offset", "offset_error", "rule", "dates", "n", "r", "why",
)  # fmt: skip
USED, IDLE, UNCLEAR = "in an image", "kept, no experiment needs it", "not clear enough over the site"
WORDS = {"reason", "nbar", "masks", "suspect", "encoding", "notes", "archive", "platform", "collection"}


def scene_table(scenes: pd.DataFrame, quality: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Every scene of a site in order of time, with what became of it.

    Parameters
    ----------
    scenes : DataFrame
        ``raw/{site}/scenes.csv``: one row per scene the archives have.
    quality : DataFrame
        ``ard/{site}/quality.csv``: one row per image; `scenes` holds the ids of its scenes, separated by spaces.
    lines : DataFrame
        As `line_table` makes it.

    Returns
    -------
    DataFrame
        With `COLUMNS`. `clear` is the share of the site that the archive's mask shows clear (0..1), `image_clear`
        what is left of the day's image. `fate` is `USED`, `IDLE`, or for what was dropped the `cause_of` its reason.
        Columns that the inputs lack are empty.
    """
    found = scenes.reindex(columns=[*SEARCHED])
    images = quality.rename(columns={"clear": "image_clear"}).reindex(
        columns=["sensor", "date", "scenes", "image_clear", *PREPARED]
    )
    parts = images.assign(scene=images["scenes"].fillna("").astype(str).str.split()).explode("scene")
    # A day whose row does not name its scenes belongs to every scene that was kept of it.
    unnamed = parts[parts["scene"].isna()].drop(columns="scene")
    kept = found.loc[found["kept"] == 1, ["sensor", "date", "scene"]]
    named = pd.concat([parts.dropna(subset=["scene"]), unnamed.merge(kept, on=["sensor", "date"])])
    # Another archive's copy bears the same name, and only one of the two was kept.
    named = named.drop(columns="scenes").assign(kept=1)
    table = found.merge(named, on=["sensor", "date", "scene", "kept"], how="left", indicator="made")
    table["reason"] = table["reason"].fillna("")
    table["fate"] = [
        cause_of(str(row.reason)) if row.kept != 1 else USED if row.made == "both" else IDLE
        for row in table.itertuples()
    ]
    adjusted = {sensor: line_words(own) for sensor, own in lines.groupby("sensor")}
    table["bandpass"] = table["sensor"].map(adjusted).where(table["fate"] == USED)
    order = {sensor: i for i, sensor in enumerate(dict.fromkeys(found["sensor"]))}
    table = table.assign(place=table["sensor"].map(order)).sort_values(["date", "place", "scene"], kind="stable")
    table = table.reindex(columns=[*COLUMNS]).reset_index(drop=True)
    numbers = [name for name in COLUMNS if name not in (*WORDS, "date", "sensor", "scene", "fate", "bandpass")]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    return table.astype(dict.fromkeys(WORDS, object)).fillna(dict.fromkeys((*WORDS, "bandpass"), ""))


def cause_of(reason: str) -> str:
    """A reason without its particulars, so that scenes left out for the same cause count together."""
    if reason.startswith("clear over"):
        return UNCLEAR
    words = re.split(r"[,;:(]", reason)[0].split()
    # Shares, dates and ids differ from scene to scene.
    plain = [word for word in words if word.replace("_", "").isalpha()]
    return " ".join(plain) or "not kept"


def archive_words(name: str) -> str:
    """An archive's name; of a catalogue given by path or URL its folder or its host."""
    if "://" in name:
        return urlsplit(name).hostname or name
    return PurePath(name).parent.name or name if "/" in name else name


def line_table(lines: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> pd.DataFrame:
    """The band adjustments of all sensors in one table.

    Parameters
    ----------
    lines : mapping
        Sensor -> band -> what ``bandpass.json`` holds: `slope`, `offset`, `rule`; `slope_error`, `offset_error`
        (standard errors), `days` (date -> what it says alone), `n`, `r`, `why` where known.

    Returns
    -------
    DataFrame
        With `LINE_COLUMNS`, in the given order; `dates` are those that the line was fitted to.
    """
    rows = [
        {"sensor": sensor, "band": band, "dates": len(line["days"]) if line.get("days") else None, **line}
        for sensor, own in lines.items()
        for band, line in own.items()
    ]
    return pd.DataFrame(rows, columns=[*LINE_COLUMNS])


def line_words(lines: pd.DataFrame) -> str:
    """One sensor's adjustment in words, ``blue 1.0227 x +0.0041 (published)``, with standard errors where known."""
    return "; ".join(
        f"{line['band']} {_with_error(line['slope'], line['slope_error'])} x "
        f"{_with_error(line['offset'], line['offset_error'], '+')} ({line['rule']})"
        for line in lines.to_dict("records")
    )


def _with_error(value: float, error: Any, sign: str = "") -> str:
    known = error is not None and math.isfinite(float(error))
    return f"{value:{sign}.4f}" + (f" ± {float(error):.4f}" if known else "")


def is_suspect(table: pd.DataFrame) -> pd.Series:
    """Which rows' images stand out of their season."""
    marked: pd.Series = table["suspect"].fillna("").astype(str).ne("")
    return marked
