"""Rows that were taken back: out of the fact, with a tombstone, so that an older version which arrives later stays out.

A tombstone says which version took the row back. A version that outranks it brings the row back, and needs nothing to be
undone: the fact's own row is then the newer one. So any order of versions ends in the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.language.dataset import RETRACTED
from warehouse.load.merge import merge_text, newer, newest_rows, outranks, same_key
from warehouse.statement import Statement

IS_RETRACTED = f"COALESCE(src.{RETRACTED}, FALSE)"


@dataclass(frozen=True)
class Retractions:
    """The tombstones of one fact; `changed_at` where its rows have a version of their own beside their raw date."""

    table: str
    key: tuple[str, ...]
    changed_at: bool = False

    @property
    def _versions(self) -> list[str]:
        return [*(["changed_at"] if self.changed_at else []), "source_date", "content_hash"]

    def remember(self, staging: str) -> Statement:
        rows = newest_rows(staging, self.key, changed_at=self.changed_at)
        columns = [*self.key, *self._versions]
        text = merge_text(
            self.table,
            f"SELECT {', '.join(columns)} FROM (\n    {rows}\n    ) newest WHERE COALESCE({RETRACTED}, FALSE)",
            self.key,
            columns,
            newer=newer(changed_at=self.changed_at),
        )
        return Statement("remember what was taken back", text)

    def standing_rows(self, staging: str, computed: str = "") -> str:
        """The newest staged row of each key, unless a tombstone outranks it."""
        rows = newest_rows(staging, self.key, changed_at=self.changed_at, computed=computed)
        beaten = outranks("tomb", "newest", changed_at=self.changed_at)
        return (
            f"SELECT newest.* FROM (\n    {rows}\n    ) newest\n    LEFT JOIN {self.table} tomb"
            f" ON {same_key(self.key, 'tomb', 'newest')} AND {beaten}\n    WHERE tomb.source_date IS NULL"
        )
