# SPDX-License-Identifier: Apache-2.0
"""The packet filter: F1 to F5, and N5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from osdrivers.conformance.bench import Bench
from osdrivers.conformance.box import Box
from osdrivers.conformance.catalogue.firewall import GUARDED, PLATFORM
from osdrivers.conformance.operations import BY_NAME
from osdrivers.errors import InvalidInput

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "network")
_TABLE = "table inet theirs {\n\tchain out {\n\t\ttcp dport 25 drop\n\t}\n}\n"
#: Rules of an administrator, in the memory of each pretend tool.
THEIRS: Mapping[str, Mapping[str, Any]] = {
    "nftables": {"theirs": _TABLE},
    "iptables": {"INPUT": ["-p tcp -m tcp --dport 25 -j DROP"], "theirs": ["-j RETURN"]},
    "ip6tables": {"INPUT": ["-p tcp -m tcp --dport 25 -j DROP"], "theirs": ["-j RETURN"]},
    "firewalld": {"ipv4 chains": ["theirs"], "ipv4 theirs": ["0 -p tcp --dport 25 -j DROP"]},
    "firewalld-runtime": {"ipv4 chains": ["theirs"], "ipv4 theirs": ["0 -p tcp -j DROP"]},
}


@pytest.mark.operation("guard-ipv4")
def test_f1_one_address_is_guarded_and_bad_input_is_refused(bench: Bench) -> None:
    bench.refuses(InvalidInput, lambda d: d.firewall.ensure_guarded([]))
    bench.refuses_each(
        InvalidInput,
        (-1, 0, 65536),
        lambda d, port: d.firewall.ensure_guarded([PLATFORM], open_ports=[port]),
    )
    assert bench.fresh().driver().firewall.guarded() == frozenset()
    assert bench.after().firewall.guarded() == {PLATFORM}


@pytest.mark.operation("guard")
def test_f3_exactly_the_addresses_are_guarded_ipv6_as_ipv4(bench: Bench) -> None:
    assert bench.after().firewall.guarded() == frozenset(GUARDED)


@pytest.mark.operation("guard")
def test_f3_the_order_of_addresses_and_ports_is_no_difference(bench: Bench) -> None:
    firewall = bench.after().firewall
    turned = [*reversed(GUARDED), *GUARDED]
    assert list(firewall.ensure_guarded(turned)) == []
    assert list(firewall.ensure_guarded(GUARDED, open_ports=[53, 53])) == []
    assert list(firewall.ensure_guarded(GUARDED, open_ports=[80])) != []


@pytest.mark.operation("unguard")
def test_f2_nothing_is_guarded_any_more(bench: Bench) -> None:
    assert bench.after().firewall.guarded() == frozenset()


@pytest.mark.operation("guard-ipv4")
@pytest.mark.bed("pretend")  # which filters a machine has is known of these alone
def test_f4_rules_of_others_stay_and_removal_leaves_what_was_there(bench: Bench) -> None:
    trial = bench.fresh()
    box = Box(trial.root)
    for topic, state in THEIRS.items():
        box.remember(topic, {**box.remembered(topic), **state})
    for name in ("guard-ipv4", "guard", "unguard"):
        ran = trial.run(BY_NAME[name])
        assert ran.error is None, f"{name}: {ran.error!r}"
        for topic, state in THEIRS.items():
            now = box.remembered(topic)
            for key, rules in state.items():
                assert _holds(now.get(key), rules), f"{name} took {topic} {key}"
    for topic, state in THEIRS.items():
        assert {key: rules for key, rules in box.remembered(topic).items() if rules} == state, topic


def _holds(now: Any, rules: Any) -> bool:
    if isinstance(rules, str) or now is None:
        return bool(now == rules)
    return bool(rules) and list(rules) == [each for each in now if each in rules]


@pytest.mark.operation("dhcp-allowed")
def test_f5_dhcp_is_let_in_and_guards_nothing(bench: Bench) -> None:
    before = bench.fresh().driver().firewall.guarded()
    firewall = bench.after().firewall
    assert firewall.guarded() == before
    assert list(firewall.ensure_dhcp_allowed()) == []
