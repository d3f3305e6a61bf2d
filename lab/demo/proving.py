# SPDX-License-Identifier: Apache-2.0
"""The demo for real: a sandbox, the agent in it, and one check after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from lab.sandbox import Sandbox, guest, sandbox
from osdrivers.conformance.beds.witness import HostState
from osdrivers.errors import AgentError, first_line

from . import proof, reported, snapshot
from .report import Check, Report
from .running import Say, run_agent
from .trial import Trial
from .wanted import Wanted, wanted

#: What the agent may use, all but its tools.  A figure and no check: it depends on the machine.
CPU_BUDGET_S = 0.5

#: In this order: the second run comes after all that looks at the first.
CHECKS: tuple[tuple[str, Callable[[Trial], str]], ...] = (
    ("agent-exit", proof.agent_ended_well),
    ("platform-ready", reported.platform_ready),
    ("ssh-key-login", proof.key_login),
    ("ssh-password-login", proof.password_login),
    ("sudo", proof.sudo),
    ("sshd-config", proof.sshd_config),
    ("hostname", proof.hostname),
    ("resource-disk", proof.resource_disk),
    ("swap", proof.swap),
    ("routes", proof.routes),
    ("ovf-scrubbed", proof.ovf_scrubbed),
    ("no-secret-left", proof.no_secret_left),
    ("file-modes", proof.file_modes),
    ("host-keys-fresh", reported.fresh_host_keys),
    ("fingerprint", reported.fingerprint),
    ("custom-data", proof.custom_data),
    ("second-run-unchanged", proof.second_run),
)


def prove(root: str, driver: str, wrapper: str, say: Say) -> Report:
    """Provision a copy of a root tree and look at what became of it.

    :param driver: the driver the agent is told to use, "" for its own choice.
    :param wrapper: a script in the agent's place, see :func:`lab.sandbox.guest.bed_for`.
    :raises OperationError: there can be no sandbox here.
    """
    started = time.monotonic()
    report = Report()
    before = HostState.first()
    asked = wanted()
    options: Mapping[str, str] = {**guest.OPTIONS, **({"OS.Driver": driver} if driver else {})}
    with sandbox(asked.machine, root=root, options=options, wrapper=wrapper) as made:
        say(f"sandbox of {root} ready in {time.monotonic() - started:.2f} s")
        _prove_inside(made, asked, report, say)
    report.checks.append(_check("host-unchanged", lambda: reported.host_unchanged(before), say))
    report.seconds = time.monotonic() - started
    return report


def _prove_inside(made: Sandbox, asked: Wanted, report: Report, say: Say) -> None:
    routes = made.bed.guest.run(("ip", "route")).stdout
    trial = Trial(made, asked, snapshot.changed_tree(made), routes)
    trial.ran = run_agent(made, say)
    ended = trial.ran.ended
    report.agent = {
        "status": ended.status,
        "seconds": round(trial.ran.seconds, 3),
        "own_cpu_s": ended.own_cpu_s,
        "tools_cpu_s": ended.tools_cpu_s,
        "budget_cpu_s": CPU_BUDGET_S,
    }
    say(
        f"the agent ended with status {ended.status} after {trial.ran.seconds:.2f} s; "
        f"CPU time: its own {ended.own_cpu_s:.2f} s (at most {CPU_BUDGET_S:.1f} s is meant), "
        f"its tools {ended.tools_cpu_s:.2f} s"
    )
    report.system = {"root": made.root or "/", "driver": trial.ran.driver}
    report.tasks = list(trial.ran.tasks)
    report.changes = snapshot.described(made, trial.before, snapshot.changed_tree(made))
    for name, look in CHECKS:
        report.checks.append(_check(name, lambda look=look: look(trial), say))  # type: ignore[misc]
    report.platform = reported.received(trial.log())


def _check(name: str, look: Callable[[], str], say: Say) -> Check:
    """Look once; an answer that does not come is an answer too."""
    say(f"checking {name}")
    try:
        return Check(name, True, look())
    except AgentError as failure:
        return Check(name, False, first_line(failure))
