# SPDX-License-Identifier: Apache-2.0
"""What a tool of the firewall does not understand is no rule, and nothing is deleted for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.errors import Busy, CommandFailed
from osdrivers.host import Completed
from osdrivers.parts import iptables
from osdrivers.parts.firewall import Firewall
from tests.osdrivers.parts.answering import Answers, machine, shown
from tests.osdrivers.parts.overlaid import done

VERSION = {"iptables --version": "iptables v1.4.7\n"}
ABSENT = Completed(1, "", "iptables: No chain/target/match by that name.")
LOADED = {"/proc/net/ip_tables_names": "filter\n", "/proc/net/ip6_tables_names": "filter\n"}


@pytest.mark.parametrize(
    ("status", "error"), [(1, CommandFailed), (2, CommandFailed), (4, Busy), (127, CommandFailed)]
)
def test_an_answer_that_is_none_counts_as_no_rule_and_nothing_is_deleted(
    status: int, error: type[Exception], tmp_path: Path
) -> None:
    odd = Completed(status, "", "whatever it is")
    host = machine(tmp_path, LOADED, {**VERSION, "iptables": odd, "ip6tables": odd})
    with pytest.raises(error):
        done(host, lambda: Firewall(host, (iptables.Iptables,)).ensure_unguarded())
    calls = host.commands.calls if isinstance(host.commands, Answers) else []
    assert [call for call in calls if " -S " not in call and "--version" not in call] == []


def test_a_chain_that_is_not_there_has_no_rule(tmp_path: Path) -> None:
    host = machine(tmp_path, LOADED, {**VERSION, "iptables": ABSENT, "ip6tables": ABSENT})
    assert shown(Firewall(host, (iptables.Iptables,)).ensure_unguarded()) == []


@pytest.mark.parametrize(("status", "error"), [(4, Busy), (2, CommandFailed), (111, CommandFailed)])
def test_a_rule_that_cannot_be_deleted_is_told_at_the_first_try(
    status: int, error: type[Exception], tmp_path: Path
) -> None:
    jump = f"-A OUTPUT -j {iptables.GUARD}\n"
    table = {
        **VERSION,
        "iptables": Completed(status, "", "no"),
        "iptables -S OUTPUT": jump,
        f"iptables -S {iptables.GUARD}": f"-N {iptables.GUARD}\n",
        "iptables -S INPUT": "-P INPUT ACCEPT\n",
        f"iptables -S {iptables.DHCP}": ABSENT,
        "ip6tables": ABSENT,
    }
    host = machine(tmp_path, LOADED, table)
    with pytest.raises(error):
        done(host, lambda: Firewall(host, (iptables.Iptables,)).ensure_unguarded())
    calls = host.commands.calls if isinstance(host.commands, Answers) else []
    assert sum(" -D " in call for call in calls) == 1
