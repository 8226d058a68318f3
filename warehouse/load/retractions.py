"""Retracted rows: deleted from the fact, with a tombstone that keeps out older versions that arrive later.

A tombstone stores the version that retracted the row. A newer version restores the row; the tombstone can stay, because the
row is then newer than it. The result is the same in whatever order versions arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.language.dataset import RETRACTED
from warehouse.load.merge import merge_text, newer, newest_rows, outranks, same_key
from warehouse.statement import Statement

IS_RETRACTED = f"COALESCE(src.{RETRACTED}, FALSE)"


@dataclass(frozen=True)
class Retractions:
    """The tombstones of one fact. `changed_at`: whether its rows have that version column besides the raw date."""

    table: str
    key: tuple[str, ...]
    changed_at: bool = False

    @property
    def _versions(self) -> list[str]:
        return [*(["changed_at"] if self.changed_at else []), "source_date", "content_hash"]

    def record(self, staging: str) -> Statement:
        rows = newest_rows(staging, self.key, changed_at=self.changed_at)
        columns = [*self.key, *self._versions]
        text = merge_text(
            self.table,
            f"SELECT {', '.join(columns)} FROM (\n    {rows}\n    ) newest WHERE COALESCE({RETRACTED}, FALSE)",
            self.key,
            columns,
            newer=newer(changed_at=self.changed_at),
        )
        return Statement("record retractions", text)

    def standing_rows(self, staging: str, computed: str = "") -> str:
        """The newest staged row of each key, unless a tombstone outranks it."""
        rows = newest_rows(staging, self.key, changed_at=self.changed_at, computed=computed)
        retracted = outranks("tomb", "newest", changed_at=self.changed_at)
        return (
            f"SELECT newest.* FROM (\n    {rows}\n    ) newest\n    LEFT JOIN {self.table} tomb"
            f" ON {same_key(self.key, 'tomb', 'newest')} AND {retracted}\n    WHERE tomb.source_date IS NULL"
        )
