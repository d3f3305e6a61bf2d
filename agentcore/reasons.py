# SPDX-License-Identifier: Apache-2.0
"""What to do about each reason code.  The page for administrators is made from this table.

A reason code is the name of an error's class, or one of those that are not errors of ours; it
stays the same from release to release.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Reason code -> what to do.
ADVICE: Mapping[str, str] = {
    "AgentError": "read the message; report it if it does not say what to do",
    "Busy": "another agent or tool is at work: wait, then look again",
    "CommandFailed": "run the command that the message names by hand and read what it says",
    "CommandMissing": "install the package that the message names",
    "CommandTimeout": "the tool hangs: look at the device or service it waits for, then try again",
    "ConfigError": "correct the option that the message names; waagent config check lists all",
    "Conflict": "something is there that the agent must not replace: move it, or choose another",
    "DriverConflict": "remove one of the two drivers, or name one by OS.Driver",
    "DriverFault": "a driver is broken: report the message to its author",
    "ExtensionFailed": "read the extension's log below Extension.LogDir; its publisher owns it",
    "FactError": "a file or a tool's answer was not understood: look at the file in the message",
    "FileFailed": "look at the file that the message names: permissions, file system, kernel log",
    "InvalidInput": "the value was refused before any change: correct it where it comes from",
    "Malformed": "the platform's document is broken: it is asked for again; report it if it stays",
    "NoDriver": "name a driver by OS.Driver, or install the package that has one for this system",
    "NoSpace": "free space or inodes on the file system that the message names",
    "NotFound": "what the message names is not there: attach or create it",
    "NotPermitted": "run as root; look at lsattr and at the security policy's audit log",
    "OperationError": "the machine refused: the message has the cause",
    "PolicyRejected": "the system's own policy refused the value: choose another, or relax it",
    "PostconditionFailed": "a tool claimed success and the machine says otherwise: run it by hand",
    "ReadOnlyTarget": "remount the file system that the message names for writing",
    "Refused": "the platform said no: check the machine's state in the portal, then restart it",
    "ServiceError": "the platform did not do its part: it is asked again",
    "Throttled": "the platform asks for patience: nothing to do",
    "Unreachable": "check routes and firewall to 168.63.129.16, ports 80 and 32526",
    "UnsafeRefused": "a guard against loss of data said no: look at what the message names first",
    "Unsupported": "this system has no such thing: switch the option off",
    "UsageError": "see waagent help",
}


def advice(reason: str) -> str:
    """What to do; for a reason of somebody else's class, what helps with any."""
    return ADVICE.get(reason, ADVICE["AgentError"])
