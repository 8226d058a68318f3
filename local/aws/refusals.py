"""Refuse AWS actions that moto would report as successful without doing anything.

When one of these is implemented, remove its entry here and its deviation in docs/parity.md.
"""

from __future__ import annotations

import importlib
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from moto.cloudformation import parsing
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from local.aws.actions import Action, Overrides

log = structlog.get_logger()

SEE = "see docs/parity.md"
NOT_RETRIED = 501
RESOURCES_WITHOUT_EFFECT = ("AWS::CDK::Metadata",)


class LocalRefusalError(ServiceException):  # type: ignore[misc]
    """An error response, in the protocol of the service."""

    code = "InvalidAction"


class LocalFailureError(ServiceException):  # type: ignore[misc]
    code = "NotImplemented"


def always(_: Any) -> bool:
    return True


def has_schedule(response: Any) -> bool:
    return bool(response._get_param("ScheduleExpression"))


@dataclass(frozen=True)
class Refusal:
    responses: str
    action: str
    why: str
    when: Callable[[Any], bool] = always


SAGEMAKER = "moto.sagemaker.responses:SageMakerResponse"
ECS = "moto.ecs.responses:EC2ContainerServiceResponse"
GLUE = "moto.glue.responses:GlueResponse"
REFUSALS = (
    Refusal(SAGEMAKER, "delete_hyper_parameter_tuning_job", "does not delete SageMaker tuning jobs"),
    Refusal(SAGEMAKER, "create_auto_ml_job_v2", "does not run SageMaker AutoML jobs"),
    Refusal(SAGEMAKER, "create_compilation_job", "does not run SageMaker compilation jobs"),
    Refusal(SAGEMAKER, "start_pipeline_execution", "does not run SageMaker pipelines"),
    Refusal(ECS, "start_task", "has no ECS container instances: use RunTask"),
    Refusal(ECS, "create_service", "does not run ECS services"),
    Refusal(GLUE, "start_crawler", "has no Glue crawlers"),
    Refusal(GLUE, "start_trigger", "has no Glue triggers"),
    Refusal(GLUE, "start_workflow_run", "has no Glue workflows"),
    Refusal(GLUE, "create_session", "has no Glue interactive sessions"),
    Refusal("moto.athena.responses:AthenaResponse", "start_query_execution", "has no Athena engine"),
    Refusal("moto.cloudwatch.responses:CloudWatchResponse", "put_metric_alarm", "never fires alarms"),
    Refusal("moto.events.responses:EventsHandler", "put_rule", "never fires scheduled rules", has_schedule),
    Refusal(
        "moto.scheduler.responses:EventBridgeSchedulerResponse", "create_schedule", "never fires schedules"
    ),
)


def install(overrides: Overrides) -> None:
    for refusal in REFUSALS:
        module, _, name = refusal.responses.partition(":")
        overrides.wrap(getattr(importlib.import_module(module), name), refusal.action, _refusing(refusal))
    overrides.wrap(BaseResponse, "call_action", _failing_at_once)
    overrides.replace(
        parsing, "resource_class_from_type", _known_resource_class(parsing.resource_class_from_type)
    )
    # moto warns about error codes that are not in the service's model. Ours are not.
    warnings.filterwarnings("ignore", message=r"Exception\(Local(Refusal|Failure)Error\)")


def _refusing(refusal: Refusal) -> Callable[[Action], Action]:
    def wrapper(action: Action) -> Action:
        def refuse(response: Any) -> Any:
            if refusal.when(response):
                raise LocalRefusalError(f"the local cloud {refusal.why}: {SEE}")
            return action(response)

        return refuse

    return wrapper


def _failing_at_once(call_action: Action) -> Action:
    """Answer unexpected errors with status 501 and a message. Clients retry moto's plain 500 page for a long time."""

    def call(response: Any) -> Any:
        try:
            return call_action(response)
        except Exception as error:  # noqa: BLE001 - every error must reach the client
            service, action = response.service_name, response._get_action()
            log.error("aws_action_failed", service=service, action=action, traceback=traceback.format_exc())
            message = f"the local cloud can't do {service} {action}: {error or type(error).__name__}"
            _, headers, body = response.serialized(ActionResult(LocalFailureError(message)))
            return NOT_RETRIED, headers, body

    return call


def _known_resource_class(resource_class_from_type: Callable[[str], Any]) -> Callable[[str], Any]:
    """Refuse resource types that moto cannot create. It would skip them and report CREATE_COMPLETE."""

    def known(resource_type: str) -> Any:
        found = resource_class_from_type(resource_type)
        if found is None and resource_type not in (*parsing.NULL_MODELS, *RESOURCES_WITHOUT_EFFECT):
            raise LocalRefusalError(f"the local CloudFormation cannot create {resource_type}: {SEE}")
        return found

    return known
