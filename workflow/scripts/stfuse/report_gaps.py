"""What the report says of experiments on the gaps of series: what was asked, who wins in which gaps, tables."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from stfuse.filling import published
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.filling.tables import BASELINE, DIGITS
from stfuse.metrics import better_key
from stfuse.report import Cell, ScoreTable, listed

__all__ = ["filling_facts", "filling_words", "gap_tables", "gap_verdict", "overall_scores", "split_scores"]

FEW = 1000
"""Hidden values; what fewer say is marked as little."""
LINEAR = "linear interpolation"
PAPER = "paper: {}"
Lines = list[tuple[str, bool, list[Cell]]]
"""Rows of a `ScoreTable`."""
NAMES = {"mae": "MAE", "rmse": "RMSE", "r2": "R²"}
ARROWS = {"mae": "↓", "rmse": "↓", "r2": "↑"}
AGAINST = {"observed": "the observed values", "known": "the known, noise-free truth"}
DAYS = {name: f"{name.replace('>=', '≥')} days" for name in GAP_CLASSES}


def filling_words(filling: Mapping[str, Any]) -> str:
    """What a gap experiment does, for a reader who does not know the protocol."""
    fine, share = filling["fine"], 100 * float(filling["hidden"])
    # Guides may be all that a method sees of radar.
    others = listed([*filling["aux"].values()] or [guide["experiment"] for guide in filling.get("guides", {}).values()])
    by = f" and from {others}" if others else ""
    elsewhere = [site for site in filling["train_sites"] if site not in filling["sites"]]
    here = [site for site in filling["sites"] if site in filling["train_sites"]]
    words = f"{share:.0f} % of the values that {fine} saw of a pixel are hidden, and filled from the others{by}. "
    if filling.get("train_until"):
        return words + f"Methods learn from dates until {filling['train_until']}; only later dates are scored."
    if elsewhere and here:
        both = f"at other places ({listed(elsewhere)}), and at {listed(here)} on ground that is not scored"
        return words + f"Methods learn {both}."
    if elsewhere:
        return words + f"Methods learn at other places: {listed(elsewhere)}."
    return words + "Methods learn at the same places, on ground that is not scored."


def filling_facts(filling: Mapping[str, Any]) -> str:
    """Sensors, bands and sampling of a gap experiment in a line."""
    step = filling["lattice"]
    beside = [f"{sensor} ({name})" for name, sensor in filling["aux"].items()]
    every = "every pixel" if step == 1 else f"every {step}th row and column"
    return f"gaps: {', '.join([filling['fine'], *beside])}; NDVI of {', '.join(filling['bands'])}; {every}"


def _label(method: str) -> str:
    return f"{method}: {LINEAR}" if method == BASELINE else method


def _words(cell: object) -> list[str]:
    return cell.split() if isinstance(cell, str) else []


def _shown(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def gap_tables(table: pd.DataFrame) -> list[ScoreTable]:
    """Table III for reading, over all sites: one table for each kind of truth and metric.

    Parameters
    ----------
    table : DataFrame
        Of `stfuse.filling.tables.gap_table`.
    """
    found = []
    pooled = table[table["site"] == "all"]
    for truth in dict.fromkeys(pooled["truth"]):
        here = pooled[pooled["truth"] == truth]
        counts = here[here["metric"] == "n"].set_index("method")
        for metric in NAMES:
            rows = here[here["metric"] == metric]
            if len(rows):
                found.append(_gap_table(metric, truth, rows, counts))
    return found


def _marked(metric: str, by_method: Mapping[str, float], best: Collection[str]) -> dict[str, Cell]:
    """A column of a table: the best values, and those that linear interpolation exceeds as far as the decimals tell."""
    linear = by_method.get(BASELINE, math.nan)
    limit = round(better_key(metric, linear), DIGITS) if math.isfinite(linear) else math.inf
    worse = {m: math.isfinite(v) and round(better_key(metric, v), DIGITS) > limit for m, v in by_method.items()}
    return {m: Cell(_shown(v, DIGITS), m in best, LINEAR if worse[m] else "") for m, v in by_method.items()}


def _gap_table(metric: str, truth: str, rows: pd.DataFrame, counts: pd.DataFrame) -> ScoreTable:
    methods = [str(method) for method in rows["method"]]
    columns = []
    for name in GAP_CLASSES:
        values = dict(zip(methods, rows[name].astype(float), strict=True))
        best = [m for m, classes in zip(methods, rows["best"], strict=True) if name in _words(classes)]
        columns.append(_marked(metric, values, best))
    lines: Lines = [(_label(m), m == BASELINE, [column[m] for column in columns]) for m in methods]
    # Methods may say nothing of some values; the most that any of them was scored on.
    lines.append(("number of values", False, [Cell(f"{counts[name].max():.0f}") for name in GAP_CLASSES]))
    if truth == "observed":
        for name, of_paper in published.BY_GAP[metric].items():
            lines.append((PAPER.format(name), False, [Cell(f"{value:.3f}") for value in of_paper]))
    heading = f"{NAMES[metric]} by gap length, against {AGAINST.get(truth, truth)}"
    return ScoreTable(heading, [f"{DAYS[name]} {ARROWS[metric]}" for name in GAP_CLASSES], lines)


def overall_scores(table: pd.DataFrame) -> list[ScoreTable]:
    """Table I for reading, over all sites: one table for each kind of truth.

    Parameters
    ----------
    table : DataFrame
        Of `stfuse.filling.tables.overall_table`.
    """
    pooled, found = table[table["site"] == "all"], []
    for truth in dict.fromkeys(pooled["truth"]):
        lines = _overall_lines(pooled[pooled["truth"] == truth], more=True)
        columns = [*(f"{NAMES[metric]} {ARROWS[metric]}" for metric in NAMES), "bias →0", "coverage (%)", "sd of seeds"]
        if truth == "observed":
            for name, values in published.OVERALL.items():
                cells = [Cell(f"{values[metric]:.4f}") for metric in NAMES] + [Cell("")] * 4
                lines.append((PAPER.format(name), False, cells))
        found.append(ScoreTable(f"All gaps, against {AGAINST.get(truth, truth)}", [*columns, "values"], lines))
    return found


def _overall_lines(rows: pd.DataFrame, more: bool) -> Lines:
    """A line a method; with `more` also bias, coverage, spread of the seeds and number of values."""
    methods = [str(method) for method in rows["method"]]
    columns = {}
    for metric in NAMES:
        best = [m for m, metrics in zip(methods, rows["best"], strict=True) if metric in _words(metrics)]
        columns[metric] = _marked(metric, dict(zip(methods, rows[metric].astype(float), strict=True)), best)
    lines: Lines = []
    for method, row in zip(methods, rows.to_dict("records"), strict=True):
        cells = [column[method] for column in columns.values()]
        if more:
            cells += [Cell(_shown(float(row["bias"]), DIGITS)), Cell(_shown(100 * float(row["coverage90"]), 0))]
            cells += [Cell(_shown(float(row["mae_seed_sd"]), DIGITS)), Cell(str(int(row["n"])))]
        lines.append((_label(method), method == BASELINE, cells))
    return lines


def split_scores(table: pd.DataFrame) -> list[ScoreTable]:
    """Table II for reading: a table for each experiment of a study, then the paper's two splits.

    Parameters
    ----------
    table : DataFrame
        Of `stfuse.filling.tables.split_table`.
    """
    columns = [f"{NAMES[metric]} {ARROWS[metric]}" for metric in NAMES]
    found = []
    for name in dict.fromkeys(table["experiment"]):
        rows = table[table["experiment"] == name]
        found.append(ScoreTable(str(rows["title"].iloc[0]), columns, _overall_lines(rows, more=False)))
    return found


def gap_verdict(overall: pd.DataFrame, gaps: pd.DataFrame, sites: Sequence[str]) -> str:
    """Who fills best, in which gaps, and where nobody beats straight lines; empty if nothing was scored.

    Parameters
    ----------
    overall, gaps : DataFrame
        Of `stfuse.filling.tables`.
    sites : sequence of str
        Where was scored.
    """
    mae = _mae(overall, "all")
    if mae.empty:
        return ""
    others = mae.drop(BASELINE, errors="ignore")
    if BASELINE not in mae.index or others.empty:
        return f"{mae.idxmin()} has the lowest error, MAE {mae.min():.4f}; nothing was run to compare with."
    best, linear = str(others.idxmin()), float(mae[BASELINE])
    change = (others[best] - linear) / linear if linear else math.nan
    if round(others[best], 4) < round(linear, 4):
        words = f"{best} fills best over all gaps: MAE {others[best]:.4f}, {-change:.1%} less than {LINEAR} ("
        words += f"{linear:.4f})"
    else:
        words = f"No method beats {LINEAR} over all gaps: MAE {linear:.4f}, the best other, {best}, {others[best]:.4f}"
    if len(sites) > 1:
        won = sum(_beats(_mae(overall, site), best) for site in sites)
        words += f"; {best} is better than it at {won} of {len(sites)} sites"
    return f"{words}. {_by_class(gaps)}"


def _mae(overall: pd.DataFrame, site: str) -> pd.Series:
    rows = overall[(overall["site"] == site) & (overall["truth"] == "observed")]
    return rows.set_index("method")["mae"].astype(float).dropna()


def _beats(mae: pd.Series, method: str) -> bool:
    return {method, BASELINE} <= set(mae.index) and bool(round(mae[method], 4) < round(mae[BASELINE], 4))


def _by_class(gaps: pd.DataFrame) -> str:
    """Who has the lowest MAE in each gap class, and where few values say so."""
    here = gaps[(gaps["site"] == "all") & (gaps["truth"] == "observed")]
    errors = here[here["metric"] == "mae"].set_index("method")
    counts = here[here["metric"] == "n"].set_index("method")
    said, unbeaten, few = [], [], []
    for name in GAP_CLASSES:
        values = errors[name].astype(float).dropna()
        others = values.drop(BASELINE, errors="ignore")
        if others.empty or BASELINE not in values.index:
            continue
        best = str(others.idxmin())
        if round(others[best], 4) < round(values[BASELINE], 4):
            said.append(f"{DAYS[name]} {best} {others[best]:.4f} ({LINEAR} {values[BASELINE]:.4f})")
        else:
            unbeaten.append(f"{DAYS[name]} ({values[BASELINE]:.4f}; next {best}, {others[best]:.4f})")
        if counts[name].max() < FEW:
            few.append(DAYS[name])
    words = [f"Lowest MAE by gap length: {'; '.join(said)}."] if said else []
    words += [f"{LINEAR.capitalize()} is not beaten in gaps of {'; '.join(unbeaten)}."] if unbeaten else []
    words += [f"Fewer than {FEW} values each: {listed(few)}."] if few else []
    return " ".join(words)
