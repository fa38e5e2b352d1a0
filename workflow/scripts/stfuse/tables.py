"""Scores as tables for reading: a row a method, a column a metric, and marks on what is worse than a baseline."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stfuse.metrics import better_key
from stfuse.summary import BASELINES, Score

Cells = dict[str, str]
Line = Mapping[str, str]

MAIN = ("rmse", "mae", "cc", "ssim", "ssim_range", "ergas", "sam_deg", "psnr", "bias")
DIGITS = {"cc": 3, "ssim": 4, "ssim_range": 3, "ergas": 2, "sam_deg": 2, "psnr": 2}
"""Decimals by metric; errors in units of the variable have four."""

MAIN_BAND = {"ergas": "all", "sam_deg": "all"}
SCORES = (
    "truth", "variable", "rank", "method", "baseline", *MAIN, "dates", "n", "covered",
    "worse_than_bilinear", "worse_than_nearest",
)  # fmt: skip
DATES = (
    "truth", "variable", "metric", "date", "method", "baseline", "value", "n",
    "minus_bilinear", "minus_nearest", "worse_than_bilinear", "worse_than_nearest", "best",
)  # fmt: skip


def is_worse(metric: str, value: float, difference: float) -> bool:
    """Whether a value is worse than the baseline's, given value minus baseline, by as much as the tables show.

    The bias counts by its size.
    """
    digits = DIGITS.get(metric, 4)
    shown = round(better_key(metric, value), digits)
    return shown > round(better_key(metric, value - difference), digits)


def written(metric: str, value: float) -> str:
    """A number as the tables show it; empty where there is none."""
    return "" if math.isnan(value) else f"{value:.{DIGITS.get(metric, 4)}f}"


def _number(text: str) -> float:
    return float(text) if text else math.nan


def scores_table(summary: Iterable[Line], experiment: str, site: str) -> list[Cells]:
    """One row per truth, variable and method, best RMSE first.

    Parameters
    ----------
    summary : iterable of mapping
        Rows of ``summary.csv`` as read.

    Returns
    -------
    list of dict
        With the keys `SCORES`. ``variable`` is ``reflectance`` (the mean over bands; ERGAS and SAM over
        all bands) or ``ndvi``. ``worse_than_bilinear`` names the metrics in which the method is worse
        than that baseline, on the same dates, separated by spaces.
    """
    found: dict[tuple[str, str, str], dict[str, Line]] = defaultdict(dict)
    for line in summary:
        if (line["experiment"], line["site"]) == (experiment, site) and line["metric"] in MAIN:
            for variable in ("reflectance", "ndvi"):
                band = "ndvi" if variable == "ndvi" else MAIN_BAND.get(line["metric"], "mean")
                if line["band"] == band:
                    found[line["truth"], variable, line["method"]][line["metric"]] = line
    rows = [_method_row(*names, lines) for names, lines in found.items() if "rmse" in lines]
    # Reflectance before NDVI, what was observed before what only a simulation knows.
    rows.sort(key=lambda r: (r["truth"] != "observed", r["variable"] != "reflectance", _number(r["rank"] or "inf")))
    return rows


def _method_row(truth: str, variable: str, method: str, lines: Mapping[str, Line]) -> Cells:
    main = lines["rmse"]
    row = {"truth": truth, "variable": variable, "method": method, "baseline": "yes" if method in BASELINES else ""}
    row["rank"] = written("ergas", _number(main["rank"])).removesuffix(".00")
    for metric in MAIN:
        row[metric] = written(metric, _number(lines[metric]["value"])) if metric in lines else ""
    row |= {
        "dates": main["dates"],
        "n": f"{_number(main['n']):.0f}",
        "covered": written("cc", _number(main["covered"])),
    }
    for baseline in BASELINES:
        worse = [m for m in MAIN if m in lines and _line_is_worse(m, lines[m], baseline)]
        row[f"worse_than_{baseline}"] = " ".join(worse) if method != baseline else ""
    return {column: row[column] for column in SCORES}


def _line_is_worse(metric: str, line: Line, baseline: str) -> bool:
    return is_worse(metric, _number(line["value"]), _number(line[f"minus_{baseline}"]))


def dates_table(
    scores: Iterable[Score], experiment: str, site: str, metrics: Sequence[str] = ("rmse", "ssim_range")
) -> list[Cells]:
    """One row per truth, variable, metric, date and method: who beats the baselines when.

    Parameters
    ----------
    scores : iterable of Score
        The tidy table of scores.
    metrics : sequence of str
        Which metrics of `stfuse.metrics.METRICS`.

    Returns
    -------
    list of dict
        With the keys `DATES`; means over seeds. Differences are on the pixels that both predicted
        where the scores have such rows. ``best`` marks the best method of the date.
    """
    wanted = {m: m for m in metrics} | {f"{m}_minus_{b}": m for m in metrics for b in BASELINES}
    values: dict[tuple[str, str, str, str], dict[str, dict[str, list[tuple[float, int]]]]] = defaultdict(dict)
    for s in scores:
        metric = wanted.get(s.metric)
        if (s.experiment, s.site, s.stratum) != (experiment, site, "all") or metric is None:
            continue
        variable = "ndvi" if s.band == "ndvi" else "reflectance" if s.band == MAIN_BAND.get(metric, "mean") else None
        if variable:
            of_method = values[s.truth, variable, metric, s.date].setdefault(s.method, defaultdict(list))
            of_method[s.metric].append((s.value, s.n))
    rows: list[Cells] = []
    in_order = sorted(values, key=lambda k: (k[0] != "observed", k[1] != "reflectance", metrics.index(k[2]), k[3]))
    for question in in_order:
        rows += _date_rows(question, values[question])
    return rows


def _date_rows(
    question: tuple[str, str, str, str], methods: Mapping[str, Mapping[str, Sequence[tuple[float, int]]]]
) -> list[Cells]:
    metric = question[2]

    def mean(method: str, name: str) -> float:
        found = [value for value, _ in methods.get(method, {}).get(name, ())]
        return sum(found) / len(found) if found else math.nan

    values = {method: mean(method, metric) for method in methods}
    known = [better_key(metric, v) for v in values.values() if not math.isnan(v)]
    rows = []
    for method in sorted(values, key=lambda m: (math.isnan(values[m]), better_key(metric, values[m]))):
        value = values[method]
        row = dict(zip(DATES, question, strict=False))
        row |= {"method": method, "baseline": "yes" if method in BASELINES else "", "value": written(metric, value)}
        row["n"] = f"{max((n for _, n in methods[method].get(metric, ())), default=0)}"
        row["best"] = "yes" if known and better_key(metric, value) == min(known) else ""
        for baseline in BASELINES:
            paired = mean(method, f"{metric}_minus_{baseline}")
            difference = value - values.get(baseline, math.nan) if math.isnan(paired) else paired
            row[f"minus_{baseline}"] = written(metric, difference)
            row[f"worse_than_{baseline}"] = "yes" if is_worse(metric, value, difference) else ""
        rows.append(row)
    return rows
