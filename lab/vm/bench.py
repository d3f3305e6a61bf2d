# SPDX-License-Identifier: Apache-2.0
"""Where scenarios run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .cache import Cache
from .image import Image
from .network import Network
from .report import Report


@dataclass(frozen=True)
class Bench:
    """Where scenarios run: inside the namespaces, the network up."""

    images: Mapping[str, Image]
    cache: Cache
    network: Network
    report: Report
