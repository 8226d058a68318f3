"""The step of a reconciliation. It may be killed at any point and repeated by any run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.errors import HighwaterError
from tasks.events import log
from tasks.extraction.extraction_steps import apart
from tasks.extraction.lease_keeper import held
from tasks.extraction.reconciling import Reconciled, Reconciliation
from tasks.extraction.source import Entity, Source
from tasks.runs.run import Run
from tasks.services.snowflake import connected_source, query_tag
from tasks.step import step


@step("reconcile")
def reconcile(run: Run, source: Source, entity: Entity, tombstones_max_share: float) -> Reconciled:
    """Compare an entity with the lake, and put into the lake what it lacks."""
    with tempfile.TemporaryDirectory() as scratch, held(source.pipeline, entity.name, run.run_id) as keeper:
        tag = query_tag(run.flow, run.run_id, f"reconcile {entity.name}")
        connection = connected_source(source.secret, tag)
        try:
            found = Reconciliation(
                *(source, entity, connection, keeper, run.run_id, run.owner, Path(scratch)),
                tombstones_max_share,
            ).run()
        finally:
            connection.close()
    log("reconciled", **vars(found))
    return found


def attempted(
    run: Run, source: Source, entity: Entity, tombstones_max_share: float
) -> Reconciled | HighwaterError:
    """Reconcile an entity. Its failure does not keep the others from being reconciled."""
    named = reconcile.with_options(name=f"reconcile {entity.name}")
    return apart(entity, lambda: named(run, source, entity, tombstones_max_share))
