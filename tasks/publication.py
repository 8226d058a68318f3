"""What a judged slice changes in the lake: its quarantine first, its rows only when the audit of the whole run passed.

A replay goes the other way round: its rows are in quarantine already, and leave it only after they were published.
"""

from __future__ import annotations

from contracts.catalog import contract
from tasks import lake
from tasks.curation import Curated, location, output_files
from tasks.events import log
from tasks.lake import Commit


def quarantine(curated: Curated, run_id: str) -> None:
    """Make the broken rows of the slice's raw dates findable, whatever the audit will say of them."""
    if not (curated.unchanged or curated.slice.is_replay):
        _replace_quarantine(curated, run_id)


def publish(curated: Curated, run_id: str) -> int | None:
    """One atomic commit; returns the table's snapshot id. A slice that changes nothing commits nothing."""
    snapshot = _publish_rows(curated, run_id)
    if curated.slice.is_replay:
        _replace_quarantine(curated, run_id)
    return snapshot


def _publish_rows(curated: Curated, run_id: str) -> int | None:
    table = lake.load(lake.CURATED, curated.dataset)
    added = output_files(curated, "published") + output_files(curated, "survivors") if curated.output else ()
    new_dates = set() if curated.slice.is_replay else set(curated.by_date) - lake.processed_raw_dates(table)
    if curated.unchanged or not (added or curated.touched_files or new_dates):
        log("nothing to publish", dataset=curated.dataset, run=run_id)
        return lake.snapshot_id(table)
    notes = {"input": curated.slice.fingerprint(), "figures": curated.figures_address}
    if curated.dataset == "promotions":
        notes["sightings"] = ",".join(output_files(curated, "quarantined"))
    commit = _commit(curated, run_id, added, curated.touched_files, notes)
    published = lake.publish(
        lake.CURATED, curated.dataset, location(lake.CURATED, curated.dataset), commit, curated.base
    )
    log("published", dataset=curated.dataset, rows=curated.total.rows_published, files=len(added), run=run_id)
    return lake.snapshot_id(published)


def _replace_quarantine(curated: Curated, run_id: str) -> None:
    files = output_files(curated, "quarantined")
    place = location(lake.QUARANTINE, curated.dataset)
    lake.replace_raw_dates(curated.dataset, place, _commit(curated, run_id, files, replaces_quarantine=True))
    log(
        "quarantined",
        dataset=curated.dataset,
        rows=curated.total.rows_quarantined,
        files=len(files),
        run=run_id,
    )


def _commit(
    curated: Curated,
    run_id: str,
    added: tuple[str, ...],
    removed: tuple[str, ...] = (),
    notes: dict[str, str] | None = None,
    *,
    replaces_quarantine: bool = False,
) -> Commit:
    raw_dates = set(curated.by_date)
    if curated.slice.is_replay and not replaces_quarantine:
        # Some rows of a calendar that was never published are not that calendar: it does not count as processed.
        raw_dates &= lake.processed_raw_dates(lake.load(lake.CURATED, curated.dataset))
    return Commit(
        work=curated.work,
        run_id=run_id,
        raw_dates=tuple(sorted(raw_dates)),
        contract_version=contract(curated.dataset).version,
        added=added,
        removed=removed,
        notes=notes or {},
    )
