# SPDX-License-Identifier: Apache-2.0
"""Commands to a running platform: a unix socket, one JSON object a line each way.

The socket is ``control.sock`` in the platform's directory, reachable from any network namespace.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.handlers import Sample
from lab.handlers.offering import offered
from osdrivers.errors import AgentError, InvalidInput, NotFound

from . import status
from .faults import Fault
from .machine import Machine

if TYPE_CHECKING:
    from .server import Platform

SOCKET = "control.sock"
_LINE_LIMIT_BYTES = 16 * 1024 * 1024


class Control:
    """The listening end; a thread for each connection, so that waiting blocks nobody."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        (platform.directory / SOCKET).unlink(missing_ok=True)
        with _reachable(platform.directory) as path:
            self._socket.bind(path)
        os.chmod(platform.directory / SOCKET, 0o600)
        self._socket.listen(16)
        self._thread = threading.Thread(target=self._accept, name="lab-control", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Take commands from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more commands and remove the socket.  A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
        (self._platform.directory / SOCKET).unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                continue  # woken to stop
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            while line := stream.readline(_LINE_LIMIT_BYTES):
                try:
                    answer = {"ok": True, **obey(self._platform, json.loads(line))}
                except (AgentError, TimeoutError, ValueError, TypeError, re.error) as error:
                    answer = {"ok": False, "error": str(error)}
                try:
                    stream.write(json.dumps(answer).encode() + b"\n")
                    stream.flush()
                except OSError:
                    return  # the one who asked has gone


def obey(platform: Platform, command: Mapping[str, Any]) -> dict[str, Any]:
    """Carry one command out.  ``do`` is its verb:

    ``fault`` (with ``fault``), ``lift`` (``name``; all if empty), ``faults``, ``push``
    (``machine``, or ``changes`` to the one there), ``touch`` (the same, as new vmSettings only),
    ``offer`` (``sample``, fields of lab.handlers.Sample: its package is put into the blob store),
    ``state``, ``status`` (the last status report),
    ``wait`` (``for``: ``ready``, or ``request`` with regular expressions ``service``, ``method``,
    ``path``, ``body`` and a ``count``, or ``status`` with ``handler`` and any of ``extension``,
    ``handler_status``, ``status``, ``sequence``, ``code``; ``timeout_s``).

    :raises InvalidInput: no such verb, or one with wrong parts.
    :raises TimeoutError: what was waited for did not come.
    """
    verb = command.get("do") if isinstance(command, Mapping) else None
    if verb == "fault":
        platform.faults.add(Fault.from_json(command.get("fault", {})))
        return {}
    if verb == "lift":
        return {"lifted": platform.faults.lift(str(command.get("name", "")))}
    if verb == "faults":
        return {"faults": platform.faults.to_json()}
    if verb == "push":
        return {"incarnation": platform.push(_pushed(platform, command)).incarnation}
    if verb == "touch":
        platform.touch(_pushed(platform, command))
        return {"etag": platform.state.goal.etag}
    if verb == "offer":
        made = offered(platform, Sample(**command.get("sample", {})))
        return {"versions": dict(made.versions)}
    if verb == "state":
        return _state(platform)
    if verb == "status":
        return {"status": status.read(platform.status)}
    if verb == "wait":
        return _wait(platform, command)
    raise InvalidInput(f"control: no verb {verb!r}")


def _pushed(platform: Platform, command: Mapping[str, Any]) -> Machine:
    if "machine" in command:
        return Machine.from_json(command["machine"])
    return Machine.from_json({**platform.machine.to_json(), **command.get("changes", {})})


def _state(platform: Platform) -> dict[str, Any]:
    return {
        "incarnation": platform.machine.incarnation,
        "ready": platform.ready,
        "health": [vars(one) for one in platform.health],
        "role_properties": list(platform.role_properties),
        "observations": [vars(one) for one in platform.observations],
        "requests": len(platform.requests),
        "violations": list(platform.violations),
        "faults": platform.faults.to_json(),
        "addresses": {name: f"{host}:{port}" for name, (host, port) in platform.addresses.items()},
    }


def _wait(platform: Platform, command: Mapping[str, Any]) -> dict[str, Any]:
    timeout_s = float(command.get("timeout_s", 60.0))
    if command.get("for", "ready") == "ready":
        return {"health": vars(platform.wait_ready(timeout_s))}
    if command["for"] == "status":

        def told(running: Platform) -> list[dict[str, Any]]:
            return status.entries(running.status, command)

        return {"entries": platform.wait_for(told, timeout_s)}
    if command["for"] != "request":
        raise InvalidInput(f"control: cannot wait for {command['for']!r}")
    names = ("service", "method", "path", "body")
    wanted = {name: re.compile(str(command.get(name, ""))) for name in names}
    count = int(command.get("count", 1))

    def seen(running: Platform) -> list[dict[str, Any]]:
        found = [
            one.to_json()
            for one in running.requests
            if all(form.search(getattr(one, name)) for name, form in wanted.items())
        ]
        return found if len(found) >= count else []

    return {"requests": platform.wait_for(seen, timeout_s)}


def ask(directory: Path, command: Mapping[str, Any], timeout_s: float = 70.0) -> dict[str, Any]:
    """Send one command to the platform whose directory this is, and return its answer.

    :raises NotFound: no platform runs there.
    :raises InvalidInput: it refused the command; a wait that found nothing says so here too.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with _reachable(directory) as path:
                connection.connect(path)
        except OSError as error:
            raise NotFound(
                f"{directory / SOCKET}: no platform answers ({error.strerror})",
                hint="name the directory of a running `lab serve`",
            ) from error
        with connection.makefile("rwb") as stream:
            stream.write(json.dumps(command).encode() + b"\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline() or b'{"error": "it went away"}')
    if not answer.pop("ok", False):
        raise InvalidInput(f"the platform refused: {answer.get('error')}")
    return answer


@contextmanager
def _reachable(directory: Path) -> Iterator[str]:
    """A name for the socket that fits into the 108 bytes of unix(7), however deep it lies."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def main(argv: Sequence[str]) -> int:
    """Send one command to a running platform and print its answer; 0 if it obeyed."""
    parser = argparse.ArgumentParser(prog="python -m lab ask", description=obey.__doc__)
    parser.add_argument("--dir", required=True, metavar="DIR", help="the platform's directory")
    parser.add_argument("--timeout", type=float, default=70.0, metavar="SECONDS")
    parser.add_argument("command", metavar="JSON", help="""e.g. '{"do": "state"}'""")
    wanted = parser.parse_args(argv)
    try:
        command = json.loads(wanted.command)
    except ValueError as error:
        raise InvalidInput(f"{wanted.command!r} is not JSON ({error})") from error
    json.dump(ask(Path(wanted.dir), command, wanted.timeout), sys.stdout, indent=1)
    print()
    return 0
