# SPDX-License-Identifier: Apache-2.0
"""The kit's clauses of single operations over our own drivers and captured machines."""

from __future__ import annotations

import pytest

from osdrivers.conformance.clauses.test_accounts import *  # noqa: F403
from osdrivers.conformance.clauses.test_boot import *  # noqa: F403
from osdrivers.conformance.clauses.test_firewall import *  # noqa: F403
from osdrivers.conformance.clauses.test_image import *  # noqa: F403
from osdrivers.conformance.clauses.test_links import *  # noqa: F403
from osdrivers.conformance.clauses.test_network import *  # noqa: F403
from osdrivers.conformance.clauses.test_ssh import *  # noqa: F403
from osdrivers.conformance.clauses.test_storage import *  # noqa: F403
from osdrivers.conformance.clauses.test_system import *  # noqa: F403

pytestmark = [pytest.mark.sandbox, pytest.mark.bed("pretend")]
