# SPDX-License-Identifier: Apache-2.0
"""The file of options that is shipped shows the values that hold without it."""

from __future__ import annotations

import re
from pathlib import Path

from agentcore.configuration import Configuration, apply

SHIPPED = Path(__file__).resolve().parents[2] / "conf" / "waagent.conf"


def test_the_defaults_that_are_shown_are_those_that_hold() -> None:
    text = re.sub(r"^#(?=[A-Za-z.]+=)", "", SHIPPED.read_text("utf-8"), flags=re.MULTILINE)
    found = apply(Configuration(), "/etc/waagent.conf", text)
    assert len(found.origins) > 50
    assert [note for note in found.notes if note.error] == []
    assert found.settings == Configuration().settings
