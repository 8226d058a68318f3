"""The retail inbox: partners' files become rows of RAW, STAGE and the retail marts, or somebody knows why not.

look ─► 200 at a time: sort ─► read (contract) ─► refuse (sidecar, alert) ─► load (RAW, STAGE) ─► move to history/ ─► marts

The listener (deployments/inbox_listener.py) starts a run for the files that have just arrived; every 15 minutes a run
without keys takes whatever waits.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from tasks.errors import HighwaterError, SystemFault
from tasks.inbox.ending import Ended
from tasks.inbox.inbox_page import page, summary
from tasks.inbox.inbox_steps import load, look, move, parts, read, refresh_marts, refuse, sort
from tasks.inbox.settling import LOADED
from tasks.inbox.waiting import Version
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.step import step

_SHOWN = 10
Rate = Annotated[float, Field(ge=0, le=1)]


def _run_name() -> str:
    keys = runtime.flow_run.parameters.get("keys")
    return f"retail-inbox {'sweep' if keys is None else ', '.join(keys[:1]) + ' …' * (len(keys) > 1)}"


@flow(
    name="retail-inbox",
    flow_run_name=_run_name,
    timeout_seconds=2 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def retail_inbox(
    keys: list[str] | None = None, broken_rate_max: Rate = 0.05, retry_refused: bool = True
) -> dict[str, Any] | State[Any]:
    """Load the files that wait in the inbox. Running it again is harmless: a file is loaded once.

    Args:
        keys: The files to process, such as inbox/sales_20250111.csv. A file that was refused before is tried again.
            Leave empty for all that wait, without those that were refused before.
        broken_rate_max: A file is refused if more than this share of its rows is broken.
        retry_refused: Whether named files that were refused before are tried again. The listener says no: an event may come
            twice.
    """
    try:
        day = scheduled_today()
        run = Run("retail-inbox", day, day, {"keys": keys, "broken_rate_max": broken_rate_max})
        again = keys is not None and retry_refused
        with guarded(run), tempfile.TemporaryDirectory() as scratch:
            done = Done()
            for part in parts(look(keys)):
                settle(run, part, Path(scratch), broken_rate_max, again, done)
            refresh_marts(run)
            require_all(done)
            return finish(run, done)
    except HighwaterError as error:
        return ended_badly(error)


@dataclass
class Done:
    """What became of the files so far. A file that fails does not keep the others from their end."""

    ended: list[Ended] = field(default_factory=list)
    refused_before: int = 0
    failures: list[SystemFault] = field(default_factory=list)


def settle(
    run: Run, part: list[Version], scratch: Path, broken_rate_max: float, again: bool, done: Done
) -> None:
    """Bring some files to their end."""
    found = sort(run, part, again)
    judged, unread = read(found.to_read, scratch, broken_rate_max) if found.to_read else ([], [])
    if refused := [file for file in judged if file.refusal]:
        refuse(run, refused)
    ended = load(run, judged, scratch) if judged else []
    unmoved = move(run, ended, found.to_move)
    done.ended += ended
    done.refused_before += found.refused_before
    done.failures += [*unread, *unmoved]


def require_all(done: Done) -> None:
    if done.failures:
        told = " | ".join(str(each) for each in done.failures[:_SHOWN])
        raise SystemFault(
            f"{len(done.failures)} files of the inbox were not read or not moved: {told}. The others are done: "
            f"{summary(done.ended, done.refused_before)}. Run it again when the cause is fixed."
        )


@step("finish")
def finish(run: Run, done: Done) -> dict[str, Any]:
    ended, told = done.ended, summary(done.ended, done.refused_before)
    loaded = [each for each in ended if each.status == LOADED]
    figures = {
        "rows_published": sum(each.rows_loaded or 0 for each in loaded),
        "rows_superseded": 0,
        "rows_quarantined": sum(each.rows_quarantined or 0 for each in loaded),
    }
    record(run, "COMPLETED", told, {"rows_raw": sum(figures.values()), **figures})
    page(ended, told)
    if ended:
        alerts.send("INFO", f"retail-inbox: {told}", run.facts())
    return {"summary": told, "files": {each.version.key: each.status for each in ended}, **figures}
