# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 for one service: keep-alive, a thread a connection, faults, and a record of it all."""

from __future__ import annotations

import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional, cast

from osdrivers.errors import AgentError, NotPermitted, OperationError

from . import delivery
from .exchange import Record, Reply, Request, Service, refusal
from .faults import TWISTS, Fault, Faults
from .journal import Journal

Address = tuple[str, int]

_BODY_LIMIT_BYTES = 64 * 1024 * 1024
_TEXT_LIMIT_BYTES = 1024 * 1024
_UNANSWERED = {"reset", "silence", "hangup", "status", "garbage", "endless"}


class Listener:
    """One listening socket and the service behind it; ``connections`` taken so far."""

    def __init__(
        self, name: str, address: Address, service: Service, journal: Journal, faults: Faults
    ) -> None:
        self.name, self.service, self.journal, self.faults = name, service, journal, faults
        self.stopping = threading.Event()
        self.connections = 0
        try:
            self._server = _Server(address, _Handler, self)
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            if isinstance(error, PermissionError):
                raise NotPermitted(where, error, hint="a port below 1024 needs root") from error
            raise OperationError(
                f"{name}: cannot listen at {where} ({error.strerror})",
                hint="choose another address, or port 0",
            ) from error
        self._thread = threading.Thread(target=self._accept, name=f"lab-{name}", daemon=True)

    @property
    def address(self) -> Address:
        """Where it listens, or did."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and cut every connection.  A second call does nothing."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._server.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._server.cut()
        self._server.server_close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, client = self._server.get_request()
            except OSError:
                continue  # woken to stop, or the client has gone before it was accepted
            self._server.process_request(connection, client)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: Address, handler: type[_Handler], listener: Listener) -> None:
        self.listener = listener
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._reset: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name; there is none in a namespace.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(connection)
            self.listener.connections += 1
        return connection, client

    def wake(self) -> None:
        """End a waiting accept(2); Linux answers it with EINVAL."""
        self.socket.shutdown(socket.SHUT_RDWR)

    def mark_reset(self, connection: socket.socket) -> None:
        """Close it with RST instead of FIN: a linger time of zero (socket(7))."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        if request in self._reset:
            self._reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def cut(self) -> None:
        with self._lock:
            still_open = tuple(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client has gone first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is daily life; anything else is a defect here."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to standard error: the journal has it."""

    def _serve(self) -> None:
        began = time.monotonic()
        server = cast("_Server", self.server)
        listener = server.listener
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        request = Request(
            listener.name, self.command, self.path, headers, body or b"",
            self._base(headers), str(self.client_address[0]),
        )  # fmt: skip
        if body is None:
            reply, fault = refusal(413, "the body is too large", "body above 64 MiB"), None
            self.close_connection = True
        else:
            reply, fault = _decide(listener, request)
        if reply.status == 0:
            self.close_connection = True
        if fault is not None and fault.delay_s and fault.kind != "endless":
            listener.stopping.wait(fault.delay_s)
        listener.journal.add(_record(request, reply, fault, time.monotonic() - began))
        if fault is not None and fault.kind == "reset":
            server.mark_reset(self.connection)
        delivery.send(self, reply, fault, listener.stopping)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve

    def _base(self, headers: dict[str, str]) -> str:
        host = headers.get("host")
        if not host:
            address, port = self.connection.getsockname()[:2]
            host = address if port == 80 else f"{address}:{port}"
        return f"http://{host}"

    def _body(self, headers: dict[str, str]) -> Optional[bytes]:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _BODY_LIMIT_BYTES:
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> Optional[bytes]:
        whole = b""
        while len(whole) <= _BODY_LIMIT_BYTES:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0], 16)
            except ValueError:
                return None
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass  # trailers
                return whole
            whole += self.rfile.read(min(size, _BODY_LIMIT_BYTES))
            self.rfile.readline(2)
        return None


def _ask(service: Service, request: Request) -> Reply:
    """The service's answer; where the lab itself fails (no openssl), 500 says why."""
    try:
        return service.answer(request)
    except AgentError as error:
        return refusal(500, f"the lab cannot answer: {error}")


def _decide(listener: Listener, request: Request) -> tuple[Reply, Optional[Fault]]:
    fault = listener.faults.take(request)
    if fault is None:
        return _ask(listener.service, request), None
    if fault.kind in TWISTS:
        twisted = Request(**{**vars(request), "twist": fault.kind})
        return _ask(listener.service, twisted), fault
    if fault.kind in _UNANSWERED and not fault.handled:
        return delivery.instead(fault), fault
    reply = _ask(listener.service, request)
    if fault.kind in _UNANSWERED:
        reply = delivery.instead(fault).with_violations(reply.violations)
    return reply, fault


def _record(request: Request, reply: Reply, fault: Optional[Fault], seconds: float) -> Record:
    text = ""
    if len(request.body) <= _TEXT_LIMIT_BYTES:
        try:
            text = request.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = ""
    return Record(
        0, 0.0, request.service, request.method, request.path,
        status=reply.status, bytes=len(reply.body), sent_bytes=len(request.body),
        headers=request.headers, body=text, violations=reply.violations,
        fault=fault.label if fault else "", seconds=round(seconds, 6), client=request.client,
    )  # fmt: skip
