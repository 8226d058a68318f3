"""ECS task actions backed by local processes: RunTask runs the container's command, StopTask kills it."""

from __future__ import annotations

import threading
from typing import Any

import structlog
from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

from local.aws.actions import Action, Overrides
from local.aws.ecs_secrets import refuse_shared_names
from local.aws.ecs_task import EcsSettings, EcsTask
from local.aws.job_runner import CannotRunError, JobRunner, Outcome, Result

log = structlog.get_logger()


def install(overrides: Overrides, runner: JobRunner, settings: EcsSettings) -> None:
    running: dict[str, EcsTask] = {}
    lock = threading.Lock()

    def forget(task: EcsTask) -> None:
        with lock:
            running.pop(task.job_id, None)

    def truthful(run_task: Action) -> Action:
        def run(response: Any) -> Any:
            wanted = response.ecs_backend.describe_task_definition(response._get_param("taskDefinition"))
            overrides = (response._get_param("overrides") or {}).get("containerOverrides") or []
            refuse_shared_names(wanted.container_definitions, overrides)
            answer = run_task(response)
            for shown in answer.result["tasks"]:
                definition = response.ecs_backend.describe_task_definition(shown.task_definition_arn)
                task = EcsTask(shown, definition, settings, on_end=forget)
                with lock:
                    running[task.job_id] = task
                _submit(runner, task)
                log.info("ecs_task_submitted", task=task.job_id, family=definition.family)
            return answer

        return run

    def without_shared_names(register: Action) -> Action:
        def registered(response: Any) -> Any:
            refuse_shared_names(response._get_param("containerDefinitions") or [], [])
            return register(response)

        return registered

    def stop_task(response: Any) -> ActionResult:
        found = response.ecs_backend.describe_tasks(
            response._get_param("cluster", "default"), [response._get_param("task")]
        )
        if not found:
            raise InvalidParameterException("The referenced task was not found.")
        (shown,) = found
        with lock:
            task = running.get(shown.id)
        if task is not None:
            task.stopping(response._get_param("reason") or "Task stopped by user")
            runner.stop(task.job_id)
        return ActionResult({"task": shown})

    overrides.replace(
        EC2ContainerServiceBackend,
        "_calculate_task_resource_requirements",
        _of_fargate_too(EC2ContainerServiceBackend._calculate_task_resource_requirements),
    )
    overrides.wrap(EC2ContainerServiceResponse, "run_task", truthful)
    overrides.wrap(EC2ContainerServiceResponse, "register_task_definition", without_shared_names)
    overrides.replace(EC2ContainerServiceResponse, "stop_task", stop_task)


def _submit(runner: JobRunner, task: EcsTask) -> None:
    try:
        runner.submit(task)
    except CannotRunError as error:
        task.ended(Outcome(Result.FAILED, str(error)))


def _of_fargate_too(requirements: Any) -> Any:
    """Make container memory optional for Fargate tasks, whose size is set per task. moto always requires it."""

    def calculate(backend: Any, definition: Any) -> Any:
        return {} if "FARGATE" in definition.compatibilities else requirements(backend, definition)

    return calculate
