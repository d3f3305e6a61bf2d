# SPDX-License-Identifier: Apache-2.0
"""Where the platform answers: five sources, the cheapest first.  Nothing is changed here."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional, Protocol, Union

from agentcore.errors import ServiceError
from osdrivers.errors import InvalidInput, OperationError, first_line

from .dhcp import Offer, Route
from .http import Endpoint, parse_endpoint

WELL_KNOWN = "168.63.129.16"


class RawLease(Protocol):
    """A lease with option 245 as it came."""

    @property
    def option_245(self) -> bytes:
        """Four bytes, or b"" where the lease has none."""


class NamedLease(Protocol):
    """A lease with the endpoint as text."""

    @property
    def endpoint(self) -> str:
        """An address, or ""."""


Lease = Union[RawLease, NamedLease]


@dataclass(frozen=True)
class Found:
    """The endpoint, and what the DHCP server wants besides.

    ``how`` is ``cached``, ``route``, ``lease``, ``dhcp`` or ``static``.  ``router`` and ``routes``
    are for the caller to apply: the router only where there is no default route.
    ``warnings`` say which sources failed.
    """

    endpoint: Endpoint
    how: str
    router: str = ""
    routes: tuple[Route, ...] = ()
    warnings: tuple[str, ...] = ()


def _no_leases() -> Iterable[Lease]:
    return ()


def find_endpoint(
    *,
    cached: str = "",
    routed: Callable[[str], bool] = lambda address: False,
    leases: Callable[[], Iterable[Lease]] = _no_leases,
    exchange: Optional[Callable[[], Offer]] = None,
    fresh: bool = False,
) -> Found:
    """The endpoint from the first source that has one.

    :param cached: what was found last time.
    :param routed: whether the kernel has a route to exactly this address: where the platform's
        own network configuration has put one, there is nothing to ask for.
    :param leases: those of the system's DHCP clients, oldest first; ones that say ``expired`` are
        passed over.
    :param exchange: asks a DHCP server; None where DHCP is not wanted or not possible.
    :param fresh: pass over what is remembered (cache and leases): it has just failed.
    """
    warnings: list[str] = []
    if cached and not fresh:
        known = _address(cached, "the remembered endpoint", warnings)
        if known is not None:
            return Found(known, "cached", warnings=tuple(warnings))
    if routed(WELL_KNOWN):
        return Found(Endpoint(WELL_KNOWN), "route", warnings=tuple(warnings))
    leased = None if fresh else _newest(leases(), warnings)
    if leased is not None:
        return Found(leased, "lease", warnings=tuple(warnings))
    return _asked(exchange, warnings)


def _asked(exchange: Optional[Callable[[], Offer]], warnings: list[str]) -> Found:
    """What a DHCP server says; the well-known address where none does."""
    offer = Offer()
    try:
        offer = exchange() if exchange is not None else offer
    except (ServiceError, OperationError, InvalidInput) as failure:
        warnings.append(first_line(failure))
    warnings += offer.warnings
    address = _address(offer.endpoint, "option 245", warnings) if offer.endpoint else None
    return Found(
        address or Endpoint(WELL_KNOWN),
        "dhcp" if address is not None else "static",
        offer.router,
        offer.routes,
        tuple(warnings),
    )


def _newest(leases: Iterable[Lease], warnings: list[str]) -> Optional[Endpoint]:
    found: Optional[Endpoint] = None
    for lease in leases:
        if getattr(lease, "expired", False):
            continue
        raw: bytes = getattr(lease, "option_245", b"")
        text: str = getattr(lease, "endpoint", "")
        if len(raw) == 4:
            text = socket.inet_ntoa(raw)
        elif raw:
            warnings.append(f"a lease has an option 245 of {len(raw)} bytes instead of 4")
        found = (_address(text, "a lease", warnings) if text else None) or found
    return found


def _address(text: str, source: str, warnings: list[str]) -> Optional[Endpoint]:
    """An address that can be spoken to; the unspecified and the broadcast one cannot."""
    try:
        endpoint = parse_endpoint(text)
    except InvalidInput:
        endpoint = None
    if endpoint is None or endpoint.host in ("0.0.0.0", "::", "255.255.255.255"):  # noqa: S104
        warnings.append(f"{source} has {text[:40]!r}, which is no address to speak to")
        return None
    return endpoint
