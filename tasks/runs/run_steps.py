"""Steps of a run in MONITORING.RUN_STEPS: how each ended, how long it took, how many rows it had."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.errors import HighwaterError, retried
from tasks.events import log
from tasks.runs import monitoring
from tasks.runs.monitoring import StepRecord
from tasks.runs.run import Run

COMPLETED, FAILED = "COMPLETED", "FAILED"


@dataclass
class Seen:
    """What the block says about its step."""

    rows: int | None = None


@contextmanager
def recorded(run: Run, step: str) -> Iterator[Seen]:
    """Record the step when the block ends. A process that dies in it records nothing: the run's own record tells."""
    seen, started_at = Seen(), datetime.now(UTC)
    try:
        yield seen
    except Exception as error:
        # The text of an error that is not ours may repeat values of the data.
        said = f": {error}" if isinstance(error, HighwaterError) else ""
        _record_failure(run, step, started_at, seen, f"{type(error).__name__}{said}")
        raise
    retried(_record, run, step, started_at, seen, None)


def _record(run: Run, step: str, started_at: datetime, seen: Seen, error: str | None) -> None:
    ended_at = datetime.now(UTC)
    record = StepRecord(
        run_id=run.run_id,
        flow=run.flow,
        run_date=run.last,
        step=step,
        status=FAILED if error else COMPLETED,
        row_count=seen.rows,
        seconds=round((ended_at - started_at).total_seconds(), 3),
        error=error,
        started_at=started_at,
        ended_at=ended_at,
    )
    with run.session("record step") as connection:
        monitoring.record_step(connection, record)


def _record_failure(run: Run, step: str, started_at: datetime, seen: Seen, error: str) -> None:
    try:
        _record(run, step, started_at, seen, error)
    except HighwaterError as unrecorded:
        log("a failed step was not recorded", level=logging.ERROR, step=step, error=unrecorded)
