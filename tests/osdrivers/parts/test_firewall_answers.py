# SPDX-License-Identifier: Apache-2.0
"""What a tool of the firewall does not know is no rule, and nothing to go on about."""

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
LOADED = {"/proc/net/ip_tables_names": "filter\n", "/proc/net/ip6_tables_names": "filter\n"}


@pytest.mark.parametrize("status", [1, 2, 3, 4, 127])
def test_an_answer_that_is_none_means_no_rule_and_nothing_is_deleted(
    status: int, tmp_path: Path
) -> None:
    odd = Completed(status, "", "whatever it is")
    host = machine(tmp_path, LOADED, {**VERSION, "iptables": odd, "ip6tables": odd})
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
        "ip6tables": Completed(1),
    }
    host = machine(tmp_path, LOADED, table)
    with pytest.raises(error):
        done(host, lambda: Firewall(host, (iptables.Iptables,)).ensure_unguarded())
    calls = host.commands.calls if isinstance(host.commands, Answers) else []
    assert sum(" -D " in call for call in calls) == 1
