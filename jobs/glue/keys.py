"""Surrogate keys (docs/adr/0002-keys-are-hashes.md)."""

from __future__ import annotations

_POSITIVE = 2**63 - 1


def surrogate(code: str) -> str:
    """A surrogate key derived from the code alone, without a lookup: XXH64 with Spark's seed, never negative."""
    return f"xxhash64({code}) & {_POSITIVE}"
