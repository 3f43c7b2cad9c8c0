"""The layout's promises: imports run one way, a foreign library has one owner, SQL lives in .sql files, pieces stay small."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ioc", "ingest", "dashboards", "alerts", "sample_feeds")
COMPOSITION = {"ioc/cli.py", "ioc/compose.py", "ioc/compose_sample.py"}  # the only ones in ioc that know the others
OWNERS = {
    "psycopg": ("ioc/store/", "ioc/embedded/postgres.py"),
    "psycopg_pool": ("ioc/store/", "dashboards/context.py", "dashboards/doors.py"),  # the type of the pool it is given
    "paho": ("ingest/",),
    "smtplib": ("alerts/",),
    "apscheduler": ("alerts/",),
    "matplotlib": ("alerts/",),
    "dash": ("dashboards/",),
    "plotly": ("dashboards/",),
    "fastapi": ("dashboards/",),
    "starlette": ("dashboards/",),
    "uvicorn": ("dashboards/",),
    "pint": ("ioc/units.py",),
    "jmespath": ("ingest/",),
    "pmtiles": ("dashboards/basemap",),
    "aiosmtpd": ("ioc/embedded/mail.py",),
    "geopandas": ("ioc/city.py", "ioc/geo/", "sample_feeds/"),
    "pyarrow": ("ioc/export/",),
    "argon2": ("ioc/access/passwords.py",),
    "bcrypt": ("ioc/access/brokers.py",),
    "zxcvbn": ("ioc/access/passwords.py",),
    "pyotp": ("ioc/access/codes.py",),
    "segno": ("ioc/access/codes.py",),
    "rich": ("ioc/", "ingest/", "alerts/", "dashboards/"),
}
FILES = sorted(f for package in PACKAGES for f in (ROOT / package).rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 350, 60


def name(file):
    return file.relative_to(ROOT).as_posix()


@cache
def tree(file):
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def imports(file):
    """Full names of what a file imports, wherever in it."""
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
    return found


def test_there_is_something_to_check():
    assert len(FILES) > 100


def test_no_import_is_relative():
    found = [name(f) for f in FILES for n in ast.walk(tree(f)) if isinstance(n, ast.ImportFrom) and n.level]
    assert found == []


def test_imports_run_one_way():
    wrong = []
    for file in FILES:
        own = name(file).split("/")[0]
        for module in imports(file):
            other = module.split(".")[0]
            if other not in PACKAGES or other == own or (other == "ioc" and own != "ioc"):
                continue
            if name(file) not in COMPOSITION:
                wrong.append(f"{name(file)} imports {module}")
    assert wrong == []


def test_the_root_of_composition_is_imported_by_nobody_but_commands():
    composed = {c[:-3].replace("/", ".") for c in COMPOSITION}
    allowed = {"ioc/__main__.py", "ioc/commands.py"}
    wrong = [f"{name(f)} imports {m}" for f in FILES for m in imports(f) if m in composed and name(f) not in allowed]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_foreign_library_has_one_owner(library):
    users = {name(f) for f in FILES if any(m.split(".")[0] == library for m in imports(f))}
    assert sorted(u for u in users if not u.startswith(OWNERS[library])) == []


def test_only_the_settings_read_the_environment():
    reads = re.compile(r"\bos\.(environ|getenv)\b")
    assert [name(f) for f in FILES if reads.search(f.read_text(encoding="utf-8"))] == ["ioc/settings.py"]


SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX|VIEW)|ALTER\s+TABLE|TRUNCATE)\b",
    re.DOTALL,
)
BOOTSTRAP = "ioc/embedded/postgres.py"  # makes the database itself, before there is a store


def documentation(node):
    """The docstrings of a tree: prose may name SQL words."""
    for part in ast.walk(node):
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and part.body:
            first = part.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def test_no_sql_stands_in_python():
    wrong = []
    for file in (f for f in FILES if name(f) != BOOTSTRAP):
        whole = tree(file)
        prose = {id(n) for n in documentation(whole)}
        for node in ast.walk(whole):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in prose:
                text = node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
                if SQL.search(text):
                    wrong.append(f"{name(file)}:{node.lineno}")
    assert wrong == []


def test_every_named_query_is_used():
    """A query nobody asks for is a promise nobody keeps."""
    used = "\n".join(f.read_text(encoding="utf-8") for f in FILES)
    whole = set(re.findall(r"[\"'](\w+)(?=[\"'])", used))
    heads, tails = set(re.findall(r"[\"'](\w+)_\{", used)), set(re.findall(r"\}_(\w+)[\"']", used))
    unused = []
    for file in (ROOT / "ioc" / "store" / "sql" / "queries").glob("*.sql"):
        for query in re.findall(r"^-- (\w+) --$", file.read_text(encoding="utf-8"), re.MULTILINE):
            head, _, tail = query.partition("_")  # f"{noun}_add" asks for metric_add, f"prune_{table}" for prune_tick
            if query not in whole and (tail or query) not in tails and head not in heads:
                unused.append(f"{file.stem}.{query}")
    assert unused == []


def test_files_stay_small():
    sizes = {name(f): len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert {n: size for n, size in sizes.items() if size > MOST_LINES} == {}


def test_functions_stay_small():
    long = []
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MOST_FUNCTION_LINES:
                    long.append(f"{name(file)}: {node.name} has {lines} lines")
    assert long == []


def test_every_module_says_what_passes_through_it():
    silent = [name(f) for f in FILES if not ast.get_docstring(tree(f))]
    assert silent == []


@pytest.mark.parametrize("package", ["dashboards", "alerts", "ingest", "sample_feeds"])
def test_every_package_carries_a_readme_for_its_reader(package):
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) > 10


def test_the_top_level_is_the_fixed_one():
    fixed = {"pyproject.toml", "README.md", "ioc", "ingest", "dashboards", "alerts", "sample_feeds", "tests"}
    made = {"build", "dist", "data"}  # ignored by git
    found = {p.name for p in ROOT.iterdir() if not p.name.startswith(".") and not p.name.endswith(".egg-info")}
    assert found - made == fixed
