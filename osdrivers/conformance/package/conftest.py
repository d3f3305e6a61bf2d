# SPDX-License-Identifier: Apache-2.0
"""Gives the clauses of a package their fixtures where they run from the installed kit."""

from __future__ import annotations

from osdrivers.conformance.clauses.fixtures import captured

__all__ = ["captured"]
