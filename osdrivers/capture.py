# SPDX-License-Identifier: Apache-2.0
"""A pretend machine made of a live one, or of a root tree: ``waagent driver capture``.

What operations read of a system's files is taken, without secrets (:mod:`.redaction`); which tools
there are, and which units.  What only a running machine of the platform has - kernel, disks,
network, histories and logs - is the same on every captured machine and composed: a disk's content
is no file, and an address in it would be somebody's.  ``osdrivers/capture.json`` lists both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from .errors import Conflict, NotFound, Unsupported
from .host import Host
from .identity import Identity, detect
from .probes import Probes
from .redaction import published

_KERNEL = "5.15.0"
_PROCESS = "/proc/612/cmdline"
_UNIT, _SCRIPT = "{unit}", "{script}"


@dataclass
class Machine:
    """A pretend machine: files by guest path, ``machine.json``, where it comes from."""

    origin: str
    files: dict[str, bytes] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)


def capture(host: Host) -> Machine:
    """Read the machine; nothing is changed and no command is run.

    :raises Unsupported: it is no Linux.  :raises NotFound: it has no accounts: no root tree.
    """
    identity = detect(host)
    if identity.kernel != "linux":
        raise Unsupported(
            f"{identity} cannot be captured: what its kernel shows is not composed yet",
            hint="write machine.json by hand after one of the same kernel",
        )
    if not host.exists("/etc/passwd"):
        raise NotFound(f"no /etc/passwd below {host.root}", hint="--root takes a root tree")
    return _Capture(Host(host.root, offline=True), identity).machine()


class _Capture:
    def __init__(self, host: Host, identity: Identity) -> None:
        self._host, self._identity, self._probes = host, identity, Probes(host)
        text = resources.files(__package__).joinpath("capture.json").read_text(encoding="utf-8")
        self._list: Mapping[str, Any] = json.loads(text)
        self._name = host.read("/etc/hostname", "").strip()
        platform = self._list["platform"]
        self._directories: dict[str, str] = dict(platform["directories"])
        self._files: dict[str, str] = dict(platform["files"])
        self._links: dict[str, str] = dict(platform["links"])
        self._modes: dict[str, str] = dict(platform["modes"])

    def machine(self) -> Machine:
        found = Machine(self._origin())
        tools = list(self._tools())
        self._directories.update(self._present())
        self._links.update(self._linked())
        for path in self._named("files"):
            data = self._published(path)
            if path in tools:
                self._files[path] = data.decode()  # the set-up writes files after tools
            else:
                found.files[path] = data
            self._modes.update(self._mode(path))
        manager = self._run_the_system()
        self._boot(tools)
        found.description = {
            **{key: dict(sorted(value.items())) for key, value in self._gathered()},
            **manager,
            "kernel_modules": {},
            "privilege_separation": self._separation(),
            "state": {"repository": {"tree": "2.1.0-1"}, **self._services(found.files)},
            "system": "linux",
            "tools": sorted(tools),
            "versions": self._versions(),
        }
        return found

    def _published(self, path: str) -> bytes:
        """Without secrets; of shadow(5) only the accounts of which passwd(5) is taken."""
        data = published(path, self._host.read_bytes(path, b""), self._name)
        named_by = {"/etc/shadow": "/etc/passwd", "/etc/gshadow": "/etc/group"}.get(path)
        if named_by is None:
            return data
        known = {line.partition(b":")[0] for line in self._published(named_by).splitlines()}
        lines = data.splitlines(keepends=True)
        return b"".join(line for line in lines if line.partition(b":")[0] in known)

    def _gathered(self) -> tuple[tuple[str, dict[str, str]], ...]:
        return (
            ("directories", self._directories),
            ("files", self._files),
            ("links", self._links),
            ("modes", self._modes),
        )

    def _origin(self) -> str:
        return (
            f"captured: accounts, configuration and tools of {self._identity}, by\n"
            "waagent driver capture, without accounts of people, secrets, and what tells one\n"
            "machine from another;\n"
            "composed: kernel, disks and network as a generation 1 machine of the platform shows\n"
            "them, host name, boot entries, histories, logs, what runs.\n"
        )

    # ---- what is there

    def _patterns(self, what: str) -> Iterator[str]:
        for pattern in self._list[what]:
            if _UNIT in pattern:
                yield from (pattern.replace(_UNIT, unit) for unit in self._list["units"])
            elif _SCRIPT in pattern:
                yield from (pattern.replace(_SCRIPT, name) for name in self._list["scripts"])
            else:
                yield pattern

    def _named(self, what: str) -> Iterator[str]:
        """Regular files under the name that is no link, nor below one."""
        for pattern in self._patterns(what):
            for path in self._host.glob(pattern):
                status = self._host.status(path, follow=False)
                if status is not None and status.kind == "file" and self._canonical(path):
                    yield path

    def _canonical(self, path: str) -> bool:
        real = self._host.locate(path, follow=True)
        return real == self._host.root.rstrip("/") + path

    def _mode(self, path: str) -> Iterator[tuple[str, str]]:
        status = self._host.status(path)
        if status is not None and (status.mode not in (0o644, 0o755) or status.uid or status.gid):
            yield path, f"{status.mode:04o} {status.uid} {status.gid}"

    def _present(self) -> Iterator[tuple[str, str]]:
        for path in self._list["directories"]:
            status = self._host.status(path, follow=False)
            if status is not None and status.kind == "directory" and self._canonical(path):
                yield path, f"{status.mode:04o}"

    def _linked(self) -> Iterator[tuple[str, str]]:
        for pattern in self._patterns("links"):
            directory, _, last = pattern.rpartition("/")
            for above in self._host.glob(directory) if directory else ("",):
                for name in self._host.names(above or "/"):
                    status = self._host.status(f"{above}/{name}", follow=False)
                    matches = re.fullmatch(re.escape(last).replace(r"\[0\-9\]", "[0-9]"), name)
                    if matches and status is not None and status.kind == "link":
                        yield f"{above}/{name}", status.target

    def _tools(self) -> Iterator[str]:
        for name in self._list["tools"]:
            path = self._host.commands.find(name)
            if path:
                yield path
        for script in self._list["scripts"]:
            if self._host.exists(f"/etc/init.d/{script}"):
                yield f"/etc/init.d/{script}"

    def _versions(self) -> dict[str, str]:
        """By what lies in the tree: in one of another machine nothing can be run."""
        versions = {}
        libraries = ("/usr/lib/systemd", "/usr/lib64/systemd", "/usr/lib/*/systemd")
        for path in (p for d in libraries for p in self._host.glob(f"{d}/libsystemd-shared-*")):
            found = re.search(r"-(\d+)", path)
            versions["systemd"] = found[1] if found else ""
        for program in ("/usr/bin/ssh", "/usr/sbin/sshd"):
            data = self._host.read_bytes(program, b"", limit_bytes=_PROGRAM_BYTES)
            said = re.search(rb"OpenSSH_\d+\.\d+[ -~]*", data)
            if said and "openssh" not in versions:
                versions["openssh"] = said[0].decode()
        return versions

    # ---- what runs

    def _run_the_system(self) -> dict[str, str]:
        """A machine of this system as it is when it has booted; facts that it needs."""
        if self._probes.init == "systemd":
            self._directories["/run/systemd/system"] = "0755"
        elif self._probes.init == "openrc":
            self._directories["/run/openrc"] = "0755"
        name = self._manager()
        if not name:
            return {}
        manager = self._list["managers"][name]
        self._directories[manager["run"]] = "0755"
        self._files[_PROCESS] = f"{manager['program']}\0"
        return {"connection": "5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03"} if "Manager" in name else {}

    def _manager(self) -> str:
        """Of the network: what is switched on; else what is installed, if systemd runs it."""
        on = self._probes.network_manager
        if on or self._probes.init != "systemd":
            return on if on in self._list["managers"] else ""
        for name, manager in self._list["managers"].items():
            if self._host.exists(manager["program"]):
                return str(name)
        return ""

    def _services(self, files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
        if self._probes.init != "systemd":
            scripts = [name for name in ("ssh", "sshd") if f"/etc/init.d/{name}" in files]
            return {"scripts": dict.fromkeys(scripts, "running")}
        units = {path.rpartition("/")[2] for path in files if path.endswith(".service")}
        manager = self._list["managers"].get(self._manager(), {}).get("unit", "")
        running = {"ssh.service", "sshd.service", manager} & units
        return {"units": dict.fromkeys(sorted(running), "active")}

    def _separation(self) -> str:
        """The directory of sshd's privilege separation: what its program names."""
        program = self._host.read_bytes("/usr/sbin/sshd", b"", limit_bytes=_PROGRAM_BYTES)
        for path in ("/run/sshd", "/usr/share/empty.sshd", "/var/lib/empty", "/var/empty/sshd"):
            if path.encode() + b"\0" in program:
                return path
        return "/var/empty"

    def _boot(self, tools: Sequence[str]) -> None:
        """The kernel that is installed, and entries for it where there are none to read."""
        names = [name for name in self._host.names("/lib/modules") if name[:1].isdigit()]
        kernel = max(names, key=_order) if names else _KERNEL
        self._files["/proc/sys/kernel/osrelease"] = f"{kernel}\n"
        loader = self._probes.boot_loader
        if loader not in ("", "grub2"):
            return
        makers = [path for path in tools if path.endswith(("/grub-mkconfig", "/grub2-mkconfig"))]
        if not makers:
            self._files["/boot/grub/menu.lst"] = (
                f"default=0\ntimeout=5\ntitle Linux\n\troot (hd0,0)\n"
                f"\tkernel /boot/vmlinuz-{kernel} ro root=/dev/sda1 console=ttyS0\n"
            )
            return
        place = "grub2" if makers[0].endswith("/grub2-mkconfig") else "grub"
        self._files[f"/boot/vmlinuz-{kernel}"] = "kernel\n"
        if loader != "grub2" or not self._host.exists("/etc/default/grub"):
            self._files["/etc/default/grub"] = 'GRUB_CMDLINE_LINUX="console=ttyS0"\n'
        self._files[f"/boot/{place}/grub.cfg"] = (
            "### BEGIN /etc/grub.d/10_linux ###\n"
            f"\tlinux\t/boot/vmlinuz-{kernel} root=/dev/sda1 ro console=ttyS0\n"
            "### END /etc/grub.d/10_linux ###\n"
        )


_PROGRAM_BYTES = 16 * 2**20


def _order(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def write(machine: Machine, output: Host, directory: str) -> None:
    """Write it to a directory that is not there yet, whole or not at all.

    :raises Conflict: it is there.
    """
    if output.status(directory, follow=False) is not None:
        raise Conflict(f"{directory} is there already", hint="name a new directory")
    above, _, name = directory.rpartition("/")
    fresh = f"{above}/.{name}.new"
    output.remove(fresh, recursive=True)
    text = json.dumps(machine.description, indent=1, sort_keys=True) + "\n"
    about = {"/ORIGIN": machine.origin.encode(), "/machine.json": text.encode()}
    for path, data in {**machine.files, **about}.items():
        output.make_directory(f"{fresh}{path}".rpartition("/")[0])
        output.write(f"{fresh}{path}", data, mode=0o644)
    output.rename(fresh, directory)
