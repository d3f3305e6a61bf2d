# SPDX-License-Identifier: Apache-2.0
"""First boot's reverse: what makes a machine itself is removed before it becomes an image.

The state directory goes last: as long as it is there a second run finds what the first one left.
Nothing outside the listed places is touched, no link is followed and no mount point crossed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from agentcore.azure import ovf
from agentcore.errors import Malformed
from agentcore.extensions.layout import Layout
from agentcore.settings import Settings
from osdrivers.actions import Plan, Remove, Verify
from osdrivers.api import Driver
from osdrivers.errors import Busy, UnsafeRefused, Unsupported
from osdrivers.executor import Task
from osdrivers.host import Host
from osdrivers.host.jobs import RUNNING, WAITING, Jobs

#: What an agent whose service was set up by hand, or its predecessor, is called.
SERVICES = ("waagent", "walinuxagent")
#: Directories that hold what is not ours: neither they nor what they lie in is ever emptied,
#: whatever an option says.  Source: hier(7).
SHARED = (
    *("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root"),
    *("/run", "/sbin", "/srv", "/sys", "/tmp", "/usr/bin", "/usr/lib", "/usr/local"),  # noqa: S108
    *("/usr/sbin", "/usr/share", "/var/cache", "/var/db", "/var/lib", "/var/log", "/var/run"),
    *("/var/spool", "/var/tmp"),  # noqa: S108 - nothing is put there
)
#: Below these nothing is emptied either.
CLOSED = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/sbin",
)


@dataclass(frozen=True)
class Deprovision:
    """:param user: the account that provisioning made goes too, with its home."""

    driver: Driver
    settings: Settings
    user: bool = False

    @property
    def extension_logs(self) -> str:
        """Directory of the extensions' logs."""
        return self.settings.extensions.log_dir

    def refuse(self) -> None:
        """:raises Busy: an extension's command runs.
        :raises UnsafeRefused: something is mounted in a directory that would be emptied, or it
            is a link.
        """
        if not self.driver.host.offline:
            for record in running(self.driver.host, self._layout()):
                raise Busy(
                    f"{record}: an extension's command runs", hint="wait for its end, or --force"
                )
        for directory in (self.driver.host.places.state, self.extension_logs):
            whole(self.driver.host, directory)

    def tasks(self) -> Iterator[Task]:
        """In their order; none but the last depends on another."""
        driver, boot, cleanup = self.driver, self.settings.provisioning, self.driver.cleanup
        if cleanup is None:
            raise Unsupported(f"driver {driver.name} cannot make an image of a machine")
        account = self.account() if self.user else ""
        homes = [each.home for each in driver.users.all() if each.home.startswith("/")]
        if not driver.host.offline:
            yield Task("agent", self._stopped, required=False)
        if account:
            if driver.sudo is not None:
                sudo = driver.sudo
                yield Task("sudo", lambda: sudo.ensure_revoked(account), required=False)
            yield Task("account", lambda: driver.users.ensure_absent(account), required=False)
        if boot.delete_root_password:
            root = driver.users.ensure_root_password_disabled
            yield Task("root-password", root, required=False)
        if boot.regenerate_ssh_host_keys:
            yield Task("host-keys", cleanup.ensure_no_host_keys, required=False)
        yield Task("leases", cleanup.ensure_no_leases, required=False)
        yield Task("resolver", cleanup.ensure_no_resolver, required=False)
        yield Task("host-name", cleanup.ensure_no_host_name, required=False)
        if driver.interface_names is not None:
            names = driver.interface_names
            everything = lambda: names.ensure_unpinned(everything=True)  # noqa: E731
            yield Task("interface-names", everything, required=False)
        yield Task("machine-id", cleanup.ensure_no_machine_id, required=False)
        yield Task("random-seed", cleanup.ensure_no_random_seed, required=False)
        yield Task("histories", lambda: cleanup.ensure_no_history(homes), required=False)
        yield Task("extension-logs", lambda: emptied(driver.host, self.extension_logs),
                   required=False)  # fmt: skip
        yield Task("logs", cleanup.ensure_no_logs, required=False)
        yield Task("state", lambda: self._state(account))

    def account(self) -> str:
        """The account that provisioning made, "" where its document is gone.

        :raises UnsafeRefused: the document names an account of the system.
        """
        host = self.driver.host
        data = host.read_bytes(f"{host.places.state}/ovf-env.xml", b"")
        if not data:
            return ""
        try:
            name = ovf.parse(data).user_name
        except Malformed as broken:
            raise UnsafeRefused(
                f"ovf-env.xml does not tell which account was made: {broken.message}",
                hint="deprovision without +user, and delete the account yourself",
            ) from broken
        known = self.driver.users.get(name)
        if known is not None and self.driver.users.is_system(known):
            raise UnsafeRefused(f"{name} is an account of the system", hint="without +user")
        return name

    def _state(self, account: str) -> Plan:
        """It alone tells which account was made, so it stays as long as that account does."""
        users = self.driver.users
        if account and users.get(account) is not None:
            yield Verify(f"account {account} is gone", lambda: users.get(account) is None)
        yield from emptied(self.driver.host, self.driver.host.places.state)

    def _layout(self) -> Layout:
        return Layout(self.driver.host.places.state, self.extension_logs)

    def _stopped(self) -> Plan:
        for name in SERVICES:
            if self.driver.services.active(name):
                yield from self.driver.services.ensure_stopped(name)


def running(host: Host, layout: Layout) -> tuple[str, ...]:
    """The records of extensions' commands that run, or are about to."""
    jobs = Jobs(host)
    records = [layout.record(name) for name in host.names(layout.work)]
    return tuple(
        each
        for each in records
        if host.is_directory(each) and jobs.state(each).phase in (RUNNING, WAITING)
    )


def whole(host: Host, directory: str) -> None:
    """:raises UnsafeRefused: the directory is the system's, a link, or has a mount point in it."""
    _refuse_shared(directory)
    found = host.status(directory, follow=False)
    if found is None:
        return
    if found.kind != "directory":
        raise UnsafeRefused(f"{directory} is a {found.kind}, not a directory")
    here = host.mount(directory)
    for name in host.names(directory):
        below = f"{directory}/{name}"
        status = host.status(below, follow=False)
        if status is not None and status.kind == "directory" and host.mount(below) != here:
            raise UnsafeRefused(
                f"something is mounted at {below}", hint="unmount it first, if it may go"
            )


def _refuse_shared(directory: str) -> None:
    """:raises UnsafeRefused: what an option names as a directory of the agent's is the system's."""
    plain = os.path.normpath(directory)
    above = plain.rstrip("/") + "/"
    if any(each == plain or each.startswith(above) for each in SHARED) or any(
        plain.startswith(f"{each}/") for each in CLOSED
    ):
        raise UnsafeRefused(
            f"{directory} holds more than the agent's files, so it is not emptied",
            hint="give Lib.Dir and Extension.LogDir directories of their own",
        )


def emptied(host: Host, directory: str) -> Plan:
    """Remove what is in a directory, and leave the directory.

    :raises UnsafeRefused: see :func:`whole`.
    """
    whole(host, directory)
    for name in host.names(directory):
        below = f"{directory}/{name}"
        status = host.status(below, follow=False)
        recursive = status is not None and status.kind == "directory"
        yield Remove(below, recursive=recursive, beneath=directory)
