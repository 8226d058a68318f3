"""What a run found of an entity."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Extracted:
    entity: str
    low: str | None = None
    high: str | None = None
    rows_read: int = 0
    rows_known: int = 0
    rows_added: int = 0
    rows_quarantined: int = 0
    rows_without_watermark: int = 0
    parts: int = 0
    is_complete: bool = True
    """False if the run's batches were used up: the next run goes on."""
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
