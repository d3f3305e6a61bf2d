# SPDX-License-Identifier: Apache-2.0
"""What the daemon and the child that fetches packages say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Files in the record of the job.
REQUEST, ANSWER = "request", "answer"


@dataclass(frozen=True)
class Order:
    """Which package is wanted.

    :param requested: the beginning of the version.
    :param roots: file of trusted certificates; "" where signatures are not looked at.
    :param must_be_signed: refuse what is not signed and verified.
    """

    handler: str
    requested: str
    manifest_uris: tuple[str, ...] = field(repr=False)
    multi_config: bool = False
    encoded_signature: str = field(default="", repr=False)
    roots: str = ""
    must_be_signed: bool = False
    openssl: str = "openssl"
