# SPDX-License-Identifier: Apache-2.0
"""What the platform is told, and that it is told in the end.

``report-due`` in the state directory is written before the marker of first boot and removed once
Ready has arrived, so a crash or a silent platform between them does not leave the platform
waiting for ever: the next start reports.
"""

from __future__ import annotations

from typing import Optional

from agentcore.azure import health
from agentcore.errors import ServiceError
from osdrivers.actions import Plan, Remove, WriteFile
from osdrivers.errors import AgentError, first_line
from osdrivers.executor import Task
from osdrivers.host import Host

from . import cloudinit
from .link import Link
from .progress import Progress

FIRST_CONTACT_S = 20.0
FAILURE_S = 120.0


def due_path(host: Host) -> str:
    """The note that Ready has still to be reported."""
    return f"{host.places.state}/report-due"


def ensure_due(host: Host) -> Plan:
    """The note is there."""
    if not host.exists(due_path(host)):
        yield WriteFile(due_path(host), b"Ready\n", 0o600)


def _ensure_not_due(host: Host) -> Plan:
    if host.exists(due_path(host)):
        yield Remove(due_path(host))


def starting(run: Progress) -> bool:
    """Find the platform and say that we are at work.  Its silence is not fatal yet."""
    link = run.link
    if link is None:
        return False
    try:
        run.stage("contact", lambda: link.connect(min(FIRST_CONTACT_S, run.left_s())))
        run.stage("report-starting", lambda: link.report(health.STARTING, FIRST_CONTACT_S))
    except ServiceError as silent:
        run.warn(f"the platform does not answer, going on without it: {first_line(silent)}")
        return False
    run.told_at = run.clock.monotonic()
    return True


def ready(run: Progress) -> Optional[AgentError]:
    """Report the fingerprint and Ready; returns the failure where the platform stayed silent."""
    link = run.link
    if link is None:
        return None
    try:
        run.stage("report-ready", lambda: _tell(run, link))
    except ServiceError as silent:
        run.warn(f"Ready could not be reported: {first_line(silent)}")
        return silent
    host = run.driver.host
    run.carry(Task("reported", lambda: _ensure_not_due(host)))
    return None


def _tell(run: Progress, link: Link) -> None:
    link.connect(run.left_s())
    fingerprint = cloudinit.fingerprint(run.driver, run.settings.provisioning.ssh_host_key_type)
    if fingerprint is not None:
        try:
            link.report_fingerprint(f"SHA256:{fingerprint}", min(30.0, run.left_s()))
        except ServiceError as refused:  # the platform has long done without it
            run.warn(f"fingerprint not reported: {first_line(refused)}")
    link.report(health.READY, run.left_s())


def failed(run: Progress, failure: AgentError) -> None:
    """Tell the platform what went wrong, in the words that its portal will show."""
    link = run.link
    if link is None:
        return
    text = f"{failure.reason}: {first_line(failure)}"
    limit_s = min(FAILURE_S, run.left_s())
    try:
        link.connect(limit_s)
        link.report(health.provisioning_failed(text), limit_s)
    except ServiceError as silent:
        run.warn(f"the failure could not be reported: {first_line(silent)}")
