"""One run of a flow: its name in alerts, audit rows and query tags, and what is done at its start and end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from prefect import runtime

from tasks.errors import HighwaterError, Severity, retried
from tasks.events import log
from tasks.jobs import external_jobs
from tasks.leases import lease, run_lease
from tasks.leases.run_lease import End, RunLease
from tasks.runs import alerts, monitoring
from tasks.runs.monitoring import DatasetRecord, RunRecord
from tasks.services.snowflake import connect
from tasks.services.snowflake_sessions import Sessions

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_TAKEN_UP_WITHIN = 3600.0
_HARMLESS = "What it had not published is not visible to anyone; run it again, which is harmless."


@dataclass
class Run:
    flow: str
    first: date
    last: date
    parameters: dict[str, Any] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: str(runtime.flow_run.id or uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    chunk: str = ""
    """The days that are processed just now, where they are not all of the run's."""

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.flow, self.run_id)

    @property
    def label(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def days(self) -> str:
        return self.chunk or self.label

    @property
    def owner(self) -> str:
        """The run whose end also ends this run's jobs: of nested runs the outermost, which is the one that is cancelled."""
        return str(runtime.flow_run.root_flow_run_id or self.run_id)

    def facts(self) -> dict[str, Any]:
        return {
            "flow": self.flow,
            "run_id": self.run_id,
            "run_date": self.label,
            "url": runtime.flow_run.ui_url,
        }

    def session(self, step: str) -> AbstractContextManager[SnowflakeConnection]:
        """A Snowflake session with a query tag that names the run and the step."""
        return self.sessions.lend(step)

    def date_of(self, raw_date: date) -> date:
        """The date to record: a daily run's own date, or each file's in a backfill."""
        return self.first if self.first == self.last else raw_date


@contextmanager
def guarded(run: Run) -> Iterator[None]:
    """Record the run's start. On any failure, stop its jobs and notify people before the run ends."""
    log("run started", flow=run.flow, run_date=run.label, run=run.run_id)
    begun = None
    status: End = "FAILED"
    try:
        begun = retried(run_lease.begin, run.run_id, f"{run.flow} {run.label}", run.owner)
        _attempt(mark_crashed_runs, run)
        retried(record, run, "RUNNING")
        yield
        status = "COMPLETED"
    except run_lease.AlreadyExecuted:  # the other process stops its jobs and records the end
        raise
    except Exception as error:
        severity = error.severity if isinstance(error, HighwaterError) else "CRITICAL"
        _ended(run, status, severity, f"{type(error).__name__}: {error}")
        raise
    except BaseException as end:
        status = "CANCELLED"
        message = f"cancelled, or told to terminate ({type(end).__name__}). {_HARMLESS}"
        _ended(run, status, "WARNING", message, begun.process if begun else None)
        raise
    finally:
        if begun:
            _attempt(begun.end, status)
        run.sessions.close()


def _ended(run: Run, status: str, severity: Severity, message: str, dying: str | None = None) -> None:
    """Stop the run's jobs, notify people and record the end. `dying` is the process, if it ends with the run."""
    _attempt(external_jobs.stop_owned, run.owner)
    _attempt(_notify_once, dying, severity, message, run.facts())
    _attempt(_record_with_jobs, run, status, message)


def _record_with_jobs(run: Run, status: str, message: str) -> None:
    record(run, status, message, jobs=external_jobs.ids_of(run.owner))


def _notify_once(process: str | None, severity: Severity, message: str, facts: dict[str, Any]) -> None:
    if process is None or _is_first(process):
        alerts.send(severity, message, facts)


def _is_first(process: str) -> bool:
    try:
        return run_lease.first_to_notify(process)
    except HighwaterError as error:  # two notifications are better than none
        log(
            "it is unknown whether another process has notified people",
            level=logging.WARNING,
            process=process,
            error=error,
        )
        return True


def mark_crashed_runs(run: Run) -> None:
    """Record runs whose lease has expired as crashed, and notify people, because those runs could not.

    A run that people were notified of already is about to be resumed (flows/crash_recovery.py) and is left alone for a
    while.
    """
    for seen in run_lease.expired():
        if seen.run_id == run.run_id:
            continue  # a late heartbeat on a busy machine
        if seen.seconds_left > -_TAKEN_UP_WITHIN and run_lease.is_notified(seen.process):
            continue
        mark_ended(
            seen, "CRASHED", "HIGH", f"its process died, its lease has expired. {_HARMLESS}", run.run_id
        )


def mark_ended(seen: RunLease, status: End, severity: Severity, how: str, by: str) -> None:
    """Record the end of another run, after taking over its lease."""
    held = lease.take_over(seen, by)
    if held is None:
        return  # the run is alive after all, or another process notifies
    message = f"{seen.name}: {how}"
    log("run is over", run=seen.run_id, status=status, name=seen.name)
    _attempt(_notify_once, seen.process, severity, message, {"flow": seen.name, "run_id": seen.run_id})
    _attempt(_record_end, seen.run_id, status, message)
    run_lease.close(held, status, seen.process)


def _record_end(run_id: str, status: str, message: str) -> None:
    with connect(flow="ending", run_id=run_id, step="record end") as connection:
        monitoring.record_end(connection, run_id, status, message, external_jobs.ids_of(run_id))


def _attempt(action: Callable[..., Any], *arguments: Any) -> None:
    """Do one of several final steps. A failure is logged, so that the others are still done."""
    try:
        action(*arguments)
    except (HighwaterError, ClientError, BotoCoreError) as error:
        log("a final step of the run failed", level=logging.ERROR, what=action.__name__, error=error)


def record(
    run: Run,
    status: str,
    message: str | None = None,
    rows: Mapping[str, int] | None = None,
    jobs: Collection[str] = (),
) -> None:
    """Record the run's status and figures. `rows` are any of rows_raw, rows_published, rows_superseded, rows_quarantined."""
    with run.session("record run") as connection:
        monitoring.record_run(
            connection,
            RunRecord(
                run_id=run.run_id,
                flow=run.flow,
                run_date=run.last,
                parameters=run.parameters,
                status=status,
                **(rows or {}),
                external_job_ids=sorted(jobs) or None,
                started_at=run.started_at,
                ended_at=None if status == "RUNNING" else datetime.now(UTC),
                message=message,
            ),
        )


def record_published(run: Run, dataset: str, rows: Mapping[str, int]) -> None:
    """Record the figures of a dataset that the run has published. `rows` are all four of them."""
    with run.session("record dataset") as connection:
        published = DatasetRecord(
            run_id=run.run_id,
            flow=run.flow,
            run_date=run.first,
            dataset=dataset,
            **rows,
            status="published",
            started_at=run.started_at,
            ended_at=datetime.now(UTC),
        )
        monitoring.record_datasets(connection, [published])
