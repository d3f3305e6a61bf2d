# SPDX-License-Identifier: Apache-2.0
"""Drivers of a third party: one for a system of its own, one instead of ours."""
