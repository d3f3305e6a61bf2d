# SPDX-License-Identifier: Apache-2.0
"""Signatures in URIs of storage (SAS) are taken out of every text that leaves the process."""

from __future__ import annotations

import re

REDACTED = "<redacted>"
_QUERY = re.compile(r"\?([^\s\"'<>\\?]+)")
#: The parameters of a shared access signature.  Source:
#: https://learn.microsoft.com/rest/api/storageservices/create-service-sas
_SIGNED = re.compile(r"(?:^|[&;])(?:sv|st|se|sr|sp|sip|spr|sig|ss|srt)=", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text with every query that signs replaced; all else stays as it is."""
    return _QUERY.sub(_one, text) if "?" in text else text


def _one(query: re.Match[str]) -> str:
    return f"?{REDACTED}" if _SIGNED.search(query.group(1)) else query.group()
