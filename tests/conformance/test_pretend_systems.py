# SPDX-License-Identifier: Apache-2.0
"""The pretend systemctl, init scripts' links, ip and hostname do what Debian's do."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from osdrivers.host import Host, Secret
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid

pytestmark = pytest.mark.sandbox
WANTED = "[Unit]\nDescription=tried\n[Service]\nExecStart=/bin/true\n[Install]\n"
UNITS = {
    "wanted.service": WANTED + "WantedBy=multi-user.target\n",
    "aliased.service": WANTED + "WantedBy=multi-user.target\nAlias=other-name.service\n",
    "static.service": "[Service]\nExecStart=/bin/true\n",
    "also.service": WANTED + "Also=wanted.service\n",
    "at@.service": WANTED + "WantedBy=multi-user.target\n",
}
FILES = "/etc/systemd/system"


def links(host: Host, top: str) -> dict[str, str]:
    """Every link below a directory, and what it points to."""
    found = {}
    for path in sorted(Path(host.root + top).rglob("*")):
        if path.is_symlink():
            target = os.readlink(path)
            # Which of the two names of one directory is a choice of the build.
            target = target.replace("/usr/lib/systemd", "/lib/systemd")
            found[os.path.relpath(path, host.root)] = target
    return found


def units(host: Host) -> Pair:
    pair = Pair(host)
    for machine in (pair.real, pair.pretended):
        shutil.rmtree(machine.root + FILES, ignore_errors=True)
        os.makedirs(machine.root + FILES)
    for name, text in UNITS.items():
        pair.put(f"/usr/lib/systemd/system/{name}", text)
    return pair


@pytest.mark.parametrize("name", [*UNITS, "other-name.service", "nosuch.service", "at@one.service"])
@overlaid
def test_unit_files_are_switched_as_the_real_one_does(host: Host, name: str) -> None:
    if name == "at@.service":
        return  # only instances of it are ever enabled
    pair = units(host)
    for verb in ("enable", "enable", "mask", "enable", "unmask", "disable", "disable"):
        pair.run("systemctl", verb, name)
        assert links(pair.pretended, FILES) == links(pair.real, FILES), verb
        real, pretended = pair.run("systemctl", "is-enabled", name)
        assert pretended == real, verb


@overlaid
def test_without_a_running_systemd_only_files_can_be_switched(host: Host) -> None:
    pair = units(host)
    shutil.rmtree(f"{pair.pretended.root}/run/systemd/system")
    for verb in ("start", "stop", "restart", "reload-or-restart", "try-reload-or-restart"):
        pair.run("systemctl", verb, "wanted.service")
    pair.run("systemctl", "enable", "wanted.service")
    assert links(pair.pretended, FILES) == links(pair.real, FILES)


@pytest.mark.parametrize(("starts", "stops"), [("2 3 4 5", "0 1 6"), ("S", "0 6"), ("S", "")])
@overlaid
def test_links_of_the_run_levels_are_those_of_update_rc_d(
    host: Host, starts: str, stops: str
) -> None:
    if not host.has("update-rc.d"):
        pytest.skip("no update-rc.d here")
    pair = Pair(host)
    script = (
        "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: tried\n# Required-Start:\n# Required-Stop:\n"
        f"# Default-Start: {starts}\n# Default-Stop: {stops}\n### END INIT INFO\n"
    )
    for machine in (pair.real, pair.pretended):
        for level in "0123456S":
            shutil.rmtree(f"{machine.root}/etc/rc{level}.d", ignore_errors=True)
            os.makedirs(f"{machine.root}/etc/rc{level}.d")
        shutil.rmtree(f"{machine.root}/etc/init.d", ignore_errors=True)
    pair.put("/etc/init.d/tried", script, 0o755)
    pretended = pair.pretended
    Path(f"{pretended.root}/usr/sbin/update-rc.d").write_text("pretend\n")
    Path(f"{pretended.root}/usr/sbin/update-rc.d").chmod(0o755)
    for words in (
        ("tried", "enable"),
        ("tried", "defaults"),
        ("tried", "defaults"),
        ("tried", "disable"),
        ("tried", "enable"),
        ("-f", "tried", "remove"),
        ("nosuch", "defaults"),
    ):
        pair.run("update-rc.d", *words)
        assert links(pretended, "/etc") == links(host, "/etc") or _rc(pretended) == _rc(host), words


def _rc(host: Host) -> dict[str, str]:
    return {path: to for path, to in links(host, "/etc").items() if path.startswith("etc/rc")}


@overlaid
def test_routes_are_changed_and_listed_as_the_real_ip_does(host: Host) -> None:
    pair = Pair(host)
    link = pair.real.run
    link("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
    link("ip", "address", "add", "10.0.0.4/24", "dev", "eth0", "noprefixroute")
    link("ip", "link", "set", "eth0", "up")
    for machine in (pair.real, pair.pretended):
        for route in json.loads(machine.run("ip", "-j", "route", "show")):
            machine.run("ip", "route", "del", route["dst"])
    for words in (
        "replace 10.0.0.0/24 dev eth0",
        "replace default via 10.0.0.1 dev eth0 metric 100",
        "replace 168.63.129.16/32 via 10.0.0.1 dev eth0",
        "replace 168.63.129.16/32 via 10.0.0.1 dev eth0",
        "add 168.63.129.16/32 via 10.0.0.1 dev eth0",
        "add 168.63.129.16/32 via 10.0.0.2",
        "add 169.254.169.254/32 via 10.0.0.1",
        "add 192.0.2.0/24 via 203.0.113.1",
        "add 192.0.2.1/24 via 10.0.0.1",
        "add 192.0.2.0/24 via 10.0.0.1 dev nosuch",
        "replace 192.0.2.0/24 via 10.0.0.1 metric 7",
        "add 192.0.2.0/24 via 10.0.0.1 metric 8",
        "del 192.0.2.0/24 via 10.0.0.1 metric 8",
        "del 192.0.2.0/24 via 10.0.0.9",
        "del 192.0.2.0/24",
        "del 192.0.2.0/24",
        "del default",
    ):
        pair.run("ip", "-4", "route", *words.split())
        real, pretended = (_shown(text) for text in pair.run("ip", "-j", "-4", "route", "show"))
        assert pretended == real, words


@overlaid
def test_an_interface_gets_addresses_and_comes_up_as_with_the_real_ip(host: Host) -> None:
    pair = Pair(host)
    pair.real.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
    flags = f"{pair.pretended.root}/sys/class/net/eth0/flags"
    Path(flags).write_text("0x1002\n")
    for words in (
        "addr replace 172.16.1.4/16 dev eth0",
        "addr replace 172.16.1.4/16 dev eth0",
        "addr replace 172.16.1.4/16 dev nosuch",
        "link set eth0 up",
        "link set eth0 up",
        "link set nosuch up",
    ):
        pair.run("ip", *words.split())
    outputs = pair.run("ip", "-o", "-4", "addr", "show", "dev", "eth0")
    assert [text.count(" inet 172.16.1.4/16 ") for text in outputs] == [1, 1]
    assert Path(flags).read_text() == "0x1003\n"


def _shown(text: str) -> list[tuple[object, ...]]:
    keys = ("dst", "gateway", "dev", "metric")
    return sorted(tuple(str(route.get(key)) for key in keys) for route in json.loads(text))


@pytest.mark.parametrize("name", ["vm-1", "a.b.c", "x" * 64, "x" * 65])
@overlaid
def test_the_kernel_takes_and_refuses_the_same_host_names(host: Host, name: str) -> None:
    pair = Pair(host)
    pair.run("hostname", name)
    if len(name) <= 64:
        pair.same_output("hostname")


@overlaid
def test_processes_of_nobody_are_none(host: Host) -> None:
    pair = Pair(host)
    for argv in (("pkill", "-KILL", "-U", "4321"), ("pkill", "-KILL", "-u", "4321")):
        real = host.commands(argv, Secret(), 10)
        assert pair.pretended.commands(argv, Secret(), 10).status == real.status
