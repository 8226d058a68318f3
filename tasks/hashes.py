"""Hashes of single values: surrogate keys, and keyed hashes of what says who a person is."""

from __future__ import annotations

import hmac

import xxhash

from tasks.errors import SystemFault

_SPARKS_SEED = 42
_POSITIVE = 2**63 - 1
_LEAST_KEY_BYTES = 32


def surrogate_key(code: str) -> int:
    """XXH64 without its sign bit, as jobs/glue/curation/derive.py computes it in Spark (ADR 2)."""
    return xxhash.xxh64_intdigest(code.encode(), _SPARKS_SEED) & _POSITIVE


def keyed_hash(text: str, key: bytes) -> str:
    """HMAC-SHA256 in hex: equal for equal values, and no value can be tried out without the key.

    Without regard to case and surrounding blanks, so that one address has one hash however it was typed.
    """
    if len(key) < _LEAST_KEY_BYTES:
        raise SystemFault(
            f"The key for hashes of personal data has {len(key)} bytes and needs {_LEAST_KEY_BYTES}: put as many random "
            "bytes into its secret. Nothing was hashed."
        )
    return hmac.digest(key, text.strip().lower().encode(), "sha256").hex()
