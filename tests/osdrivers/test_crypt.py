# SPDX-License-Identifier: Apache-2.0
"""Password hashes against the published vectors, and against this system's libcrypt."""

from __future__ import annotations

import ast
import inspect

import pytest

from osdrivers import crypt
from osdrivers.errors import InvalidInput, Unsupported
from osdrivers.host import Secret

LONG = b"a very much longer text to encrypt.  This one even stretches over morethan one line."
SHORT = b"we have a short salt string but not a short password"

#: From the specification of SHA-crypt; salts as the algorithm cuts them, 16 bytes.
VECTORS = [
    (b"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    (b"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI"
     "68u4OTLiBFdcbYEdFCoEOfaS35inz1"),
    (b"Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opq"
     "ey6IcA"),
    (b"Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbb"
     "MCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."),
    (LONG, "$5$rounds=1400$anotherlongsalt$J9aeb3JM21zj/EljRn5hrItEtVATsqy4LkW.9wJ"
     "Ma.B"),
    (LONG, "$6$rounds=1400$anotherlongsalt$PXPAe5SXWVnLAwL00y77c77ficvV5LBT1oKfJRZ"
     "x5CQcCWy.c9CQXcRJX2RsHuefn.YKyrXwYWZoj7ySLquuC1"),
    (SHORT, "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1"
     "a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0"),
]  # fmt: skip


@pytest.mark.parametrize(("plain", "stored"), VECTORS)
def test_the_published_vectors_match(plain: bytes, stored: str) -> None:
    assert crypt.matches(Secret(plain), Secret(stored.encode())) is True
    assert crypt.matches(Secret(plain + b"!"), Secret(stored.encode())) is False
    crypt.check_hash(Secret(stored.encode()))


@pytest.mark.parametrize("scheme", ["6", "5", "1", "2b", "y"])
def test_a_new_hash_matches_its_password_only(scheme: str) -> None:
    plain = Secret("pä: \xff".encode())
    try:
        made = crypt.hash_password(plain, scheme)
    except Unsupported:
        pytest.skip("the libcrypt of this system does not know it")
    assert made.reveal().startswith(f"${scheme}$".encode())
    assert crypt.matches(plain, made) is True
    assert crypt.matches(Secret(b"other"), made) is False
    assert crypt.hash_password(plain, scheme) != made
    crypt.check_hash(made)


@pytest.mark.parametrize("length", [0, 17, -1, 1000])
def test_a_salt_that_would_be_cut_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput):
        crypt.hash_password(Secret(b"x"), "6", length)


@pytest.mark.parametrize("length", [1, 10, 16])
def test_the_salt_has_the_length_that_was_asked_for(length: int) -> None:
    made = crypt.hash_password(Secret(b"x"), "6", length).reveal()
    assert len(made.split(b"$")[2]) == length


@pytest.mark.parametrize("scheme", ["", "2", "7", "gy", "md5", "6$"])
def test_an_unknown_scheme_is_refused(scheme: str) -> None:
    with pytest.raises(InvalidInput):
        crypt.hash_password(Secret(b"x"), scheme)


@pytest.mark.parametrize("plain", [b"", b"a\0b", b"a\n", b"x" * 513])
def test_what_crypt_would_cut_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidInput):
        crypt.hash_password(Secret(plain), "6")


@pytest.mark.parametrize(
    "stored", ["", "!", "*", "x", "!!", "*LOCK*", "!$6$saltstring$x", "$6$saltstring$"]
)
def test_no_password_matches_a_disabled_field(stored: str) -> None:
    assert crypt.matches(Secret(b"x"), Secret(stored.encode())) is False


@pytest.mark.parametrize("stored", ["$6$rounds=999999999$salt$x", "$2b$31$" + "a" * 53, "$zz$a$b"])
def test_what_nobody_can_wait_for_is_unknown(stored: str) -> None:
    assert crypt.matches(Secret(b"x"), Secret(stored.encode())) is None


def test_the_module_that_python_removed_is_not_needed() -> None:
    tree = ast.parse(inspect.getsource(crypt))
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import)
             for name in node.names}  # fmt: skip
    assert "crypt" not in names
