"""What a run of a layer is to do: the files of its sources, what of them is new, and the tables to bring up to date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from jobs.glue.errors import DataError
from jobs.glue.request import Request

Files = tuple[str, ...]


@dataclass(frozen=True)
class Delta:
    """The files that a source has gained and lost since a table was computed from it."""

    added: Files = ()
    removed: Files = ()


@dataclass(frozen=True)
class TableWork:
    """A table to bring up to date."""

    files: Files
    output: str
    is_whole: bool
    """Compute all of it anew: it was never computed, or by other rules, or from snapshots that are gone."""
    small: Files = ()
    """Files that are to be merged, because there are many small ones."""
    deltas: Mapping[str, Delta] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerWork:
    run_id: str
    sources: Mapping[str, Files]
    tables: Mapping[str, TableWork]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def own(self, asked: Request) -> LayerWork:
        """The same work, with outputs of this run alone."""
        own = {name: replace(table, output=asked.own(table.output)) for name, table in self.tables.items()}
        return replace(self, tables=own)

    def added(self, source: str, tables: Iterable[str]) -> Files:
        """The files of a source that are new to any of the tables."""
        found = {path for table in tables for path in self.tables[table].deltas[source].added}
        return tuple(sorted(found))

    @property
    def analysis_date(self) -> date:
        return date.fromisoformat(self.parameters["analysis_date"])


def parse(text: str, origin: str) -> LayerWork:
    try:
        document = json.loads(text)
        return LayerWork(
            run_id=document["run_id"],
            sources={name: tuple(files) for name, files in document["sources"].items()},
            tables={name: _table(table) for name, table in document["tables"].items()},
            parameters=dict(document["parameters"]),
        )
    except KeyError as error:
        raise DataError(f"manifest {origin} lacks the field {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"manifest {origin} cannot be read: {error}") from error


def _table(document: Mapping[str, Any]) -> TableWork:
    return TableWork(
        files=tuple(document["files"]),
        output=document["output"].rstrip("/"),
        is_whole=bool(document["is_whole"]),
        small=tuple(document["small"]),
        deltas={
            source: Delta(tuple(delta["added"]), tuple(delta["removed"]))
            for source, delta in document["deltas"].items()
        },
    )
