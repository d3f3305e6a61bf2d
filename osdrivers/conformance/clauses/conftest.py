# SPDX-License-Identifier: Apache-2.0
"""Gives the clauses their fixtures where they run from the installed package."""

from __future__ import annotations

from osdrivers.conformance.clauses.fixtures import bench, captured

__all__ = ["bench", "captured"]
