"""Start, peak and end of seasons beside those of FuseTS on the same series: results/bench/phenology_crosscheck.txt.

python -m benchmarks.crosscheck --python ENVIRONMENT/bin/python [--fields ../shared/data/s2-ndvi-fields-fusets]

FuseTS 2.0.1 is not in this project's lock; give the Python of an environment of its own:

    python -m venv ENVIRONMENT
    ENVIRONMENT/bin/pip install --no-deps fusets==2.0.1
    ENVIRONMENT/bin/pip install xarray numpy scipy pandas

Its own smoother stands on vam.whittaker, whose wheels no newer system loads, so series are smoothed to days as it does
(Whittaker, second differences, lambda 10000) by numpy. From that it takes the peak (highest day) and start and end of
the season: where the course passes half the amplitude (PhenoloPy's method seasonal_amplitude, factor 0.5), or, its
default (first_of_slope), where the slopes on both sides of the peak begin. Here, a double logistic gives all six
dates; date2 and date5, the fastest change, are what half the amplitude means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import ROOT
from stfuse.phenology.logistic import double_logistic, season_peaks, transition_dates
from stfuse.phenology.seasons import (
    SEASON_NAMES,
    PhenologySettings,
    find_seasons,
    main_seasons,
    series_events,
    without_events,
)

NAMES = ("date1", "date2", "peak", "date5", "date6")
COLUMNS = (
    "series",
    "start",
    "half-way up",
    "peak",
    "half-way down",
    "end",
    "FuseTS start",
    "FuseTS peak",
    "FuseTS end",
    "its default start",
    "its default end",
)
MEANT = (0, 1, 2, 3, 4, 1, 2, 3, 0, 4)
"""Which of the five known dates each column is held against."""
TITLE = "# python -m benchmarks.crosscheck (PYTHONPATH=tests:workflow:workflow/scripts), FuseTS {fusets}, numpy {numpy}"
ABOUT = """\
Days of the year 2019. Errors: of {count} simulated seasons, against the known dates; FuseTS's start
and end at half the amplitude against the days of fastest change (date2, date5), those by its default
against the first and the last date (date1, date6): it takes the flat ground before and after for slopes."""
NOTES = """\
Why they differ: FuseTS reads dates off a curve smoothed over gaps, so its peak lies where the smoothed plateau happens
to be highest and half the amplitude is counted from the lower values beside it, separately on both sides; the double
logistic has one base for both sides and takes the fastest change. In the two fields (2019, Sentinel-2 alone, BIDS in
Spain, FOSS4G a part of it) green-up is long and its base uncertain. Seen from half the amplitude, the fastest change
comes {apart}.
By its default FuseTS looks for where the slopes begin, which noise on the flat winter ground decides."""
CHILD = """
import builtins, json, sys
from importlib.metadata import version
builtins.DataCube = object  # named in FuseTS's annotations, though it does without openEO
import numpy as np, xarray as xr
np.trapz = np.trapezoid  # its older name, which FuseTS calls
sys.modules["vam"] = sys.modules["vam.whittaker"] = type(sys)("vam")
sys.modules["vam"].ws2d = sys.modules["vam"].ws2doptv = None
from fusets._phenolopy import calc_phenometrics
asked = json.load(open(sys.argv[1]))
out = []
for series in asked:
    days = np.array(series["days"])
    count = days[-1] - days[0] + 1
    weights, values = np.zeros(count), np.zeros(count)
    weights[days - days[0]], values[days - days[0]] = 1, series["values"]
    bends = np.diff(np.eye(count), 2, axis=0)
    smooth = np.linalg.solve(np.diag(weights) + 1e4 * bends.T @ bends, weights * values)
    every = np.datetime64(f"{series['year']}-01-01", "ns") + (days[0] - 1 + np.arange(count)) * np.timedelta64(1, "D")
    cube = xr.DataArray(np.asarray(smooth)[:, None, None], dims=("time", "y", "x"),
                        coords={"time": every, "y": [0.0], "x": [0.0]}, name="ndvi")
    try:
        found = [calc_phenometrics(cube, method=m) for m in ("seasonal_amplitude", "first_of_slope")]
        names = ("sos_times", "pos_times", "eos_times"), ("sos_times", "eos_times")
        out.append([float(f[n].values.ravel()[0]) for f, own in zip(found, names) for n in own])
    except ValueError as error:
        out.append(str(error))
print(json.dumps({"found": out, "versions": {"fusets": version("fusets"), "numpy": np.__version__}}))
"""


def ours(days: NDArray[np.float64], values: NDArray[np.float64]) -> list[float]:
    """The main season's dates, days of the year."""
    column, settings = values[:, None].astype(np.float32), PhenologySettings()
    weights = np.isfinite(column).astype(np.float32)
    own = without_events(weights, days, series_events(column, weights, days, settings))
    found = find_seasons(column, own, days, settings)
    main = found[:, int(main_seasons(found)[0]), 0]
    return [float(main[SEASON_NAMES.index(name)]) for name in NAMES]


def simulated(count: int) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64], list[float]]]:
    """Seasons of known dates, every fifth day, half of them under clouds, noise of .02."""
    rng, out = np.random.default_rng(0), []
    for i in range(count):
        curve = np.array((0.2, 0.6, 0.09, 120, 0.08, 250)) + rng.normal(size=6) * (0.03, 0.06, 0.02, 12, 0.02, 12)
        days = np.arange(2.0, 366, 5)
        days = days[rng.random(len(days)) < 0.5]
        dates = transition_dates(curve)
        truth = [*dates[:2], float(season_peaks(curve)), *dates[4:]]
        out.append((f"simulated {i}", days, double_logistic(days, curve) + rng.normal(0, 0.02, len(days)), truth))
    return out


def observed(folder: Path) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Field means of Sentinel-2's NDVI in 2019."""
    out = []
    for path in sorted(folder.glob("*_demo_mogpr_input.csv")):
        table = pd.read_csv(path)
        when = pd.to_datetime(table["date"], utc=True)
        kept = (table["NDVI"].notna() & (when.dt.year == 2019)).to_numpy()
        days = when.dt.dayofyear.to_numpy(np.float64)[kept]
        out.append((path.name.split("_")[0], days, table["NDVI"].to_numpy(np.float64)[kept]))
    return out


def theirs(
    python: Path, cases: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> tuple[list[list[float]], dict[str, str]]:
    """Start, peak and end by FuseTS, in a process of its own, NaN where it fails; and the versions that it has."""
    asked = [{"year": 2019, "days": days.astype(int).tolist(), "values": values.tolist()} for days, values in cases]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asked, file)
        file.flush()
        done = subprocess.run([python, "-c", CHILD, file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        raise SystemExit(f"FuseTS did not run in {python} ({last[0]}). Install it as the head of this file says")
    answer = json.loads(done.stdout.splitlines()[-1])
    return [a if isinstance(a, list) else [np.nan] * 5 for a in answer["found"]], answer["versions"]


def errors_of(found: pd.DataFrame, truth: NDArray[np.float64]) -> pd.DataFrame:
    """Median error and median absolute error of every column.

    Parameters
    ----------
    found : DataFrame, `COLUMNS`
        The simulated seasons.
    truth : ndarray, shape (season, 5)
        Their known dates.
    """
    errors = found.iloc[:, 1:].to_numpy(np.float64) - truth[:, MEANT]
    medians = {"median error": np.nanmedian(errors, axis=0), "median |error|": np.nanmedian(np.abs(errors), axis=0)}
    return pd.DataFrame([[name, *row] for name, row in medians.items()], columns=list(COLUMNS))


def words_of(errors: pd.DataFrame, fields: pd.DataFrame, count: int, versions: dict[str, str]) -> str:
    """The whole text.

    Parameters
    ----------
    errors : DataFrame, `COLUMNS`
        Of `errors_of`.
    fields : DataFrame, `COLUMNS`
        Dates found in observed fields.
    count : int
        Simulated seasons.
    versions : dict
        Of ``fusets`` and ``numpy``.
    """
    near = {name: ".".join(said.split(".")[: 3 if name == "fusets" else 2]) for name, said in versions.items()}
    tables = [table.round(1).to_string(index=False) for table in (errors, fields)]
    head = f"{TITLE.format(**near)}\n{ABOUT.format(count=count)}"
    return "\n\n".join([head, *tables, NOTES.format(apart=apart(fields))]) + "\n"


def apart(fields: pd.DataFrame) -> str:
    """How far the fastest change of each field is from half the amplitude by FuseTS, on both limbs."""
    said = []
    for limb, own, other in (("green-up", "half-way up", "FuseTS start"), ("decline", "half-way down", "FuseTS end")):
        days = (fields[own].round(1) - fields[other].round(1)).round().astype("Int64")
        each = [
            f"unknown ({name})" if pd.isna(n) else f"{abs(n)} days {'earlier' if n < 0 else 'later'} ({name})"
            for name, n in zip(fields["series"], days, strict=True)
        ]
        said.append(f"in {limb} {' and '.join(each)}")
    return ", ".join(said)


def main() -> None:
    """Compare, write the table and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="of an environment with FuseTS")
    parser.add_argument("--fields", type=Path, default=ROOT.parent / "shared/data/s2-ndvi-fields-fusets")
    parser.add_argument("--count", type=int, default=30, help="simulated seasons")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    made, real = simulated(asked.count), observed(asked.fields)
    cases = [*(case[1:3] for case in made), *(case[1:3] for case in real)]
    names = [*(case[0] for case in made), *(case[0] for case in real)]
    other, versions = theirs(asked.python, cases)
    rows = [[n, *ours(*case), *o] for n, case, o in zip(names, cases, other, strict=True)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    errors = errors_of(table.iloc[: len(made)], np.array([case[3] for case in made]))
    words = words_of(errors, table.iloc[len(made) :], len(made), versions)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "phenology_crosscheck.txt").write_text(words)
    sys.stdout.write(words)


if __name__ == "__main__":
    main()
