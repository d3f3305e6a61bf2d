# SPDX-License-Identifier: Apache-2.0
"""The DHCP clients that run, from their command lines (N1).

dhcpcd and FreeBSD's dhclient write what they do over their arguments: ``dhcpcd: eth0 [ip4]``,
``dhclient: hn0``; the processes they keep for privileges and packets say so and are not counted.
Source: proc_pid_cmdline(5), dhcpcd(8), dhclient(8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..actions import Plan, Run, Verify
from ..api import DhcpClient
from ..errors import FileFailed, InvalidInput, NotFound
from ..host import Host
from . import hostname_files, sysfs_net

_KINDS: Mapping[str, str] = {
    "dhclient": "dhclient",
    "dhclient3": "dhclient",
    "dhcpcd": "dhcpcd",
    "udhcpc": "udhcpc",
    "systemd-networkd": "networkd",
    "NetworkManager": "NetworkManager",
    "wickedd-dhcp4": "wicked",
}
#: Those that serve all interfaces by one process.
_WHOLE = ("networkd", "NetworkManager", "wicked")
_SERVANTS = ("[privileged", "[network", "[control", "[BPF", "[DHCP")
#: In the paths of a client that we start to ask once.
OURS = "/publish-"
LIMIT_BYTES = 64 * 1024
#: A client has its process ready, or has ended, after this time at the latest.
READY_S = 10.0


@dataclass(frozen=True)
class Process:
    """A client: its program, the interface it serves ("" for every one), pid and arguments."""

    kind: str
    interface: str
    pid: int
    argv: tuple[str, ...]

    def client(self) -> DhcpClient:
        return DhcpClient(self.kind, self.interface, self.pid)

    def argument(self, *options: str) -> str:
        """The word after the last of these options, "" where none is."""
        pairs = zip(self.argv, self.argv[1:])
        return next((word for option, word in reversed([*pairs]) if option in options), "")


def running(host: Host) -> tuple[Process, ...]:
    """Every client, in the order of process ids; none offline."""
    if host.offline:
        return ()
    interfaces = host.names(f"{host.places.sysfs}/class/net")
    pids = sorted(int(name) for name in host.names(host.places.procfs) if name.isdigit())
    found = (_process(pid, _argv(host, pid), interfaces) for pid in pids)
    return tuple(each for several in found for each in several)


def serving(host: Host, interface: str, *kinds: str) -> tuple[Process, ...]:
    """The clients that are in charge of an interface, those made for it first."""
    found = [each for each in running(host) if each.interface in ("", interface)]
    found.sort(key=lambda each: not each.interface)
    return tuple(each for each in found if not kinds or each.kind in kinds)


def require(host: Host, interface: str, *kinds: str) -> Process:
    """:raises NotFound: no such client is in charge of the interface."""
    for each in serving(host, interface, *kinds):
        return each
    raise NotFound(f"no DHCP client ({', '.join(kinds)}) runs for {interface}")


def again(host: Host, old: Process) -> Verify:
    """The postcondition of replacing a client: another one is in charge."""
    return Verify(
        f"{old.kind} runs again" + (f" for {old.interface}" if old.interface else ""),
        lambda: any(each.pid != old.pid for each in serving(host, old.interface, old.kind)),
        booted=True,
        within_s=READY_S,
    )


def family(host: Host, process: Process) -> tuple[int, ...]:
    """The process id of a client and of the servants it started."""
    pids = (int(name) for name in host.names(host.places.procfs) if name.isdigit())
    return (process.pid, *sorted(pid for pid in pids if _status(host, pid)[1] == process.pid))


def ended(host: Host, process: Process) -> Plan:
    """End a client at once, which runs no script of its.  A servant that outlives it would still
    answer for it, so that another client believes it is not needed."""
    pids = family(host, process)
    yield Run(("kill", "-KILL", *map(str, pids)), booted=True, ok=(0, 1))
    yield Verify(
        f"{process.kind} has ended",
        lambda: all(_status(host, pid)[0] in ("", "Z", "X") for pid in pids),
        booted=True,
        within_s=READY_S,
    )


def check(host: Host, interface: str, name: str) -> None:
    """What every way of publishing asks first.

    :raises InvalidInput: not a name to publish.  :raises NotFound: no such interface, or it is
        enslaved: its master has the address and the client (an SR-IOV virtual function).
    """
    hostname_files.check(name)
    known(host, interface)


def known(host: Host, interface: str) -> bool:
    """Whether the interface is up.  :raises NotFound: it is not there, or not to be touched."""
    if not interface or "/" in interface:
        raise InvalidInput(f"{interface!r} is not the name of an interface")
    for each in sysfs_net.interfaces(host):
        if each.name == interface:
            if each.master:
                raise NotFound(
                    f"{interface} belongs to {each.master} and has no DHCP client",
                    hint=f"name {each.master} instead",
                )
            return each.up
    raise NotFound(f"there is no interface {interface}")


def _status(host: Host, pid: int) -> tuple[str, int]:
    """(state, parent); ("", 0) when there is no such process.

    Source: proc_pid_stat(5); the name, in brackets, may hold anything.
    """
    try:
        data = host.read_bytes(f"{host.places.procfs}/{pid}/stat", b"", LIMIT_BYTES)
    except FileFailed:
        return "", 0
    state, parent, *_ = (*data.decode("utf-8", "replace").rpartition(")")[2].split(), "", "")
    return state, int(parent) if parent.isdigit() else 0


def _argv(host: Host, pid: int) -> tuple[str, ...]:
    try:
        data = host.read_bytes(f"{host.places.procfs}/{pid}/cmdline", b"", LIMIT_BYTES)
    except FileFailed:
        return ()  # it ended while we read
    return tuple(data.rstrip(b"\0").decode("utf-8", "replace").split("\0"))


def _process(pid: int, argv: tuple[str, ...], interfaces: tuple[str, ...]) -> Iterator[Process]:
    program, colon, title = argv[0].partition(": ") if argv else ("", "", "")
    words = argv[1:] if not colon else tuple(title.split())
    if program.rpartition("/")[2] == "busybox" and words:
        program, words = words[0], words[1:]
    kind = _KINDS.get(program.rpartition("/")[2], "")
    if any(OURS in word for word in words):
        return
    if not kind or any(word.startswith(_SERVANTS) for word in words) or "-6" in words:
        return
    if kind == "dhcpcd" and colon and "[" in title and not {"[ip4]", "[manager]"} & {*words}:
        return
    named = () if kind in _WHOLE else tuple(word for word in words if word in interfaces)
    if named or kind in (*_WHOLE, "dhcpcd", "dhclient"):
        for interface in named or ("",):
            yield Process(kind, interface, pid, argv)
