# SPDX-License-Identifier: Apache-2.0
"""The kernel module of Network Direct, and the three ways it is installed (R2).

Which of several modules or packages fits is told by the version of the firmware, which their
own version ends with or has as one of its numbers.  None of these ways restarts the machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from ..actions import EditFile, Plan, Run, Verify
from ..errors import AgentError, CommandMissing, CommandTimeout, NotFound
from ..host import Host

MODULE = "hv_network_direct"
ALIASES = "/etc/modprobe.d/vmbus-rdma.conf"
PACKAGES = "/opt/microsoft/rdma"
_KERNEL_PACKAGE, _LIBRARY_PACKAGE = "kmod-microsoft-hyper-v-rdma", "microsoft-hyper-v-rdma"
_LOCKS = "/etc/zypp/locks"
_INSTALLING_S = 600.0
#: 102 and 103: it wants a restart of machine or tool; 106: a repository was passed over.
_ZYPPER_OK = (0, 102, 103, 106)


class Supply(Protocol):
    """One way to get the driver."""

    def version(self) -> str:
        """Of the driver that is installed, "" where there is none."""

    def ensure(self, firmware: str) -> Plan:
        """:raises NotFound: nothing for that firmware."""


def fits(version: str, firmware: str) -> bool:
    """Whether a driver's version names this firmware; ``142.0`` is also said ``142``."""
    short = re.sub(r"(\.0)+\Z", "", firmware)
    tail = r"(?!\d)" if short == firmware and "." in short else r"(?:(?:\.0)+(?!\d)|(?![\d.]))"
    own = re.sub(r"_k\d[\d._]*", "", version)  # not the kernel's
    return bool(re.search(rf"(?<!\d){re.escape(short)}{tail}", own))


def module_version(host: Host, module: str = MODULE) -> str:
    """modinfo(8) of a module, "" where there is none."""
    return asked(host, "modinfo", "-F", "version", module)


def asked(host: Host, *argv: str) -> str:
    """What a query prints, "" when it fails or cannot be asked."""
    try:
        answer = host.ask(*argv)
    except (CommandMissing, CommandTimeout):
        return ""
    return answer.stdout.strip() if answer.status == 0 else ""


def rpm_version(host: Host, package: str) -> str:
    """Of the newest of that name, where several are installed side by side."""
    found = asked(host, "rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}\\n", package).split()
    return found[-1] if found else ""


class Alias:
    """Every module comes with the kernel, named for its firmware; an alias chooses one."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self) -> str:
        found = asked(self._host, "modprobe", "-R", MODULE).split()
        number = found[0].replace(MODULE, "").strip("_") if found else ""
        return number.replace("_", ".")

    def ensure(self, firmware: str) -> Plan:
        if self.version() == firmware:
            return
        self._host.require("modprobe", "modinfo", package="kmod")
        module = f"{MODULE}_{firmware.replace('.', '_')}"
        if self._host.ask("modinfo", module).status != 0:
            raise NotFound(f"no kernel module {module}", hint="install a kernel that has it")
        yield EditFile(ALIASES, lambda text: _aliased(text, module), f"alias {MODULE} {module}")
        yield Verify(f"{MODULE} is {module}", lambda: self.version() == firmware)


def _aliased(text: bytes, module: str) -> bytes:
    line = f"alias {MODULE} {module}\n".encode()
    kept = re.sub(rb"^[ \t]*alias[ \t]+%s[ \t][^\n]*\n?" % MODULE.encode(), b"", text, flags=re.M)
    return (kept if kept.endswith(b"\n") or not kept else kept + b"\n") + line


class Zypper:
    """A package for each flavour of the kernel, locked so that no update replaces it."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def _package(self) -> str:
        path = f"{self._host.places.procfs}/sys/kernel/osrelease"
        flavour = "azure" if "-azure" in self._host.read(path, "") else "default"
        return f"msft-rdma-kmp-{flavour}"

    def version(self) -> str:
        return rpm_version(self._host, self._package())

    def ensure(self, firmware: str) -> Plan:
        present, package = self.version(), self._package()
        if fits(present, firmware) and self._locked(package):
            return
        self._host.require("zypper", "rpm")
        if fits(present, firmware):
            yield self._run("addlock", package)
            return
        what = self._found(package, firmware)
        yield self._run("removelock", package)
        try:
            if present:
                yield self._run("remove", package)
            yield self._run("install", what)
            yield Verify(f"{package} is for {firmware}", lambda: fits(self.version(), firmware))
        except AgentError:
            yield self._run("addlock", package)
            raise
        yield self._run("addlock", package)

    def _locked(self, package: str) -> bool:
        lines = self._host.read(_LOCKS, "").splitlines()
        return package in [line.partition("solvable_name:")[2].strip() for line in lines]

    def _run(self, *words: str) -> Run:
        return Run(("zypper", "--non-interactive", *words), timeout_s=_INSTALLING_S, ok=_ZYPPER_OK)

    def _found(self, package: str, firmware: str) -> str:
        """Of a repository, else a file that the image brought."""
        table = asked(self._host, "zypper", "--non-interactive", "search", "-s", package)
        for version in versions(table, package):
            if fits(version, firmware):
                return f"{package}={version}"
        for path in self._host.glob(f"{PACKAGES}/{package}-*.rpm"):
            if fits(path.rpartition("/")[2][len(package) :], firmware):
                return path
        raise NotFound(f"no {package} for firmware {firmware}", hint="add the repository of it")


def versions(table: str, package: str) -> Sequence[str]:
    """Column 4 of ``zypper search -s``, of this package alone."""
    rows = ([cell.strip() for cell in line.split("|")] for line in table.splitlines())
    return [row[3] for row in rows if len(row) > 4 and row[1] == package]


class Rpm:
    """Files that the image brought, in a directory for each release: kernel module and library."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self) -> str:
        return rpm_version(self._host, _KERNEL_PACKAGE)

    def ensure(self, firmware: str) -> Plan:
        if fits(self.version(), firmware):
            return
        self._host.require("rpm")
        files = [self._file(name, firmware) for name in (_KERNEL_PACKAGE, _LIBRARY_PACKAGE)]
        yield Run(("rpm", "--upgrade", "--oldpackage", *files), timeout_s=_INSTALLING_S)
        what = f"{_KERNEL_PACKAGE} is for {firmware}"
        yield Verify(what, lambda: fits(self.version(), firmware))

    def _file(self, package: str, firmware: str) -> str:
        where = f"{PACKAGES}/rhel{self._release()}"
        for path in self._host.glob(f"{where}/{package}-*.rpm"):
            rest = path.rpartition("/")[2][len(package) :]
            # three or more numbers of its own, then the firmware's
            if fits(re.sub(r"\A-(?:\d+\.){3,}", "-", rest).partition("-20")[0], firmware):
                return path
        raise NotFound(f"no {package} for firmware {firmware} in {where}", hint="put it there")

    def _release(self) -> str:
        """The release without its dot, e.g. ``74``; "" if nothing tells, and then nothing fits."""
        found = re.search(r"\b(\d+)\.(\d+)", self._host.read("/etc/redhat-release", ""))
        return "".join(found.groups()) if found else ""
