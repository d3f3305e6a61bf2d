# SPDX-License-Identifier: Apache-2.0
"""How a reply reaches the client, or does not: the faults of the transport."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from typing import Optional

from .exchange import Reply
from .faults import Fault

_PIECE = b"<!-- and so on -->\n" * 200
_LONGEST_SILENCE_S = 600.0
_ENDLESS_LIMIT_BYTES = 4 * 1024 * 1024 * 1024
_GARBAGE = b"\xff\xfe<<< this is \x00 not the document >>>"


def instead(fault: Fault) -> Reply:
    """The reply where the service is not asked."""
    headers = tuple(fault.headers.items())
    if fault.kind == "status":
        return Reply(fault.status, fault.body.encode(), headers)
    if fault.kind == "garbage":
        return Reply(200, fault.body.encode() or _GARBAGE, (("Content-Type", "text/xml"),))
    if fault.kind == "endless":
        return Reply(200, fault.body.encode(), (("Content-Type", "text/xml"),))
    return Reply(0)


def send(
    handler: BaseHTTPRequestHandler, reply: Reply, fault: Optional[Fault], stop: threading.Event
) -> None:
    """Send a reply with the fault applied.  ``stop`` ends what would not end."""
    kind = fault.kind if fault is not None else ""
    if kind in ("reset", "hangup", "silence"):
        handler.close_connection = True
        if kind == "silence":
            _wait_for_the_client(handler, stop)
        return
    if kind == "endless":
        assert fault is not None
        _endless(handler, reply, fault.delay_s, stop)
        return
    body, announced = reply.body, len(reply.body)
    if kind == "truncate":
        assert fault is not None
        body = body[: fault.bytes or len(body) // 2]
        handler.close_connection = True
    elif kind == "content-length":
        assert fault is not None
        announced = max(0, announced + (fault.bytes or 10))
        handler.close_connection = True
    _head(handler, reply, announced)
    if handler.command != "HEAD" and reply.status not in (204, 304):
        handler.wfile.write(body)


def _head(handler: BaseHTTPRequestHandler, reply: Reply, announced: Optional[int]) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers:
        handler.send_header(name, value)
    if announced is not None and reply.status not in (204, 304):
        handler.send_header("Content-Length", str(announced))
    if handler.close_connection:
        handler.send_header("Connection", "close")
    handler.end_headers()


def _endless(
    handler: BaseHTTPRequestHandler, reply: Reply, pause_s: float, stop: threading.Event
) -> None:
    handler.close_connection = True
    _head(handler, reply, None)
    handler.wfile.write(reply.body)
    sent = 0
    while sent < _ENDLESS_LIMIT_BYTES and not stop.wait(pause_s):
        handler.wfile.write(_PIECE)
        sent += len(_PIECE)


def _wait_for_the_client(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    """Until the client hangs up (its next byte or its end), or the platform stops and cuts."""
    handler.connection.settimeout(_LONGEST_SILENCE_S)
    if not stop.is_set():
        handler.connection.recv(1)
