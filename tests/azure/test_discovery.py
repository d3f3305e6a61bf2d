# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import pytest

from agentcore.azure.dhcp import Offer, Route
from agentcore.azure.discovery import Found, Lease, find_endpoint
from agentcore.azure.http import Endpoint
from agentcore.errors import Unreachable
from osdrivers.errors import AgentError, FileFailed, InvalidInput

KNOWN = Endpoint("168.63.129.16")
OFFER = Offer("10.1.2.3", "10.0.0.1", (Route("10.9.0.0/16", "10.0.0.1"),))


@dataclass(frozen=True)
class Raw:
    option_245: bytes
    expired: bool = False


@dataclass(frozen=True)
class Named:
    endpoint: str


def never() -> Offer:
    raise AssertionError("the exchange was not needed")


def never_listed() -> tuple[Lease, ...]:
    raise AssertionError("the leases were not needed")


def failing(error: AgentError) -> Callable[[], Offer]:
    def exchange() -> Offer:
        raise error

    return exchange


def test_what_was_found_before_is_taken_first() -> None:
    found = find_endpoint(
        cached="10.1.2.3:8080", routed=lambda _: True, leases=never_listed, exchange=never
    )
    assert found == Found(Endpoint("10.1.2.3", 8080), "cached")


def test_a_route_to_the_well_known_address_settles_it() -> None:
    asked: list[str] = []

    def routed(address: str) -> bool:
        asked.append(address)
        return True

    assert find_endpoint(routed=routed, leases=never_listed, exchange=never) == Found(
        KNOWN, "route"
    )
    assert asked == ["168.63.129.16"]


def test_the_newest_lease_that_is_valid_wins() -> None:
    leases = (
        Raw(b"\x0a\0\0\1"),
        Raw(b"\x0a\0\0\2"),
        Raw(b"\x0a\0\0\3", expired=True),
        Raw(b""),
        Named(""),
    )
    found = find_endpoint(leases=lambda: leases, exchange=never)
    assert found == Found(Endpoint("10.0.0.2"), "lease")
    assert find_endpoint(leases=lambda: [Named("10.0.0.9")]).endpoint == Endpoint("10.0.0.9")


def test_then_a_server_is_asked() -> None:
    assert find_endpoint(exchange=lambda: OFFER) == Found(
        Endpoint("10.1.2.3"), "dhcp", OFFER.router, OFFER.routes
    )


def test_at_last_the_well_known_address_is_taken() -> None:
    assert find_endpoint() == Found(KNOWN, "static")


@pytest.mark.parametrize(
    "error", [Unreachable("nobody"), InvalidInput("no mac"), FileFailed("x", PermissionError(1))]
)
def test_a_failed_exchange_leads_there_too_and_is_told(error: AgentError) -> None:
    found = find_endpoint(exchange=failing(error))
    assert (found.endpoint, found.how) == (KNOWN, "static")
    assert len(found.warnings) == 1


def test_an_offer_without_the_endpoint_still_has_its_routes() -> None:
    offer = Offer("", OFFER.router, OFFER.routes, ("option 245 has 3 bytes instead of 4",))
    assert find_endpoint(exchange=lambda: offer) == Found(
        KNOWN, "static", OFFER.router, OFFER.routes, offer.warnings
    )


def test_what_is_remembered_is_passed_over_when_it_has_failed() -> None:
    found = find_endpoint(
        cached="10.9.9.9", leases=never_listed, exchange=lambda: OFFER, fresh=True
    )
    assert found.how == "dhcp"


@pytest.mark.parametrize("text", ["nonsense", "example.org", "0.0.0.0", "255.255.255.255"])
def test_a_remembered_endpoint_that_is_none_is_passed_over_and_told(text: str) -> None:
    found = find_endpoint(cached=text)
    assert found.how == "static"
    assert text in found.warnings[0]


def test_leases_that_make_no_sense_are_passed_over_and_told() -> None:
    leases = (Raw(b"\1\2\3"), Raw(bytes(4)), Named("name"))
    found = find_endpoint(leases=lambda: leases, exchange=lambda: OFFER)
    assert found.how == "dhcp"
    assert len(found.warnings) == 3
