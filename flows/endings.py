"""How a run ends when it does not end well."""

from __future__ import annotations

import logging
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.states import Failed

from tasks import external_jobs
from tasks.errors import HighwaterError
from tasks.events import log


def ended_badly(error: HighwaterError) -> State[Any]:
    """Failed, with the message a person needs in place of a traceback of our own code."""
    message = f"{type(error).__name__}: {error}"
    log(message, level=logging.ERROR)
    return Failed(message=message, data=error)


def stop_external_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Prefect calls this when a run was cancelled or crashed, from a process that is still alive."""
    stop_owned_jobs(str(flow_run.id), flow=flow.name, state=state.name)


def stop_owned_jobs(flow_run_id: str, **facts: Any) -> None:
    """Stop what a run has left running in services that know nothing of it."""
    stopped = external_jobs.stop_owned(flow_run_id)
    log("external jobs stopped", run=flow_run_id, jobs=",".join(stopped) or "none were running", **facts)
