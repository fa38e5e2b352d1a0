"""Every closed-form method on two real data sets, in one table that says why where a trivial prediction is better.

make realpairs ARGS="[--out FOLDER]"

results/bench/real_pairs.csv has a row per data set, target and run, real_pairs.txt the same as a table to read with the
reasons, real_pairs.png the predictions. A run is a method with a choice of references; which pixels are scored is the
same for all runs of a target.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks import ROOT
from benchmarks.evidence import SMALLER, Evidence, evidence, ideal, reason
from benchmarks.method_runs import METRICS, Run, Scene, all_runs, predict_all, scored, shared_pixels, unchanged
from benchmarks.pair_data import BANDS, scenes, targets
from stfuse.plots import WIDTH, Picture, bare, colour_bar, composite, heading, limits, place, show_map, styled, to_png
from stfuse.task import FloatArray

UNCHANGED = "reference unchanged"
MISSING = "-: too few references for it, or itself trivial"
SHOWN = ("nir08", "red", "green")
PER_ROW = 7


@dataclass(frozen=True)
class Outcome:
    """All runs of one target.

    Attributes
    ----------
    scene : Scene
    target : str
        ISO date.
    images : mapping of label to ndarray (band, y, x)
        Predictions, the unchanged reference among them.
    mask : ndarray of bool, shape (y, x)
        Pixels that are compared.
    rows : list of dict
        Of the table.
    """

    scene: Scene
    target: str
    images: Mapping[str, FloatArray]
    mask: np.ndarray
    rows: list[dict[str, object]]


def compare(scene: Scene, target: str, runs: Sequence[Run]) -> Outcome:
    """Predict a target by every run, and score all on the pixels that they share."""
    truth, found = scene.truth(target), predict_all(scene, target, runs)
    images = {UNCHANGED: unchanged(scene, target)} | {label: p.image for label, p in found.items()}
    mask = shared_pixels(truth, list(images.values()))
    scores = {label: scored(image, truth, BANDS, scene.ratio, mask) for label, image in images.items()}
    others = {"rmse_ideal_coarse": ideal(scene), "rmse_smaller_coarse": ideal(scene, SMALLER)}
    instead = {name: predict_all(other, target, runs) for name, other in others.items()}
    trivial = {UNCHANGED: 1} | {label: len(p.dates) for label, p in found.items() if p.run.trivial}
    rows = [_row(scene, target, label, scores[label], image, mask) for label, image in images.items()]
    for row, (label, made) in zip(rows[1:], found.items(), strict=True):
        better = {name: scored(i[label].image, truth, BANDS, scene.ratio, mask)["rmse"] for name, i in instead.items()}
        known = [evidence(scene, target, d, mask) for d in made.dates or scene.usable(target)[:1]]
        known.sort(key=lambda one: one.change)
        row |= {"references": " ".join(made.dates), **asdict(known[0]), **better}
        if not made.run.trivial:
            rivals = {other: scores[other]["rmse"] for other, n in trivial.items() if n <= len(made.dates)}
            row |= verdict(scores[label]["rmse"], rivals, list(better.values()), known)
    return Outcome(scene, target, images, mask, rows)


def verdict(
    rmse: float, rivals: Mapping[str, float], better: tuple[float, float], known: Sequence[Evidence]
) -> dict[str, object]:
    """Whether an RMSE is below that of every trivial prediction, and if not, why.

    Parameters
    ----------
    rmse : float
    rivals : mapping of label to float
        RMSE of the trivial predictions from no more references.
    better : (float, float)
        RMSE of the same run with ideal coarse images, and with ideal ones of smaller pixels.
    known : sequence of Evidence
        Of its references.
    """
    rival = min(rivals, key=lambda label: rivals[label])
    wins = rmse < rivals[rival]
    found = {"best_trivial": rival, "rmse_to_beat": rivals[rival], "beats_trivial": "yes" if wins else "no"}
    return found if wins else found | {"why_not": reason(rival, rivals[rival], *better, known)}


def _row(
    scene: Scene, target: str, label: str, scores: Mapping[str, float], image: FloatArray, mask: np.ndarray
) -> dict[str, object]:
    """The part of a row that every prediction has."""
    seen = np.isfinite(scene.truth(target)).all(axis=0)
    covered = float(np.isfinite(image[:, seen]).all(axis=0).mean())
    row: dict[str, object] = {"data_set": scene.name, "target": target, "method": label}
    return row | dict(scores) | {"pixels": int(mask.sum()), "covered": covered}


def table_to_read(table: pd.DataFrame) -> str:
    """Methods down, targets across, a block per metric, then why who lost."""
    order = list(dict.fromkeys(table["method"]))
    table = table.assign(name=table["data_set"] + " " + table["target"])

    def wide(values: str, words: str) -> str:
        across = table.pivot(index="method", columns="name", values=values).reindex(order)
        return f"{words}\n{across.to_string(float_format='{:.4f}'.format, na_rep='-', index_names=False)}\n"

    blocks = [wide(m, m if m in ("ergas", "sam_deg") else f"{m}, mean of {len(BANDS)} bands") for m in METRICS]
    blocks.append(wide("beats_trivial", "RMSE below that of every trivial prediction from as many references"))
    lost = table[table["why_not"].notna()]
    notes = [f"- {row.name}, {row.method}: {row.why_not}" for row in lost.itertuples(index=False)]
    return "\n".join(blocks) + f"\n{MISSING}\n\nwhere not, why\n" + "\n".join(notes) + "\n"


def shown(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """Of each data set the target that most runs could predict between references, the first of equals."""

    def between(outcome: Outcome) -> tuple[bool, int]:
        dates = outcome.scene.usable(outcome.target)
        return min(dates) < outcome.target < max(dates), len(outcome.images)

    for name in dict.fromkeys(o.scene.name for o in outcomes):
        yield max((o for o in outcomes if o.scene.name == name), key=between)


@styled
def figure_of(outcomes: Sequence[Outcome]) -> Figure:
    """Truth and predictions in false colour, and below each the error, root mean square over the bands."""
    chosen = list(shown(outcomes))
    panels = [_panels(o) for o in chosen]
    size = (WIDTH - 0.75) / PER_ROW - 0.08
    lines = [-(-len(p) // PER_ROW) for p in panels]
    figure = Figure((WIDTH, 0.75 + sum(0.35 + n * (2 * size + 0.5) for n in lines)))
    words = "Near-infrared, red and green; below, the error (root mean square over six bands). Grey: missing."
    heading(figure, "Closed-form methods on real images", words)
    top = 0.75
    for outcome, own, count in zip(chosen, panels, lines, strict=True):
        _block(figure, outcome, own, top, size)
        top += 0.35 + count * (2 * size + 0.5)
    return figure


def _panels(outcome: Outcome) -> dict[str, FloatArray]:
    """The truth and what differs among the predictions."""
    found = {"truth": outcome.scene.truth(outcome.target)}
    for label, image in outcome.images.items():
        if not any(np.array_equal(image, other, equal_nan=True) for other in found.values()):
            found[label] = image
    return found


def _block(figure: Figure, outcome: Outcome, panels: Mapping[str, FloatArray], top: float, size: float) -> None:
    """One target's panels, `PER_ROW` beside one another, from `top` inches down."""
    scene, truth = outcome.scene, panels["truth"]
    figure.text(
        0.1 / WIDTH, 1 - (top + 0.02) / figure.get_figheight(), f"{scene.name}, {outcome.target}", weight="bold"
    )
    bands = [BANDS.index(b) for b in SHOWN]
    stretch = [limits(truth[b]) for b in bands]
    errors = {label: np.sqrt(np.mean((image - truth) ** 2, axis=0)) for label, image in panels.items()}
    most = float(np.nanpercentile(errors[UNCHANGED], 98))
    for i, (label, image) in enumerate(panels.items()):
        left, down = 0.1 + (i % PER_ROW) * (size + 0.08), top + 0.35 + (i // PER_ROW) * (2 * size + 0.5)
        axes = place(figure, left, down, size, size)
        bare(axes)
        axes.imshow(composite(image[bands], stretch), aspect="auto")
        score = scored(image, truth, BANDS, scene.ratio, outcome.mask)["rmse"]
        axes.set_title(label if label == "truth" else f"{label}\nRMSE {score:.4f}", size=7.5, pad=2)
        below = place(figure, left, down + size + 0.04, size, size)
        if label == "truth":
            below.axis("off")
            continue
        picture = Picture(label, errors[label][None], ("error",), scene.fine.grid)
        shade = show_map(below, picture, "magma", 0, most)
        below.set_aspect("auto")
    bar = place(figure, WIDTH - 0.6, top + 0.35 + size + 0.04, 0.1, size)
    colour_bar(figure, shade, bar, "error", "max")


def main() -> None:
    """Compare, write table and figure, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    known = scenes()
    if not known:
        raise SystemExit("Neither data set is here. Cure: put them into ../shared/data, or leave this command out")
    asked.out.mkdir(parents=True, exist_ok=True)
    runs = all_runs()
    outcomes = [compare(scene, target, runs) for scene in known for target in targets(scene)]
    table = pd.DataFrame([row for outcome in outcomes for row in outcome.rows])
    table.to_csv(asked.out / "real_pairs.csv", index=False, float_format="%.6g")
    (asked.out / "real_pairs.txt").write_text(table_to_read(table))
    (asked.out / "real_pairs.png").write_bytes(to_png(figure_of(outcomes)))
    sys.stdout.write(table_to_read(table))


if __name__ == "__main__":
    main()
