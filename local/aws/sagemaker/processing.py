"""Processing jobs: run an entry point on inputs and outputs below /opt/ml/processing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.aws.job_runner import Outcome, Result
from local.aws.sagemaker import transfer
from local.aws.sagemaker.images import Environment, environment_of
from local.aws.sagemaker.job import SageMakerJob, SageMakerSettings, algorithm_error
from local.aws.sagemaker.opt_ml import OptMl, Program
from local.aws.sagemaker.requests import check_vpc, refuse, refuse_many_instances
from local.aws.sagemaker.transfer import Location

DEFAULT_MAX_SECONDS = 86400
PROCESSING = "/opt/ml/processing"
CONFIGURATION = "/opt/ml/config"
MESSAGE = "/opt/ml/output/message"
MESSAGE_LIMIT = 1024


class ProcessingJob(SageMakerJob):
    noun = "ProcessingJob"
    verb = "Processing"

    def __init__(self, request: Mapping[str, Any], arn: str, settings: SageMakerSettings) -> None:
        network = request.get("NetworkConfig") or {}
        offline = bool(network.get("EnableNetworkIsolation"))
        super().__init__(request, arn, check(request), settings, offline=offline)
        self._message = ""

    def max_seconds(self) -> float:
        condition = self.request.get("StoppingCondition") or {}
        given: float = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS)
        return given

    def stage_in(self, ml: OptMl, environment: Environment) -> Program:  # noqa: ARG002
        for directory in (PROCESSING, CONFIGURATION, "/opt/ml/output"):
            ml.make(directory)
        for given in self.request.get("ProcessingInputs") or []:
            transfer.fetch_prefix(given["S3Input"]["S3Uri"], ml.path(given["S3Input"]["LocalPath"]))
        for output in outputs(self.request):
            ml.make(output["LocalPath"])
        described = {"ProcessingJobArn": self.arn, **self.request}
        resources = {"current_host": "algo-1", "hosts": ["algo-1"]}
        ml.path(f"{CONFIGURATION}/processingjobconfig.json").write_text(json.dumps(described))
        ml.path(f"{CONFIGURATION}/resourceconfig.json").write_text(json.dumps(resources))
        application = self.request["AppSpecification"]
        variables = {
            **(self.request.get("Environment") or {}),
            "PROCESSING_JOB_NAME": self.name,
            "PROCESSING_JOB_ARN": self.arn,
        }
        return Program(
            [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])], variables
        )

    def stage_out(self, ml: OptMl, outcome: Outcome) -> None:
        """Upload the outputs at the end of the job. Those of a failed or stopped job are not uploaded."""
        message = ml.path(MESSAGE)
        if message.is_file():
            self._message = message.read_text(errors="replace")[:MESSAGE_LIMIT]
        if outcome.result is not Result.SUCCEEDED:
            return
        for output in outputs(self.request):
            transfer.upload_directory(
                ml.path(output["LocalPath"]), Location.of(output["S3Uri"]), self._settings.s3
            )

    def reason(self, ml: OptMl, outcome: Outcome) -> str:  # noqa: ARG002
        return algorithm_error(outcome.message)

    def described(self) -> dict[str, Any]:
        shown = super().described()
        return shown | {"ExitMessage": self._message} if self._message else shown


def outputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    configured = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return [output["S3Output"] for output in configured]


def check(request: Mapping[str, Any]) -> Environment:
    """The environment of the job's image. Refuses unsupported requests before anything runs."""
    application = request["AppSpecification"]
    environment = environment_of(application["ImageUri"])
    if "ContainerEntrypoint" not in application:
        refuse("needs the ContainerEntrypoint of a processing job: the XGBoost image has none of its own")
    refuse_many_instances(request["ProcessingResources"]["ClusterConfig"])
    check_vpc((request.get("NetworkConfig") or {}).get("VpcConfig"))
    for given in request.get("ProcessingInputs") or []:
        _check_input(given)
    for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []:
        _check_output(output)
    return environment


def _check_input(given: Mapping[str, Any]) -> None:
    what = f"processing input {given['InputName']}"
    source = given.get("S3Input")
    if source is None or given.get("AppManaged") or source.get("S3DataType", "S3Prefix") != "S3Prefix":
        refuse(f"takes data by S3Prefix only: {what}")
    if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
        refuse(f"takes processing inputs as files, neither streamed nor compressed: {what}")
    _check_path(what, source.get("LocalPath", ""))


def _check_output(output: Mapping[str, Any]) -> None:
    what = f"processing output {output['OutputName']}"
    target = output.get("S3Output")
    if target is None or output.get("AppManaged"):
        refuse(f"writes processing outputs to S3 only: {what}")
    if target.get("S3UploadMode", "EndOfJob") != "EndOfJob":
        refuse(f"uploads processing outputs EndOfJob, not continuously: {what}")
    _check_path(what, target.get("LocalPath", ""))


def _check_path(what: str, path: str) -> None:
    if not path.startswith(f"{PROCESSING}/") or ".." in path.split("/"):
        refuse(f"keeps inputs and outputs below {PROCESSING}, not in {path!r}: {what}")
