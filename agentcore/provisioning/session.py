# SPDX-License-Identifier: Apache-2.0
"""One provisioning from its first look at the machine to its last report.

The machine is made usable whether or not the platform answers; the platform is told as soon as
it does.  Ready is reported when the machine can be logged in to; its name for the DHCP server and
what belongs to every boot (temporary disk, swap, custom data) follow it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from agentcore.azure import ovf
from agentcore.azure.media import read_media
from agentcore.azure.retry import RetryPolicy
from osdrivers.actions import Plan, Remove, WriteFile
from osdrivers.api import Driver
from osdrivers.errors import AgentError, first_line
from osdrivers.executor import Task

from . import cloudinit, naming, reports
from .goal import Goal, goal_of
from .instance import Marker, instance_id
from .link import Link
from .media import FILE, Discs
from .progress import Progress
from .tasks import FirstBoot, Materials, later_boot, routes_task

MEDIA_S = 60.0
CERTIFICATES_S = 30.0


@dataclass
class Session:
    """The ways to provision.  Each raises what stopped it, or what came too late."""

    run: Progress

    def __post_init__(self) -> None:
        self.driver, self.settings = self.run.driver, self.run.settings
        self.instance = instance_id(self.driver)

    def from_document(self, data: bytes) -> None:
        """``provision --ovf FILE``: no disc, no discovery; reports only where there is a link."""
        goal, document = self._read(data)
        reports.starting(self.run)
        self._make(goal, document)

    def at_boot(self) -> None:
        """``waagent provision``: whatever this boot of this machine needs."""
        marker = Marker.of(self.driver.host)
        if marker.provisioned:
            self._known(marker)
            return
        who = cloudinit.provisioner(self.driver, self.settings)
        self.run.say(f"first boot, provisioned by {who}")
        if who == "waagent":
            self._native()
        elif who == "cloud-init":
            self._after_cloud_init()
        else:
            self._disabled()

    # ---- first boot

    def _native(self) -> None:
        failure: Optional[AgentError] = None
        try:
            goal, document = self._read(self.run.stage("media", self._media))
        except AgentError as refused:
            failure = refused
        self._contact()
        if failure is not None:
            reports.failed(self.run, failure)
            raise failure
        self._make(goal, document)

    def _discs(self) -> Discs:
        return Discs(self.driver, self.settings, self.run.observe, self.run.stages)

    def _media(self) -> bytes:
        """The document, from a disc that is mounted already or from a drive."""
        host, discs = self.driver.host, self._discs()
        if discs.present():
            data = host.read_bytes(f"{self.settings.platform.dvd_mount_point}/{FILE}")
            discs.release("")
            return data
        retry = RetryPolicy(deadline_s=MEDIA_S, first_s=0.5, cap_s=5.0)
        found = read_media(discs.drives, discs.opened, host.read_bytes, retry, self.run.clock)
        discs.release(found.device)
        return found.data

    def _read(self, data: bytes) -> tuple[Goal, bytes]:
        goal = goal_of(ovf.parse(data), self.settings)
        for warning in goal.warnings:
            self.run.warn(warning)
        return goal, ovf.scrub(data)

    def _contact(self) -> None:
        link = self.run.link
        if reports.starting(self.run) and link is not None and link.routes:
            self.run.carry(routes_task(self.driver, link.routes))

    def _make(self, goal: Goal, document: bytes) -> None:
        materials = Materials(document, self.instance, report_due=self.run.link is not None)
        boot = FirstBoot(self.driver, goal, self.settings, materials)
        if self.run.link is not None:
            self.run.carry(boot.first())
            boot.materials = replace(materials, certificates=self._certificates(goal))
        try:
            self.run.rehearse(boot.tasks())
            self.run.carry(*boot.tasks())
        except AgentError as failure:
            reports.failed(self.run, failure)
            raise
        self.run.say("the machine can be logged in to")
        late = reports.ready(self.run)
        self.run.carry(*naming.at_first_boot(self.driver, goal.host_name), *boot.every_boot())
        _raise(late)

    def _certificates(self, goal: Goal) -> Optional[Link]:
        """Awaited for as long as there is time when a key is known by its certificate alone."""
        link = self.run.link
        if link is None:
            return None
        needed = bool(goal.pairs) or any(not key.line for key in goal.keys)
        limit_s = self.run.left_s() if needed and goal.password is None else CERTIFICATES_S
        try:
            self.run.stage("certificates", lambda: link.fetch(limit_s))
        except AgentError as failure:
            self.run.warn(f"no certificates: {first_line(failure)}")
        return link

    def _after_cloud_init(self) -> None:
        """cloud-init makes accounts and keys; we wait for its document and for a host key."""
        run, kind = self.run, self.settings.provisioning.ssh_host_key_type
        self._contact()
        try:
            data = run.awaited("cloud-init", lambda: cloudinit.document(self.driver.host))
            environment = ovf.parse(data)
            run.awaited("host-key", cloudinit.host_key(self.driver, kind))
        except AgentError as failure:
            reports.failed(run, failure)
            raise
        goal = Goal(
            environment.host_name,
            environment.user_name,
            guest_agent=environment.provision_guest_agent,
        )
        materials = Materials(instance=self.instance, report_due=run.link is not None)
        boot = FirstBoot(self.driver, goal, self.settings, materials)
        run.carry(boot.first(), *boot.last())
        _raise(reports.ready(run))

    def _disabled(self) -> None:
        """Somebody else provisions; we only say that the machine is there."""
        materials = Materials(instance=self.instance, report_due=self.run.link is not None)
        boot = FirstBoot(self.driver, Goal("", ""), self.settings, materials)
        self.run.carry(boot.first(), *boot.last())
        _raise(reports.ready(self.run))

    # ---- boots that are not first

    def _known(self, marker: Marker) -> None:
        """The machine is provisioned; as which one?"""
        host = self.driver.host
        if self._discs().present():  # a run was killed while the disc was mounted
            self._discs().release("")
        if self.instance and not marker.is_for(self.instance):
            self.run.warn(
                f"this machine was provisioned as {marker.content or 'an unknown instance'} and "
                f"is {self.instance} now: accounts and keys stay, the platform is told"
            )
            self.run.carry(Task("report-due", lambda: reports.ensure_due(host)))
            self.run.carry(Task("instance", lambda: _changed(self.driver, self.instance)))
        late = reports.ready(self.run) if host.exists(reports.due_path(host)) else None
        self.run.carry(*later_boot(self.driver, self.settings, self.instance))
        _raise(late)


def _raise(failure: Optional[AgentError]) -> None:
    if failure is not None:
        raise failure


def _changed(driver: Driver, instance: str) -> Plan:
    """Forget what was known of the platform that the machine came from; then the marker."""
    host = driver.host
    stale = ("Protocol", "WireServerEndpoint", "SharedConfig.xml", "HostingEnvironmentConfig.xml")
    for name in (*stale, "published_hostname"):
        if host.exists(f"{host.places.state}/{name}"):
            yield Remove(f"{host.places.state}/{name}")
    yield WriteFile(Marker.of(host).path, instance.encode(), 0o600)
