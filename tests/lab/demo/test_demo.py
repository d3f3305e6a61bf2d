# SPDX-License-Identifier: Apache-2.0
"""The demo holds for the real agent, and fails for one that is broken in one thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab import demo
from osdrivers.conformance.beds.witness import HostState

pytestmark = [pytest.mark.sandbox, pytest.mark.alone]

PROMISED = {
    *("ssh-key-login", "ssh-password-login", "sudo", "sshd-config", "hostname", "resource-disk"),
    *("swap", "routes", "ovf-scrubbed", "file-modes", "platform-ready", "fingerprint"),
    *("second-run-unchanged", "host-unchanged"),
}
KEYS = "/home/azureuser/.ssh/authorized_keys"
BROKEN = {
    "no key": (f'waagent-real "$@"; status=$?; rm -f {KEYS}; exit $status', {"ssh-key-login"}),
    "wrong mode": (f'waagent-real "$@"; status=$?; chmod 644 {KEYS}; exit $status', set()),
    "no Ready": (
        "[ -e /var/lib/waagent/provisioned ] && exit 0\n"
        "waagent-real provision --ovf /mnt/cdrom/secure/ovf-env.xml --json || exit\n"
        "ip route add 168.63.129.16 via 10.0.0.1\n"
        "umount /mnt/cdrom/secure",
        {"fingerprint"},
    ),
}
FAILS = {"no key": "file-modes", "wrong mode": "file-modes", "no Ready": "platform-ready"}


def demonstrated(tmp_path: Path, *words: str) -> tuple[int, dict[str, Any], set[str]]:
    """Exit status, JSON report, and the names of the checks that did not hold."""
    path = tmp_path / "report.json"
    status = demo.main([*words, "--json", str(path)])
    report = json.loads(path.read_text())
    return status, report, {check["name"] for check in report["checks"] if not check["held"]}


def test_every_check_holds_for_the_real_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = HostState.first()
    status, report, failed = demonstrated(tmp_path)
    said = capsys.readouterr().out
    assert not failed, [check for check in report["checks"] if not check["held"]]
    assert (status, report["proved"]) == (0, True)
    assert {check["name"] for check in report["checks"]} >= PROMISED
    assert {"host-name", "account", "sshd", "resource-disk", "swap"} <= {
        task["task"] for task in report["tasks"]
    }
    assert any("comp=health" in line for line in report["platform"])
    assert "new     /home/azureuser" in report["changes"]
    assert "changed /etc/passwd" in report["changes"]
    assert "own" in said and f"{report['agent']['own_cpu_s']:.2f} s" in said
    assert before.differences(HostState.now()) == ()


@pytest.mark.parametrize("fault", BROKEN)
def test_the_demo_fails_for_an_agent_with(fault: str, tmp_path: Path) -> None:
    body, more = BROKEN[fault]
    script = tmp_path / "agent"
    script.write_text(f"#!/bin/sh\n{body}\n")
    status, report, failed = demonstrated(tmp_path, "--agent", str(script))
    assert status != 0 and not report["proved"]
    assert {FAILS[fault], *more} <= failed
    # What is not broken is still seen to hold: the demo tells one fault from another.
    assert not failed & {"ssh-password-login", "sshd-config", "resource-disk", "swap"}
    assert not failed & {"routes", "ovf-scrubbed", "second-run-unchanged", "host-unchanged"}


def test_the_demo_fails_for_an_agent_that_does_nothing(tmp_path: Path) -> None:
    script = tmp_path / "agent"
    script.write_text("#!/bin/sh\necho 'I cannot' >&2\nexit 3\n")
    status, report, failed = demonstrated(tmp_path, "--agent", str(script))
    assert status != 0
    held = PROMISED - failed
    assert held == {"second-run-unchanged", "host-unchanged"} - failed
    ended = next(check for check in report["checks"] if check["name"] == "agent-exit")
    assert "status 3" in ended["evidence"] and "I cannot" in ended["evidence"]
