# SPDX-License-Identifier: Apache-2.0
"""The parts of the firewall on machines whose tools answer from a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import pytest

from osdrivers.api import Address
from osdrivers.errors import Busy, CommandFailed, CommandMissing, InvalidInput, Unsupported
from osdrivers.host import Completed, Host
from osdrivers.linux import linux
from osdrivers.parts import firewalld, iptables, nftables
from osdrivers.parts.firewall import Backend, Firewall
from tests.osdrivers.parts.answering import machine, shown
from tests.osdrivers.parts.guarded import FOUR
from tests.osdrivers.parts.overlaid import done


def _firewall(host: Host, backend: Callable[[Host], Backend]) -> Firewall:
    return Firewall(host, (backend,))


def test_no_tool_is_named_and_nothing_is_removed_without_one(tmp_path: Path) -> None:
    firewall = linux(machine(tmp_path)).firewall
    assert firewall is not None
    with pytest.raises(CommandMissing, match="nft, firewall-cmd, iptables"):
        shown(firewall.ensure_guarded([FOUR]))
    assert shown(firewall.ensure_unguarded()) == []
    assert firewall.guarded() == frozenset()


def test_a_filter_that_the_kernel_lacks_is_passed_over(tmp_path: Path) -> None:
    answers = {"nft": Completed(1, "", "Operation not supported"), "iptables": "", "x": ""}
    answers = {**answers, "iptables-restore": "", "iptables --version": "iptables v1.4.7\n"}
    firewall = linux(machine(tmp_path, {}, answers)).firewall
    assert firewall is not None
    assert shown(firewall.ensure_guarded([FOUR]))[0].startswith("run    iptables-restore --noflush")
    only = machine(tmp_path, {}, {"nft": answers["nft"]})
    with pytest.raises(Unsupported):
        shown(Firewall(only, (nftables.Nftables,)).ensure_guarded([FOUR]))


@pytest.mark.parametrize(
    ("tool", "answer"),
    [
        ("nft", Completed(1, "", "netlink: Error: cache initialization failed: Operation not "
                                 "permitted\n")),
        ("firewall-cmd", Completed(253, "", "Authorization failed.\n")),
        ("iptables", Completed(4, "", "iptables v1.8.9 (nf_tables): Could not fetch rule set "
                                      "generation id: Permission denied (you must be root)\n")),
    ],
    ids=["nft", "firewall-cmd", "iptables"],
)  # fmt: skip
def test_a_tool_that_fails_is_named_and_no_other_filter_is_taken(
    tmp_path: Path, tool: str, answer: Completed
) -> None:
    """As a broken tool of one day would leave rules in a second filter."""
    works: dict[str, object] = {"nft": "", "firewall-cmd": "", "iptables": "", tool: answer}
    order = ("nft", "firewall-cmd", "iptables")
    makers = (nftables.Nftables, firewalld.Firewalld, iptables.Iptables)
    makers = makers[order.index(tool) :]
    firewall = Firewall(machine(tmp_path, {}, works), makers)
    with pytest.raises(CommandFailed, match=tool):
        shown(firewall.ensure_guarded([FOUR]))
    with pytest.raises(CommandFailed, match=tool):
        firewall.guarded()


def test_a_firewalld_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    stopped = Completed(252, "", "FirewallD is not running\n")
    no_bus = Completed(36, "", "Error: DBUS_ERROR: Failed to connect to socket\n")
    for answer in (stopped, no_bus):
        assert not firewalld.Firewalld(machine(tmp_path, {}, {"firewall-cmd": answer})).works()


@pytest.mark.parametrize(
    ("version", "wait"),
    [
        ("v1.4.7", ""),
        ("v1.4.21", " -w"),
        ("v1.8.9 (nf_tables)", " -w 5"),
    ],
)
def test_the_lock_is_waited_for_where_the_release_can(
    tmp_path: Path, version: str, wait: str
) -> None:
    host = machine(tmp_path, {}, {"iptables --version": f"iptables {version}\n", "iptables": ""})
    assert iptables.Iptables(host).works()
    assert vars(host.commands)["calls"][-1] == f"iptables{wait} -S OUTPUT"


def test_a_lock_that_is_held_is_busy(tmp_path: Path) -> None:
    answers = {"iptables": "", "iptables-restore": Completed(4, "", "Another app is using it")}
    host = machine(tmp_path, {}, answers)
    with pytest.raises(Busy):
        done(host, lambda: _firewall(host, iptables.Iptables).ensure_guarded([FOUR]))


@pytest.mark.parametrize(
    ("addresses", "ports"),
    [([], (53,)), ([FOUR], (0,)), ([FOUR], (65536,)), ([FOUR], range(1, 17))],
)
def test_what_cannot_be_guarded_is_refused(
    tmp_path: Path, addresses: list[Address], ports: Sequence[int]
) -> None:
    firewall = linux(machine(tmp_path, {}, {"nft": ""})).firewall
    assert firewall is not None
    with pytest.raises(InvalidInput):
        shown(firewall.ensure_guarded(addresses, open_ports=ports))


def test_legacy_iptables_is_not_asked_where_its_modules_are_not_loaded(tmp_path: Path) -> None:
    host = machine(
        tmp_path, {}, {"iptables --version": "iptables v1.8.7 (legacy)\n", "iptables": ""}
    )
    assert shown(_firewall(host, iptables.Iptables).ensure_unguarded()) == []
    assert set(vars(host.commands)["calls"]) == {"iptables --version"}


def test_firewalld_has_each_rule_at_run_time_and_for_ever(tmp_path: Path) -> None:
    host = machine(tmp_path, {}, {"firewall-cmd --state": "running\n", "firewall-cmd": ""})
    plan = shown(_firewall(host, firewalld.Firewalld).ensure_guarded([FOUR]))
    permanent = [line for line in plan if "--permanent" in line]
    runtime = [line for line in plan if "--permanent" not in line and "firewall-cmd" in line]
    assert [line.replace(" --permanent", "") for line in permanent] == runtime
    assert [line.split()[3] for line in runtime] == ["--add-chain", "--add-rule", "--add-rule"]
    assert runtime[-1].endswith("filter OUTPUT 0 -j AGENTCORE_GUARD")  # after its rules
