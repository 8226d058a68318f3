"""The report of a maintenance run: for people on its page, and in the lake for the next run's second look."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prefect.artifacts import create_table_artifact

from tasks.maintenance.compaction import Compaction
from tasks.maintenance.expiry import Expiry
from tasks.maintenance.orphans import Look
from tasks.runs.run_page import readable
from tasks.services import objects
from tasks.settings import settings

_FORGOTTEN_AFTER_DAYS = 60


@dataclass
class Tidied:
    """The result for one table. A step that was not reached is None."""

    table: str
    expiry: Expiry | None = None
    compaction: Compaction | None = None
    look: Look | None = None
    failures: list[str] = field(default_factory=list)
    needs_a_person: bool = False
    """Not all of the failures may pass by themselves."""

    def figures(self) -> dict[str, Any]:
        return {
            "expired": len(self.expiry.expired) if self.expiry else None,
            "compacted": self.compaction.files_before if self.compaction else None,
            "orphans_seen": len(self.look.candidates) if self.look else None,
            "orphans_deleted": len(self.look.deleted) if self.look else None,
        }


def address(day: str, run_id: str) -> str:
    return f"s3://{settings().lake_bucket}/maintenance/{day}-{run_id}.json"


def write(run_id: str, tidied: Iterable[Tidied], now: datetime) -> str:
    """Write the report. Its name begins with the day, so that the newest report is listed last."""
    document = {
        "run_id": run_id,
        "written_at": now.isoformat(),
        "tables": {t.table: {k: v for k, v in asdict(t).items() if k != "table"} for t in tidied},
    }
    return objects.write(address(now.date().isoformat(), run_id), json.dumps(document, indent=1).encode())


def earlier_candidates(tables: Iterable[str], before: datetime) -> dict[str, dict[str, str]]:
    """The orphans of each table that the newest report before the moment lists, by address."""
    missing = set(tables)
    found: dict[str, dict[str, str]] = {}
    first = f"maintenance/{before.date() - timedelta(days=_FORGOTTEN_AFTER_DAYS)}"
    reports = list(objects.listed(f"s3://{settings().lake_bucket}/maintenance/", after=first))
    for file in reversed(reports):
        if not missing:
            break
        document = objects.read_json(file.address)
        if datetime.fromisoformat(document["written_at"]) > before:
            continue
        looked = {table: made["look"] for table, made in document["tables"].items() if made["look"]}
        for table in missing & looked.keys():
            found[table] = looked[table]["candidates"]
        missing -= looked.keys()
    return found


def summary(tidied: Iterable[Tidied]) -> str:
    done = list(tidied)
    expired = sum(len(t.expiry.expired) for t in done if t.expiry)
    compactions = [t.compaction for t in done if t.compaction]
    looks = [t.look for t in done if t.look]
    return (
        f"{len(done)} tables: {expired} snapshots expired; "
        f"{sum(c.files_before for c in compactions)} files compacted into {sum(c.files_after for c in compactions)}; "
        f"{sum(len(k.deleted) for k in looks)} orphans deleted, {sum(len(k.candidates) for k in looks)} seen"
    )


def page(tidied: Iterable[Tidied], heading: str) -> None:
    create_table_artifact(key="lake-maintenance", description=heading, table=[_row(t) for t in tidied])


def _row(tidied: Tidied) -> dict[str, Any]:
    expiry, compaction, look = tidied.expiry, tidied.compaction, tidied.look
    return {
        "table": tidied.table,
        "expired": readable(len(expiry.expired) if expiry else None),
        "kept": "; ".join(f"{n}: {why}" for why, n in expiry.kept.items()) if expiry else "–",
        "files compacted": _change(compaction.files_before, compaction.files_after) if compaction else "–",
        "bytes": _change(compaction.bytes_before, compaction.bytes_after) if compaction else "–",
        "orphans seen": readable(len(look.candidates) if look else None),
        "orphans deleted": readable(len(look.deleted) if look else None),
        "left, or failed": "; ".join(
            [*tidied.failures, *([compaction.left] if compaction and compaction.left else [])]
        ),
    }


def _change(before: int, after: int) -> str:
    return f"{before:,} → {after:,}" if before else "–"
