"""Keys are Spark's; personal data can be compared, but not tried out without the key."""

from __future__ import annotations

import pytest

from tasks.errors import SystemFault
from tasks.hashes import keyed_hash, surrogate_key

KEY = bytes(range(32))


@pytest.mark.parametrize(("code", "key"), [("S1", 891028602671037252), ("Zoë", 8109273077974782866)])
def test_a_key_is_the_one_that_spark_computes(code: str, key: int) -> None:
    """tests/jobs holds Spark to the same function."""
    assert surrogate_key(code) == key


def test_an_address_has_one_hash_however_it_is_typed() -> None:
    """The value is that of `openssl dgst -sha256 -mac HMAC`."""
    assert keyed_hash(" Asha@Example.com", KEY) == keyed_hash("asha@example.com", KEY)
    assert keyed_hash("asha@example.com", KEY) == (
        "39b62a2f6e18161a48f87bdd568ec40185bed48fcede6d059013bc616a1c1898"
    )
    assert keyed_hash("asha@example.com", KEY) != keyed_hash("asha@example.com", KEY[::-1])


def test_a_short_key_is_refused() -> None:
    with pytest.raises(SystemFault, match="has 0 bytes and needs 32"):
        keyed_hash("asha@example.com", b"")
