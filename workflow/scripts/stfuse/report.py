"""What the report says in words and numbers: verdicts, tables of scores, run times. No files, no figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from stfuse.metrics import METRICS, better_key
from stfuse.summary import BASELINES
from stfuse.tables import MAIN, written

STAGES = (
    "simulated", "raw", "ard", "degraded", "model", "fused", "scores", "series", "phenology", "figures", "report",
)  # fmt: skip


class Cell(NamedTuple):
    """One cell of a table: its text, whether it is the best of its column, and the baselines that are better."""

    text: str
    best: bool = False
    worse_than: str = ""


class ScoreTable(NamedTuple):
    """A table for reading: heading, columns and rows (method, is a baseline, cells)."""

    heading: str
    columns: list[str]
    rows: list[tuple[str, bool, list[Cell]]]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: a, b and c."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def questions(table: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """A table of `stfuse.tables.scores_table` by (truth, variable), each indexed by method, best first."""
    order = list(dict.fromkeys(zip(table["truth"], table["variable"], strict=True)))
    parts = {q: table[(table["truth"] == q[0]) & (table["variable"] == q[1])] for q in order}
    return {q: part.set_index("method") for q, part in parts.items() if part["rmse"].notna().any()}


def verdict(table: pd.DataFrame) -> str:
    """One honest sentence on how the best method compares with the baselines in RMSE; empty if nothing was scored.

    Parameters
    ----------
    table : DataFrame
        One of `questions`: index method, columns rmse, dates, worse_than_bilinear, worse_than_nearest.
    """
    rmse = table["rmse"].astype(float).dropna()
    methods = [m for m in rmse.index if m not in BASELINES]
    rivals = [b for b in BASELINES if b in rmse.index]
    if not methods:
        return ""
    best = min(methods, key=lambda m: rmse[m])
    dates = int(float(table.loc[best, "dates"]))
    over = f"over {dates} date{'s' * (dates != 1)}"
    if not rivals:
        return f"{best} has the lowest error, RMSE {rmse[best]:.4f} {over}; no baseline was run beside it."
    rival = min(rivals, key=lambda b: rmse[b])
    change = (rmse[best] - rmse[rival]) / rmse[rival] if rmse[rival] else math.nan
    losers = [m for m in methods if _is_beaten(table.loc[m])]
    if _is_beaten(table.loc[best]) or change >= 0:
        return (
            f"No method beats the baselines: {rival} has RMSE {rmse[rival]:.4f} {over}; the best method, {best}, "
            f"has {rmse[best]:.4f} ({change:+.0%})."
        )
    rest = f"Worse than a baseline: {listed(losers)}." if losers else "Every method beats the baselines run beside it."
    return (
        f"{best} is best: RMSE {rmse[best]:.4f} {over}, {-change:.0%} less than the better baseline "
        f"({rival}, {rmse[rival]:.4f}). {rest}"
    )


def _is_beaten(row: pd.Series) -> bool:
    return any("rmse" in _words(row.get(f"worse_than_{b}", "")) for b in BASELINES)


def _words(cell: object) -> list[str]:
    return cell.split() if isinstance(cell, str) else []


def score_table(question: tuple[str, str], table: pd.DataFrame) -> ScoreTable:
    """One of `questions` as a table for reading: best values marked, and those worse than a baseline."""
    truth, variable = question
    metrics = [m for m in MAIN if m in table and table[m].notna().any()]
    keys = {m: table[m].astype(float).map(lambda v, m=m: better_key(m, v)) for m in metrics}
    rows = []
    for method, row in zip(map(str, table.index), table.to_dict("records"), strict=True):
        cells = []
        for metric in metrics:
            value = float(row[metric])
            beaten = [b for b in BASELINES if metric in _words(row[f"worse_than_{b}"])]
            shown = written(metric, value)
            shown = shown.removeprefix("-") if shown and float(shown) == 0 else shown
            best = bool(shown) and keys[metric][method] == keys[metric].min()
            cells.append(Cell(shown, best, listed(beaten) if method not in BASELINES else ""))
        cells += [Cell(str(int(float(row["dates"])))), Cell(str(row["n"]))]
        rows.append((method, method in BASELINES, cells))
    against = {"observed": "the observed images", "known": "the known, noise-free truth"}.get(truth, truth)
    what = "NDVI" if variable == "ndvi" else "Reflectance (mean over bands)"
    arrows = {"higher": "↑", "lower": "↓", "nearer 0": "→0"}
    columns = [f"{m} {arrows[METRICS[m].better]}" for m in metrics] + ["dates", "pixels"]
    return ScoreTable(f"{what} against {against}", columns, rows)


def run_times(
    measured: Iterable[tuple[Sequence[str], Mapping[str, str]]], methods: Sequence[str]
) -> list[dict[str, str]]:
    """Run times of jobs, summed by stage and method.

    Parameters
    ----------
    measured : iterable of (path parts, row)
        The parts of a benchmark's path under ``benchmarks/`` (stage first) and its row as Snakemake wrote it:
        ``s`` seconds, ``max_rss`` MB, ``cpu_time`` seconds; "-" or "NA" = not measured.
    methods : sequence of str
        Names that may be a part of a path.

    Returns
    -------
    list of dict
        stage, method, jobs, seconds (sum), longest (seconds), cpu (sum), memory (MB, the most of any job), as text.
    """
    rows = []
    for parts, row in measured:
        method = next((p for p in parts[1:] if p in methods), "")
        numbers = {"seconds": row.get("s"), "cpu": row.get("cpu_time"), "memory": row.get("max_rss")}
        rows.append({"stage": parts[0], "method": method} | {k: _number(v) for k, v in numbers.items()})
    if not rows:
        return []
    table = pd.DataFrame(rows)
    table["order"] = table["stage"].map(lambda s: STAGES.index(s) if s in STAGES else len(STAGES))
    out = []
    for (_, stage, name), group in table.groupby(["order", "stage", "method"]):
        out.append({
            "stage": str(stage), "method": str(name), "jobs": str(len(group)),
            "seconds": f"{group['seconds'].sum():.1f}", "longest": f"{group['seconds'].max():.1f}",
            "cpu": _text(group["cpu"].sum(min_count=1), 1), "memory": _text(group["memory"].max(), 0),
        })  # fmt: skip
    return out


def _number(text: str | None) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan


def _text(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def phenology_verdict(errors: pd.DataFrame, sensors: Sequence[str]) -> str:
    """One sentence on whether the fused series' dates are nearer to the truth than either sensor's; empty if unknown.

    Parameters
    ----------
    errors : DataFrame
        Columns source, date_name, fields, mae_days, n, see `stfuse.phenology.scores.date_errors`.
    sensors : sequence of str
        Sources that are one sensor alone.
    """
    rows = errors[(errors["date_name"] == "all") & (errors["fields"] == "common")].dropna(subset=["mae_days"])
    rows = rows[rows["class"] == "all"] if "class" in rows else rows
    days = rows.groupby("source")["mae_days"].mean()
    fused, alone = days[~days.index.isin(sensors)], days[days.index.isin(sensors)]
    if fused.empty or alone.empty:
        return ""
    best, rival = str(fused.idxmin()), str(alone.idxmin())
    words = listed([f"{value:.1f} from {name} alone" for name, value in alone.sort_values().items()])
    if fused[best] < alone[rival]:
        return f"Transition dates of fields are off by {fused[best]:.1f} days from the fused series ({best}), {words}."
    return f"Fusion does not improve the transition dates: off by {fused[best]:.1f} days from {best}, {words}."


def site_size(bounds: Sequence[float]) -> str:
    """Width and height of a site's bounds (left, bottom, right, top in metres) in words."""
    wide, high = bounds[2] - bounds[0], bounds[3] - bounds[1]
    unit, by = ("km", 1000.0) if max(wide, high) >= 1000 else ("m", 1.0)
    return f"{wide / by:g} x {high / by:g} {unit}"


def site_remarks(site: Mapping[str, Any]) -> str:
    """What a reader must bear in mind of a site: its own ``remarks``, or what holds of any place of its kind."""
    if site.get("remarks"):
        return str(site["remarks"])
    if "simulated" in site:
        return (
            "Every pixel here is made by a program, and the noise-free truth is known on every day. That makes "
            "errors exact, "
            "but a made-up world is simpler than any real place: methods that win here need not win there."
        )
    return (
        f"A real place of {site_size(site['bounds'])}. Neighbouring pixels are not independent and the dates are few: "
        "differences between methods that are smaller than the spread between dates mean nothing."
    )


def experiment_words(experiment: Mapping[str, object]) -> str:
    """What an experiment does, for a reader who does not know the protocols' names."""
    fine, coarse, gap = experiment["fine"], experiment["coarse"], experiment.get("gap_days", 0)
    neighbours = f", with every {fine} scene within {gap} days of it," if gap else ""
    return {
        "withheld": f"A clear {fine} date is hidden{neighbours} and predicted from {coarse} of that time and "
        f"other {fine} dates. The hidden image is the truth.",
        "reduced": f"All images are made coarser by the ratio of {coarse} to {fine} pixels, so that what is predicted, "
        f"at the resolution of {coarse}, was really observed by {coarse} (Wald's protocol).",
        "product": f"Clear {coarse} dates without a clear {fine} image are predicted at the resolution of {fine} and "
        f"joined with the observed {fine} dates into a dense NDVI series. Nothing is hidden.",
    }.get(str(experiment["protocol"]), "")
