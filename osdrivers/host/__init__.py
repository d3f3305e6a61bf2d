# SPDX-License-Identifier: Apache-2.0
"""The one place that touches a machine: files below a root, commands inside it."""

from __future__ import annotations

from .commands import SEARCH_PATH, Commands, Completed, SystemCommands
from .host import Host
from .jobs import Job, Jobs, JobState
from .places import Places
from .reading import file_failed
from .secret import Secret
from .tree import FileStatus

__all__ = [
    "SEARCH_PATH",
    "Commands",
    "Completed",
    "FileStatus",
    "Host",
    "Job",
    "JobState",
    "Jobs",
    "Places",
    "Secret",
    "SystemCommands",
    "file_failed",
]
