# SPDX-License-Identifier: Apache-2.0
"""ip(8) of iproute2: the routes of /proc/net/route and /proc/net/ipv6_route."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Optional

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused

_V4, _V6 = "/proc/net/route", "/proc/net/ipv6_route"
_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"


@dataclass(frozen=True)
class _Entry:
    """One route: destination as ``10.0.0.0/24``."""

    destination: str
    gateway: str
    device: str
    metric: int

    @property
    def six(self) -> bool:
        return ":" in self.destination


def _native(address: str) -> str:
    number = struct.unpack("=I", socket.inet_aton(address))[0]
    return f"{number:08X}"


def _address(word: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(word, 16)))


def read_routes(box: Box) -> list[_Entry]:
    found = []
    for line in box.lines(_V4)[1:]:
        words = line.split()
        prefix = bin(int(words[7], 16)).count("1")
        gateway = "" if words[2] == "00000000" else _address(words[2])
        found.append(_Entry(f"{_address(words[1])}/{prefix}", gateway, words[0], int(words[6])))
    for line in box.lines(_V6):
        words = line.split()
        target = ip_address(bytes.fromhex(words[0]))
        hop = ip_address(bytes.fromhex(words[4]))
        gateway = "" if not int(hop) else str(hop)
        found.append(_Entry(f"{target}/{int(words[1], 16)}", gateway, words[9], int(words[5], 16)))
    return found


def write_routes(box: Box, routes: Sequence[_Entry]) -> None:
    four, six = [_HEAD], []
    for route in routes:
        network = ip_network(route.destination)
        flags = (
            (2 if route.gateway else 0)
            + 1
            + (4 if network.prefixlen == network.max_prefixlen else 0)
        )
        if route.six:
            hop = ip_address(route.gateway or "::").packed.hex()
            line = (
                f"{network.network_address.packed.hex()} {network.prefixlen:02x} "
                f"{'0' * 32} 00 {hop} "
                f"{route.metric:08x} 00000001 00000000 {flags:08x} {route.device:>8}"
            )
            six.append(line)
        else:
            mask = _native(str(network.netmask))
            target = _native(str(network.network_address))
            hop = _native(route.gateway or "0.0.0.0")  # noqa: S104 - no gateway
            numbers = f"{flags:04X}\t0\t0\t{route.metric}\t{mask}\t0\t0\t0"
            four.append(f"{route.device}\t{target}\t{hop}\t{numbers}".ljust(127))
    box.write(_V4, "".join(f"{line}\n" for line in four))
    if six or box.exists(_V6):
        box.write(_V6, "".join(f"{line}\n" for line in six))


def _shown(route: _Entry) -> dict[str, object]:
    network = ip_network(route.destination)
    default = network.prefixlen == 0
    host = network.prefixlen == network.max_prefixlen
    text = "default" if default else str(network.network_address) if host else route.destination
    shown: dict[str, object] = {"dst": text}
    if route.gateway:
        shown["gateway"] = route.gateway
    shown.update(dev=route.device, protocol="dhcp" if default else "kernel", flags=[])
    return {**shown, "metric": route.metric} if route.metric else shown


def ip(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words, six, as_json = list(argv[1:]), False, False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option not in ("-4", "-6", "-j", "-json", "-o", "-d", "-n"):
            raise UnknownUse(argv, option)
        six, as_json = six or option == "-6", as_json or option in ("-j", "-json")
    subject = words.pop(0)
    if subject in ("link", "l") and words[:1] == ["show"] and not as_json:
        return done()
    if subject in ("address", "addr", "a") and words[:2] == ["show", "dev"]:
        return done(_address_lines(box, words[2]))
    if subject in ("address", "addr", "a") and words[:1] == ["replace"] and words[2] == "dev":
        return _give_address(box, words[3], words[1])
    if subject in ("link", "l") and words[:1] == ["set"] and words[2:] == ["up"]:
        return _set_up(box, words[1])
    if subject not in ("route", "r", "ro"):
        raise UnknownUse(argv, subject)
    verb = words.pop(0) if words else "show"
    if verb in ("show", "list", "ls"):
        if not as_json or words not in ([], ["table", "main"], ["show", "table", "main"]):
            raise UnknownUse(argv, "only -j, only the main table")
        found = [_shown(route) for route in read_routes(box) if route.six == six]
        return done(json.dumps(found) + "\n")
    if verb not in ("add", "replace", "del", "delete", "change"):
        raise UnknownUse(argv, verb)
    return _change(box, argv, verb, words, six)


def _give_address(box: Box, device: str, address: str) -> Completed:
    if not box.exists(f"/sys/class/net/{device}"):
        return refused(1, f'Cannot find device "{device}"')
    known = box.remembered("addresses")
    kept = [each for each in known.get(device, []) if each != address]
    box.remember("addresses", {**known, device: [*kept, address]})
    return done()


def _set_up(box: Box, device: str) -> Completed:
    path = f"/sys/class/net/{device}/flags"
    if not box.exists(path):
        return refused(1, f'Cannot find device "{device}"')
    box.write(path, f"{int(box.read(path), 16) | 1:#x}\n")
    return done()


def _address_lines(box: Box, device: str) -> str:
    """Of ``ip -o address``: what ``/.machine/addresses.json`` has, by interface."""
    lines = []
    for address in box.remembered("addresses").get(device, []):
        family = "inet6" if ":" in address else "inet"
        lines.append(f"2: {device}    {family} {address} scope global dynamic {device}\\ \n")
    return "".join(lines)


def _parsed(argv: tuple[str, ...], words: list[str], six: bool) -> _Entry:
    target, gateway, device, metric = words.pop(0), "", "", 0
    while words:
        key = words.pop(0)
        if key == "via":
            gateway = words.pop(0)
            if gateway in ("inet", "inet6"):
                gateway = words.pop(0)
        elif key == "dev":
            device = words.pop(0)
        elif key == "metric":
            metric = int(words.pop(0))
        elif key in ("proto", "scope", "table"):
            words.pop(0)
        else:
            raise UnknownUse(argv, key)
    if target == "default":
        target = "::/0" if six or ":" in gateway else "0.0.0.0/0"
    return _Entry(str(ip_network(target)), gateway, device, metric)


def _change(box: Box, argv: tuple[str, ...], verb: str, words: list[str], six: bool) -> Completed:
    try:
        wanted = _parsed(argv, words, six)
    except ValueError as wrong:
        if "host bits" in str(wrong):
            return refused(2, "Error: Invalid prefix for given prefix length.")
        return refused(1, f'Error: inet prefix is expected rather than "{wrong}".')
    routes = read_routes(box)
    if not wanted.device:
        device = _device(routes, wanted.gateway)
        if not device and verb not in ("del", "delete"):
            return refused(2, "Error: Nexthop has invalid gateway.")
        wanted = replace(wanted, device=device)
    if not box.is_directory(f"/sys/class/net/{wanted.device}"):
        return refused(1, f'Cannot find device "{wanted.device}"')
    same = [
        route
        for route in routes
        if route.destination == wanted.destination and route.metric == wanted.metric
    ]
    if verb in ("del", "delete"):
        gone = _named(routes, wanted)
        if gone is None:
            return refused(2, "RTNETLINK answers: No such process")
        routes.remove(gone)
    elif same and verb == "add":
        return refused(2, "RTNETLINK answers: File exists")
    else:
        routes = [route for route in routes if route not in same[:1]] + [wanted]
    write_routes(box, routes)
    return done()


def _named(routes: Sequence[_Entry], wanted: _Entry) -> Optional[_Entry]:
    """The first route that a deletion means: what it does not say, it does not ask."""
    for route in routes:
        same = route.destination == wanted.destination and wanted.device in ("", route.device)
        if same and wanted.gateway in ("", route.gateway) and wanted.metric in (0, route.metric):
            return route
    return None


def _device(routes: Sequence[_Entry], gateway: str) -> str:
    """The interface on whose network a gateway lies."""
    if not gateway:
        return ""
    hop = ip_address(gateway)
    for route in routes:
        network = ip_network(route.destination)
        if not route.gateway and network.version == hop.version and hop in network:
            return route.device
    return ""


TOOLS: dict[str, Tool] = {"ip": ip}
