"""Everything on one page: results/{report}.html, with every figure and table inside it."""

import csv
import logging
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

import stfuse
from stfuse.captions import order_of
from stfuse.job import job, whole
from stfuse.metrics import METRICS
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
from stfuse.report_files import LARGEST, figures_shown, is_listing, listing_shown, scores_read, table_shown
from stfuse.report_gaps import filling_facts, filling_words, gap_tables, gap_verdict, overall_scores, split_scores

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("stfuse.report")

TEMPLATE = Path(stfuse.__file__).with_name("report.html.jinja")
Facts = dict[str, Any]
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
        ``figures/{experiment}/{site}/{name}.png``, ``figures/{site}/{name}.png``, and of experiments on the gaps of
        series ``figures/{experiment}/{name}.png``.
    tables : sequence of Path
        Tables whose folders name their experiment and site, only one of them, a study, or none of these.
        ``scores.csv`` of `stfuse.tables`, ``errors.csv`` of `stfuse.phenology.scores`, ``overall.csv`` and
        ``gaps.csv`` of `stfuse.filling.tables` also give the verdicts. A site's ``scenes.csv`` and ``bandpass.csv`` are
        those of `stfuse.scene_table`.
    benchmarks : Path
        Folder of Snakemake's benchmark files, ``{stage}/...tsv``; need not exist.

    Raises
    ------
    InputError
        If a figure or table cannot be read.
    """
    placed = {path: _place(path, {*experiments, *studies}, sites) for path in (*figures, *tables)}
    of_site = {name: _site(site, [p for p in placed if placed[p] == ("", name)]) for name, site in sites.items()}
    parts = []
    for study in studies.values():
        asked = [experiments[name] for name in study["experiments"]]
        sections = [section for e in asked for section in _sections(e, of_site, placed)]
        several = len({section["site"]["name"] for section in sections}) > 1
        own = [p for p in tables if placed[p] == (study["name"], "")]
        facts = {"sections": sections, "several_sites": several, "tables": [table_shown(p) for p in own]}
        facts["scores"] = [table for p in own if p.stem == "splits" for table in split_scores(scores_read(p))]
        parts.append({**study, "anchor": f"study-{study['name']}", **facts})
    everything = {"config": config, "studies": studies, "experiments": experiments, "sites": sites}
    words = {
        "title": parts[0]["title"] if len(parts) == 1 else "From satellite archives to dense fine-resolution series",
        "studies": parts,
        "sites": list(of_site.values()),
        "has_verdict": any(s["verdicts"] for part in parts for s in part["sections"]),
        "protocols": {experiments[name]["protocol"] for study in studies.values() for name in study["experiments"]},
        "metrics": {name: convention._asdict() for name, convention in METRICS.items()},
        "summaries": [table_shown(p) for p in tables if placed[p] == ("", "") and p.stat().st_size <= LARGEST],
        "times": run_times(_benchmarks(benchmarks, {*experiments, *sites}), list(config.get("methods", {}))),
        "configuration": yaml.safe_dump(_plain(everything), sort_keys=False, allow_unicode=True, width=110),
        "versions": _versions(),
    }
    page = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    with whole(html) as part:
        part.write_text(page.from_string(template.read_text(encoding="utf-8")).render(words), encoding="utf-8")


def _place(path: Path, above: Collection[str], sites: Mapping[str, Any]) -> tuple[str, str]:
    """Experiment (or study) and site named by a path's folders, "" where there is none; the innermost folders count."""
    folders = list(reversed(path.parent.parts))
    site = next((i for i, part in enumerate(folders[:2]) if part in sites), None)
    if site is None:
        return (folders[0] if folders and folders[0] in above else ""), ""
    outer = folders[site + 1] if site + 1 < len(folders) else ""
    return (outer if outer in above else ""), folders[site]


def _site(site: Mapping[str, Any], paths: Sequence[Path]) -> Facts:
    listings = [listing_shown(p) for p in sorted(paths, key=lambda p: order_of(p.stem)) if is_listing(p)]
    figures = figures_shown(paths)
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
        "tables": [table_shown(p) for p in paths if p.suffix == ".csv" and not is_listing(p)],
    }


def _sections(
    experiment: Mapping[str, Any], of_site: Mapping[str, Facts], placed: Mapping[Path, tuple[str, str]]
) -> list[Facts]:
    """A section for each site; one over all sites of an experiment on the gaps of series."""
    of_experiment = {site: [p for p in placed if placed[p] == (experiment["name"], site)] for site in ("", *of_site)}
    sites = [of_site[name] for name in experiment["sites"]]
    if experiment["protocol"] == "gaps":
        return [_filling_section(experiment, sites, of_experiment)]
    return [_section(experiment, site, of_experiment[site["name"]]) for site in sites]


def _filling_section(filling: Mapping[str, Any], sites: Sequence[Facts], paths: Mapping[str, Sequence[Path]]) -> Facts:
    """What an experiment on the gaps of series found, over its sites, and how it looks at each."""
    tables = {p.stem: p for p in paths[""] if p.suffix == ".csv"}
    scores, verdicts = [], []
    if {"overall", "gaps"} <= set(tables):
        overall, gaps = scores_read(tables["overall"]), scores_read(tables["gaps"])
        scores = [*overall_scores(overall), *gap_tables(gaps)]
        words = gap_verdict(overall, gaps, filling["sites"])
        verdicts = [{"text": words, "label": "against the observed values"}] if words else []
    together = {"name": "all its sites", "title": listed([site["title"] for site in sites])}
    # One simulated site is enough to say so; each has its own badge below.
    together |= {"simulated": any(site["simulated"] for site in sites), "remarks": ""}
    return {
        "title": filling.get("title") or filling["name"],
        "anchor": filling["name"],
        "site": together,
        "facts": filling_facts(filling),
        "text": filling_words(filling),
        "verdicts": verdicts,
        "scores": scores,
        "gaps": True,
        "tables": [table_shown(path) for path in tables.values()],
        "figures": figures_shown(paths[""]),
        "parts": [{"site": site, "figures": figures_shown(paths[site["name"]])} for site in sites],
    }


def _section(experiment: Mapping[str, Any], site: Facts, paths: Sequence[Path]) -> Facts:
    verdicts, scores, tables = [], [], []
    for path in sorted(p for p in paths if p.suffix == ".csv"):
        if path.stem == "scores":
            asked = questions(scores_read(path))
            scores = [score_table(question, table) for question, table in asked.items()]
            # The experiment's own variable: NDVI made of predicted bands is a by-product.
            own = [q for q in asked if q[1] == experiment["variable"]]
            labels = {q: f"against {'the known truth' if q[0] == 'known' else 'the observed images'}" for q in own}
            verdicts = [{"text": words, "label": labels[q]} for q in own if (words := verdict(asked[q]))] + verdicts
        if path.stem == "errors":
            words = phenology_verdict(scores_read(path), [experiment["fine"], experiment["coarse"]])
            verdicts += [{"text": words, "label": ""}] if words else []
        tables.append(table_shown(path))
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
        "gaps": False,
        "tables": tables,
        "figures": figures_shown(paths),
        "parts": [],
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
