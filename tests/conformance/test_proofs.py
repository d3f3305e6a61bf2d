# SPDX-License-Identifier: Apache-2.0
"""Marks say what was proved, and are read without running anything."""

from __future__ import annotations

from pathlib import Path

from osdrivers.conformance.choice import BEDS
from osdrivers.conformance.operations import BY_NAME
from osdrivers.conformance.proofs import read

MODULE = """import pytest

@pytest.mark.proves("publish", "recover", bed="network", tools=("dhclient", "ip"))
def test_it() -> None:
    raise SystemExit
"""


def test_marks_and_kept_runs_are_read(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "test_one.py").write_text(MODULE)
    kept = tmp_path / "proved.json"
    kept.write_text('{"root": {"user": ["useradd"], "publish": ["ip"]}}')
    proofs = read(tmp_path, kept)
    assert proofs.beds("publish", "dhclient") == {"network"}
    assert proofs.beds("publish", "ip") == {"network", "root"}
    assert proofs.beds_of_all("publish", ["ip", "dhclient"]) == {"network"}
    assert proofs.beds("user", "useradd") == {"root"}
    assert not proofs.beds("user-gone", "useradd")
    assert not proofs.beds_of_all("route", [])


def test_every_mark_names_operations_and_a_bed_that_there_are(source: Path) -> None:
    proofs = read(source / "tests", source / "tests" / "conformance" / "proved.json")
    for proof in proofs:
        assert set(proof.operations) <= set(BY_NAME), proof
        assert proof.bed in BEDS, proof
        assert proof.tools or len(proof.operations) == 1, proof
