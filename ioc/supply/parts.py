"""What is installed here -> every part of the whole: packages, what wheels carry inside, scripts and fonts of ours."""

from __future__ import annotations

import hashlib
import platform
import re
import tomllib
from collections import defaultdict
from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ioc.supply import licences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]  # the packages lie side by side, installed or in a checkout
_LIBRARY = re.compile(r"^lib(.+?)(?:-[0-9a-f]{8})*\.(?:so|dylib)(?:\.|$)|^(.+?)-[0-9a-f]{32}\.dll$")
_SCRIPT = re.compile(r"deps/([a-z-]+)@([0-9.]+)\.min\.js$")
_GO = re.compile(rb"\ndep\t([^\t\n]+)\tv([^\t\n]+)\t")  # as the Go linker writes it into a program


class Part(NamedTuple):
    """One thing the whole is made of. kind: as CycloneDX has it; licence: SPDX, empty where unknown; inside: the ref of
    what carries it; needs: refs of what it needs; sha256: of its file, in hex, where it is one.
    """

    name: str
    version: str
    kind: str
    licence: str
    ref: str
    purl: str = ""
    cpe: str = ""
    inside: str = ""
    needs: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def verdict(self) -> str:
        """free, weak, strong or unknown; what runs as a program of its own is not linked, and asks nothing of us."""
        found = licences.asks(self.licence)
        return licences.FREE if found == licences.STRONG and self.kind == "application" else found


class Missing(NamedTuple):
    """A package that is required and not installed."""

    name: str
    by: str


def requirements() -> list[str]:
    """What this project asks for itself: by its checkout where it runs from one, else as it was installed."""
    file = ROOT / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        if project["name"] == "ioc":
            return list(project["dependencies"])
    return [r for r in metadata.requires("ioc") or [] if "extra ==" not in r]


class Closure(NamedTuple):
    """Packages by name, which need which (those of the project itself under `ioc`), and what is not there."""

    packages: dict[str, metadata.Distribution]
    needs: dict[str, set[str]]
    missing: list[Missing]


def gather() -> tuple[list[Part], list[Missing]]:
    """Every part, packages first, and what is required but not here. Reads files; asks no network."""
    found = closure(requirements())
    own = [part for name in found.packages for part in _package(name, found)]
    return [_python(), *own, *_files()], found.missing


def closure(wanted: Iterable[str]) -> Closure:
    """All that these requirements need on this machine."""
    found: dict[str, metadata.Distribution] = {}
    needs: dict[str, set[str]] = defaultdict(set)
    missing: list[Missing] = []
    todo: list[tuple[Requirement, str, tuple[str, ...]]] = [(Requirement(text), "ioc", ("",)) for text in wanted]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while todo:
        need, by, extras = todo.pop()
        name = str(canonicalize_name(need.name))
        if need.marker and not any(need.marker.evaluate({"extra": e}) for e in extras):
            continue
        needs[by].add(name)
        key = (name, tuple(sorted(need.extras)))
        if key in seen:
            continue
        seen.add(key)
        try:
            dist = found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing.append(Missing(name, by))
            continue
        todo += [(Requirement(text), name, ("", *need.extras)) for text in dist.requires or []]
    return Closure(dict(sorted(found.items())), needs, sorted(missing))


def _package(name: str, found: Closure) -> Iterator[Part]:
    dist = found.packages[name]
    ref = _ref(name, dist)
    carried = list(_inside(dist, name, ref))
    needs = [_ref(other, found.packages[other]) for other in found.needs[name] if other in found.packages]
    yield Part(
        name, dist.version, "library", _licence(dist), ref, ref, needs=(*sorted(needs), *(p.ref for p in carried))
    )
    yield from carried


def _ref(name: str, dist: metadata.Distribution) -> str:
    return f"pkg:pypi/{name}@{dist.version}"


def _licence(dist: metadata.Distribution) -> str:
    about: Any = dist.metadata
    classifiers = [c.rpartition("::")[2].strip() for c in about.get_all("Classifier") or [] if c.startswith("License")]
    texts = [f for f in dist.files or [] if re.match(r"(LICEN[CS]E|COPYING)", f.name) and ".dist-info" in str(f)]
    text = Path(str(texts[0].locate())).read_text("utf-8", "replace") if texts else ""
    return licences.spdx(about.get("License-Expression") or "", about.get("License") or "", classifiers, text)


def _inside(dist: metadata.Distribution, name: str, ref: str) -> Iterator[Part]:
    """What a wheel carries: programs, scripts for browsers, shared libraries."""
    listed = [f for f in dist.files or [] if "__pycache__" not in str(f)]
    for entry in (e for e in carried()["inside"] if e["wheel"] == name):
        file = next((f for f in listed if f.name.removesuffix(".exe") == entry["file"]), None)
        if file is not None:
            yield from _program(entry, Path(str(file.locate())), dist, ref)
    for file in listed:
        if found := _SCRIPT.search(str(file)):
            js, version = found.groups()
            yield Part(js, version, "library", carried()["javascript"].get(js, ""), f"{ref}#{js}@{version}",
                       purl=f"pkg:npm/{js}@{version}", inside=ref)  # fmt: skip
        elif ".libs/" in str(file) or ".dylibs/" in str(file):
            yield from _shared(file.name, Path(str(file.locate())), ref)


def _program(entry: dict[str, str], file: Path, dist: metadata.Distribution, ref: str) -> Iterator[Part]:
    content = file.read_bytes()
    pattern, name = entry.get("pattern"), entry["name"]
    version = _match(pattern, content[:65_536].decode("utf-8", "replace")) if pattern else dist.version
    own = f"{ref}#{name}@{version}"
    go = list(_modules(content, own))
    purl = f"{entry['purl']}@{'v' if 'golang' in entry['purl'] else ''}{version}" if "purl" in entry else ""
    yield Part(name, version, entry["kind"], entry["licence"], own, purl, entry.get("cpe", "").format(version=version),
               ref, tuple(g.ref for g in go), "" if pattern else hashlib.sha256(content).hexdigest())  # fmt: skip
    yield from go


def _modules(program: bytes, inside: str) -> Iterator[Part]:
    """What a Go program was built from."""
    for module, version in sorted({(m.decode(), v.decode()) for m, v in _GO.findall(program)}):
        licence = carried()["go"].get(module, "")
        yield Part(
            module, version, "library", licence, f"{inside}#{module}", f"pkg:golang/{module}@v{version}", "", inside
        )


def _shared(name: str, file: Path, ref: str) -> Iterator[Part]:
    """A shared library; without a version, because its file's name tells only that of its interface."""
    if found := _LIBRARY.match(name):
        library, sha256 = found[1] or found[2], hashlib.sha256(file.read_bytes()).hexdigest()
        licence = carried()["library"].get(library, "")
        yield Part(f"lib{library}", "", "library", licence, f"{ref}#{name}", inside=ref, sha256=sha256)


def _files() -> Iterator[Part]:
    """Scripts and fonts that lie among our own files."""
    for entry in carried()["file"]:
        for file in sorted(ROOT.glob(entry["path"])):
            said = (ROOT / entry.get("beside", file)).read_bytes()[:65_536].decode("utf-8", "replace")
            version = entry.get("version") or _match(entry["pattern"], said)
            name = entry["name"] if "*" not in entry["path"] else file.stem
            purl = f"{entry['purl']}@{version}" if "purl" in entry else ""
            ref, sha256 = f"file:{file.relative_to(ROOT).as_posix()}", hashlib.sha256(file.read_bytes()).hexdigest()
            yield Part(name, version, entry["kind"], entry["licence"], ref, purl, sha256=sha256)


def _python() -> Part:
    version = platform.python_version()
    ref = f"python@{version}"
    return Part("python", version, "platform", "PSF-2.0", ref, cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*")


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


@cache
def carried() -> dict[str, Any]:
    """carried.toml."""
    return tomllib.loads((files("ioc.supply") / "carried.toml").read_text(encoding="utf-8"))
