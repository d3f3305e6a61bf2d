# SPDX-License-Identifier: Apache-2.0
"""Clauses F1 to F5, with real nft(8) and iptables(8) in a network namespace of their own."""

from __future__ import annotations

import ipaddress
import itertools
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import Callable

import pytest

from osdrivers.errors import Unsupported
from osdrivers.host import Host
from osdrivers.linux import linux
from osdrivers.parts import iptables, nftables
from osdrivers.parts.firewall import Backend, Firewall
from tests.osdrivers.parts.guarded import (
    FOUR,
    NOBODY,
    OTHER,
    ROOT,
    SIX,
    Platform,
    listening,
    ruleset,
    run,
)
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

BACKENDS: Sequence[Callable[[Host], Backend]] = (nftables.Nftables, iptables.Iptables)
each_backend = pytest.mark.parametrize("backend", BACKENDS, ids=["nft", "iptables"])
ADMINISTRATORS = """
table inet theirs {
 chain output {
  type filter hook output priority 0; policy accept;
  ip daddr 192.0.2.1 drop
 }
}
"""


def _firewall(host: Host, backend: Callable[[Host], Backend]) -> Firewall:
    return Firewall(host, (backend,))


@each_backend
@overlaid
def test_f1_f3_only_root_opens_connections_and_port_53_is_everybodys(
    host: Host, backend: Callable[[Host], Backend]
) -> None:
    platform, firewall = Platform(), _firewall(host, backend)
    targets = [(a, port) for a in (FOUR, SIX, OTHER) for port in (53, platform.port)]
    everything = {(str(address), port) for address, port in targets}
    assert platform.reached(NOBODY, *targets) == everything
    done(host, lambda: firewall.ensure_guarded([FOUR, SIX]))
    assert firewall.guarded() == {FOUR, SIX}
    assert platform.reached(ROOT, *targets) == everything
    closed = {(str(FOUR), platform.port), (str(SIX), platform.port)}
    assert platform.reached(NOBODY, *targets) == everything - closed


@each_backend
@overlaid
def test_f1_what_is_established_and_udp_goes_on(
    host: Host, backend: Callable[[Host], Backend]
) -> None:
    platform, firewall = Platform(), _firewall(host, backend)
    ours, theirs = os.pipe()
    go, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(NOBODY)
        before = socket.socket(socket.AF_INET)
        before.connect((str(FOUR), platform.port))
        os.write(theirs, b"connected\n")
        os.read(go, 1)
        before.settimeout(5)
        sent = before.send(b"x")
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.sendto(b"yy", (str(FOUR), 5353))
        os.write(theirs, f"sent {sent}\n".encode())
        os.read(go, 1)
        os._exit(0)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((str(FOUR), 5353))
    udp.settimeout(5)
    with open(ours) as said:
        os.close(theirs)
        assert said.readline() == "connected\n"
        done(host, lambda: firewall.ensure_guarded([FOUR]))
        accepted, _ = platform.servers[1].accept()
        accepted.settimeout(5)
        os.write(release, b"1")
        assert said.readline() == "sent 1\n"
        assert accepted.recv(10) == b"x"
        assert udp.recv(10) == b"yy"
    os.write(release, b"1")
    os.waitpid(child, 0)


@each_backend
@overlaid
def test_a_server_of_ours_answers_the_platform(
    host: Host, backend: Callable[[Host], Backend]
) -> None:
    """Load balancer probes come from a guarded address, to a server that is not root's."""
    Platform()
    done(host, lambda: _firewall(host, backend).ensure_guarded([FOUR]))
    child = os.fork()
    if child == 0:
        os.setuid(NOBODY)
        server = listening(ipaddress.ip_address("127.0.0.1"), 8181)
        os.kill(os.getpid(), 19)  # SIGSTOP: the kernel answers for it
        server.close()
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    probe = socket.create_connection(("127.0.0.1", 8181), 5, source_address=(str(FOUR), 0))
    probe.close()
    os.kill(child, 9)
    os.waitpid(child, 0)


@overlaid
def test_f2_removal_leaves_every_byte_of_the_others_rules(host: Host) -> None:
    run("nft", "-f", "-", text=ADMINISTRATORS)
    before, firewall = ruleset(), linux(host).firewall
    assert firewall is not None
    done(host, lambda: firewall.ensure_guarded([FOUR, SIX]))
    assert "table inet agentcore_guard" in ruleset()
    done(host, firewall.ensure_unguarded)
    assert ruleset() == before
    assert lines(host, firewall.ensure_unguarded) == []


@overlaid
def test_f2_chains_of_iptables_go_and_the_others_rules_stay(host: Host) -> None:
    for tool in ("iptables", "ip6tables"):
        run(tool, "-A", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "DROP")
        run(tool, "-A", "INPUT", "-p", "udp", "--dport", "9", "-j", "DROP")
    before, firewall = ruleset(), _firewall(host, iptables.Iptables)
    done(host, lambda: firewall.ensure_guarded([FOUR, SIX]))
    done(host, firewall.ensure_dhcp_allowed)
    assert ruleset() != before
    done(host, firewall.ensure_unguarded)
    assert ruleset() == before


@each_backend
@overlaid
def test_f4_a_second_apply_changes_nothing_and_another_set_is_exact(
    host: Host, backend: Callable[[Host], Backend]
) -> None:
    firewall = _firewall(host, backend)
    sets = ([FOUR], [FOUR, SIX], [OTHER, SIX], [SIX])
    for addresses, ports in itertools.product(sets, ((53,), (53, 80), ())):
        apply = partial(firewall.ensure_guarded, addresses, open_ports=ports)
        done(host, apply)
        assert firewall.guarded() == set(addresses)
        before = ruleset()
        assert lines(host, apply) == []
        assert ruleset() == before


@pytest.mark.parametrize("harm", ["flush chain", "delete a rule", "insert an accept"])
@overlaid
def test_a_table_that_was_tampered_with_guards_nothing_until_it_is_made_anew(
    host: Host, harm: str
) -> None:
    firewall = _firewall(host, nftables.Nftables)
    done(host, lambda: firewall.ensure_guarded([FOUR]))
    chain = ("inet", nftables.TABLE, "output")
    if harm == "insert an accept":
        run("nft", "insert", "rule", *chain, "tcp", "dport", "80", "accept")
    else:
        run("nft", "flush", "chain", *chain)
    assert firewall.guarded() == frozenset()
    done(host, lambda: firewall.ensure_guarded([FOUR]))
    assert firewall.guarded() == {FOUR}


@overlaid
def test_a_jump_that_was_flushed_is_made_again_once(host: Host) -> None:
    firewall = _firewall(host, iptables.Iptables)
    done(host, lambda: firewall.ensure_guarded([FOUR]))
    run("iptables", "-F", "OUTPUT")
    assert firewall.guarded() == frozenset()
    done(host, lambda: firewall.ensure_guarded([FOUR]))
    assert run("iptables", "-S", "OUTPUT").count("-j AGENTCORE_GUARD") == 1


@overlaid
def test_rules_of_the_backend_before_go_when_a_better_one_is_there(host: Host) -> None:
    before = _firewall(host, iptables.Iptables)
    done(host, lambda: before.ensure_guarded([FOUR, OTHER]))
    now = Firewall(host, (nftables.Nftables, iptables.Iptables))
    done(host, lambda: now.ensure_guarded([FOUR]))
    assert before.guarded() == frozenset()
    assert now.guarded() == {FOUR}


@overlaid
def test_f5_answers_to_a_dhcp_client_come_through(host: Host) -> None:
    run("iptables", "-P", "INPUT", "DROP")
    firewall = linux(host).firewall
    assert firewall is not None
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("127.0.0.1", 68))
    client.setblocking(False)
    server.sendto(b"lost", ("127.0.0.1", 68))
    done(host, firewall.ensure_dhcp_allowed)
    server.sendto(b"offer", ("127.0.0.1", 68))
    client.settimeout(5)
    assert client.recv(10) == b"offer"
    assert lines(host, firewall.ensure_dhcp_allowed) == []


@overlaid
def test_f5_a_chain_of_somebody_elses_table_cannot_be_overruled(host: Host) -> None:
    firewall = _firewall(host, nftables.Nftables)
    assert lines(host, firewall.ensure_dhcp_allowed) == []
    run("nft", "-f", "-", text=ADMINISTRATORS.replace("output", "input"))
    assert isinstance(refused(host, firewall.ensure_dhcp_allowed), Unsupported)
