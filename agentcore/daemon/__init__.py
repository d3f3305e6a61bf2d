# SPDX-License-Identifier: Apache-2.0
"""The agent's resident part: one process, one loop, periodic tasks."""
