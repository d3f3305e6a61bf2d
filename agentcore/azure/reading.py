# SPDX-License-Identifier: Apache-2.0
"""Fields that both descriptions of a goal state have, read in one way.

What concerns one extension only is returned as a ``problem`` of that extension, so that the
others go on; what makes the document untrustworthy is ``Malformed``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Optional

from agentcore.errors import Malformed

from .desired import BLOCK_BLOB, NO_ID, PAGE_BLOB, Extension
from .xml import DOCUMENT_LIMIT_BYTES

#: Names become parts of paths: no separator, no leading dot or dash, nothing invisible.
_HANDLER = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,254}")
_EXTENSION = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_. ()-]{0,127}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.]{0,63}")
_THUMBPRINT = re.compile("[0-9A-F]{1,128}")
_URI = re.compile(r"https?://[!-~]{1,8192}", re.IGNORECASE)
_WORD = re.compile(r"[!-~]{1,512}")


class Unusable(Exception):
    """One handler's settings make no sense; the text says why."""


def json_document(data: bytes, what: str) -> Any:
    """A JSON document.  A byte order mark and NUL padding are tolerated.

    :raises Malformed: not JSON, not UTF-8, too long or nested too deep.
    """
    if len(data) > DOCUMENT_LIMIT_BYTES:
        raise Malformed(f"{what}: {len(data)} bytes, more than the {DOCUMENT_LIMIT_BYTES} allowed")
    try:
        return json_text(data.rstrip(b"\0").decode("utf-8-sig"))
    except ValueError as broken:  # UnicodeDecodeError is one
        raise Malformed(f"{what}: not JSON: {broken}"[:300]) from broken


def json_text(text: str) -> Any:
    """:raises ValueError: not JSON, or nested deeper than this process can follow."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def members(value: object) -> dict[str, Any]:
    """An object with its names in lower case: the platform varies them; {} of anything else."""
    if not isinstance(value, dict):
        return {}
    return {name.lower(): member for name, member in value.items()}


def items(value: object, what: str) -> list[Any]:
    """A list, or nothing.  :raises Malformed: something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{what} is not a list")
    return value


def text_of(value: object) -> str:
    """A text without the white space around it; a number as its digits; "" of anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def number(value: object) -> Optional[int]:
    """A whole number of at most 18 digits, not negative; None of anything else."""
    text = text_of(value)
    return int(text) if re.fullmatch("[0-9]{1,18}", text, re.ASCII) else None


def sequence(value: object) -> int:
    """A sequence number.  :raises Unusable: it is none."""
    found = number(value)
    if found is None:
        raise Unusable(f"the sequence number {text_of(value)[:40]!r} is none")
    return found


def level(value: object) -> int:
    """A dependency level; what is no number counts as 0, as everywhere on the platform."""
    return number(value) or 0


def flag(value: object) -> Optional[bool]:
    """True for true in any case of letters, False for anything else, None for nothing at all."""
    if value is None:
        return None
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def identifier(value: object) -> str:
    """An activity or correlation id; the zero GUID where there is none."""
    text = text_of(value)
    return text if _WORD.fullmatch(text) else NO_ID


def blob_kind(value: object) -> str:
    """``PageBlob`` if that is said, else ``BlockBlob``."""
    return PAGE_BLOB if value == PAGE_BLOB else BLOCK_BLOB


def uri(value: object, what: str) -> str:
    """An http or https URI, or "".  :raises Malformed: something else."""
    text = text_of(value)
    if text and not _URI.fullmatch(text):
        raise Malformed(f"{what} is not an http or https URI")
    return text


def uris(values: Iterable[object]) -> tuple[str, ...]:
    """Those that are URIs, in their order, each once."""
    texts = (text_of(value) for value in values)
    return tuple(dict.fromkeys(text for text in texts if _URI.fullmatch(text)))


def handler_problem(name: str, version: str, state: str, states: Iterable[str]) -> str:
    """Why a handler of these cannot be processed, or ""."""
    if not _HANDLER.fullmatch(name) or ".." in name:
        return f"the handler's name {name[:80]!r} cannot be used"
    if not _VERSION.fullmatch(version):
        return f"the version {version[:40]!r} cannot be used"
    if state not in states:
        return f"the state {state[:40]!r} is not known"
    return ""


def extension_problem(name: str, state: str, states: Iterable[str]) -> str:
    """The same for the name and state of a multi-config extension."""
    if not name:
        return "a multi-config extension has no name"
    if not _EXTENSION.fullmatch(name) or ".." in name:
        return f"the extension's name {name[:80]!r} cannot be used"
    return "" if state in states else f"the state {state[:40]!r} of {name} is not known"


def with_settings(extension: Extension, settings: object) -> Extension:
    """The extension with what ``handlerSettings`` holds.

    Public settings come as JSON, or as a text with JSON in it.  Settings that cannot be used
    leave a problem and nothing else, so that the sequence number can be reported.
    """
    found = members(settings)
    try:
        public = _public(found.get("publicsettings"))
    except ValueError as broken:
        return replace(extension, problem=f"the public settings are not JSON: {broken}"[:200])
    protected = text_of(found.get("protectedsettings"))
    thumbprint = text_of(found.get("protectedsettingscertthumbprint")).replace(":", "").upper()
    if protected and not _THUMBPRINT.fullmatch(thumbprint):
        return replace(extension, problem="the protected settings name no certificate")
    return replace(
        extension,
        public_settings=public,
        protected_settings=protected,
        certificate_thumbprint=thumbprint if protected else "",
    )


def _public(value: object) -> str:
    if isinstance(value, str):
        if not value.strip():
            return ""
        value = json_text(value)
    return "" if value is None else json.dumps(value, separators=(",", ":"))
