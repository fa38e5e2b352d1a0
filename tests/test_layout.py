"""The layers stay apart, names stay in step, files and functions stay small."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "workflow"
SCRIPTS = WORKFLOW / "scripts"
PACKAGE = SCRIPTS / "stfuse"
METHODS = sorted(path for path in (PACKAGE / "methods").glob("*.py") if path.stem != "__init__")
STAGES = [
    "simulated",
    "raw",
    "ard",
    "degraded",
    "model",
    "fused",
    "pixels",
    "scores",
    "series",
    "phenology",
    "figures",
    "report",
]
TOP = {
    *(".ci", ".git", ".github", ".gitignore", ".pre-commit-config.yaml"),
    *(
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "Snakefile",
        "pyproject.toml",
    ),
    *("config", "envs", "results", "tests", "workflow"),
}
RULES = sorted((WORKFLOW / "rules").rglob("*.smk"))
RASTER_LIBRARIES = {"rasterio", "osgeo", "rioxarray"}


def rules_of(stage: str) -> str:
    """The rules of a stage: those of its file, and of the files beside it that begin with its name."""
    return "\n".join(f.read_text() for f in sorted((WORKFLOW / "rules").glob("*.smk")) if first_word(f) == stage)


def first_word(path: Path) -> str:
    """The stage that a rule file or script belongs to."""
    return path.stem.split("_")[0]


def python_files() -> list[Path]:
    return sorted([*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules(path: Path) -> set[str]:
    """Full names of everything that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports_any(path: Path, libraries: set[str]) -> bool:
    return any(name.split(".")[0] in libraries for name in modules(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring and decorators."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    documented = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def without_strings(path: Path) -> str:
    """A file's code without comments, docstrings and what only a type checker reads."""
    tree = ast.parse(path.read_text())
    # `if TYPE_CHECKING: snakemake: Any` is for the type checker alone.
    tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
    return ast.unparse(tree)


def test_only_known_names_lie_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout: what lies here may be anyone's")
    assert {name.split("/")[0] for name in listed} - TOP == set()


def test_the_stages_are_included_in_road_order_and_documented() -> None:
    text = (ROOT / "Snakefile").read_text()
    assert re.findall(r'include: "workflow/rules/(\w+)\.smk"', text) == ["common", *STAGES]
    legend = [line for line in text.splitlines() if line.startswith("#   results/")]
    assert {"series", "phenology", "raw"} <= {line.split("/")[1] for line in legend}


def test_every_script_belongs_to_a_stage_that_runs_it() -> None:
    for script in SCRIPTS.glob("*.py"):
        stage = first_word(script)
        assert stage in STAGES, f"{named(script)} is named after no stage"
        assert f'"../scripts/{script.name}"' in rules_of(stage), f"rules/{stage}*.smk never run {script.name}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_rules_run_its_scripts_and_write_into_its_folder(stage: str) -> None:
    rules = rules_of(stage)
    run = re.findall(r'"\.\./scripts/(\w+)\.py"', rules)
    assert run
    assert [name for name in run if name.split("_")[0] != stage] == []
    outputs = re.findall(r"output:\n((?:        .*\n)+)", rules)
    allowed = {stage} | {"figures": {"tables"}, "report": {"{config['report']}.html"}}.get(stage, set())
    folders = {folder for block in outputs for folder in re.findall(r'"results/([^/"]+)', block)}
    assert folders <= allowed, f"rules/{stage}*.smk write into {sorted(folders - allowed)}"


# What Slurm, a reader of the logs and `make bench` need of every rule that runs a script.
PARTS = ('"""', "    log:", "    benchmark:", "    conda:", "    resources:", " mem_mb=", " runtime=", "    script:")


def test_every_rule_says_what_it_is_for_where_it_logs_and_what_it_takes() -> None:
    rules = {
        f"{named(file)}:{rule.split(':')[0]}": rule
        for file in RULES
        for rule in re.split(r"^(?:rule|checkpoint) ", file.read_text(), flags=re.MULTILINE)[1:]
    }
    assert len(rules) > 20
    lacking = {name: [part.strip() for part in PARTS if part not in rule] for name, rule in rules.items()}
    assert {name: parts for name, parts in lacking.items() if parts} == {}


def test_every_rule_says_which_kind_of_experiment_it_serves() -> None:
    """Asked for one of the other kind, Snakemake says that there is no rule, and not that a name is no key."""
    rules = [r for file in RULES for r in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]]
    served = [r for r in rules if "{experiment}" in r.partition("    output:\n")[2].partition("    log:\n")[0]]
    assert len(served) > 20
    silent = [r for r in served if not re.search(r"        experiment=any_of\((EXPERIMENTS|FILLINGS)\),", r)]
    assert [r.split(":")[0] for r in silent] == ["summarise"]  # which serves both


def test_rules_lie_in_the_files_of_stages_and_functions_beside_them() -> None:
    assert {first_word(file) for file in RULES} == {"common", *STAGES}
    of_stages = {file.stem for file in RULES if file.parent.name == "rules"}
    assert of_stages >= {"common", *STAGES}
    # A stage with many rules keeps some in files beside its own, which includes them.
    beside = of_stages - {"common", *STAGES}
    assert [n for n in beside if f'include: "{n}.smk"' not in rules_of(n.split("_")[0])] == []
    inputs = [file for file in RULES if file.parent.name == "inputs"]
    assert [named(file) for file in inputs if re.search(r"^(rule|checkpoint) ", file.read_text(), re.MULTILINE)] == []
    unused = [
        named(file)
        for file in inputs
        if f'include: "inputs/{file.name}"' not in (WORKFLOW / f"rules/{file.name}").read_text()
    ]
    assert unused == []


def test_no_function_of_the_rules_is_defined_twice() -> None:
    """All rules share one namespace: a second definition would silently take the place of the first."""
    defined: dict[str, list[str]] = {}
    for file in RULES:
        for found in re.findall(r"^def (\w+)\(|^(\w+) = ", file.read_text(), re.MULTILINE):
            defined.setdefault("".join(found), []).append(named(file))
    assert {name: files for name, files in defined.items() if len(files) > 1} == {}


def test_scripts_leave_the_first_line_to_snakemake() -> None:
    """It puts lines of its own before a script's, and `from __future__` must come first."""
    assert [named(f) for f in SCRIPTS.glob("*.py") if "__future__" in modules(f)] == []


def test_files_are_opened_by_the_raster_modules_alone() -> None:
    opening = {named(f) for f in [*PACKAGE.rglob("*.py")] if imports_any(f, RASTER_LIBRARIES)}
    assert opening == {named(PACKAGE / name) for name in ("raster.py", "raster_stored.py")}
    assert [named(f) for f in SCRIPTS.glob("*.py") if imports_any(f, RASTER_LIBRARIES)] == []


def test_the_package_knows_nothing_of_snakemake() -> None:
    assert [named(f) for f in PACKAGE.rglob("*.py") if imports_any(f, {"snakemake"})] == []
    assert [named(f) for f in PACKAGE.rglob("*.py") if re.search(r"\bsnakemake\.", without_strings(f))] == []


def test_scripts_mention_snakemake_only_where_they_start() -> None:
    for script in SCRIPTS.glob("*.py"):
        *body, main = ast.parse(without_strings(script)).body
        assert ast.unparse(main).startswith("if __name__ == '__main__':"), f"{named(script)} ends without a main block"
        mentions = [n.id for part in body for n in ast.walk(part) if isinstance(n, ast.Name) and n.id == "snakemake"]
        assert mentions == [], f"{named(script)} uses snakemake outside its main block"
        job = re.search(r"\n    with job\(snakemake\.log\[0\], snakemake\.threads(, .*)?\):", ast.unparse(main))
        assert job, f"{named(script)} runs outside `job`"


def test_the_package_itself_imports_nothing() -> None:
    assert modules(PACKAGE / "__init__.py") == set()


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_no_method_imports_another_and_all_define_the_interface(path: Path) -> None:
    assert [name for name in modules(path) if name.startswith("stfuse.methods")] == []
    tree = ast.parse(path.read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    }
    defined |= {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert {"Params", "NEEDS", "halo", "fit", "predict"} <= defined


def compared(path: Path) -> set[str]:
    """Every string that a file compares with, looks up or matches against."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare | ast.Subscript | ast.MatchValue):
            found |= {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return found


def test_no_code_branches_on_a_methods_name() -> None:
    """A method's name in a condition would be a second place to edit for the next method."""
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["methods"]
    names = {*configured, *(path.stem for path in METHODS)}
    # Words that also mean something else: resampling kernels, ways to choose references, an axis.
    names -= {"bilinear", "nearest", "temporal"}
    code = [f for f in SCRIPTS.rglob("*.py") if f not in METHODS]
    assert {named(f): compared(f) & names for f in code if compared(f) & names} == {}
    rules = {f: re.sub(r"#.*", "", f.read_text()) for f in [ROOT / "Snakefile", *RULES]}
    assert [(named(f), name) for f, text in rules.items() for name in names if re.search(rf"\b{name}\b", text)] == []


def test_files_and_functions_are_small() -> None:
    assert {named(f): n for f in python_files() if (n := len(f.read_text().splitlines())) >= 300} == {}
    long = {f"{named(f)}:{d.name}": code_lines(d) for f in SCRIPTS.rglob("*.py") for d in functions(f)}
    assert {name: lines for name, lines in long.items() if lines >= 50} == {}
    rules = [ROOT / "Snakefile", *RULES]
    assert {named(f): n for f in rules if (n := len(f.read_text().splitlines())) >= 300} == {}


def test_public_functions_and_modules_say_what_they_are() -> None:
    silent = []
    for path in SCRIPTS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
        silent += [f"{named(path)}:{getattr(n, 'name', '')}" for n in (tree, *public) if not ast.get_docstring(n)]
    assert silent == []


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "results/README.md"]
)
def test_links_and_pictures_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\(([^)\s]+)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    local = [link.split("#")[0] for link in links if not re.match(r"\w+:|#", link)]
    assert [link for link in local if not ((ROOT / page).parent / link).exists()] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    suffixes = {".py", ".smk", ".yaml", ".yml", ".md", ".toml", ".cff", ".sh", ".txt", ".html"}
    texts = [
        f
        for f in ROOT.rglob("*")
        if f.is_file() and (f.suffix in suffixes or f.name in {"Makefile", "Snakefile", "run"})
    ]
    ours = [
        f
        for f in texts
        if f.relative_to(ROOT).parts[0] in TOP - {".git"} and f.relative_to(ROOT).parts[1:2] != ("logs",)
    ]
    pattern = re.compile(r"(?<![\w.}/])/(work|home|root|Users|mnt|scratch|data)/")
    found = [named(f) for f in ours if f.relative_to(ROOT).parts[0] != "results" and pattern.search(f.read_text())]
    assert [name for name in found if name != named(Path(__file__))] == []
