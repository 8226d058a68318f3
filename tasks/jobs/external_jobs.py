"""Run jobs of other services (Glue, SageMaker) exactly once, and stop them if nobody waits for them any more.

A service (tasks/jobs/job_service.py) defines how its jobs are started, found, inspected and stopped. This module does
the rest: who may start a job, who waits for it, who takes it over, and which jobs are stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from tasks.errors import SystemFault, Uncertain
from tasks.events import log
from tasks.jobs import glue, sagemaker, sagemaker_tuning
from tasks.jobs.job_service import NoSlot, Request, Service
from tasks.leases import job_entry, lease, rows
from tasks.leases.job_entry import JobEntry
from tasks.leases.lease import LeaseLost
from tasks.settings import settings

# A job's end is noticed within a quarter of the time that it took, and within 15 seconds.
_POLL_FIRST, _POLL_MOST, _POLL_GROWTH = 0.5, 15.0, 1.25
# A job may appear in the service's list a moment after its start.
_FIND_AFTER = (0.0, 2.0, 4.0, 8.0)
_SAY_EVERY_SECONDS = 300.0

SERVICES: dict[str, Service] = {
    glue.KIND: glue.GlueJobs(),
    sagemaker.TRAINING: sagemaker.SageMakerJobs(sagemaker.Api.of("training")),
    sagemaker.PROCESSING: sagemaker.SageMakerJobs(sagemaker.Api.of("processing")),
    sagemaker.TRANSFORM: sagemaker.SageMakerJobs(sagemaker.Api.of("transform")),
    sagemaker.TUNING: sagemaker_tuning.TuningJobs(),
}


def run(kind: str, name: str, work: str, prepare: Callable[[int], Request], owner: str) -> JobEntry:
    """Run the work to a successful job: reuse a finished one, resume a running one, or start one.

    `prepare` builds the request from the attempt's number, so no two attempts write to the same place. Raises the error
    of a failed job. A job that was stopped with its run is restarted by the next call, not by this one. A job that another
    run took for an orphan, because this one was held up for longer than its lease, is started again.
    """
    while True:
        entry = _hold(kind, name, work, owner)
        if entry.status == "SUCCEEDED":
            log("job already done", job=name, job_run=entry.external_id, work=work)
            return entry
        try:
            return _wait(_taken_up(entry) or _started(entry, prepare))
        except LeaseLost as lost:
            now = job_entry.get(work)
            if now and now.status == "STOPPED" and now.owner == owner:
                raise SystemFault(
                    f"job {name} for {work} was stopped from outside while run {owner} waited for it. Run it again."
                ) from lost
            log("lease lost, retrying", job=name, work=work, process=now.process if now else None)


def _hold(kind: str, name: str, work: str, owner: str) -> JobEntry:
    """The work's row, claimed by this run or succeeded. Waits while a live run holds it."""
    pause, said = _POLL_FIRST, False
    while True:
        if entry := job_entry.claim(work, kind, name, owner):
            return entry
        if not said:
            log("another run does this work, waiting for it", job=name, work=work)
            said = True
        time.sleep(pause)
        pause = min(pause * _POLL_GROWTH, _POLL_MOST, lease.heartbeat_seconds())


def _taken_up(entry: JobEntry) -> JobEntry | None:
    """The job that a previous owner of the row started, if there is one."""
    if entry.status == "PREPARING":
        return None
    if entry.external_id:
        log("job resumed", job=entry.name, job_run=entry.external_id, work=entry.id)
        return entry
    found = _found(entry)
    return lease.renew(entry, status="RUNNING", external_id=found) if found else None


def _found(entry: JobEntry) -> str | None:
    """The job of a start without an answer. If there are two, one is stopped; they share no files."""
    found = SERVICES[entry.kind].find(entry)
    for doubled in found[1:]:
        SERVICES[entry.kind].stop(entry, doubled)
    if not found:
        return None
    log("job found and resumed", job=entry.name, job_run=found[0], work=entry.id)
    return found[0]


def _started(entry: JobEntry, prepare: Callable[[int], Request]) -> JobEntry:
    if (
        entry.status == "STARTING"
    ):  # its owner is gone; if its start still succeeds, that is another attempt's job
        entry = job_entry.next_attempt(entry)
    entry, external_id = _in_a_slot(entry, prepare(entry.attempt))
    try:
        noted = lease.renew(entry, status="RUNNING", external_id=external_id)
    except LeaseLost:
        SERVICES[entry.kind].stop(entry, external_id)
        raise
    log("job started", job=entry.name, job_run=external_id, work=entry.id)
    return noted


def _in_a_slot(entry: JobEntry, request: Request) -> tuple[JobEntry, str]:
    """Start the job. While the service's limit is reached, renew the lease and retry the start."""
    since = rows.now()
    pause, say_next = _POLL_FIRST, since
    while True:
        entry = lease.renew(entry, status="STARTING")  # a fence: whoever has lost the row starts nothing
        try:
            return _start(entry, request)
        except NoSlot as full:
            entry = lease.renew(entry, status="PREPARING")
            waited = rows.now() - since
            if waited >= settings().slot_wait_hours * 3600:
                raise SystemFault(
                    f"{full} No job ended within {settings().slot_wait_hours:g} h. Raise the limit that it names, or let "
                    "fewer jobs run at once; then run it again."
                ) from full
            if rows.now() >= say_next:
                log("no slot for the job, waiting for one", job=entry.name, minutes=waited // 60, why=full)
                say_next = rows.now() + _SAY_EVERY_SECONDS
        time.sleep(min(pause, lease.heartbeat_seconds()))
        pause = min(pause * _POLL_GROWTH, _POLL_MOST)


def _start(entry: JobEntry, request: Request) -> tuple[JobEntry, str]:
    """Send a start once. If the answer is lost, look for the job in the service."""
    try:
        return entry, SERVICES[entry.kind].start(entry, request)
    except Uncertain:
        for seconds in _FIND_AFTER:
            time.sleep(min(seconds, lease.heartbeat_seconds()))
            entry = lease.renew(entry)
            if found := _found(entry):
                return entry, found
        raise


def _wait(entry: JobEntry) -> JobEntry:
    pause = _POLL_FIRST
    service = SERVICES[entry.kind]
    while (seen := service.look(entry)).status == "RUNNING":
        time.sleep(min(pause, lease.heartbeat_seconds()))
        pause = min(pause * _POLL_GROWTH, _POLL_MOST)
        if entry.seconds_left <= lease.heartbeat_seconds() * (lease.HEARTBEATS_A_LEASE - 1):
            entry = lease.renew(entry)
    closed = replace(entry, status=seen.status)
    if not rows.swap(entry, closed):
        log("the row was closed by another", job=entry.name, work=entry.id)
        if seen.status == "STOPPED":
            raise LeaseLost(f"ledger row {entry.id}: the job was stopped by whoever closed the row")
    if seen.failure:
        raise seen.failure
    log("job succeeded", job=entry.name, job_run=entry.external_id, seconds=seen.seconds)
    return closed


def stop_owned(owner: str) -> list[str]:
    """Stop all running jobs of a flow run that was cancelled or crashed."""
    return [_stop(entry) for entry in job_entry.jobs_of(owner) if entry.is_open]


def ids_of(owner: str) -> list[str]:
    """The service's ids of all jobs that a flow run started or resumed."""
    return sorted(entry.external_id for entry in job_entry.jobs_of(owner) if entry.external_id)


def release_orphans(owner: str, is_over: Callable[[str], bool], keep: Collection[str] = ()) -> list[str]:
    """Close the rows that nobody holds any more, and stop their jobs.

    A row has no owner if its lease has expired or its flow run is over. `keep` are works that the caller is about to
    resume itself. A very recent row may not be in the index yet; the next run finds it.
    """
    released = []
    for entry in job_entry.open_jobs():
        if entry.owner == owner or entry.id in keep:
            continue
        if entry.seconds_left > 0 and not is_over(entry.owner):
            continue
        if held := lease.take_over(entry, owner):
            log("orphan found", job=entry.name, job_run=entry.external_id, work=entry.id, owner=entry.owner)
            released.append(_stop(held))
    return released


def _stop(entry: JobEntry) -> str:
    """Stop the row's job and close the row. A job that is over keeps its own result."""
    service = SERVICES[entry.kind]
    now: JobEntry | None = entry
    while now and now.is_open and now.attempt == entry.attempt:
        jobs = [now.external_id] if now.external_id else _unnoted(now)
        status: job_entry.Status = "STOPPED"
        for job in jobs:
            seen = service.look(replace(now, external_id=job))
            if seen.status == "RUNNING":
                service.stop(now, job)
                log("job stopped", job=now.name, job_run=job, work=now.id)
            else:
                status = seen.status
        entry = replace(now, status=status, external_id=jobs[0] if jobs else None)
        # The owner may have renewed the lease since.
        now = None if rows.swap(now, entry) else job_entry.get(entry.id)
    return entry.external_id or entry.id


def _unnoted(entry: JobEntry) -> list[str]:
    return SERVICES[entry.kind].find(entry) if entry.status == "STARTING" else []
