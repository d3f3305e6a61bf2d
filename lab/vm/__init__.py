# SPDX-License-Identifier: Apache-2.0
"""A virtual machine in software emulation, with the platform of the lab around it."""

from __future__ import annotations

from .cli import main

__all__ = ["main"]
