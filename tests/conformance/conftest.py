# SPDX-License-Identifier: Apache-2.0
"""Gives the kit's clauses their fixtures where they run over our own drivers."""

from __future__ import annotations

from osdrivers.conformance.clauses.fixtures import bench, captured

__all__ = ["bench", "captured"]
