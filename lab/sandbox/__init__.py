# SPDX-License-Identifier: Apache-2.0
"""A disposable copy of a root tree in which the real agent does real things.

``with sandbox(Machine.example()) as made: made.agent("provision")``.  Needs Linux and root.
"""

from __future__ import annotations

from .sandbox import Sandbox, sandbox

__all__ = ["Sandbox", "sandbox"]
