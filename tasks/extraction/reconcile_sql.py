"""The SQL of a reconciliation: checksums of all rows of an entity in buckets of its key, and the rows of some buckets.

Names come from the contract, numbers from us, and the query from the configuration. A row whose key has a null is in no
bucket: it has no counterpart that could be found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from contracts.dialects.row_digests import snowflake_digest, snowflake_number, snowflake_text
from tasks.extraction.query import Bound
from warehouse.names import identifier

DIGEST = "highwater_digest"
"""The name of the column that `rows` adds."""


class Asked:
    """What is asked about one entity. `kinds` are those of the columns to compare, `buckets` how many there are."""

    def __init__(
        self, full: str, key: Sequence[str], watermark: str, kinds: Mapping[str, str], buckets: int
    ) -> None:
        self._key = [identifier(name) for name in key]
        self._watermark = identifier(watermark)
        self._text = snowflake_text({identifier(name): kind for name, kind in kinds.items()})
        key_text = snowflake_text({name: kinds[name] for name in self._key})
        self._bucket = f"MOD({snowflake_number(key_text)}, {buckets})"
        # The query is on lines of its own: it may end in a comment.
        self._from = f"\nFROM (\n{full}\n) extracted\nWHERE " + " AND ".join(
            f"{name} IS NOT NULL" for name in self._key
        )

    def sums(self, value: str) -> Bound:
        """A row a bucket: how many rows it has up to a watermark, and the sum of their digests as text."""
        rows = (
            f"SELECT {self._bucket} AS bucket, {snowflake_number(self._text)} AS digest{self._from}\n"
            f"AND ({self._watermark} IS NULL OR {self._watermark} <= ?)"
        )
        return Bound(
            f"SELECT bucket, COUNT(*), TO_VARCHAR(SUM(digest)) FROM (\n{rows}\n) digested GROUP BY bucket",  # noqa: S608
            (value,),
        )

    def pending(self, value: str) -> Bound:
        """The keys of the rows that are later than a watermark, in order."""
        names = ", ".join(self._key)
        return Bound(f"SELECT {names}{self._from}\nAND {self._watermark} > ?\nORDER BY {names}", (value,))

    def rows(self, buckets: Iterable[int]) -> Bound:
        """All rows of some buckets, each with its digest."""
        digest = f"{snowflake_digest(self._text)} AS {DIGEST}"
        return Bound(f"SELECT extracted.*, {digest}{self._within(buckets)}")

    def keys(self, buckets: Iterable[int]) -> Bound:
        """The keys of some buckets."""
        return Bound(f"SELECT {', '.join(self._key)}{self._within(buckets)}")

    def _within(self, buckets: Iterable[int]) -> str:
        return f"{self._from}\nAND {self._bucket} IN ({', '.join(str(int(bucket)) for bucket in buckets)})"
