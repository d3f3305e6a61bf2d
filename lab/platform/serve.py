# SPDX-License-Identifier: Apache-2.0
"""``python -m lab serve`` and ``dvd``: the platform alone, for any client."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from . import dvd, faults, ovf
from .dhcp import Offer
from .listener import Address
from .machine import Machine
from .server import Platform


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; 0 at a clean end."""
    wanted = _parser().parse_args(argv)
    machine = Machine.load(Path(wanted.machine)) if wanted.machine else Machine.example()
    directory = Path(wanted.dir or tempfile.mkdtemp(prefix="lab-platform-"))
    scripted = faults.load(Path(wanted.faults)) if wanted.faults else ()
    ends = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # also in every thread started below
    platform = Platform(
        machine,
        directory,
        wire=wanted.wire,
        hostplugin=wanted.hostplugin,
        imds=wanted.imds,
        blobs=wanted.blobs,
        dhcp=_dhcp(wanted, machine),
        faults=scripted,
    )
    with platform:
        if wanted.dvd:
            dvd.make(Path(wanted.dvd), {ovf.FILE_NAME: ovf.document(machine)})
        _announce(platform, wanted.ready_fd)
        signal.sigwait(ends)
    return 0


def make_dvd(argv: Sequence[str]) -> int:
    """Write the provisioning DVD of a machine; 0 when written."""
    parser = argparse.ArgumentParser(prog="python -m lab dvd", description=make_dvd.__doc__)
    parser.add_argument("--machine", metavar="FILE", help="JSON; the example if left out")
    parser.add_argument("--iso-only", action="store_true", help="ISO 9660 without UDF")
    parser.add_argument("--udf-only", action="store_true", help="UDF without ISO 9660")
    parser.add_argument("image", metavar="IMAGE")
    wanted = parser.parse_args(argv)
    machine = Machine.load(Path(wanted.machine)) if wanted.machine else Machine.example()
    files = {ovf.FILE_NAME: ovf.document(machine)}
    image = Path(wanted.image)
    dvd.make(image, files, udf=not wanted.iso_only, iso=not wanted.udf_only)
    return 0


def _announce(platform: Platform, ready_fd: int | None) -> None:
    addresses = {name: f"{host}:{port}" for name, (host, port) in platform.addresses.items()}
    print(json.dumps({**addresses, "directory": str(platform.directory)}), flush=True)
    if ready_fd is not None:
        try:
            os.write(ready_fd, b"ready\n")
        except OSError as error:
            print(f"lab serve: file descriptor {ready_fd}: {error.strerror}", file=sys.stderr)
        else:
            os.close(ready_fd)


def _dhcp(wanted: argparse.Namespace, machine: Machine) -> tuple[str, Offer] | None:
    """The interface and the offer; the wire server's own address if it has one, else Azure's."""
    if not wanted.dhcp:
        return None
    address = wanted.dhcp_address or IPv4Interface(machine.address)
    router = wanted.dhcp_router or next(iter(address.network.hosts()))
    offer = Offer(address, router)
    host = wanted.wire[0]
    if host not in ("", "0.0.0.0", "127.0.0.1"):
        endpoint = IPv4Address(host)
        offer = replace(offer, wire_server=endpoint, server=endpoint, dns=endpoint)
    if wanted.dhcp_dns:
        offer = replace(offer, dns=wanted.dhcp_dns)
    return wanted.dhcp, offer


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host or "127.0.0.1", int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab serve", description=main.__doc__)
    parser.add_argument("--machine", metavar="FILE", help="JSON; the example if left out")
    parser.add_argument("--dir", metavar="DIR", help="for requests.jsonl, blobs and control.sock")
    local = ("127.0.0.1", 0)
    for name in ("wire", "hostplugin", "imds"):
        parser.add_argument(f"--{name}", type=_address, default=local, metavar="HOST:PORT")
    parser.add_argument("--blobs", type=_address, metavar="HOST:PORT")
    parser.add_argument("--dhcp", metavar="INTERFACE", help="serve DHCP there (needs root)")
    parser.add_argument("--dhcp-address", type=IPv4Interface, metavar="ADDRESS/PREFIX")
    parser.add_argument("--dhcp-router", type=IPv4Address, metavar="ADDRESS")
    parser.add_argument("--dhcp-dns", type=IPv4Address, metavar="ADDRESS")
    parser.add_argument("--faults", metavar="FILE", help="JSON list of faults, in force at once")
    parser.add_argument("--dvd", metavar="IMAGE", help="write the provisioning DVD there")
    parser.add_argument("--ready-fd", type=int, metavar="N", help="gets 'ready' when listening")
    return parser
