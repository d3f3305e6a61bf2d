# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import pytest

from lab.peers.cli import medians
from lab.peers.measure import Boot
from lab.peers.table import table
from lab.vm.network import classless
from lab.vm.progress import Progress
from lab.vm.report import Report
from osdrivers.errors import NotFound


@pytest.fixture
def report() -> Report:
    return Report(Progress(io.StringIO()))


def test_a_report_without_checks_does_not_hold(report: Report) -> None:
    assert not report.held


def test_one_failed_check_fails_the_report(report: Report) -> None:
    report.check("first-boot", "sudo", True, "with the password")
    before = bool(report.to_json()["held"])
    report.check("first-boot", "swap", False, "none\nat all")
    assert (before, bool(report.to_json()["held"])) == (True, False)
    assert "FAIL swap: none at all" in report.summary()
    assert report.to_json()["checks"][1]["evidence"] == "none at all"


def test_an_error_in_a_trial_is_a_failed_check(report: Report) -> None:
    with report.trial("first-boot", "ran to the end"):
        raise NotFound("no medium", hint="insert one")
    assert [(one.name, one.held, one.evidence) for one in report.checks] == [
        ("ran to the end", False, "no medium: insert one")
    ]


def test_a_mistake_of_the_lab_is_not_hidden(report: Report) -> None:
    with pytest.raises(ZeroDivisionError), report.trial("first-boot", "ran to the end"):
        raise ZeroDivisionError


def test_the_median_counts_the_boots_that_have_the_figure() -> None:
    boots = [Boot({"Ready, s": 40.0}), Boot({"Ready, s": 44.0, "idle RSS, MiB": 9.0}), Boot()]
    assert medians(boots) == {"Ready, s": 42.0, "idle RSS, MiB": 9.0}


def test_figures_stand_side_by_side() -> None:
    text = table({"waagent": {"Ready, s": 48.46}, "agentcore": {"idle RSS, MiB": 20.0}}, "median")
    assert text.splitlines() == [
        "| median | waagent | agentcore |",
        "|---|---|---|",
        "| Ready, s | 48.5 | - |",
        "| idle RSS, MiB | - | 20.0 |",
    ]


def test_our_part_of_the_peers_figure_stands_beside_what_is_wanted_of_it() -> None:
    figures = {
        "waagent": {"idle PSS, MiB": 44.0, "processes": 0.0},
        "agentcore": {"idle PSS, MiB": 11.0, "processes": 0.0},
    }
    assert table(figures, "median", ours="agentcore", peer="waagent").splitlines()[0::2] == [
        "| median | waagent | agentcore | agentcore / waagent | wanted |",
        "| idle PSS, MiB | 44.0 | 11.0 | 0.25 | at most 0.5 |",
    ]
    last = table(figures, "median", ours="agentcore", peer="waagent").splitlines()[-1]
    assert last == "| processes | 0.0 | 0.0 | - |  |"


def test_classless_routes_leave_out_insignificant_bytes() -> None:
    # The example of the platform's own option 249.
    routes = {"0.0.0.0/0": "10.0.0.1", "168.63.129.16/32": "10.0.0.1", "192.168.5.0/24": "10.0.0.2"}
    assert classless(routes).replace(":", "").upper() == (
        "000A00000120A83F81100A00000118C0A8050A000002"
    )
