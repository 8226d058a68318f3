"""One Iceberg snapshot of a dataset, as a load needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contracts.language.dataset import Dataset
from warehouse.statement import Statement


@dataclass(frozen=True)
class Snapshot:
    """`files` were added by the snapshot, `raw_dates` processed by its run; `sightings` hold its quarantined rows' keys."""

    dataset: Dataset
    files: tuple[str, ...]
    snapshot_id: int
    sequence: int
    run_id: str
    raw_dates: tuple[date, ...] = ()
    sightings: tuple[str, ...] = ()

    @property
    def staging(self) -> str:
        return f"CURATED.{self.dataset.table.upper()}_STAGE"

    @property
    def sighted_staging(self) -> str:
        return f"{self.staging}_SIGHTED"


Apply = Callable[[Snapshot], list[Statement]]
"""Builds the statements that merge a staged snapshot into the DW: DML only, since they run in one transaction."""
