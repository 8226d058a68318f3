"""Publish an audited slice to its curated Iceberg table, in one commit, after the whole run's audit has passed."""

from __future__ import annotations

from contracts.catalog import contract
from tasks.events import log
from tasks.intake import landing, truncation
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.publishing.curated import Curated
from tasks.publishing.curation import location, output_files
from tasks.settings import settings


def publish(curated: Curated, run_id: str) -> int | None:
    """Commit the slice atomically and return the table's snapshot id. A slice that changes nothing makes no commit.

    Raises StaleResult if the slice's files have changed or another run has published meanwhile: the result may miss rows.
    """
    if not curated.unchanged:
        landing.require_unchanged(settings().lake_bucket, curated.slice)
    table = lake_tables.load(lake_tables.CURATED, curated.dataset)
    processed = lake_log.processed_raw_dates(table)
    added = output_files(curated, "published") + output_files(curated, "survivors") if curated.output else ()
    raw_dates = set(curated.by_date)
    if curated.slice.is_replay:
        # Replayed rows are only part of a delivery: if that delivery was never published, it does not become processed.
        raw_dates &= processed
    if curated.unchanged or not (added or curated.touched_files or raw_dates - processed):
        log("nothing to publish", dataset=curated.dataset, run=run_id)
        return lake_tables.snapshot_id(table)
    notes = {
        "input": curated.slice.fingerprint(),
        "code": settings().code_version,
        "figures": curated.figures_address,
    }
    if truncation.is_compared(curated.slice):
        notes[truncation.NOTE] = truncation.note(curated.slice)
    if contract(curated.dataset).load_sees_quarantine:
        notes["sightings"] = ",".join(output_files(curated, "sightings"))
    commit = Commit(
        work=curated.work,
        run_id=run_id,
        raw_dates=tuple(sorted(raw_dates)),
        contract_version=contract(curated.dataset).version,
        added=added,
        removed=curated.touched_files,
        notes=notes,
    )
    published = lake_commits.publish(
        lake_tables.CURATED,
        curated.dataset,
        location(lake_tables.CURATED, curated.dataset),
        commit,
        curated.base,
    )
    log("published", dataset=curated.dataset, rows=curated.total.rows_published, files=len(added), run=run_id)
    return lake_tables.snapshot_id(published)
