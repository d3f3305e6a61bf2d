# SPDX-License-Identifier: Apache-2.0
"""Clauses of the package that a driver comes in: what it imports, how it is laid out.

They are tried where ``--driver`` names a driver, and need neither root nor a machine.
"""
