# SPDX-License-Identifier: Apache-2.0
"""The parts of the firewall on machines whose tools answer from a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import pytest

from osdrivers.api import Address
from osdrivers.errors import Busy, CommandMissing, InvalidInput, Unsupported
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
    only = machine(tmp_path, {}, {"nft": Completed(1)})
    with pytest.raises(Unsupported):
        shown(Firewall(only, (nftables.Nftables,)).ensure_guarded([FOUR]))


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
