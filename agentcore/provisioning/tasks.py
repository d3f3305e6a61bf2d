# SPDX-License-Identifier: Apache-2.0
"""First boot as a list of tasks: what to ask the driver for, in which order, and how badly.

The order is that of need: whoever must be able to log in comes first, and the marker is the last
of first boot, so that a crash before it repeats everything (which changes nothing twice) and a
crash after it only what belongs to every boot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional, Protocol

from agentcore.settings import Settings
from osdrivers.actions import EditFile, MakeDirectory, Plan, Remove, WriteFile
from osdrivers.api import Driver, Route, User
from osdrivers.errors import AgentError, NotFound, Unsupported
from osdrivers.executor import Task
from osdrivers.host import Secret

from . import reports, resourcedisk
from .customdata import CustomDataRun
from .goal import Goal, WantedKey, custom_data
from .instance import Marker

UNKNOWN_INSTANCE = "unknown-instance"


class Certificates(Protocol):
    """The certificates the platform sent, by thumbprint."""

    def public_key(self, thumbprint: str) -> str:
        """An OpenSSH public key line.  :raises NotFound: no such certificate."""

    def private_key(self, thumbprint: str) -> Secret:
        """PEM.  :raises NotFound: no such certificate, or it came without its key."""


@dataclass(frozen=True)
class Materials:
    """What the platform gave besides the goal.

    ``document``: the scrubbed one; ``certificates`` None: the platform was not asked;
    ``report_due``: Ready will have to be reported.
    """

    document: bytes = b""
    instance: str = ""
    certificates: Optional[Certificates] = None
    report_due: bool = False


@dataclass
class Noted:
    """Whether any of several plans had something to do."""

    changed: bool = False

    def __call__(self, plan: Plan) -> Plan:
        """The same plan; a failure thrown in reaches it."""
        action = next(plan, None)
        while action is not None:
            self.changed = True
            try:
                yield action
            except AgentError as failure:
                try:
                    action = plan.throw(failure)
                except StopIteration:
                    return
            else:
                action = next(plan, None)


@dataclass
class FirstBoot:
    """The tasks of one machine.  Plans are made when their turn comes."""

    driver: Driver
    goal: Goal
    settings: Settings
    materials: Materials = field(default_factory=Materials)

    def tasks(self) -> Iterator[Task]:
        """First boot, up to the marker."""
        goal, chosen = self.goal, self.settings.provisioning
        noted = Noted()
        yield self.first()
        yield Task("host-name", lambda: self.driver.hostname.ensure(goal.host_name))
        yield Task("account", self._account)
        if goal.password is not None:
            yield Task("password", self._password)
        yield Task("sudo", self._sudo, required=False)
        if goal.keys:
            yield Task("ssh-keys", self._keys, required=goal.password is None)
        if goal.pairs:
            yield Task("key-pairs", self._pairs, required=False)
        if chosen.delete_root_password:
            root = self.driver.users.ensure_root_password_disabled
            yield Task("root-password", root, required=False)
        if self.driver.sshd is not None:
            yield Task("sshd-options", lambda: noted(self._sshd_options()))
            yield Task("host-keys", lambda: noted(self._host_keys()))
            yield Task("sshd", lambda: self._sshd_running(noted))
        if self.driver.labels is not None:
            yield Task("labels", self._labels, required=False)
        if goal.custom_data is not None:
            yield Task("custom-data", self._custom_data, required=False)
        yield from self.last()

    def first(self) -> Task:
        """The state directory, in which everything else is kept."""
        return Task("state", self._state)

    def last(self) -> Iterator[Task]:
        """What first boot ends with, whoever did the rest."""
        yield Task("guest-agent", self._guest_agent)
        if self.materials.report_due:
            yield Task("report-due", lambda: reports.ensure_due(self.driver.host))
        yield Task("provisioned", self._marker)

    def every_boot(self) -> Iterator[Task]:
        """What the temporary disk's volatility demands at each boot, and the custom data."""
        yield from resourcedisk.tasks(self.driver, self.settings)
        if self.goal.custom_data is not None and self.settings.provisioning.execute_custom_data:
            yield Task("run-custom-data", self._run_custom_data, required=False)

    # ---- plans

    def _path(self, name: str) -> str:
        return f"{self.driver.host.places.state}/{name}"

    def _state(self) -> Plan:
        host = self.driver.host
        found = host.status(host.places.state)
        if found is None or found.mode != 0o700:
            yield MakeDirectory(host.places.state, 0o700)
        copy = self._path("ovf-env.xml")
        if self.materials.document and not self._holds(copy, self.materials.document, 0o600):
            yield WriteFile(copy, self.materials.document, 0o600)

    def _holds(self, path: str, data: bytes, mode: int) -> bool:
        found = self.driver.host.status(path, follow=False)
        if found is None or found.kind != "file" or found.mode != mode:
            return False
        return self.driver.host.read_bytes(path, b"") == data

    def _account(self) -> Plan:
        users = self.driver.users
        yield from users.ensure(User(self.goal.user_name, groups=users.admin_groups))

    def _password(self) -> Plan:
        assert self.goal.password is not None  # noqa: S101 - the task exists only then
        yield from self.driver.users.ensure_password(
            self.goal.user_name,
            self.goal.password,
            allow_system=self.settings.provisioning.allow_reset_system_user,
        )

    def _sudo(self) -> Plan:
        if self.driver.sudo is None:
            raise Unsupported(f"{self.driver.name} has no sudo", hint="use su(1)")
        nopasswd = self.goal.password is None
        yield from self.driver.sudo.ensure_granted(self.goal.user_name, nopasswd=nopasswd)

    def _keys(self) -> Plan:
        if self.driver.keys is None:
            raise Unsupported(f"{self.driver.name} has no SSH keys")
        name, home = self.goal.user_name, self.driver.users.home(self.goal.user_name)
        for path in dict.fromkeys(key.path for key in self.goal.keys):
            here = [key for key in self.goal.keys if key.path == path]
            lines = [line for line in map(self._line, here) if line]
            if lines:
                yield from self.driver.keys.ensure_authorized(name, home, lines, path=path)
            for key in here:
                if not self._line(key):
                    yield self._undeliverable(path, key.thumbprint)

    def _line(self, key: WantedKey) -> str:
        if key.line or self.materials.certificates is None:
            return key.line
        return self.materials.certificates.public_key(key.thumbprint)

    @staticmethod
    def _undeliverable(path: str, thumbprint: str) -> EditFile:
        """A key whose certificate was not asked for: shown, and refused when carried out."""

        def refuse(present: bytes) -> bytes:
            raise NotFound(
                f"certificate {thumbprint} was not fetched",
                hint="give the wire server's address with --endpoint",
            )

        return EditFile(path, refuse, f"deploy {thumbprint}", 0o600)

    def _pairs(self) -> Plan:
        if self.driver.keys is None:
            raise Unsupported(f"{self.driver.name} has no SSH keys")
        name, home = self.goal.user_name, self.driver.users.home(self.goal.user_name)
        for pair in self.goal.pairs:
            certificates = self.materials.certificates
            if certificates is None:
                yield self._undeliverable(pair.path, pair.thumbprint)
                continue
            private = certificates.private_key(pair.thumbprint)
            public = certificates.public_key(pair.thumbprint)
            yield from self.driver.keys.ensure_key_pair(name, home, pair.path, private, public)

    def _sshd_options(self) -> Plan:
        assert self.driver.sshd is not None  # noqa: S101
        if self.goal.sshd:
            yield from self.driver.sshd.ensure_options(self.goal.sshd)

    def _host_keys(self) -> Plan:
        assert self.driver.sshd is not None  # noqa: S101
        chosen = self.settings.provisioning
        token = self._token() if chosen.regenerate_ssh_host_keys else ""
        yield from self.driver.sshd.ensure_host_keys(chosen.ssh_host_key_type, token)

    def _token(self) -> str:
        """Fresh keys once for each machine; where the firmware has no id, once for each image."""
        return self.materials.instance or UNKNOWN_INSTANCE

    def _sshd_running(self, noted: Noted) -> Plan:
        """A run that was killed after it changed the files did not reload: without the marker
        that is assumed."""
        assert self.driver.sshd is not None  # noqa: S101
        again = not Marker.of(self.driver.host).provisioned
        yield from self.driver.sshd.ensure_running(reload=noted.changed or again)

    def _labels(self) -> Plan:
        assert self.driver.labels is not None  # noqa: S101
        home = self.driver.users.home(self.goal.user_name)
        places = self.driver.host.places
        yield from self.driver.labels.ensure_restored((f"{home}/.ssh", places.sshd))

    def _custom_data(self) -> Plan:
        wanted = custom_data(self.goal, self.settings)
        if wanted is None:
            return
        path, mode = self._path("CustomData"), 0o700 if wanted.execute else 0o600
        if not self._holds(path, wanted.content.reveal(), mode):
            yield WriteFile(path, wanted.content, mode)
        run = CustomDataRun(self.driver.host, self._token())
        if wanted.execute and not (run.due or run.over):
            yield run.record("due")

    def _run_custom_data(self) -> Plan:
        custom_data(self.goal, self.settings)
        run = CustomDataRun(self.driver.host, self._token())
        if not run.over:
            yield from run.plan()

    def _guest_agent(self) -> Plan:
        path = self._path("disable_agent")
        if self.goal.guest_agent and self.driver.host.exists(path):
            yield Remove(path)
        elif not self.goal.guest_agent and not self.driver.host.exists(path):
            yield WriteFile(path, b"", 0o600)

    def _marker(self) -> Plan:
        marker = Marker.of(self.driver.host)
        if marker.content != self.materials.instance:
            yield WriteFile(marker.path, self.materials.instance.encode(), 0o600)


def later_boot(driver: Driver, settings: Settings, instance: str) -> Iterator[Task]:
    """A machine that is provisioned: its temporary disk, and custom data that is still due."""
    yield from resourcedisk.tasks(driver, settings)
    run = CustomDataRun(driver.host, instance or UNKNOWN_INSTANCE)
    if run.due:
        yield Task("run-custom-data", run.plan, required=False)


def routes_task(driver: Driver, routes: Sequence[Route]) -> Task:
    """The routes the DHCP server told us of (options 3 and 249)."""

    def plan() -> Plan:
        if driver.network is not None:
            for route in routes:
                yield from driver.network.ensure_route(route)

    return Task("routes", plan, required=False)
