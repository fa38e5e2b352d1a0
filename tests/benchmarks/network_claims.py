"""What the papers say of their networks, checked on the table of `networks`, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.network_cases import BAND_STUDY, MICHEL, WU, YANG

CASE = ["study", "site", "setting", "target", "usable"]
ABOUT = ["strength", "change", "hidden_change", "detail"]
HIGHER = ("ssim", "ssim_range", "cc")
"""Metrics of which more is better; of all others less is."""
SHOWN: Mapping[str, tuple[str, ...]] = {
    WU: ("rmse", "ssim", "ssim_range", "sam_deg", "ergas", "cc"),
    MICHEL: ("rmse", "ndvi_ce90", "struct", "ssim_range"),
    YANG: ("sam_deg", "ergas", "rmse"),
    BAND_STUDY: ("nir08_rmse",),
}
"""Metrics in the tables of words, by study."""


@dataclass(frozen=True)
class Claim:
    """One method's mean is better than another's, as a paper says.

    Attributes
    ----------
    study : str
    better, worse : str
        Names of methods.
    metrics : tuple of str
        Each is a claim of its own.
    strength : str
        Of the cases that it speaks of; empty: all.
    stratum : str
    """

    study: str
    better: str
    worse: str
    metrics: tuple[str, ...] = ("rmse", "ssim")
    strength: str = ""
    stratum: str = "all"


RIVALS = ("starfm", "fsdaf", "stfdcnn")
CLAIMS = (
    *(Claim(WU, *pair) for pair in (("atprk", "bilinear"), ("esrcnn", "atprk"), ("dstfn", "esrcnn"))),
    *(
        Claim(MICHEL, "ddi", worse, ("rmse",), stratum=stratum)
        for worse in ("temporal", "bicubic", "carn")
        for stratum in ("all", "low", "high")
    ),
    *(Claim(YANG, "srcnn_lstm", rival, ("sam_deg", "ergas", "rmse"), "rapid") for rival in RIVALS),
)
"""Wu et al. 2022, tables 3 to 5; Michel et al. 2022, the slides on all sites; Yang et al. 2021, table 1. That the
hybrid is not the best in `minimal` is said by the ranks below the claims."""


@dataclass(frozen=True)
class Finding:
    """A claim in one setting, by one metric.

    Attributes
    ----------
    setting, metric : str
    better, worse : ndarray, shape (seed,)
        Means over the cases for each seed; one number for methods that have none.
    cases : DataFrame
        What is known of each case, ``better`` and ``worse`` (means over the seeds) and ``holds``.
    """

    setting: str
    metric: str
    better: np.ndarray
    worse: np.ndarray
    cases: pd.DataFrame

    @property
    def holds(self) -> bool:
        """Whether the mean over cases and seeds is better."""
        return bool(_less(self.better.mean(), self.worse.mean(), self.metric))

    @property
    def clear(self) -> bool:
        """Whether every seed is better than every seed of the other."""
        worst, best = (max, min) if self.metric not in HIGHER else (min, max)
        return bool(_less(worst(self.better), best(self.worse), self.metric))


def _less(one: float, other: float, metric: str) -> bool:
    return one > other if metric in HIGHER else one < other


def check(table: pd.DataFrame, claim: Claim) -> list[Finding]:
    """A finding for each setting and metric in which both methods were measured on the same cases."""
    mine = table[(table["study"] == claim.study) & (table["stratum"] == claim.stratum)]
    mine = mine[mine["strength"] == claim.strength] if claim.strength else mine
    found = []
    for setting, rows in mine.groupby("setting", sort=False):
        sides = {
            side: rows[rows["method"] == name] for side, name in (("better", claim.better), ("worse", claim.worse))
        }
        shared = [set(map(tuple, side[CASE].to_numpy())) for side in sides.values()]
        both = shared[0] & shared[1]
        if not both:
            continue
        sides = {k: side[[key in both for key in map(tuple, side[CASE].to_numpy())]] for k, side in sides.items()}
        for metric in claim.metrics:
            by_seed = [side.groupby("seed")[metric].mean().to_numpy() for side in sides.values()]
            means = [side.groupby(CASE, sort=False)[metric].mean().rename(name) for name, side in sides.items()]
            cases = pd.concat([*means, sides["better"].groupby(CASE, sort=False)[ABOUT].first()], axis=1).reset_index()
            holds = [_less(a, b, metric) for a, b in zip(cases["better"], cases["worse"], strict=True)]
            found.append(Finding(str(setting), metric, *by_seed, cases.assign(holds=holds)))
    return found


def words_of(table: pd.DataFrame, missing: Sequence[str] = (), claims: Sequence[Claim] = CLAIMS) -> str:
    """Tables of means, every claim, and where it does not hold what the images say."""
    lines = []
    for study in dict.fromkeys(table["study"]):
        mine = table[table["study"] == study]
        lines += [f"== {study}, on simulated places ==", *_means(mine, study), ""]
        for claim in (c for c in claims if c.study == study):
            parts = ("slight", "strong") if study == WU and not claim.strength else ()
            for part in (claim, *(replace(claim, strength=s) for s in parts)):
                lines += _claim_words(mine, part, tell=part is claim)
        lines += [*(_shape(mine) if study == YANG else ()), *(_errors(mine) if study == MICHEL else ()), ""]
    lines += [f"Not measured, as there is no such method here: {', '.join(missing)}"] if missing else []
    return "\n".join(lines).rstrip() + "\n"


def _means(rows: pd.DataFrame, study: str) -> Iterator[str]:
    """A table for each setting and stratum: methods by strength of change, mean over cases ± sd over seeds."""
    strata = ("all", "low", "high") if study == MICHEL else ("all",)
    for (setting, stratum), own in rows.groupby(["setting", "stratum"], sort=False):
        if stratum not in strata:
            continue
        strengths = list(dict.fromkeys(own["strength"])) if study != MICHEL else []
        for strength in [*strengths, *(["all cases"] if len(strengths) != 1 else [])]:
            some = own if strength == "all cases" else own[own["strength"] == strength]
            count = len(some.drop_duplicates(CASE))
            pixels = "" if stratum == "all" else f", pixels of {stratum} gradient"
            yield f"{setting}{pixels}, {strength}: mean of {count} cases ± standard deviation over seeds"
            yield "    " + f"{'':12}" + "".join(f"{m:>18}" for m in SHOWN[study]) + f"{'training s':>12}{'image s':>9}"
            for method, its in some.groupby("method", sort=False):
                yield "    " + f"{method:12}" + "".join(map(_cell, _by_seed(its, SHOWN[study]))) + _seconds(its)


def _by_seed(rows: pd.DataFrame, metrics: Sequence[str]) -> Iterator[np.ndarray]:
    for metric in metrics:
        yield rows.groupby("seed")[metric].mean().to_numpy()


def _cell(values: np.ndarray) -> str:
    spread = f" ±{values.std(ddof=1):.4f}" if len(values) > 1 else " " * 8
    return f"{f'{values.mean():.4f}{spread}':>18}"


def _seconds(rows: pd.DataFrame) -> str:
    return f"{rows['train_s'].mean():>12.1f}{rows['predict_s'].mean():>9.2f}"


def _claim_words(rows: pd.DataFrame, claim: Claim, tell: bool) -> Iterator[str]:
    """The verdicts of a claim and, if it is to `tell` them, the cases in which it fails."""
    of = f", {claim.strength}" * bool(claim.strength) + f", {claim.stratum} gradient" * (claim.stratum != "all")
    words = f"{claim.better} beats {claim.worse}{of}"
    found = check(rows, claim)
    if not found and tell:
        yield f"{words}: there is no {claim.better} or no {claim.worse} to compare"
    for f in found:
        sure = "in every pair of seeds" if f.clear else "but not in every pair of seeds"
        verdict = f"yes, {sure}" if f.holds else "NO"
        numbers = f"{_cell(f.better).strip()} against {_cell(f.worse).strip()}"
        share = f"better in {f.cases['holds'].sum()} of {len(f.cases)} cases"
        yield f"{words}; {f.setting}, {f.metric}: {verdict}: {numbers}, {share}"
        if tell and f.metric == claim.metrics[0]:
            yield from map(_case_words, f.cases[~f.cases["holds"]].to_dict("records"))


def _case_words(case: Mapping[str, object]) -> str:
    return (
        "    not {site} {target} ({strength}): {better:.4f} against {worse:.4f}; the fine images change by "
        "{change:.4f} from the nearest reference, {hidden_change:.4f} of it inside coarse pixels, whose detail is "
        "{detail:.4f}"
    ).format(**case)


def _shape(rows: pd.DataFrame) -> Iterator[str]:
    """Where the hybrid stands among the methods that the paper compares, by scenario."""
    for (setting, strength), own in rows[rows["stratum"] == "all"].groupby(["setting", "strength"], sort=False):
        for metric in SHOWN[YANG]:
            means = own[own["method"].isin((*RIVALS, "srcnn_lstm"))].groupby("method")[metric].mean().sort_values()
            if "srcnn_lstm" in means:
                order = " < ".join(f"{m} {v:.4f}" for m, v in means.items())
                place = list(means.index).index("srcnn_lstm") + 1
                yield f"{setting}, {strength}, {metric}: the hybrid is number {place} of {len(means)}: {order}"


def _errors(rows: pd.DataFrame) -> Iterator[str]:
    """The share of images in which 99 % of the pixels err by less than the paper says."""
    for (setting, method), own in rows[rows["stratum"] == "all"].groupby(["setting", "method"], sort=False):
        visible = own[["blue_ce99", "green_ce99", "red_ce99"]].max(axis=1)
        shares = (visible < 0.01).mean(), (own["nir_ce99"] < 0.015).mean(), (own["nir_ce99"] < 0.15).mean()
        yield (
            f"{setting}, {method}: 99 % of pixels err by less than 0.01 in blue, green and red in {shares[0]:.0%} "
            f"of the images; in near infrared by less than 0.015 in {shares[1]:.0%} and than 0.15 in {shares[2]:.0%}"
        )
