# SPDX-License-Identifier: Apache-2.0
"""``python -m agentcore``: the ``waagent`` command, for processes that start it themselves."""

from __future__ import annotations

from agentcore.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
