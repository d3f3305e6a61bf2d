# SPDX-License-Identifier: Apache-2.0
"""The page that compares: what it says of our own options is what they are."""

from __future__ import annotations

import re

import pytest

from agentcore.known_options import later
from agentcore.settings import options
from tests.repository.tree import ROOT

ROW = re.compile(r"^\| `([A-Za-z.]+)` \| [^|]+ \| `([^`|]+)` \| [^|]+ \|$", re.MULTILINE)
PAGE = (ROOT / "docs/administrator/comparison.md").read_text(encoding="utf-8")
ROWS = ROW.findall(PAGE)


@pytest.mark.parametrize(("key", "here"), ROWS)
def test_the_default_is_as_the_page_says(key: str, here: str) -> None:
    declared = options()[key][2] if key in options() else later()[key]
    value = declared.default
    assert here == ({True: "y", False: "n"}[value] if isinstance(value, bool) else str(value))


def test_every_row_of_the_options_was_looked_at() -> None:
    section = PAGE.split("## Options")[1].split("\n## ")[0]
    assert len(re.findall(r"^\| `", section, re.MULTILINE)) == len(ROWS) > 20


def test_what_has_no_effect_is_said_to_have_none() -> None:
    silent = [key for key in later() if key not in options()]
    said = {line.split("`")[1] for line in PAGE.splitlines() if "no effect" in line and "`" in line}
    assert said & set(silent)
    assert not said & set(options())
