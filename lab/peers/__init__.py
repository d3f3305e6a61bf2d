# SPDX-License-Identifier: Apache-2.0
"""Agents that this project did not write, against the same platform, and ours beside them."""

from __future__ import annotations

from .cli import main

__all__ = ["main"]
