# SPDX-License-Identifier: Apache-2.0
"""The kit's universal clauses over our own drivers and captured machines."""

from __future__ import annotations

import pytest

from osdrivers.conformance.clauses.test_universal import *  # noqa: F403

pytestmark = [pytest.mark.sandbox, pytest.mark.bed("pretend")]
