"""Glue job actions backed by local processes: StartJobRun runs the script, BatchStopJobRun kills it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse

from local.aws.actions import Action, Overrides, refused
from local.aws.glue_runs import GlueRun, GlueSettings, RunRequest
from local.aws.job_runner import CannotRunError, JobRunner, Outcome, Result

log = structlog.get_logger()

DEFAULT_TIMEOUT_MINUTES = 480
DEFINITION = {
    "Role": "role",
    "Command": "command",
    "DefaultArguments": "default_arguments",
    "NonOverridableArguments": "non_overridable_arguments",
    "ExecutionProperty": "execution_property",
    "Timeout": "timeout",
    "GlueVersion": "glue_version",
}
RUN_SETTINGS = {
    "WorkerType": "worker_type",
    "NumberOfWorkers": "number_of_workers",
    "MaxCapacity": "max_capacity",
    "SecurityConfiguration": "security_configuration",
    "NotificationProperty": "notification_property",
}


def install(overrides: Overrides, runner: JobRunner, settings: GlueSettings) -> None:
    lock = threading.Lock()

    def start_job_run(response: Any) -> ActionResult:
        request = json.loads(response.body)
        job = response.glue_backend.get_job(request["JobName"])
        with lock:
            limit = (job.execution_property or {}).get("MaxConcurrentRuns", 1)
            if sum(run.under_way for run in job.job_runs) >= limit:
                raise refused("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job.name}")
            run = GlueRun(run_request(job, request), settings)
            job.job_runs.insert(0, run)  # GetJobRuns lists the newest run first
            _submit(runner, run)
        log.info("glue_run_submitted", job=job.name, run=run.job_run_id)
        return ActionResult({"JobRunId": run.job_run_id})

    def batch_stop_job_run(response: Any) -> ActionResult:
        request = json.loads(response.body)
        job = response.glue_backend.get_job(request["JobName"])
        runs = {run.job_run_id: run for run in job.job_runs}
        stopped, errors = [], []
        for run_id in request["JobRunIds"]:
            error = _stop(runner, runs.get(run_id), run_id)
            entry = {"JobName": job.name, "JobRunId": run_id}
            if error is None:
                stopped.append(entry)
            else:
                errors.append({**entry, "ErrorDetail": error})
        return ActionResult({"SuccessfulSubmissions": stopped, "Errors": errors})

    overrides.replace(GlueResponse, "start_job_run", start_job_run)
    overrides.replace(GlueResponse, "batch_stop_job_run", batch_stop_job_run)
    overrides.replace(GlueResponse, "update_job", _update_job)
    overrides.wrap(GlueResponse, "create_job", _create_job_once)


def run_request(job: Any, request: dict[str, Any]) -> RunRequest:
    """The run's parameters. Its arguments override the job's defaults; non-overridable arguments override both."""
    reported = {
        name: request.get(name) or getattr(job, attribute) for name, attribute in RUN_SETTINGS.items()
    }
    reported["GlueVersion"] = job.glue_version
    reported["PreviousRunId"] = request.get("JobRunId")
    return RunRequest(
        job_name=job.name,
        command_name=job.command.get("Name", ""),
        script=job.command.get("ScriptLocation", ""),
        arguments={
            **(job.default_arguments or {}),
            **(request.get("Arguments") or {}),
            **(job.non_overridable_arguments or {}),
        },
        timeout_minutes=request.get("Timeout") or job.timeout or DEFAULT_TIMEOUT_MINUTES,
        reported={name: value for name, value in reported.items() if value is not None},
    )


def _submit(runner: JobRunner, run: GlueRun) -> None:
    try:
        runner.submit(run)
    except CannotRunError as error:
        run.ended(Outcome(Result.FAILED, str(error)))


def _stop(runner: JobRunner, run: GlueRun | None, run_id: str) -> dict[str, str] | None:
    if run is None:
        return {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"Job run {run_id} not found."}
    if not run.move("STOPPING") and run.status != "STOPPING":
        return {
            "ErrorCode": "InvalidInputException",
            "ErrorMessage": f"Job run {run_id} is in state {run.status}.",
        }
    runner.stop(run_id)
    return None


def _create_job_once(create_job: Action) -> Action:
    """Make CreateJob idempotent, as in Glue: an equal request is accepted, a different one is an error.

    moto would replace a job of the same name and lose its runs.
    """

    def create(response: Any) -> Any:
        request = json.loads(response.body)
        _check_retries(request)
        known = response.glue_backend.jobs.get(request["Name"])
        if known is None:
            answer = create_job(response)
            response.glue_backend.jobs[request["Name"]].created_by = request
            return answer
        if known.created_by != request:
            raise refused(
                "IdempotentParameterMismatchException",
                f"Job {request['Name']} already submitted with different configuration",
            )
        return ActionResult({"Name": request["Name"]})

    return create


def _update_job(response: Any) -> ActionResult:
    """The whole definition anew, as in Glue: what the request leaves out is no more. moto has no UpdateJob."""
    request = json.loads(response.body)
    name, update = request["JobName"], request["JobUpdate"]
    _check_retries(update)
    attributes = {**DEFINITION, **RUN_SETTINGS}
    if unknown := sorted(update.keys() - {*attributes, "MaxRetries"}):
        raise refused(
            "InvalidInputException", f"the local Glue does not update {unknown}; see docs/parity.md"
        )
    job = response.glue_backend.get_job(name)
    given = {"DefaultArguments": {}, "ExecutionProperty": {}, **update}
    for member, attribute in attributes.items():
        setattr(job, attribute, given.get(member))
    job.created_by = {**update, "Name": name}
    return ActionResult({"JobName": name})


def _check_retries(definition: Mapping[str, Any]) -> None:
    if definition.get("MaxRetries"):
        raise refused(
            "InvalidInputException",
            "the local Glue does not repeat a failed run: MaxRetries must be 0; see docs/parity.md",
        )
