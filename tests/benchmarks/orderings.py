"""Whether the orderings of methods that papers report come out on simulated places.

make orderings ARGS="[--out FOLDER]"

results/bench/orderings.csv has a row per case and run, orderings.txt every claim with the cases in which it fails and
what the images say about them, orderings.png the errors over the strength of change. The cases are in
`simulated_cases`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import ROOT
from benchmarks.method_runs import Run, Scene, all_runs, predict_all, scored, shared_pixels, unchanged
from benchmarks.simulated_cases import BANDS, SimulatedCase, wu_cases, yang_cases
from stfuse.grid import degrade, regrid
from stfuse.needs import Needs
from stfuse.plots import FAINT, SOFT, WIDTH, colour_of, heading, marker_of, place, styled, to_png

BASELINE = "bilinear"
AXES = {"change": "RMSE of the nearest reference", "part": "hidden change / detail"}
FACTS = ("study", "site", "setting", "target", "reference", "strength")


@dataclass(frozen=True)
class Claim:
    """One method's RMSE is below another's, as a paper says.

    Attributes
    ----------
    words : str
    better, worse : str
        Names of methods.
    study : str
    strengths : tuple of str
        Of the cases that it speaks of.
    ties : bool
        Whether as good is good enough.
    """

    words: str
    better: str
    worse: str
    study: str
    strengths: tuple[str, ...]
    ties: bool = False


CLAIMS = (
    Claim("STARFM-SI beats bilinear when change is slight", "starfm_si", BASELINE, "Wu 2022", ("slight",)),
    Claim("STARFM-SI loses to bilinear when change is dramatic", BASELINE, "starfm_si", "Wu 2022", ("dramatic",)),
    Claim("ATPRK beats bilinear in both", "atprk", BASELINE, "Wu 2022", ("slight", "dramatic")),
    Claim("FSDAF is at or above STARFM when change is rapid", "fsdaf", "starfm", "Yang 2021", ("rapid",), ties=True),
)
"""Wu et al. 2022, tables 3 and 4; Zhu et al. 2016 and Yang et al. 2021, table 1."""


def measure(cases: Iterable[SimulatedCase], runs: Sequence[Run]) -> Iterator[dict[str, object]]:
    """A row per case and run, scored on the pixels that all runs of a case share."""
    for case in cases:
        truth, scene = case.scene.truth(case.target), case.scene
        found, before = predict_all(scene, case.target, runs), unchanged(scene, case.target)
        mask = shared_pixels(truth, [before, *(p.image for p in found.values())])
        scores = {label: scored(p.image, truth, BANDS, scene.ratio, mask) for label, p in found.items()}
        nearest = (scene.chosen(Needs(references="nearest"), case.target) or ("",))[0]
        facts = dict(
            zip(FACTS, (case.study, case.site, case.setting, case.target, nearest, case.strength), strict=True)
        )
        change = scored(before, truth, BANDS, scene.ratio, mask)["rmse"]
        facts |= {"change": change, "hidden_change": hidden_change(scene, case.target, nearest)}
        for label, made in found.items():
            relative = scores[label]["rmse"] / scores[BASELINE]["rmse"]
            about = {"method": made.run.name, "label": label, "references": len(made.dates), "relative": relative}
            yield {**facts, **about, **scores[label], "detail": scores[BASELINE]["rmse"]}


def hidden_change(scene: Scene, target: str, reference: str) -> float:
    """Root mean square of what of the change from the reference an upsampled ideal coarse image does not show."""
    change = scene.truth(target) - scene.truth(reference)
    down = degrade(change, scene.fine.grid, scene.coarse.grid, 0.01)
    rest = change - regrid(down, scene.coarse.grid, scene.fine.grid, "bilinear")
    return float(np.mean(np.sqrt(np.nanmean(rest.astype(np.float64) ** 2, axis=(1, 2)))))


def check(table: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """The cases that a claim speaks of, a row each.

    Returns
    -------
    DataFrame
        Facts of the case, ``better`` and ``worse`` (RMSE) and ``holds``. Methods are compared with the same number of
        references; against a method that takes none, with any.
    """
    mine = table[(table["study"] == claim.study) & table["strength"].isin(claim.strengths)]
    keys = [*FACTS, "change", "hidden_change", "detail"]
    sides = {}
    for side, name in (("better", claim.better), ("worse", claim.worse)):
        rows = mine[mine["method"] == name].rename(columns={"rmse": side})
        sides[side] = rows[[*keys, "references", side]]
    free = [s for s in sides if (sides[s]["references"] == 0).all()]
    merged = sides["better"].merge(sides["worse"], on=keys if free else [*keys, "references"])
    equal = merged["better"] == merged["worse"]
    return merged.assign(holds=(merged["better"] < merged["worse"]) | (equal & claim.ties))


def words_of(table: pd.DataFrame) -> str:
    """Every claim: in how many cases it holds, and where it does not, what the images say."""
    lines = []
    for claim in CLAIMS:
        found = check(table, claim)
        if found.empty:
            lines.append(f"{claim.words}: there is no {claim.better} or no {claim.worse} to compare")
            continue
        for setting, cases in found.groupby("setting", sort=False):
            lines.append(f"{claim.words}; {setting}: in {cases['holds'].sum()} of {len(cases)} cases")
            lines += [f"    {line}" for line in map(_case_words, cases.to_dict("records"))]
    lines += _trends(table)
    return "\n".join(lines) + "\n"


def _case_words(case: Mapping[str, object]) -> str:
    pairs = f", {case['references']} references" if "references" in case else ""
    return (
        "{verdict} {site} {target} from {reference}{pairs}: {better:.4f} against {worse:.4f}; the fine images change "
        "by {change:.4f}, {hidden_change:.4f} of it inside coarse pixels, whose detail is {detail:.4f}"
    ).format(verdict="yes" if case["holds"] else "NO ", pairs=pairs, **case)


def _trends(table: pd.DataFrame) -> Iterator[str]:
    """Rank correlation of each method's error, relative to the baseline's, with change and with hidden change."""
    yield ""
    yield f"Spearman's correlation of RMSE / RMSE of {BASELINE} with the change, and with its hidden part / the detail:"
    fused = table[table["method"] != BASELINE].assign(part=lambda t: t["hidden_change"] / t["detail"])
    for (study, setting, label), rows in fused.groupby(["study", "setting", "label"], sort=False):
        by_change, by_part = (rows["relative"].corr(rows[k], method="spearman") for k in ("change", "part"))
        better = int((rows["relative"] < 1).sum())
        words = f"    {study}, {setting}, {label}: {by_change:+.2f} and {by_part:+.2f}"
        yield f"{words}; below {BASELINE} in {better} of {len(rows)}"


@styled
def figure_of(table: pd.DataFrame) -> Figure:
    """Error relative to the baseline's over the change, two panels a setting; see `_panels`."""
    settings = list(dict.fromkeys(zip(table["study"], table["setting"], strict=True)))
    figure = Figure((WIDTH, 1.0 + 2.6 * len(settings)))
    words = (
        f"RMSE over that of {BASELINE}: below the line a method is better. Hidden change: what of the change lies "
        "inside coarse pixels, here over the detail inside them. Filled: change that the study calls slight or "
        "dramatic (Wu 2022) or rapid (Yang 2021)."
    )
    heading(figure, "Closed-form methods where the truth is known", words)
    for row, (study, setting) in enumerate(settings):
        rows = table[(table["study"] == study) & (table["setting"] == setting)]
        rows = rows[rows["method"] != BASELINE].assign(part=lambda t: t["hidden_change"] / t["detail"])
        for column, (words, own, over) in enumerate(_panels(rows)):
            axes = place(figure, 0.65 + column * 5.35, 1.2 + row * 2.6, 3.4, 1.85)
            _dots(axes, own, over)
            axes.set(xlabel=AXES[over], ylabel=f"RMSE / {BASELINE}")
            axes.set_title(f"{study}: {setting}{words}")
            axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.05))
    return figure


def _panels(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame, str]]:
    """Words for the title, rows and what they are drawn over.

    One panel for each number of references; where there is but one number, a second over the hidden change.
    """
    counts = sorted(rows["references"].unique())
    if len(counts) == 1:
        return [("", rows, "change"), ("", rows, "part")]
    return [(f", {n} reference{'s' * int(n > 1)}", rows[rows["references"] == n], "change") for n in counts[:2]]


def _dots(axes: Axes, rows: pd.DataFrame, over: str) -> None:
    """One marker a case and run; hollow where the study does not name the case, or calls its change minimal."""
    axes.axhline(1, color=SOFT, lw=1)
    axes.grid(color=FAINT)
    for label, own in rows.groupby("label", sort=False):
        colour, marker = (of(own["method"].iloc[0]) for of in (colour_of, marker_of))
        filled = own["strength"].isin(("slight", "dramatic", "rapid"))
        axes.plot(own[over][~filled], own["relative"][~filled], marker, mfc="none", color=colour, ls="", ms=5)
        axes.plot(own[over][filled], own["relative"][filled], marker, color=colour, ls="", ms=6, label=label)
    axes.set_xlim(0, None)
    axes.set_ylim(0, max(1.1, float(rows["relative"].max()) * 1.05))


def main() -> None:
    """Measure all cases, write table, claims and figure, and show the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    runs = [run for run in all_runs() if not run.trivial or run.name == BASELINE]
    rows = []
    for cases in (wu_cases(), yang_cases()):
        rows += list(measure(cases, runs))
        table = pd.DataFrame(rows)
        table.to_csv(asked.out / "orderings.csv", index=False, float_format="%.6g")
    (asked.out / "orderings.txt").write_text(words_of(table))
    (asked.out / "orderings.png").write_bytes(to_png(figure_of(table)))
    sys.stdout.write(words_of(table))


if __name__ == "__main__":
    main()
