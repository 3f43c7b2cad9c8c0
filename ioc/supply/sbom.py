"""Parts -> a bill of materials in CycloneDX 1.6 JSON."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ioc import __version__
from ioc.supply.licences import OURS
from ioc.supply.parts import requirements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ioc.supply.parts import Part

_OWN = f"pkg:pypi/ioc@{__version__}"
_NAMES = uuid.UUID("6c2f7d0e-57ad-4a8e-a5b3-2f4f1f3f9a55")  # so that the same parts give the same serial number


def bill(parts: Sequence[Part], now: datetime) -> dict[str, Any]:
    """The whole as one CycloneDX object; the same parts give the same one, but for its time."""
    own = {"type": "application", "bom-ref": _OWN, "name": "ioc", "version": __version__, "purl": _OWN,
           "licenses": [{"expression": OURS}]}  # fmt: skip
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMES, repr((__version__, sorted(parts))))}",
        "version": 1,
        "metadata": {
            "timestamp": now.isoformat(timespec="seconds"),
            "lifecycles": [{"phase": "operations"}],
            "tools": {"components": [{"type": "application", "name": "ioc sbom", "version": __version__}]},
            "component": own,
        },
        "components": [_component(part) for part in parts],
        "dependencies": [{"ref": _OWN, "dependsOn": _direct(parts)}, *_needs(parts)],
    }


def _component(part: Part) -> dict[str, Any]:
    made: dict[str, Any] = {"type": part.kind, "bom-ref": part.ref, "name": part.name}
    if part.version:
        made["version"] = part.version
    if part.sha256:
        made["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    if part.licence:
        made["licenses"] = [{"expression": part.licence}]
    made |= {key: value for key, value in (("cpe", part.cpe), ("purl", part.purl)) if value}
    if part.inside:
        made["properties"] = [{"name": "ioc:inside", "value": part.inside}]
    return made


def _direct(parts: Sequence[Part]) -> list[str]:
    """What the project asks for itself, and what lies among its own files."""
    asked = {canonicalize_name(Requirement(text).name) for text in requirements()}
    return sorted(p.ref for p in parts if not p.inside and (p.name in asked or not p.ref.startswith("pkg:pypi/")))


def _needs(parts: Sequence[Part]) -> list[dict[str, Any]]:
    known = {part.ref for part in parts}
    return [{"ref": p.ref, "dependsOn": sorted(known.intersection(p.needs))} for p in parts]
