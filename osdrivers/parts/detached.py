# SPDX-License-Identifier: Apache-2.0
"""A daemon that is started anew must not belong to the service that asked for it.

A process stays in the control group of its parent and ends with it, unless systemd itself starts
it.  Source: systemd.kill(5), systemd-run(1).
"""

from __future__ import annotations

from ..actions import Run
from ..host import Host
from ..probes import Probes

_TIMEOUT_S = 90.0


def starting(host: Host, probes: Probes, argv: tuple[str, ...]) -> Run:
    """The action that starts a program which makes itself a daemon.

    :raises CommandMissing: a tool that it needs is not installed.
    """
    host.require(argv[0])
    if probes.init == "systemd":
        host.require("systemd-run", package="systemd")
        argv = ("systemd-run", "--quiet", "--service-type=forking", "--", *argv)
    return Run(argv, timeout_s=_TIMEOUT_S, booted=True)
