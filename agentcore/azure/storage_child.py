# SPDX-License-Identifier: Apache-2.0
"""Speaks to blob storage in a short-lived process: ``storage`` says what.

``python -m agentcore.azure.storage_child``: see :mod:`agentcore.azure.children`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from agentcore.errors import Malformed, Refused, Throttled, Unreachable

from . import children

if TYPE_CHECKING:
    import requests


def work(request: Any) -> object:
    """The child's part: the content of ``get`` in base64, or how many ``puts`` were sent."""
    import requests  # 112 ms, 18 MiB: the reason for the child

    with requests.Session() as session:
        session.trust_env = False  # the proxy is the configuration's affair
        session.proxies = request["proxies"]
        uri = request.get("get", "")
        # Messages go without the query, which signs; and without the cause, which has it.
        try:
            if uri:
                return _get(session, uri, request)
            for one in request["puts"]:
                uri = one["uri"]
                _put(session, one, request["timeout_s"])
        except requests.RequestException as broken:
            what = f"{uri.partition('?')[0][:300]}: {type(broken).__name__}"
            raise Unreachable(what) from None
    return len(request["puts"])


def _get(session: requests.Session, uri: str, request: Any) -> str:
    limit_bytes = request["limit_bytes"]
    what = f"GET {uri.partition('?')[0][:300]}"
    with session.get(uri, timeout=request["timeout_s"], stream=True) as answer:
        _judge(answer.status_code, what)
        content = b""
        for piece in answer.iter_content(65536):
            content += piece
            if len(content) > limit_bytes:
                raise Malformed(f"{what}: more than {limit_bytes} bytes")
    return base64.b64encode(content).decode()


def _put(session: requests.Session, one: Any, timeout_s: float) -> None:
    answer = session.put(
        one["uri"],
        data=base64.b64decode(one["content"]),
        headers=one["headers"],
        timeout=timeout_s,
        allow_redirects=False,
    )
    _judge(answer.status_code, f"PUT {one['uri'].partition('?')[0][:300]}")


def _judge(status: int, what: str) -> None:
    if status in (200, 201, 202):
        return
    if status in (429, 503):
        raise Throttled(f"{what}: HTTP {status}, come back later")
    if status >= 500:
        raise Unreachable(f"{what}: HTTP {status}")
    raise Refused(f"{what}: HTTP {status}", status)


if __name__ == "__main__":
    raise SystemExit(children.serve(work))
