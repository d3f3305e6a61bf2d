# SPDX-License-Identifier: Apache-2.0
"""What the daemon looks at now and then.  Looking starts no process; what is found is applied."""

from __future__ import annotations

import math
from typing import Callable

from agentcore.provisioning.naming import PUBLISHED
from osdrivers.errors import AgentError
from osdrivers.watching import DhcpClientWatch, HostNameWatch, StaleNamesWatch

from . import accounts
from .applying import Applier
from .frame import Frame
from .scheduler import Task


class HostNameMonitor:
    """Publishes a host name that changed (``Provisioning.MonitorHostName``)."""

    name = "host-name"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        host, path = frame.host, f"{frame.host.places.state}/{PUBLISHED}"
        self._frame, self._apply = frame, apply
        self._period_s = float(frame.settings.provisioning.monitor_host_name_period_s)
        self._watch = HostNameWatch(
            frame.driver.hostname.get,
            lambda: host.read(path, ""),
            lambda name: host.write(path, name.encode(), mode=0o600),
            frame.monotonic,
        )

    def step(self, now_s: float) -> float:
        """Look, and publish."""
        name = self._watch.look()
        if name:
            self._frame.log("INFO", f"the host name is {name} now, and is published")
            try:
                self._apply("host-name", name)
            except AgentError as failure:
                self._watch.failed()
                self._frame.troubles.failed("publish-name", failure)
                return self._period_s
            self._watch.published(name)
            self._frame.troubles.worked("publish-name")
            self._frame.scheduler.wake("report")
        return self._period_s


class DhcpMonitor:
    """Gives routes and rules back that a restarted DHCP client took away."""

    name = "dhcp"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._frame, self._apply = frame, apply
        self._period_s = float(frame.settings.daemon.dhcp_period_s)
        links = frame.driver.links
        self._watch = DhcpClientWatch(links.clients if links is not None else lambda: ())
        self._owed = False

    def step(self, now_s: float) -> float:
        """Look; restore what was there."""
        restarted = self._watch.look()
        if restarted:
            kinds = ", ".join(sorted({each.kind for each in restarted}))
            self._frame.log("INFO", f"DHCP client restarted: {kinds}")
            self._owed = bool(self._frame.board.routes)
            self._frame.scheduler.wake("firewall")
        if self._owed:
            self._apply("routes", *self._frame.board.routes)
            self._owed = False  # only now: what failed is tried again
        return self._period_s


class NamesMonitor:
    """Frees names that are kept for interfaces which are gone."""

    name = "interface-names"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._frame, self._apply = frame, apply
        self._period_s = float(frame.settings.daemon.interface_names_period_s)
        names, network = frame.driver.interface_names, frame.driver.network
        self._watch = StaleNamesWatch(
            names.pinned if names is not None else dict,
            lambda: [each.mac for each in network.interfaces()] if network is not None else (),
        )

    def step(self, now_s: float) -> float:
        """Look; free them."""
        stale = self._watch.look()
        if stale:
            self._frame.log("INFO", f"names without interface: {', '.join(stale.values())}")
            self._apply("interface-names")
        return self._period_s


class TimeoutMonitor:
    """Gives disks that came later the timeout of the others (``OS.RootDeviceScsiTimeout``)."""

    name = "scsi-timeout"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._frame, self._apply = frame, apply
        self._period_s = float(frame.settings.daemon.scsi_timeout_period_s)

    def step(self, now_s: float) -> float:
        """Look; set those that differ."""
        devices = self._frame.driver.devices
        wanted = self._frame.settings.system.root_device_scsi_timeout_s
        if devices is None or wanted is None:
            return math.inf
        if any(found != wanted for found in devices.timeouts().values()):
            self._apply("scsi-timeout")
        return self._period_s


class FirewallMonitor:
    """Keeps the rules that guard the wire server (``OS.EnableFirewall``).

    Only root can see whether they are there, so looking and restoring are one step.
    """

    name = "firewall"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._frame, self._apply = frame, apply
        self._period_s = float(frame.settings.daemon.firewall_period_s)

    def step(self, now_s: float) -> float:
        """Ensure them."""
        frame = self._frame
        if frame.driver.firewall is None or not frame.settings.daemon.firewall:
            frame.board.guarded = "off" if frame.driver.firewall else "this system has none"
            return math.inf
        endpoint = frame.board.endpoint
        if endpoint is None or endpoint.host.startswith("127."):
            frame.board.guarded = "waits for the wire server"
            return 60.0
        try:
            self._apply("firewall", endpoint.host)
        except AgentError as failure:
            frame.board.guarded = "failed"
            frame.troubles.failed("firewall-rules", failure)
            return self._period_s
        frame.board.guarded = f"guards {endpoint.host}"
        frame.troubles.worked("firewall-rules")
        return self._period_s


class StartWork:
    """What belongs to every start: entropy, NUMA policy, timeouts of disks.  Done once."""

    name = "start-work"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._apply = apply

    def step(self, now_s: float) -> float:
        """Do it; what fails is tried again by the scheduler."""
        self._apply("start")
        return math.inf


class AccountMonitor:
    """Makes and removes the accounts that the platform lends."""

    name = "accounts"

    def __init__(self, frame: Frame, apply: Applier) -> None:
        self._frame, self._apply = frame, apply
        self._done: object = None

    def step(self, now_s: float) -> float:
        """Bring them to what holds now, when that changed or one expires."""
        frame, update = self._frame, self._frame.board.update
        if update is None:
            return math.inf
        access, now = update.remote_access, frame.now()
        for user in access.users:
            if user.problem and self._done is None:
                frame.log("WARNING", f"remote access: {user.problem}")
        wanted = accounts.valid(access, now)
        if wanted != self._done:
            if wanted or accounts.present(frame.driver):
                self._apply("accounts", stdin=accounts.packed(wanted))
            self._done = wanted
        # At most an hour: the wall clock may be set.
        return min([3600.0, *(max(each.expires_s - now, 1.0) for each in wanted)])


def monitors(frame: Frame, apply: Applier) -> tuple[Task, ...]:
    """All that are switched on."""
    chosen: list[Callable[[Frame, Applier], Task]] = [
        StartWork,
        DhcpMonitor,
        NamesMonitor,
        TimeoutMonitor,
        FirewallMonitor,
        AccountMonitor,
    ]
    if frame.settings.provisioning.monitor_host_name:
        chosen.append(HostNameMonitor)
    return tuple(make(frame, apply) for make in chosen)
