# SPDX-License-Identifier: Apache-2.0
"""Clauses F1 to F5 with a real firewalld, on a D-Bus and in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from osdrivers.host import Host
from osdrivers.parts import firewalld, nftables
from osdrivers.parts.firewall import Firewall
from tests.osdrivers.parts import repository
from tests.osdrivers.parts.guarded import FOUR, NOBODY, OTHER, ROOT, SIX, Platform, ruleset, run
from tests.osdrivers.parts.overlaid import done, lines, overlaid

pytestmark = repository.needs("firewalld", "firewall-cmd", "dbus-daemon", "nft", "iptables")
DIRECT = "/etc/firewalld/direct.xml"


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--thorough"):
        pytest.skip("firewall-cmd takes half a minute: with --thorough")


def started() -> None:
    """Both daemons end with the namespace.  Asking takes firewall-cmd a third of a second."""
    os.makedirs("/run/dbus", mode=0o755)
    os.chmod("/run/dbus", 0o755)
    run("dbus-daemon", "--system", "--fork", "--nopidfile")
    subprocess.Popen(
        ("firewalld", "--nofork", "--nopid"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(300):
        if subprocess.run(("firewall-cmd", "--state"), capture_output=True).returncode == 0:
            return
    raise AssertionError("firewalld does not start")


@overlaid
def test_f1_f2_f3_only_root_opens_connections_until_all_is_as_before(
    host: Host, patience: None
) -> None:
    started()
    platform, firewall = Platform(), Firewall(host, (firewalld.Firewalld,))
    before = run("iptables", "-S"), run("ip6tables", "-S")
    targets = [(a, port) for a in (FOUR, SIX, OTHER) for port in (53, platform.port)]
    everything = {(str(address), port) for address, port in targets}
    closed = {(str(FOUR), platform.port), (str(SIX), platform.port)}
    done(host, lambda: firewall.ensure_guarded([FOUR, SIX]))
    assert firewall.guarded() == {FOUR, SIX}
    assert platform.reached(ROOT, *targets) == everything
    assert platform.reached(NOBODY, *targets) == everything - closed
    assert lines(host, lambda: firewall.ensure_guarded([FOUR, SIX])) == []  # F4
    run("firewall-cmd", "--reload")  # the permanent rules are the same
    assert firewall.guarded() == {FOUR, SIX}
    assert platform.reached(NOBODY, *targets) == everything - closed
    done(host, firewall.ensure_unguarded)
    assert (run("iptables", "-S"), run("ip6tables", "-S")) == before
    assert "AGENTCORE" not in Path(DIRECT).read_text()
    assert platform.reached(NOBODY, *targets) == everything
    assert lines(host, firewall.ensure_unguarded) == []


@overlaid
def test_f4_another_set_of_addresses_is_exact(host: Host, patience: None) -> None:
    started()
    firewall = Firewall(host, (firewalld.Firewalld,))
    for addresses, ports in (([FOUR, SIX], (53,)), ([OTHER], (53, 80))):
        done(host, partial(firewall.ensure_guarded, addresses, open_ports=ports))
        assert firewall.guarded() == set(addresses)
    assert run("iptables", "-S", "OUTPUT").count("AGENTCORE_GUARD") == 1
    assert "168.63.129.16" not in run("iptables", "-S")
    assert "AGENTCORE" not in run("ip6tables", "-S")


@overlaid
def test_f5_dhcp_is_allowed_once_and_not_for_ever(host: Host, patience: None) -> None:
    started()
    firewall = Firewall(host, (firewalld.Firewalld,))
    done(host, firewall.ensure_dhcp_allowed)
    assert lines(host, firewall.ensure_dhcp_allowed) == []
    assert "udp dport 68" in ruleset()
    done(host, firewall.ensure_unguarded)
    assert "udp dport 68" not in ruleset()


@overlaid
def test_a_table_of_our_own_stands_beside_firewalld_and_outlives_its_reload(host: Host) -> None:
    started()
    platform, firewall = Platform(), Firewall(host, (nftables.Nftables, firewalld.Firewalld))
    done(host, lambda: firewall.ensure_guarded([FOUR]))
    run("firewall-cmd", "--reload")
    assert run("firewall-cmd", "--state") == "running\n"
    assert firewall.guarded() == {FOUR}
    assert platform.reached(NOBODY, (FOUR, platform.port), (FOUR, 53)) == {(str(FOUR), 53)}
    assert not os.path.exists(DIRECT)
