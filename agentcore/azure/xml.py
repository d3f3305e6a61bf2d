# SPDX-License-Identifier: Apache-2.0
"""The one entry to XML: every document that comes from outside passes ``parse``.

DTDs, entities and external references are refused, and so are documents that are too long, too
deep or have too many elements; each of them, and every error of syntax, is ``Malformed``.
Source: https://docs.python.org/3/library/xml.html#xml-vulnerabilities
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

from agentcore.errors import Malformed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT_LIMIT_BYTES = 8 * 1024 * 1024
DEPTH_LIMIT = 64
ELEMENTS_LIMIT = 100_000
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class _TooLarge(Exception):
    """The tree grows beyond its limits."""


def parse(data: bytes, what: str, limit_bytes: int = DOCUMENT_LIMIT_BYTES) -> Element:
    """The root element of a document.

    A byte order mark, NUL padding and anything before the first ``<`` are tolerated: the platform
    has sent all three.

    :param what: what the document is called in messages, e.g. ``"the goal state"``.
    :raises Malformed: it is not well-formed, is too large, or uses a DTD.
    """
    import defusedxml.ElementTree as safe  # 10 ms: it loads ElementTree twice
    from defusedxml import DefusedXmlException

    if len(data) > limit_bytes:
        raise Malformed(f"{what} has {len(data)} bytes, more than the {limit_bytes} allowed")
    parser = safe.XMLParser(
        target=_bounded_builder(), forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        parser.feed(_trimmed(data))
        root: Element = parser.close()
    except DefusedXmlException as hostile:
        raise Malformed(f"{what} is refused: it has a DTD or entities") from hostile
    except _TooLarge as large:
        raise Malformed(f"{what} is refused: {large}") from large
    # Of expat; of an encoding Python does not have; of one it cannot map byte by byte.
    except (SyntaxError, LookupError, ValueError) as broken:
        raise Malformed(f"{what} is not well-formed XML: {_one_line(broken)}") from broken
    return root


def _trimmed(data: bytes) -> bytes:
    """The document itself.  In UTF-16 a NUL is half a character, so that stays as it is."""
    if data.startswith(_UTF16_BOMS):
        return data
    data = data.replace(b"\0", b"")
    return data[max(data.find(b"<"), 0) :]


def _bounded_builder() -> Any:
    """A tree builder that stops at the limits; expat itself has none."""
    from xml.etree.ElementTree import TreeBuilder

    class Bounded(TreeBuilder):
        depth = 0
        elements = 0

        def start(self, tag: Any, attrs: Any, /) -> Element:
            self.depth += 1
            self.elements += 1
            if self.depth > DEPTH_LIMIT:
                raise _TooLarge(f"elements are nested more than {DEPTH_LIMIT} deep")
            if self.elements > ELEMENTS_LIMIT:
                raise _TooLarge(f"it has more than {ELEMENTS_LIMIT} elements")
            return super().start(tag, attrs)

        def end(self, tag: Any, /) -> Element:
            self.depth -= 1
            return super().end(tag)

    return Bounded()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def split_tag(tag: str) -> tuple[str, str]:
    """``{namespace}name`` as (namespace, name)."""
    namespace, brace, name = tag.rpartition("}")
    return (namespace[1:], name) if brace else ("", tag)


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return split_tag(element.tag)[1]


def require_root(root: Element, name: str, namespace: Optional[str], what: str) -> Element:
    """The root itself, if it is what the document should be.  :raises Malformed: it is not."""
    found_namespace, found = split_tag(root.tag)
    if found != name:
        raise Malformed(f"{what} has the root element {found!r}, expected {name!r}")
    if namespace is not None and found_namespace != namespace:
        raise _wrong_namespace(root, namespace, what)
    return root


def children(
    parent: Optional[Element], name: str, namespace: Optional[str], what: str
) -> list[Element]:
    """The direct children of that name; none of no parent.

    :param namespace: None takes any.
    :raises Malformed: the name is there, but in another namespace.
    """
    found = []
    for element in parent if parent is not None else ():
        element_namespace, element_name = split_tag(element.tag)
        if element_name != name:
            continue
        if namespace is not None and element_namespace != namespace:
            raise _wrong_namespace(element, namespace, what)
        found.append(element)
    return found


def child(
    parent: Optional[Element], name: str, namespace: Optional[str], what: str
) -> Optional[Element]:
    """The first direct child of that name, or None.  See :func:`children`."""
    found = children(parent, name, namespace, what)
    return found[0] if found else None


def require(parent: Element, name: str, namespace: Optional[str], what: str) -> Element:
    """The first direct child of that name.  :raises Malformed: there is none."""
    found = child(parent, name, namespace, what)
    if found is None:
        raise Malformed(f"{what} has no element {name!r} in {local_name(parent)!r}")
    return found


def descendants(root: Optional[Element], name: str) -> Iterator[Element]:
    """All elements of that local name, in document order, whatever their namespace."""
    for element in root.iter() if root is not None else ():
        if local_name(element) == name:
            yield element


def descendant(root: Optional[Element], name: str) -> Optional[Element]:
    """The first element of that local name, or None."""
    return next(descendants(root, name), None)


def text(element: Optional[Element]) -> str:
    """An element's own text without the white space around it; "" of no element."""
    return (element.text or "").strip() if element is not None else ""


def _wrong_namespace(element: Element, expected: str, what: str) -> Malformed:
    namespace, name = split_tag(element.tag)
    return Malformed(f"{what} has {name!r} in the namespace {namespace!r}, expected {expected!r}")
