# SPDX-License-Identifier: Apache-2.0
"""Work in a short-lived process of its own, so that this one never loads what it needs.

The daemon stays small because cryptography, TLS and requests are loaded by children only.  A
request is one JSON value on standard input, where secrets may be; the answer one on standard
output.  Errors come back as the classes that they were.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Callable

from agentcore.errors import Malformed, Refused, ServiceError, Throttled, Unreachable
from osdrivers.errors import AgentError, FactError, OperationError
from osdrivers.host import Host, Secret

_CLASSES: tuple[type[AgentError], ...] = (Unreachable, Malformed, ServiceError, OperationError)


def ask(host: Host, module: str, request: object, *, timeout_s: float = 120.0) -> Any:
    """Run ``python -m module`` with a request, and return its answer.

    :param host: of the running machine.
    :raises ServiceError: as the child raised it.
    :raises OperationError: as the child raised it, or the child did not end as it should.
    """
    # -I: neither the environment nor the working directory decides what is imported.
    command = (sys.executable, "-I", "-m", module)
    printed = host.run(*command, stdin=Secret(json.dumps(request).encode()), timeout_s=timeout_s)
    try:
        answer = json.loads(printed)
        failure = answer.get("error")
    except (ValueError, AttributeError):
        raise FactError(f"{module} printed no answer", printed) from None
    if failure is not None:
        raise _error(failure)
    return answer.get("result")


def _error(failure: dict[str, Any]) -> AgentError:
    text, hint = str(failure.get("text", "")), str(failure.get("hint", ""))
    name = failure.get("class")
    if name == "Throttled":
        return Throttled(text, float(failure.get("retry_after_s", 0.0)), hint=hint)
    if name == "Refused":
        return Refused(text, int(failure.get("status", 0)), hint=hint)
    kind = next((one for one in _CLASSES if one.__name__ == name), OperationError)
    return kind(text, hint=hint)


def serve(work: Callable[[Any], object]) -> int:
    """The child's side: read the request, do the work, print the answer or the error."""
    try:
        answer: dict[str, object] = {"result": work(json.loads(sys.stdin.buffer.read()))}
    except AgentError as error:
        answer = {"error": _described(error)}
    print(json.dumps(answer))
    return 0


def _described(error: AgentError) -> dict[str, object]:
    classes: tuple[type[AgentError], ...] = (Throttled, Refused, *_CLASSES)
    kind = next((one for one in classes if isinstance(error, one)), OperationError)
    return {
        "class": kind.__name__,
        "text": error.args[0] if error.args else str(error),
        "hint": error.hint,
        "status": getattr(error, "status", 0),
        "retry_after_s": getattr(error, "retry_after_s", 0.0),
    }
