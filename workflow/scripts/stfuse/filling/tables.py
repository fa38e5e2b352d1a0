"""Errors of filled values as tables for reading: over all gaps, and by how long the gaps are."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, Final

import pandas as pd

from stfuse.filling.hiding import GAP_CLASSES
from stfuse.metrics import better_key

__all__ = [
    "BASELINE", "DIGITS", "GAPS", "OVERALL", "POOLED", "SPLITS", "gap_table", "overall_table", "pool", "split_table",
]  # fmt: skip

BASELINE: Final = "temporal"
"""Linear interpolation in time, which needs no other series and learns nothing: every method stands beside it."""

COMPARED: Final = ("mae", "rmse", "r2")
"""The metrics of the paper's tables, in which values are marked as best."""
DESCRIBED: Final = ("bias", "coverage90")
POOLED: Final = (
    "site", "truth", "method", "stratum", "n", "seeds", "n_series", *COMPARED, *DESCRIBED, "mae_seed_sd",
)  # fmt: skip
OVERALL: Final = (
    "site", "truth", "method", "baseline", *COMPARED, *DESCRIBED, "mae_seed_sd", "n", "n_series", "seeds", "best",
    "better_than_interpolation",
)  # fmt: skip
GAPS: Final = ("site", "truth", "metric", "method", "baseline", *GAP_CLASSES, "best", "better_than_interpolation")
SPLITS: Final = ("experiment", "title", *OVERALL)
Line = dict[str, Any]
DIGITS: Final = 4
"""Decimals in which values are compared: what is equal in them is equal."""


def _weighted(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna() & (weights > 0)
    total = weights[known].sum()
    return float((values[known] * weights[known]).sum() / total) if total else math.nan


def _errors(of_runs: pd.DataFrame) -> dict[str, float]:
    """The errors of several runs (a row each: the metrics and ``n``), as if all their values were scored at once."""
    n = of_runs["n"]
    total = float(n.sum())
    if not total:
        return dict.fromkeys((*COMPARED, *DESCRIBED), math.nan)
    mean = _weighted(of_runs["truth_mean"], n)
    # What varies within the runs and between them: the pooled sum of squares is exact.
    spread = _weighted(of_runs["truth_sd"] ** 2 + (of_runs["truth_mean"] - mean) ** 2, n)
    square = _weighted(of_runs["rmse"] ** 2, n)
    return {
        "mae": _weighted(of_runs["mae"], n),
        "rmse": math.sqrt(square) if square >= 0 else math.nan,
        "r2": 1 - square / spread if spread > 0 else math.nan,
        "bias": _weighted(of_runs["bias"], n),
        "coverage90": _weighted(of_runs["coverage90"], of_runs["n_coverage90"]),
    }


def pool(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors by method, truth and stratum: over all sites (site ``all``), and at each where there are several.

    Parameters
    ----------
    rows : DataFrame
        Tidy scores of one gap experiment, columns of ``scores.csv``; metrics mae, rmse, bias, truth_mean, truth_sd
        (population standard deviation), n_series and coverage90, of which the last two may be absent.

    Returns
    -------
    DataFrame
        Columns `POOLED`. Errors count every value of every site and seed once; ``n`` and ``n_series`` are numbers of
        values and series of one seed. ``mae_seed_sd`` is the sample standard deviation of the seeds' MAE, NaN for one.
    """
    runs = _runs(rows)
    sites = list(dict.fromkeys(rows["site"]))
    parts = [("all", runs), *((site, runs[runs["site"] == site]) for site in sites if len(sites) > 1)]
    found = []
    for name, part in parts:
        for (truth, method, stratum), group in part.groupby(["truth", "method", "stratum"], sort=False):
            seeds = group["seed"].nunique()
            by_seed = [_errors(of_seed)["mae"] for _, of_seed in group.groupby("seed")]
            # One seed's values: every seed is scored on the same ones.
            counts = {"n": round(group["n"].sum() / seeds), "n_series": round(group["n_series"].sum() / seeds)}
            words = {"site": name, "truth": truth, "method": method, "stratum": stratum, "seeds": seeds}
            found.append(words | counts | _errors(group) | {"mae_seed_sd": pd.Series(by_seed, dtype=float).std()})
    return pd.DataFrame(found, columns=list(POOLED))


def _runs(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per site, method, seed, truth and stratum: its metrics as columns, and how many values each rests on."""
    keys = ["site", "method", "seed", "truth", "stratum"]
    cells = rows.set_index([*keys, "metric"])
    wide, counts = cells["value"].unstack("metric"), cells["n"].unstack("metric")
    wanted = ["mae", "rmse", "bias", "truth_mean", "truth_sd", "coverage90", "n_series"]
    found = wide.reindex(columns=wanted)
    found["n"] = counts.reindex(columns=["rmse"])["rmse"].fillna(0)
    found["n_coverage90"] = counts.reindex(columns=["coverage90"])["coverage90"].fillna(0)
    return found[found["n"] > 0].reset_index()


def _in_order(present: Collection[str], methods: Sequence[str]) -> list[str]:
    """Methods as the experiment names them, linear interpolation first."""
    return sorted((m for m in methods if m in present), key=lambda m: m != BASELINE)


def _key(metric: str, value: float) -> float:
    return round(better_key(metric, value), DIGITS) if math.isfinite(value) else math.inf


def _best(metric: str, by_method: dict[str, float]) -> set[str]:
    """The methods with the best value, as far as the table's decimals tell."""
    keys = {m: _key(metric, v) for m, v in by_method.items()}
    least = min(keys.values(), default=math.inf)
    return {m for m, key in keys.items() if key == least and math.isfinite(key)}


def _better(metric: str, value: float, baseline: float) -> bool:
    """Whether a value is better than linear interpolation's; never where either is unknown."""
    return math.isfinite(value) and math.isfinite(baseline) and _key(metric, value) < _key(metric, baseline)


def _questions(pooled: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(pooled["site"], pooled["truth"], strict=True)))


def gap_table(pooled: pd.DataFrame, methods: Sequence[str], without: Collection[str] = ()) -> pd.DataFrame:
    """Errors by gap length (the paper's Table III).

    Parameters
    ----------
    pooled : DataFrame
        Of `pool`.
    methods : sequence of str
        In the order wanted; linear interpolation comes first anyway.
    without : collection of str
        Methods on a coarser grid of days, for which a gap of days means nothing (section V-A on hGBRT).

    Returns
    -------
    DataFrame
        Columns `GAPS`: a row per site, truth, metric (``n``, mae, rmse, r2, bias, coverage90) and method, a column
        per gap class. ``best`` names the classes in which no method has a better value, ``better_than_interpolation``
        those in which the method is better than linear interpolation, both separated by spaces.
    """
    used = pooled[~pooled["method"].isin(set(without))]
    names = _in_order(set(used["method"]), methods)
    rows = []
    for site, truth in _questions(used):
        here = used[(used["site"] == site) & (used["truth"] == truth)].set_index(["method", "stratum"])
        for metric in ("n", *COMPARED, *DESCRIBED):
            found = {m: {c: _value(here, m, f"gap {c}", metric) for c in GAP_CLASSES} for m in names}
            if not any(math.isfinite(v) for of in found.values() for v in of.values()):
                continue
            for method in names:
                words: Line = {"site": site, "truth": truth, "metric": metric, "method": method}
                words["baseline"] = "yes" if method == BASELINE else ""
                rows.append(words | found[method] | _marks(metric, method, found))
    return pd.DataFrame(rows, columns=list(GAPS))


def _value(table: pd.DataFrame, method: str, stratum: str, metric: str) -> float:
    empty = 0.0 if metric == "n" else math.nan
    found = table[metric].get((method, stratum), empty)
    return float(found)


def _marks(metric: str, method: str, found: dict[str, dict[str, float]]) -> dict[str, str]:
    if metric not in COMPARED:
        return {"best": "", "better_than_interpolation": ""}
    best = [c for c in GAP_CLASSES if method in _best(metric, {m: of[c] for m, of in found.items()})]
    linear = found.get(BASELINE, dict.fromkeys(GAP_CLASSES, math.nan))
    better = [c for c in GAP_CLASSES if _better(metric, found[method][c], linear[c])]
    return {"best": " ".join(best), "better_than_interpolation": " ".join(better)}


def overall_table(pooled: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Errors over all gaps (the paper's Table I).

    Parameters
    ----------
    pooled, methods
        As for `gap_table`.

    Returns
    -------
    DataFrame
        Columns `OVERALL`: a row per site, truth and method. ``best`` and ``better_than_interpolation`` name metrics.
    """
    used = pooled[pooled["stratum"] == "all"]
    rows = []
    for site, truth in _questions(used):
        here: dict[str, Line] = {
            str(line["method"]): {str(column): value for column, value in line.items()}
            for line in used[(used["site"] == site) & (used["truth"] == truth)].to_dict("records")
        }
        best = {metric: _best(metric, {m: line[metric] for m, line in here.items()}) for metric in COMPARED}
        for method in _in_order(list(here), methods):
            line = here[method]
            linear = here.get(BASELINE, line)
            better = [metric for metric in COMPARED if _better(metric, line[metric], linear[metric])]
            words: Line = {"site": site, "truth": truth, "method": method}
            words["baseline"] = "yes" if method == BASELINE else ""
            marks = {"best": " ".join(m for m in COMPARED if method in best[m])}
            rows.append(line | words | marks | {"better_than_interpolation": " ".join(better)})
    return pd.DataFrame(rows, columns=list(OVERALL))


def split_table(tables: dict[str, pd.DataFrame], titles: dict[str, str]) -> pd.DataFrame:
    """What several gap experiments found over all gaps, side by side (the paper's Table II compares two splits).

    Parameters
    ----------
    tables : dict of experiment to DataFrame
        Of `overall_table`.
    titles : dict of experiment to str

    Returns
    -------
    DataFrame
        Columns `SPLITS`, pooled over each experiment's sites, against the observed values.
    """
    parts = []
    for name, table in tables.items():
        used = table[(table["site"] == "all") & (table["truth"] == "observed")]
        parts.append(used.assign(experiment=name, title=titles[name]))
    return pd.concat(parts, ignore_index=True)[list(SPLITS)] if parts else pd.DataFrame(columns=list(SPLITS))
