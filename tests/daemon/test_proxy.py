# SPDX-License-Identifier: Apache-2.0
"""The proxy for storage, as the options have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.configuration import Configuration, apply
from tests.daemon.test_monitors import Bed


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HttpProxy.Host=10.0.0.9\n", "http://10.0.0.9:80"),
        ("HttpProxy.Host=10.0.0.9\nHttpProxy.Port=3128\n", "http://10.0.0.9:3128"),
        ("HttpProxy.Port=3128\n", None),
    ],
)
def test_a_proxy_without_a_port_is_used_at_port_80(
    text: str, url: str | None, tmp_path: Path
) -> None:
    bed = Bed(tmp_path)
    try:
        bed.frame.configuration = apply(Configuration(), "/etc/waagent.conf", text)
        wanted = {"http": url, "https": url} if url else {}
        assert bed.frame.proxies == wanted
    finally:
        bed.selection.close()
        bed.stop.close()
