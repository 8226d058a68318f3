"""What a run of a layer is to compute: from which snapshots, on top of which, and which files are new between them.

Each snapshot of a table notes the snapshots that it was computed from. A table whose notes say the present ones, and the
present rules, is up to date.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contracts.language.document import rules_document
from tasks.intake import landing
from tasks.lake import lake_log, lake_tables
from tasks.medallion.layers import Layer
from tasks.publishing import curation
from tasks.settings import settings

if TYPE_CHECKING:
    from pyiceberg.table import Table

_SMALL_BYTES, _MANY = 8 << 20, 8


@dataclass(frozen=True)
class Plan:
    """Tables of a layer that are behind, and the snapshots to compute them from."""

    layer: Layer
    sources: Mapping[str, Table | None]
    tables: Mapping[str, Table | None]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_rebuild: bool = False

    @classmethod
    def of(
        cls, layer: Layer, parameters: Mapping[str, Any] | None = None, *, is_rebuild: bool = False
    ) -> Plan:
        """Opened sources first: what is committed meanwhile is left to the next run."""
        sources = {name: lake_tables.load(layer.database(name), name) for name in layer.sources}
        tables = {name: lake_tables.load(layer.name, name) for name in layer.tables}
        return cls(layer, sources, tables, parameters or {}, is_rebuild)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compute from: no source below was ever written."""
        return not any(
            lake_tables.snapshot_id(table)
            for name, table in self.sources.items()
            if name not in self.layer.beside
        )

    @property
    def behind(self) -> tuple[str, ...]:
        return tuple(
            name for name in self.layer.tables if self.is_rebuild or self._noted(name) != self.notes(name)
        )

    def notes(self, table: str) -> dict[str, str]:
        """What the table's next snapshot says that it was computed from."""
        snapshots = {
            f"source.{source}": str(lake_tables.snapshot_id(self.sources[source]))
            for source in self.layer.tables[table].sources
        }
        return {**snapshots, **self._rules(table)}

    def _noted(self, table: str) -> dict[str, str]:
        said = lake_log.last_notes(self.tables[table])
        return {name: value for name, value in said.items() if name in self.notes(table)}

    def _rules(self, table: str) -> dict[str, str]:
        """By what the table is computed: contracts of its layer and of those below, and code. If that is another than
        before, it is computed anew, whole, and what differs is written."""
        contracts = {**self.layer.contracts, **self.layer.below_contracts}
        text = json.dumps(
            {name: rules_document(contract) for name, contract in contracts.items()}, sort_keys=True
        )
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        rules = {"rules": f"{self.layer.contracts[table].version}-{digest}", "code": settings().code_version}
        for name in self.layer.tables[table].parameters:
            rules[f"parameter.{name}"] = json.dumps(self.parameters[name], sort_keys=True)
        return rules

    def work(self, table: str) -> str:
        facts = (table, self.base(table), self.notes(table), self.is_rebuild, settings().code_version)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]

    def base(self, table: str) -> int | None:
        return lake_tables.snapshot_id(self.tables[table])

    @property
    def key(self) -> str:
        return hashlib.sha256(
            " ".join(self.work(table) for table in sorted(self.layer.tables)).encode()
        ).hexdigest()[:24]

    def folder(self, attempt: int) -> str:
        return f"runs/{self.layer.name}-{self.key}-{attempt}"

    def figures(self, attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{self.folder(attempt)}"

    def location(self, table: str) -> str:
        return curation.location(self.layer.name, table)

    def output(self, table: str, attempt: int) -> str:
        """Named after the job too: lake-maintenance leaves alone what a work of the ledger may have written."""
        return f"{self.location(table)}/data/{self.work(table)}-{self.key}-{attempt}"

    def request(self, attempt: int, run_id: str) -> dict[str, str]:
        manifest = {
            "run_id": run_id,
            "parameters": self.parameters,
            "sources": {name: _paths(table) for name, table in self.sources.items()},
            "tables": {name: self._table(name, attempt) for name in self.layer.tables},
        }
        address = landing.write_manifest(
            settings().lake_bucket, f"{self.folder(attempt)}/manifest.json", manifest
        )
        return {"--manifest": address, "--figures": self.figures(attempt)}

    def _table(self, name: str, attempt: int) -> dict[str, Any]:
        deltas = {source: self._delta(name, source) for source in self.layer.tables[name].sources}
        is_known = self._rules(name).items() <= self._noted(name).items()
        is_told = all(
            delta is not None and not (self.layer.only_gains(source) and delta["removed"])
            for source, delta in deltas.items()
        )
        is_whole = self.is_rebuild or not is_known or not is_told
        return {
            "files": _paths(self.tables[name]),
            "small": _small(self.tables[name]) if name in self.behind else [],
            "output": self.output(name, attempt),
            "is_whole": is_whole,
            "deltas": {source: delta or {"added": [], "removed": []} for source, delta in deltas.items()},
        }

    def _delta(self, table: str, source: str) -> dict[str, list[str]] | None:
        """The files that the source has gained and lost since the table was computed. None if that is not known."""
        now, then = self.sources[source], self._noted(table).get(f"source.{source}")
        if then is None or now is None:
            return None if then is None else {"added": [], "removed": []}
        if then == str(None):
            return {"added": _paths(now), "removed": []}
        if now.snapshot_by_id(int(then)) is None:
            return None  # it has expired
        before, after = set(_paths(now, int(then))), set(_paths(now))
        return {"added": sorted(after - before), "removed": sorted(before - after)}


def _paths(table: Table | None, snapshot: int | None = None) -> list[str]:
    if table is None or table.current_snapshot() is None:
        return []
    with lake_tables.lake_failures(f"listing the files of {'.'.join(table.name())}"):
        return sorted(task.file.file_path for task in table.scan(snapshot_id=snapshot).plan_files())


def _small(table: Table | None) -> list[str]:
    """Small files, if there are many: the run that touches the table merges them."""
    small = [f.file_path for f in lake_tables.live_files(table) if f.file_size_in_bytes < _SMALL_BYTES]
    return sorted(small) if len(small) >= _MANY else []
