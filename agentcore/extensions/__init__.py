# SPDX-License-Identifier: Apache-2.0
"""The programs that the platform asks for: fetched, checked, run outside this process, reported."""
