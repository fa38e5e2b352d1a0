"""Everything on one page: results/{report}.html, with every figure and table inside it."""

import base64
import csv
import logging
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd
import yaml

import stfuse
from stfuse.captions import figure_words, order_of, table_words
from stfuse.errors import InputError
from stfuse.job import job, whole
from stfuse.metrics import METRICS
from stfuse.raster import REMAKE
from stfuse.report import (
    experiment_words,
    listed,
    phenology_verdict,
    questions,
    run_times,
    score_table,
    site_remarks,
    site_size,
    verdict,
)
from stfuse.report_scenes import line_listing, scene_listing

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.report")

TEMPLATE = Path(stfuse.__file__).with_name("report.html.jinja")
Facts = dict[str, Any]
LISTINGS = {"scenes": scene_listing, "bandpass": line_listing}
"""Tables of a site that have a look of their own, by the stems of their files."""
LONGEST = 120
"""Rows of a table shown on the page; the embedded file has all."""
LARGEST = 4_000_000
"""Bytes of a table embedded for download."""
PACKAGES = (
    "snakemake", "numpy", "numba", "torch", "rasterio", "odc-geo", "odc-stac", "pystac-client", "scipy", "pandas",
    "xarray", "scikit-image", "matplotlib",
)  # fmt: skip


def make_report(
    template: Path,
    config: Mapping[str, Any],
    studies: Mapping[str, Mapping[str, Any]],
    experiments: Mapping[str, Mapping[str, Any]],
    sites: Mapping[str, Mapping[str, Any]],
    figures: Sequence[Path],
    tables: Sequence[Path],
    benchmarks: Path,
    html: Path,
) -> None:
    """Write the report, one file without links to the outside.

    Parameters
    ----------
    template : Path
        ``stfuse/report.html.jinja``.
    config : mapping
        The main configuration; `studies`, `experiments` and `sites` are the content of their files by name. An
        experiment may have ``left_out``: site -> methods that find nothing to predict there.
    figures : sequence of Path
        ``figures/{experiment}/{site}/{name}.png`` or ``figures/{site}/{name}.png``.
    tables : sequence of Path
        Tables whose folders name their experiment and site, only their site, or neither. ``scores.csv`` of
        `stfuse.tables` and ``errors.csv`` of `stfuse.phenology.transitions` also give the verdicts. A site's
        ``scenes.csv`` and ``bandpass.csv`` are those of `stfuse.scene_table`.
    benchmarks : Path
        Folder of Snakemake's benchmark files, ``{stage}/...tsv``; need not exist.

    Raises
    ------
    InputError
        If a figure or table cannot be read.
    """
    placed = {path: _place(path, experiments, sites) for path in (*figures, *tables)}
    of_site = {name: _site(site, [p for p in placed if placed[p] == ("", name)]) for name, site in sites.items()}
    parts = []
    for study in studies.values():
        names = [(e, s) for e in study["experiments"] for s in experiments[e]["sites"]]
        sections = [_section(experiments[e], of_site[s], [p for p in placed if placed[p] == (e, s)]) for e, s in names]
        several = len({s for _, s in names}) > 1
        parts.append({**study, "anchor": f"study-{study['name']}", "sections": sections, "several_sites": several})
    everything = {"config": config, "studies": studies, "experiments": experiments, "sites": sites}
    words = {
        "title": parts[0]["title"] if len(parts) == 1 else "From satellite archives to dense fine-resolution series",
        "studies": parts,
        "sites": list(of_site.values()),
        "has_verdict": any(s["verdicts"] for part in parts for s in part["sections"]),
        "metrics": {name: convention._asdict() for name, convention in METRICS.items()},
        "summaries": [_table(p) for p in tables if placed[p] == ("", "") and p.stat().st_size <= LARGEST],
        "times": run_times(_benchmarks(benchmarks, {*experiments, *sites}), list(config.get("methods", {}))),
        "configuration": yaml.safe_dump(_plain(everything), sort_keys=False, allow_unicode=True, width=110),
        "versions": _versions(),
    }
    page = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    with whole(html) as part:
        part.write_text(page.from_string(template.read_text(encoding="utf-8")).render(words), encoding="utf-8")


def _place(path: Path, experiments: Mapping[str, Any], sites: Mapping[str, Any]) -> tuple[str, str]:
    """Experiment and site named by a path's folders, "" where there is none; the innermost folders count."""
    folders = list(reversed(path.parent.parts))
    site = next((i for i, part in enumerate(folders[:2]) if part in sites), None)
    if site is None:
        return "", ""
    above = folders[site + 1] if site + 1 < len(folders) else ""
    return (above if above in experiments else ""), folders[site]


def _site(site: Mapping[str, Any], paths: Sequence[Path]) -> Facts:
    listings = [_listing(p) for p in sorted(paths, key=lambda p: order_of(p.stem)) if _is_listing(p)]
    figures = _figures(paths)
    # They say in words what the figure of the scenes shows, and stand below it.
    at = next((i for i, figure in enumerate(figures, start=1) if figure["name"] == "scenes"), len(figures))
    return {
        "name": site["name"],
        "title": site.get("title") or site["name"],
        "anchor": f"site-{site['name']}",
        "simulated": "simulated" in site,
        "period": " to ".join(site["period"]),
        "size": site_size(site["bounds"]),
        "crs": site["crs"],
        "sensors": ", ".join(site["sensors"]),
        "remarks": site_remarks(site),
        "figures": figures[:at],
        "listings": listings,
        "later_figures": figures[at:],
        "tables": [_table(p) for p in paths if p.suffix == ".csv" and not _is_listing(p)],
    }


def _is_listing(path: Path) -> bool:
    return path.suffix == ".csv" and path.stem in LISTINGS


def _listing(path: Path) -> Facts:
    """A table with a look of its own, whole."""
    try:
        # Only empty cells are empty: a sensor might be called "nan", and a scene "020200101".
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"scene": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error
    facts = {k: v for k, v in _table(path).items() if k in ("caption", "file", "src")}
    return facts | LISTINGS[path.stem](table)._asdict()


def _section(experiment: Mapping[str, Any], site: Facts, paths: Sequence[Path]) -> Facts:
    verdicts, scores, tables = [], [], []
    for path in sorted(p for p in paths if p.suffix == ".csv"):
        if path.stem == "scores":
            asked = questions(_read(path))
            scores = [score_table(question, table) for question, table in asked.items()]
            # The experiment's own variable: NDVI made of predicted bands is a by-product.
            own = [q for q in asked if q[1] == experiment["variable"]]
            labels = {q: f"against {'the known truth' if q[0] == 'known' else 'the observed images'}" for q in own}
            verdicts = [{"text": words, "label": labels[q]} for q in own if (words := verdict(asked[q]))] + verdicts
        if path.stem == "errors":
            words = phenology_verdict(_read(path), [experiment["fine"], experiment["coarse"]])
            verdicts += [{"text": words, "label": ""}] if words else []
        tables.append(_table(path))
    facts = [f"{experiment['protocol']}: {experiment['fine']} (fine), {experiment['coarse']} (coarse)"]
    facts.append("bands " + ", ".join(experiment["bands"]))
    absent = experiment.get("left_out", {}).get(site["name"], [])
    facts += [f"without {listed(absent)}: no date here has all the images it needs"] if absent else []
    return {
        "title": experiment.get("title") or experiment["name"],
        "anchor": f"{experiment['name']}-{site['name']}",
        "site": site,
        "facts": "; ".join(facts),
        "text": experiment_words(experiment),
        "verdicts": verdicts,
        "scores": scores,
        "tables": tables,
        "figures": _figures(paths),
    }


def _figures(paths: Sequence[Path]) -> list[Facts]:
    found = []
    for path in sorted((p for p in paths if p.suffix == ".png"), key=lambda p: order_of(p.stem)):
        title, caption = figure_words(path.stem)
        anchor = "-".join([*path.parent.parts[-2:], path.stem])
        words = {"name": path.stem, "title": title, "caption": caption, "anchor": anchor}
        found.append(words | {"src": _embed(path, "image/png")})
    return found


def _embed(path: Path, kind: str) -> str:
    try:
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error})", REMAKE) from error


def _read(path: Path) -> pd.DataFrame:
    try:
        words = {"worse_than_bilinear": str, "worse_than_nearest": str}
        return pd.read_csv(path, dtype=words)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error


def _table(path: Path) -> Facts:
    title, caption = table_words(path.stem)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            columns, *rows = list(csv.reader(file)) or [[]]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", REMAKE) from error
    shown = rows[:LONGEST]
    file_name = "_".join([*path.parent.parts[-2:], path.name])
    return {
        "title": title,
        "caption": caption,
        "columns": [c.replace("_", " ") for c in columns],
        "rows": shown,
        "cut": len(rows) if len(rows) > len(shown) else 0,
        "open": False,
        "file": file_name,
        "src": _embed(path, "text/csv"),
    }


def _benchmarks(folder: Path, names: Collection[str]) -> Iterator[tuple[Sequence[str], Mapping[str, str]]]:
    """The measured jobs of the experiments and sites at hand; the folder may hold others' too."""
    for path in sorted(folder.rglob("*.tsv")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not set(parts).isdisjoint(names):
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    yield parts, row


def _plain(value: Any) -> Any:
    """Configuration as plain lists, dicts and scalars, without secrets in it to begin with."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            logger.info("%s is not installed here", name)
    return found


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        make_report(
            template=TEMPLATE,
            config=dict(snakemake.params.config),
            studies=dict(snakemake.params.studies),
            experiments=dict(snakemake.params.experiments),
            sites=dict(snakemake.params.sites),
            figures=[Path(p) for p in snakemake.input.figures],
            tables=[Path(p) for p in snakemake.input.tables],
            benchmarks=Path(snakemake.params.benchmarks),
            html=Path(snakemake.output[0]),
        )
