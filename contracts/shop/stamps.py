"""The columns that every table of the shop has."""

from __future__ import annotations

from contracts.language.columns import optional

STAMPS = (
    optional("is_deleted", "boolean", "Whether the row was deleted, but is kept."),
    optional("created_at", "timestamp", "When the row was written first, in UTC."),
    optional("updated_at", "timestamp", "When the row was written last, in UTC: the watermark's column."),
)
