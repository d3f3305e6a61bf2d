# SPDX-License-Identifier: Apache-2.0
"""All metadata is in setup.cfg; this serves setuptools older than 61."""

from setuptools import setup

setup()
