# SPDX-License-Identifier: Apache-2.0
"""H2, N7 with clients that read their own configuration: dhclient, dhcpcd, udhcpc, ifupdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.errors import PostconditionFailed, UnsafeRefused
from osdrivers.parts import dhclient_links, dhcp_processes, dhcpcd_links, ifupdown_links
from osdrivers.parts.links import Links
from tests.osdrivers.parts.answering import shown
from tests.osdrivers.parts.link_guest import (
    DHCLIENT,
    SYSTEMD,
    guest,
    interface,
    published,
)

# ---------------------------------------------------------------- dhclient


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("send host-name = gethostname();\n", None),
        ('send host-name "vm-1";\n', None),
        ('a;\nsend host-name "old";\nb;\n', 'a;\nsend host-name "vm-1";\nb;\n'),
        ("request routers;\n", 'request routers;\nsend host-name "vm-1";\n'),
        ("#send host-name x;\n", '#send host-name x;\nsend host-name "vm-1";\n'),
        ("", 'send host-name "vm-1";\n'),
    ],
)
def test_dhclient_conf_is_changed_only_where_the_name_would_not_be_sent(
    before: str, after: str
) -> None:
    wanted = (before if after is None else after).encode()
    assert dhclient_links.sending(before.encode(), "vm-1") == wanted


def test_a_dhclient_that_was_given_a_name_is_started_again_with_the_new_one(
    tmp_path: Path,
) -> None:
    files = {
        **SYSTEMD,
        "/etc/dhclient.conf": "send host-name = gethostname();\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nDHCP_HOSTNAME=old\n",
    }
    tools = {"dhclient": "", "/sbin/dhclient": ""}
    host = guest(tmp_path, "/sbin/dhclient\0-H\0old\0eth0\0", files, tools)
    assert published(host) == [
        "edit   /etc/sysconfig/network-scripts/ifcfg-eth0 0644 DHCP_HOSTNAME=vm-1",
        "run    kill -KILL 41",
        "verify dhclient has ended",
        "run    systemd-run --quiet --service-type=forking -- /sbin/dhclient -H vm-1 eth0",
        "verify dhclient runs again for eth0",
    ]


def test_a_dhclient_is_asked_beside_the_one_that_runs_and_nothing_remains(tmp_path: Path) -> None:
    files = {"/etc/dhcp/dhclient.conf": "send host-name = gethostname();\n"}
    plan = published(guest(tmp_path, DHCLIENT, files, {"dhclient": ""}))
    assert plan[2] == (
        "run    dhclient -1 -q -cf /run/publish-eth0.conf -lf /run/publish-eth0.leases "
        "-pf /run/publish-eth0.pid -sf /bin/true eth0"
    )
    assert plan[-3:] == [f"remove /run/publish-eth0.{end}" for end in ("leases", "conf", "pid")]


# ---------------------------------------------------------------- dhcpcd, udhcpc, ifupdown


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hostname\n", None),
        ("persistent\nhostname vm-1\n", None),
        ("hostname old\nduid\n", "hostname\nduid\n"),
        ("#hostname\ninterface eth0\n", "hostname\n#hostname\ninterface eth0\n"),
        ("option host_name\n", "hostname\noption host_name\n"),
    ],
)
def test_dhcpcd_conf_is_changed_only_where_the_name_would_not_be_sent(
    before: str, after: str
) -> None:
    wanted = (before if after is None else after).encode()
    assert dhcpcd_links.sending(before.encode(), "vm-1") == wanted


def test_a_udhcpc_with_another_name_is_not_taken_down_without_leave(tmp_path: Path) -> None:
    stanza = "auto eth0\niface eth0 inet dhcp\n\thostname old\niface eth1 inet dhcp\n hostname b\n"
    host = guest(
        tmp_path,
        "udhcpc\0-i\0eth0\0-x\0hostname:old\0",
        {"/etc/network/interfaces": stanza},
        {"ifup": "", "ifdown": "", "udhcpc": ""},
    )
    with pytest.raises(UnsafeRefused, match="'old'"):
        published(host)
    assert published(host, allow_bounce=True) == [
        "edit   /etc/network/interfaces 0644 iface eth0: hostname vm-1",
        "run    ifdown eth0",
        "run    ifup eth0",
    ]
    renamed = ifupdown_links.renamed(stanza.encode(), "eth0", "vm-1").decode()
    assert renamed == stanza.replace("hostname old", "hostname vm-1")


def test_a_udhcpc_without_a_name_is_helped_by_another(tmp_path: Path) -> None:
    shows = "2: eth0    inet 10.0.0.4/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever"
    tools = {"udhcpc": "", "ip -o address show dev eth0": shows}
    (line,) = published(guest(tmp_path, "udhcpc\0-i\0eth0\0", {}, tools))
    assert line.endswith("-s /bin/true -i eth0 -r 10.0.0.4 -x hostname:vm-1")


def test_an_interface_that_is_down_is_brought_up_and_one_that_is_up_left(tmp_path: Path) -> None:
    down = interface("eth0", 2, "0x1002")
    files = {**down, "/etc/network/interfaces": "iface eth0 inet dhcp\n"}
    host = guest(tmp_path, DHCLIENT, files, {"ifup": ""})
    assert shown(Links(host).ensure_recovered("eth0")) == ["run    ifup eth0"]
    assert dhcp_processes.known(host, "eth0") is False


def test_a_client_that_does_not_come_back_is_noticed(tmp_path: Path) -> None:
    tools = {"dhclient": "", "/sbin/dhclient": ""}
    host = guest(tmp_path, "/sbin/dhclient\0-H\0old\0eth0\0", SYSTEMD, tools)
    check = list(Links(host).ensure_published("eth0", "vm-1"))[-1]
    with pytest.raises(PostconditionFailed, match="runs again"):
        check.apply(host)
    (tmp_path / "proc/42").mkdir()
    (tmp_path / "proc/42/cmdline").write_text("/sbin/dhclient\0-H\0vm-1\0eth0\0")
    check.apply(host)
