"""XML from outside -> elements without namespaces; entities and document types are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

DEEPEST = 60


def root(payload: bytes) -> Element:
    """The root element. Raises DecodeError `not_xml`, or `unsafe_xml` for anything that reaches outside the message."""
    try:
        found: Element = fromstring(payload.rstrip(b"\0 \r\n"), forbid_dtd=True)
    except DefusedXmlException as error:
        raise DecodeError("unsafe_xml", f"document types and entities are refused: {type(error).__name__}") from error
    except (ParseError, ValueError, LookupError) as error:
        raise DecodeError("not_xml", str(error)) from error
    return found


def name(element: Element) -> str:
    """The tag without its namespace."""
    return element.tag.rsplit("}", 1)[-1]


def children(element: Element, tag: str) -> Iterator[Element]:
    """The children of that name, whatever their namespace."""
    return (child for child in element if name(child) == tag)


def descendants(element: Element, tag: str) -> Iterator[Element]:
    """All below (and the element itself) of that name."""
    return (found for found in element.iter() if name(found) == tag)


def text(element: Element, tag: str) -> str:
    """The first child's text, stripped; empty where there is none."""
    return next(((child.text or "").strip() for child in children(element, tag)), "")
