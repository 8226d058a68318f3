"""The steps of an extraction. Each may be killed at any point and repeated by any run."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tasks.errors import DataError, HighwaterError, SystemFault
from tasks.events import log
from tasks.extraction import watermark
from tasks.extraction.extracted import Extracted
from tasks.extraction.lease_keeper import held
from tasks.extraction.moments import text_of
from tasks.extraction.scanning import Scan
from tasks.extraction.source import Entity, Source
from tasks.runs.run import Run
from tasks.services.snowflake import connected_source, query_tag
from tasks.step import step

T = TypeVar("T")
_REASON = 500
"""Characters of a reason that are kept: the item has 200 of them, and room for 400 KB."""


@step("extract")
def extract(run: Run, source: Source, entity: Entity) -> Extracted:
    """Bring what changed in an entity since its watermark into bronze."""
    with tempfile.TemporaryDirectory() as scratch, held(source.pipeline, entity.name, run.run_id) as keeper:
        connection = connected_source(
            source.secret, query_tag(run.flow, run.run_id, f"extract {entity.name}")
        )
        try:
            found = Scan(source, entity, connection, keeper, run.run_id, Path(scratch)).run()
        finally:
            connection.close()
    log("extracted", **vars(found))
    return found


@step("replay")
def replay(run: Run, source: Source, entity: Entity, since: datetime, until: datetime) -> Extracted:
    """Read a past window of an entity again. The watermark stays; rows that the lake has already do no harm."""
    with tempfile.TemporaryDirectory() as scratch, held(source.pipeline, entity.name, run.run_id) as keeper:
        connection = connected_source(source.secret, query_tag(run.flow, run.run_id, f"replay {entity.name}"))
        try:
            scan = Scan(source, entity, connection, keeper, run.run_id, Path(scratch))
            found = scan.replay(text_of(since), text_of(until))
        finally:
            connection.close()
    log("replayed", **vars(found))
    return found


@step("rewind")
def rewind(run: Run, source: Source, entity: Entity, to: datetime, reason: str) -> str | None:
    """Set the watermark back: the next run reads again what is later. Returns the watermark before."""
    wanted = text_of(to)
    with held(source.pipeline, entity.name, run.run_id) as keeper:
        before = keeper.held.value
        if before is None or wanted >= before:
            raise DataError(
                f"the watermark of {entity.name} is {before}; it can be set to an earlier moment than that. Asked for: "
                f"{wanted}. Nothing was changed."
            )
        keeper.advance(wanted, None, run.run_id, reason[:_REASON])
    return before


def attempted(run: Run, source: Source, entity: Entity) -> Extracted | HighwaterError:
    """Extract an entity. Its failure does not keep the others from being extracted."""
    named = extract.with_options(name=f"extract {entity.name}")
    return apart(entity, lambda: named(run, source, entity))


def apart(entity: Entity, work: Callable[[], T]) -> T | HighwaterError:
    """Do an entity's work. Its failure is returned, as it must not keep the others' from being done."""
    try:
        return work()
    except HighwaterError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a bug in one entity's way is to be told, and the others' work to be done
        # Its text may quote a row. Where it came from says enough.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return SystemFault(
            f"{entity.name}: {type(error).__name__} at {place}, which is a bug of ours: report it."
        )


def worst(failures: Sequence[HighwaterError], told: str) -> HighwaterError:
    """One error for all: of the kind of the gravest."""
    order = {"CRITICAL": 0, "HIGH": 1}
    gravest = min(failures, key=lambda error: order.get(error.severity, 2))
    return type(gravest)(f"{' | '.join(map(str, failures))} Of the other entities: {told}.")


def watermarks(source: Source) -> list[dict[str, Any]]:
    """How far each entity was extracted, for people to see."""
    found = [watermark.read(source.pipeline, entity.name) for entity in source.entities]
    return [
        {"entity": each.entity, "watermark": each.value or "", "run": each.run_id or ""} for each in found
    ]
