# SPDX-License-Identifier: Apache-2.0
"""Handlers' commands: what they get, how they fail, how long they take, and restarts under them."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.extensions import configured
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, handler, package, told

pytestmark = pytest.mark.tools


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def test_a_command_gets_the_proxies_and_what_it_is_told_wins(bed: Bed) -> None:
    script = b"#!/bin/sh\necho $https_proxy $ConfigSequenceNumber $PWD >../calls\n"
    bed.put(NAME, "1.0.0.0", package(script))
    around = {"https_proxy": "http://p:1", "ConfigSequenceNumber": "9", "SHELL": "x"}
    kept = (*configured.inherited(around), ("ConfigSequenceNumber", "9"))
    bed.surroundings = replace(bed.surroundings, inherited=kept)
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert configured.inherited(around) == (("https_proxy", "http://p:1"),)
    assert (bed.state / "calls").read_text() == f"http://p:1 1 {bed.state}/{NAME}-1.0.0.0\n"


@pytest.mark.parametrize(
    ("temper", "code", "calls"),
    [
        ("failing-install", 1007, ["install 1.0.0.0"]),
        ("failing", 1009, ["install 1.0.0.0", "enable 1.0.0.0"]),
        ("crashing", 1009, ["install 1.0.0.0", "enable 1.0.0.0"]),
    ],
)
def test_a_command_that_fails_has_its_number(
    bed: Bed, temper: str, code: int, calls: list[str]
) -> None:
    bed.offer(Sample(NAME, temper=temper))
    bed.want(1, handler())
    bed.run()
    ((_, status, found, _),) = told(bed)
    assert (status, found) == ("NotReady", code)
    assert [" ".join(one.split()[:2]) for one in bed.calls()] == calls
    if temper == "failing-install":
        assert "it is my nature" in bed.report()[0].message


def test_a_deaf_command_is_killed_when_its_time_is_over_and_delays_nothing(bed: Bed) -> None:
    bed.offer(Sample(NAME, temper="deaf"))
    bed.want(1, handler())
    pids = bed.state / f"{NAME}.calls.pids"
    bed.run(lambda: pids.exists() and bool(pids.read_text()))
    assert bed.machine.report(bed.now) is not None
    assert bed.machine.step(bed.now) > 0
    bed.now += 299
    bed.machine.step(bed.now)
    os.kill(int(pids.read_text()), 0)
    bed.now += 2
    bed.run()
    assert told(bed)[0][2] == 1011
    assert _gone(int(pids.read_text()))


def _gone(process: int) -> bool:
    """Its parent, no child of ours, need not have looked after it yet."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


@pytest.mark.parametrize("temper", ["chatty", "forking", "meddling", "no-status"])
def test_ill_manners_do_no_harm(bed: Bed, temper: str) -> None:
    bed.offer(Sample(NAME, temper=temper))
    bed.want(1, handler())
    bed.run()
    if temper == "forking":
        os.kill(int((bed.state / f"{NAME}.calls.pids").read_text()), signal.SIGKILL)
    ((_, status, _, own),) = told(bed)
    assert (status, own) == ("Ready", "transitioning" if temper == "no-status" else "success")
    log = bed.logs / f"{NAME}/CommandExecution.log"
    assert log.stat().st_size < 3 << 20
    bed.want(2, handler())
    bed.run()
    assert [one.split()[0] for one in bed.calls()] == ["install", "enable", "enable"]
    if temper == "forking":
        pid = (bed.state / f"{NAME}.calls.pids").read_text().split()[-1]
        os.kill(int(pid), signal.SIGKILL)


def test_an_agent_that_was_restarted_finds_the_command_that_runs(bed: Bed) -> None:
    script = b'#!/bin/sh\necho $1 >>../calls\n[ "$1" = install ] || read -r go <../go\n'
    bed.put(NAME, "1.0.0.0", package(script))
    go, calls = bed.state / "go", bed.state / "calls"
    os.mkfifo(go)
    gate = os.open(go, os.O_RDWR)  # nobody waits to open it
    try:
        bed.want(1, handler())
        bed.run(lambda: calls.exists() and "enable" in calls.read_text())
        bed.restart()
        bed.want(2, handler(name="Lab.None", state="uninstall"))  # the present unit comes first
        assert bed.machine.step(bed.now) > 0
        os.write(gate, b"go\n")
        bed.run(lambda: bed.machine.progress.unit is None)
    finally:  # whatever failed, the command comes to its end
        go.unlink()
        os.close(gate)
    assert calls.read_text() == "install\nenable\n"
    assert bed.machine.progress.handlers[NAME].status == "Ready"


def test_after_a_reboot_what_was_cut_off_is_begun_again_but_not_for_ever(bed: Bed) -> None:
    bed.put(
        NAME, "1.0.0.0", package(b"#!/bin/sh\necho $1 >>../calls\n[ $1 = install ] || sleep 60\n")
    )
    bed.want(1, handler())
    calls = bed.state / "calls"
    seen = list[int]()
    for attempt in (1, 2, 3):
        seen.append(attempt)
        bed.run(lambda: calls.exists() and calls.read_text().count("enable") == len(seen))
        job = bed.machine.progress.job
        assert job is not None
        bed.jobs.kill(job.record)
        bed.now = 1.0
        bed.restart()
        bed.want(1, handler())
    bed.run()
    assert calls.read_text() == "install\nenable\nenable\nenable\n"
    assert "cut off" in bed.report()[0].message


def test_a_log_that_cannot_be_written_makes_no_command_fail(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    (bed.logs / f"{NAME}/CommandExecution.log").mkdir(parents=True)
    bed.want(1, handler())
    bed.run()
    assert told(bed) == [(NAME, "Ready", 0, "success")]
    assert [line for line in bed.lines if "no record of the output" in line]


def test_a_command_that_ended_in_its_last_second_counts(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run(lambda: bool(bed.calls()) and bed.calls()[-1].startswith("enable"))
    job = bed.machine.progress.job
    assert job is not None
    for _ in range(6000):
        if bed.jobs.state(job.record).phase == "ended":
            break
        select.select([], [], [], 0.01)
    bed.now += 301  # nobody looked meanwhile
    bed.run()
    assert told(bed) == [(NAME, "Ready", 0, "success")]
