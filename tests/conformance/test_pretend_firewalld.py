# SPDX-License-Identifier: Apache-2.0
"""The pretended firewall-cmd answers what a real firewalld's does."""

from __future__ import annotations

from pathlib import Path

from osdrivers.host import Host
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid
from tests.osdrivers.parts.test_firewalld import patience as patience
from tests.osdrivers.parts.test_firewalld import pytestmark as _needs
from tests.osdrivers.parts.test_firewalld import started

pytestmark = _needs
MACHINE = Path(__file__).parents[1] / "machines" / "opensuse-leap-15.6"
RULE = ("-p", "tcp", "-m", "owner", "!", "--uid-owner", "0", "-j", "DROP")
RICH = 'rule family="ipv4" port port="68" protocol="udp" accept'


@overlaid
def test_firewall_cmd_adds_tells_and_removes_alike(host: Host, patience: None) -> None:
    started()  # first: D-Bus wants its account, which the pair's files may lack
    pair = Pair(host, MACHINE)
    pair.same_output("firewall-cmd", "--state")
    chain, rule = ("ipv4", "filter", "GUARD"), ("ipv4", "filter", "GUARD", "0", *RULE)
    for scope in (("--permanent",), ()):
        direct = ("firewall-cmd", *scope, "--direct")
        for verb in ("add", "remove"):
            for words in ((f"--{verb}-chain", *chain), (f"--{verb}-rule", *rule))[
                :: 1 if verb == "add" else -1
            ]:
                for _ in range(2):
                    pair.run(*direct, *words)
                real, pretended = pair.run(*direct, "--get-all-rules")
                assert pretended.split() == real.replace("'", "").split()
                real, pretended = pair.run(*direct, "--get-all-chains")
                assert pretended.split() == real.split()
            for _ in range(2):
                pair.run("firewall-cmd", *scope, f"--{verb}-rich-rule={RICH}")
            pair.same_output("firewall-cmd", *scope, f"--query-rich-rule={RICH}")
