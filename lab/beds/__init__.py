# SPDX-License-Identifier: Apache-2.0
"""Root trees that look like other systems and hold the real tools that those use.

Each is described by a JSON file in ``tests/beds/trees`` and made of Debian's packages, once; see
docs/maintainer/beds.md.
"""

from .cli import main

__all__ = ["main"]
