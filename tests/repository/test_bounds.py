# SPDX-License-Identifier: Apache-2.0
"""What holds for the processes that tests start, however they are started."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
import socket
for host in ("168.63.129.16", "169.254.169.254", "1.1.1.1"):
    with socket.socket() as asking:
        try: asking.connect((host, 80))
        except OSError as failure: print(failure.errno)
print([name for _, name in socket.if_nameindex()])
"""


@pytest.mark.sandbox
def test_no_process_that_a_test_starts_reaches_another_machine() -> None:
    command = [sys.executable, "-I", "-c", ASK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True, env={})
    assert done.stdout.split("\n") == ["101", "101", "101", "['lo']", ""]
