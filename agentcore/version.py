# SPDX-License-Identifier: Apache-2.0
"""The version, in one place.

Four parts, from 3.0.0.0 on: extensions and the platform compare it with minimum versions of the
agent they know, whose numbers are lower.
"""

VERSION = "3.0.0.0"
