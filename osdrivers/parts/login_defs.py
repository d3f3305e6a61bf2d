# SPDX-License-Identifier: Apache-2.0
"""Which numbers are people's: login.defs(5)."""

from __future__ import annotations

import re

from ..host import Host

#: Vendor files that hold while there is none in /etc: SUSE since 2020, Flatcar.
PLACES = ("/etc/login.defs", "/usr/etc/login.defs", "/usr/share/shadow/login.defs")


def uid_min(host: Host, default: int) -> int:
    """UID_MIN of the machine; the default where no file says one."""
    for path in PLACES:
        text = host.read(path, "")
        if text:
            found = re.findall(r"^[ \t]*UID_MIN[ \t]+\"?(0x[0-9A-Fa-f]+|\d+)", text, re.MULTILINE)
            return _number(found[-1]) if found else default
    return default


def _number(text: str) -> int:
    """strtol(3) with base 0, as shadow-utils reads it."""
    octal = len(text) > 1 and text[0] == "0" and text.isdigit()
    return int(text, 8) if octal else int(text, 0)
