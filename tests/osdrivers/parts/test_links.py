# SPDX-License-Identifier: Apache-2.0
"""N1, H2, N7: which client is in charge, what is changed so that it sends the name, what is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from osdrivers.api import DhcpClient
from osdrivers.errors import CommandMissing, InvalidInput, NotFound, UnsafeRefused
from osdrivers.parts import (
    wicked_links,
)
from osdrivers.parts.links import Links
from tests.osdrivers.parts.answering import Answer, machine, shown
from tests.osdrivers.parts.link_guest import (
    DHCLIENT,
    MANAGER,
    NETWORKD,
    SYSTEMD,
    WICKED,
    guest,
    published,
)

# ---------------------------------------------------------------- N1


@pytest.mark.parametrize(
    ("argv", "client"),
    [
        (DHCLIENT, DhcpClient("dhclient", "eth0", 41)),
        ("/sbin/dhclient3\0eth0\0", DhcpClient("dhclient", "eth0", 41)),
        ("dhcpcd: eth0 [ip4] [ip6]\0", DhcpClient("dhcpcd", "eth0", 41)),
        ("dhcpcd: [manager] [ip4] [ip6]\0", DhcpClient("dhcpcd", "", 41)),
        ("udhcpc\0-b\0-i\0eth0\0", DhcpClient("udhcpc", "eth0", 41)),
        ("/bin/busybox\0udhcpc\0-i\0eth0\0", DhcpClient("udhcpc", "eth0", 41)),
        (NETWORKD, DhcpClient("networkd", "", 41)),
        (MANAGER, DhcpClient("NetworkManager", "", 41)),
        (WICKED, DhcpClient("wicked", "", 41)),
    ],
)
def test_a_client_is_known_by_its_command_line(
    tmp_path: Path, argv: str, client: DhcpClient
) -> None:
    assert Links(guest(tmp_path, argv)).clients() == (client,)


@pytest.mark.parametrize(
    "argv",
    [
        "",
        "bash\0",
        "dhcpcd: [privileged proxy] eth0 [ip4] [ip6]\0",
        "dhcpcd: [network proxy] 10.0.0.58\0",
        "dhcpcd: [BPF ARP] eth0 10.0.0.58\0",
        "dhclient\0-6\0eth0\0",
        "dhclient\0-1\0-pf\0/run/publish-eth0.pid\0eth0\0",
        "vi\0dhclient\0",
    ],
)
def test_servants_of_a_client_and_other_programs_are_none(tmp_path: Path, argv: str) -> None:
    assert Links(guest(tmp_path, argv)).clients() == ()


def test_an_offline_root_has_no_clients(tmp_path: Path) -> None:
    files = {"/proc/41/cmdline": NETWORKD}
    assert Links(machine(tmp_path, files, offline=True)).clients() == ()


# ---------------------------------------------------------------- H2, refusals


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "", "a b", "-a", "x" * 65])
def test_a_name_that_is_no_machine_s_own_is_not_published(tmp_path: Path, name: str) -> None:
    host = guest(tmp_path, NETWORKD, SYSTEMD, {"networkctl": ""})
    with pytest.raises(InvalidInput):
        shown(Links(host).ensure_published("eth0", name))


def test_a_virtual_function_and_an_absent_interface_are_not_touched(tmp_path: Path) -> None:
    links = Links(guest(tmp_path, NETWORKD, SYSTEMD, {"networkctl": ""}))
    with pytest.raises(NotFound, match="belongs to eth0"):
        shown(links.ensure_published("enP1s1", "vm-1"))
    with pytest.raises(NotFound, match="belongs to eth0"):
        shown(links.ensure_recovered("enP1s1"))
    with pytest.raises(NotFound, match="no interface eth9"):
        shown(links.ensure_published("eth9", "vm-1"))


def test_without_a_client_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        published(guest(tmp_path, "bash\0"))


def test_without_the_tool_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(CommandMissing, match="nmcli"):
        published(guest(tmp_path, MANAGER, {**SYSTEMD, "/run/NetworkManager/": ""}))


# ---------------------------------------------------------------- networkd

LINK = "NETWORK_FILE=/run/systemd/network/10-netplan-eth0.network\nOPER_STATE=routable\n"
UNIT = "/usr/lib/systemd/system/systemd-networkd.service"
NETIF = {
    **SYSTEMD,
    "/run/systemd/netif/links/2": LINK,
    UNIT: "[Service]\nRestartKillSignal=SIGUSR2\n",
}
RESTART = "run    systemctl restart systemd-networkd.service"
NETWORK = "/run/systemd/network/10-netplan-eth0.network"


def test_networkd_is_asked_again_and_its_files_stay(tmp_path: Path) -> None:
    files = {**NETIF, NETWORK: "[Network]\nDHCP=ipv4\n"}
    host = guest(tmp_path, NETWORKD, files, {"networkctl": ""})
    assert published(host) == [RESTART]


@pytest.mark.parametrize("line", ["Hostname=old", "SendHostname=false"])
def test_networkd_s_generated_file_is_overruled_for_both_families(
    tmp_path: Path, line: str
) -> None:
    files = {**NETIF, NETWORK: f"[Network]\nDHCP=yes\n[DHCPv4]\n{line}\n"}
    host = guest(tmp_path, NETWORKD, files, {"networkctl": ""})
    plan = [*Links(host).ensure_published("eth0", "vm-1")]
    assert [str(action).split(" 0")[0] for action in plan] == [
        "mkdir  /etc/systemd/network/10-netplan-eth0.network.d",
        "write  /etc/systemd/network/10-netplan-eth0.network.d/90-published-name.conf",
        RESTART,
    ]
    plan[0].apply(host)
    plan[1].apply(host)
    text = host.read("/etc/systemd/network/10-netplan-eth0.network.d/90-published-name.conf")
    assert "[DHCPv4]\nSendHostname=yes\nHostname=vm-1\n[DHCPv6]\n" in text
    assert published(host) == [RESTART]


def test_a_networkd_that_lets_go_of_its_leases_is_restarted_only_with_leave(
    tmp_path: Path,
) -> None:
    host = guest(tmp_path, NETWORKD, {**NETIF, UNIT: "[Service]\nRestart=on-failure\n"})
    with pytest.raises(UnsafeRefused, match="drops its addresses"):
        published(host)
    assert published(host, allow_bounce=True) == [RESTART]


@pytest.mark.parametrize(("state", "lines"), [("routable", 0), ("off", 1)])
def test_networkd_recovers_what_is_off(tmp_path: Path, state: str, lines: int) -> None:
    files = {**NETIF, "/run/systemd/netif/links/2": f"OPER_STATE={state}\n"}
    host = guest(tmp_path, NETWORKD, files, {"networkctl": ""})
    assert len(shown(Links(host).ensure_recovered("eth0"))) == lines


# ---------------------------------------------------------------- NetworkManager

NM = {**SYSTEMD, "/run/NetworkManager/": ""}
SHOW = "nmcli -g {} connection show uuid 5fb0"


def nm(**settings: str) -> Mapping[str, Answer]:
    found = {
        "nmcli": "",
        "nmcli -g GENERAL.CON-UUID device show eth0": "5fb0\n",
        "nmcli -g GENERAL.STATE device show eth0": f"{settings.pop('state', '100 (x)')}\n",
    }
    named = {key.replace("_", ".", 1).replace("_", "-"): value for key, value in settings.items()}
    return {**found, **{SHOW.format(key): f"{value}\n" for key, value in named.items()}}


@pytest.mark.parametrize(("present", "other"), [("0 (default)", "46"), ("46", "47")])
def test_networkmanager_starts_its_client_anew_and_the_profile_stays(
    tmp_path: Path, present: str, other: str
) -> None:
    assert published(guest(tmp_path, MANAGER, NM, nm(ipv4_dhcp_timeout=present))) == [
        f"run    nmcli device modify eth0 ipv4.dhcp-timeout {other}",
        "run    nmcli device reapply eth0",
    ]


def test_networkmanager_s_old_name_is_corrected_for_both_families(tmp_path: Path) -> None:
    tools = nm(ipv4_dhcp_hostname="old", ipv4_dhcp_send_hostname="no", ipv6_dhcp_hostname="old")
    assert published(guest(tmp_path, MANAGER, NM, tools)) == [
        "run    nmcli connection modify uuid 5fb0 ipv4.dhcp-hostname vm-1 "
        "ipv4.dhcp-send-hostname yes ipv6.dhcp-hostname vm-1",
        "run    nmcli device reapply eth0",
    ]


@pytest.mark.parametrize("state", ["100 (connected)", "10 (unmanaged)", "30 (disconnected)"])
def test_networkmanager_connects_only_what_it_calls_disconnected(
    tmp_path: Path, state: str
) -> None:
    host = guest(tmp_path, MANAGER, NM, nm(state=state))
    expected = ["run    nmcli device connect eth0"] if state.startswith("30") else []
    assert shown(Links(host).ensure_recovered("eth0")) == expected


# ---------------------------------------------------------------- wicked, dhcpcd of old


def test_wicked_is_asked_again_with_the_machine_s_name(tmp_path: Path) -> None:
    files = {**SYSTEMD, "/run/wicked/": "", wicked_links.DEFAULTS: 'DHCLIENT_HOSTNAME_OPTION="o"\n'}
    host = guest(tmp_path, WICKED, files, {"wicked": ""})
    assert published(host) == [
        'edit   /etc/sysconfig/network/dhcp 0644 DHCLIENT_HOSTNAME_OPTION="AUTO"',
        "run    wicked ifup eth0",
    ]


def test_scripts_that_start_dhcpcd_read_the_same_file(tmp_path: Path) -> None:
    files = {wicked_links.DEFAULTS: 'DHCLIENT_HOSTNAME_OPTION="AUTO"\n'}
    host = guest(tmp_path, "dhcpcd: eth0 [ip4]\0", files, {"ifup": "", "dhcpcd": ""})
    assert published(host) == ["run    ifup eth0"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('A=1\nDHCLIENT_HOSTNAME_OPTION="AUTO"\n', None),
        ("DHCLIENT_HOSTNAME_OPTION=vm-1\n", None),
        ('DHCLIENT_HOSTNAME_OPTION="old" # x\n', 'DHCLIENT_HOSTNAME_OPTION="AUTO" # x\n'),
        ('DHCLIENT_HOSTNAME_OPTION=""\nB=2\n', 'DHCLIENT_HOSTNAME_OPTION="AUTO"\nB=2\n'),
        ("B=2", 'B=2\nDHCLIENT_HOSTNAME_OPTION="AUTO"\n'),
        ("", 'DHCLIENT_HOSTNAME_OPTION="AUTO"\n'),
    ],
)
def test_only_a_wrong_option_is_changed(before: str, after: str) -> None:
    add = ("DHCLIENT_HOSTNAME_OPTION",)
    wanted = (before if after is None else after).encode()
    assert wicked_links.automatic(before.encode(), "vm-1", add) == wanted
