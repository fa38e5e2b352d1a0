"""The table of `real_series`: errors pooled over folds, and in words where linear interpolation is not beaten."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.series_runs import ENTRIES, RADAR
from stfuse.filling.hiding import GAP_CLASSES
from stfuse.filling.tables import BASELINE, pool

ALL = "all"
ORDER = [*(entry.name for entry in ENTRIES), RADAR]
SHOWN = ("data_set", "split", "method", "stratum", "n", "n_series", "folds", "mae", "rmse", "r2", "bias")
LEAST = 100
"""Hidden values below which a gap class says little: it is not drawn, and of fewer than a third not printed."""

ABOUT = {
    ("flanders_10d", "space"): "50 parcels in Flanders, 49 ten-day composites of Sentinel-2 (45 % missing) with "
    "Sentinel-1; five folds of parcels",
    ("flanders_monthly", "space"): "50 other parcels, 16 monthly composites with Sentinel-1; three folds of parcels",
    ("uganda_monthly", "space"): "500 points in Uganda and South Sudan, 12 monthly composites with Sentinel-1; three "
    "folds of cells of a tenth of a degree",
    ("slovenia", "space"): "a square kilometre, Sentinel-2 of 2015 to 2017; each quarter by the other three, of the "
    "same images",
    ("slovenia", "time"): "the same, 2017 by what was learned of 2015 and 2016",
    ("fields", "space"): "a field in Spain (2019) and one in Belgium (2022), each by the other",
    ("bolivia", "draw"): "one forest pixel of Landsat, cleared in the end; fifty draws, nothing to learn from",
}
NOTES = """\
Two thirds of each test series' values are hidden, the same ones for all methods; errors are those of the hidden values.
Folds are pooled. The GRU is small (one layer of 32 units) and learns from tens to some thousand series; the paper's has
three layers of 256 and learned from millions, of single dates and not of composites.
"gru" is the fusion of the paper with one difference: these sets have pixels and no images, so that instead of the U-Net
a regression of NDVI on vv and vh (squares and product, ridge), learned on the training parcels, says what radar sees;
"gru_added" and "gru_optical_added" add what they say to linear interpolation (`residual: true`).
"radar alone" is that regression by itself, scored where there is radar. hGBRT sees weeks.
What learns from the same images as it is tested on (slovenia, space) learns their haze and missed clouds too: its gain
there is in part knowledge of single dates, which the split by time takes away. What learned from one field (fields)
knows that field's calendar and little else.
The two tables of field means with a radar vegetation index (33 and 31 values, one field inside the other, no vv and vh)
are not here: nothing independent is left to learn from."""


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors by data set, split, method and gap class over all folds, and beside them those of linear interpolation.

    Parameters
    ----------
    rows : DataFrame
        Of `series_runs.measure`.
    """
    parts = []
    for (data_set, split), own in rows.groupby(["data_set", "split"], sort=False):
        pooled = pool(own)
        if own["site"].nunique() > 1:
            pooled = pooled[pooled["site"] == "all"]
        words = {"data_set": data_set, "split": split, "folds": own["site"].nunique()}
        parts.append(pooled.assign(**words))
    table = pd.concat(parts, ignore_index=True)[[*SHOWN]]
    keys = ["data_set", "split", "stratum"]
    line = table[table["method"] == BASELINE].set_index(keys)[["mae", "rmse"]]
    beside = table[keys].merge(line, left_on=keys, right_index=True, how="left", suffixes=("", "_linear"))
    table = table.assign(mae_linear=beside["mae"].to_numpy(), rmse_linear=beside["rmse"].to_numpy())
    rank = {name: i for i, name in enumerate(ORDER)}
    return table.sort_values("method", key=lambda names: names.map(rank), kind="stable").reset_index(drop=True)


def sets_of(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Data sets and splits in order, and the rows of each."""
    found = dict.fromkeys(zip(table["data_set"], table["split"], strict=True))
    for key in sorted(found, key=lambda k: list(ABOUT).index(k) if k in ABOUT else len(ABOUT)):
        yield key, table[(table["data_set"] == key[0]) & (table["split"] == key[1])]


def words_of(table: pd.DataFrame) -> str:
    """The table to read: a block per data set and split."""
    blocks = [_block(key, rows) for key, rows in sets_of(table)]
    return "\n".join(["Filling of real pixel series, errors in NDVI\n", *blocks, NOTES]) + "\n"


def _block(key: tuple[str, str], rows: pd.DataFrame) -> str:
    whole = rows[rows["stratum"] == ALL].set_index("method")
    names = [name for name in ORDER if name in whole.index]
    found = whole.loc[names, ["mae", "rmse", "r2", "bias"]].map("{:.4f}".format)
    gaps = rows.pivot(index="method", columns="stratum", values="mae")
    counts = rows[rows["method"] == BASELINE].set_index("stratum")["n"]
    for name in GAP_CLASSES:
        stratum = f"gap {name}" if 3 * counts.get(f"gap {name}", 0) >= LEAST else None
        column = gaps.get(stratum, pd.Series(dtype=float)).reindex(names)
        found[f"MAE {name}"] = column.map(lambda v: "-" if pd.isna(v) else f"{v:.4f}")
    numbers = {f"MAE {name}": str(int(counts.get(f"gap {name}", 0))) for name in GAP_CLASSES}
    found.loc["n"] = {"mae": str(int(counts[ALL])), **numbers}
    title = f"{key[0]}, by {key[1]}: {ABOUT.get(key, '')}"
    text = found.fillna("").rename(columns=str.upper).rename_axis(None).to_string()
    return f"{title}\n{text}\n{verdict(whole.loc[names])}\n"


def verdict(whole: pd.DataFrame) -> str:
    """In words which methods have a smaller error than linear interpolation, and which has the least."""
    line, others = whole.loc[BASELINE], whole.drop(index=BASELINE)
    words = []
    for metric in ("mae", "rmse"):
        better = others[others[metric].round(4) < round(line[metric], 4)].sort_values(metric)
        who = ", ".join(f"{name} {value / line[metric] - 1:+.0%}" for name, value in better[metric].items())
        words.append(f"{metric.upper()} below linear interpolation ({line[metric]:.4f}): {who or 'none'}.")
    return "\n".join(words)
