# SPDX-License-Identifier: Apache-2.0
"""Whether a package is signed by whom the administrator trusts, and made for what it claims."""

from __future__ import annotations

import base64
import binascii
from typing import Optional

from osdrivers.errors import CommandFailed, InvalidInput
from osdrivers.host import Host, Secret

from .versions import key, valid


def verify(host: Host, package: str, encoded: str, roots: str, openssl: str = "openssl") -> None:
    """Check a detached signature; nothing is written anywhere.

    The time of signing is not compared with the certificate's: packages outlive their signer's
    certificate.

    :param encoded: base64 of CMS signed data (DER).
    :param roots: a file with the certificates to trust, PEM.
    :raises InvalidInput: it is no signature, not over this package, or by somebody else.
    Source: openssl-cms(1).
    """
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise InvalidInput("the signature of the package is not base64") from broken
    if not roots or not host.exists(roots):
        raise InvalidInput(
            f"there is no {roots or 'file of certificates'} to check signatures with",
            hint="set Extensions.SignatureRoots",
        )
    command = (
        openssl, "cms", "-verify", "-binary", "-inform", "der", "-in", "/dev/stdin",
        "-content", package, "-purpose", "any", "-no-CApath", "-CAfile", roots,
        "-no_check_time", "-out", "/dev/null",
    )  # fmt: skip
    try:
        host.run(*command, stdin=Secret(signature), timeout_s=120.0)
    except CommandFailed as refused:
        raise InvalidInput("the signature of the package does not verify") from refused


def judge_name(signed_as: Optional[tuple[str, str, str]], handler: str, version: str) -> None:
    """A good signature over another extension's package is of no use.

    :raises InvalidInput: the package is signed as another handler or version.
    """
    if signed_as is None:
        raise InvalidInput("the package does not say what it is signed as (signingInfo)")
    publisher, _, kind = handler.rpartition(".")
    same = (signed_as[0].lower(), signed_as[1].lower()) == (publisher.lower(), kind.lower())
    said = signed_as[2]
    if not same or not valid(said) or key(said) != key(version):
        named = f"{signed_as[0]}.{signed_as[1]} {said}"[:120]
        raise InvalidInput(f"the package is signed as {named}, not as {handler} {version}")
