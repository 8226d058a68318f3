"""Training jobs, in the container's script mode or with the caller's entry point."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws.job_runner import Outcome, Result
from local.aws.sagemaker import script_mode, transfer
from local.aws.sagemaker.images import Environment, environment_of
from local.aws.sagemaker.job import SageMakerJob, SageMakerSettings, algorithm_error
from local.aws.sagemaker.opt_ml import OptMl, Program
from local.aws.sagemaker.requests import (
    check_metric,
    check_vpc,
    refuse,
    refuse_many_instances,
    refuse_s3_source,
)
from local.aws.sagemaker.transfer import Location

DEFAULT_MAX_SECONDS = 86400
PROGRAM = "sagemaker_program"
SUBMITTED = "sagemaker_submit_directory"
FAILURE = f"{script_mode.OUTPUT}/failure"
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingJob(SageMakerJob):
    noun = "TrainingJob"
    verb = "Training"

    def __init__(self, request: Mapping[str, Any], arn: str, settings: SageMakerSettings) -> None:
        offline = bool(request.get("EnableNetworkIsolation"))
        super().__init__(request, arn, check(request), settings, offline=offline)
        self._transitions: list[dict[str, Any]] = []
        self._metrics: list[dict[str, Any]] = []
        self._model_uploaded = False
        self._enter("Starting")

    def max_seconds(self) -> float:
        given: float = self.request["StoppingCondition"].get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS)
        return given

    def stage_in(self, ml: OptMl, environment: Environment) -> Program:
        channels = self.request.get("InputDataConfig") or []
        for directory in (
            script_mode.MODEL,
            script_mode.OUTPUT_DATA,
            script_mode.INPUT_CONFIG,
            script_mode.CODE,
        ):
            ml.make(directory)
        for channel in channels:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            transfer.fetch_prefix(uri, ml.path(f"{script_mode.INPUT}/data/{channel['ChannelName']}"))
        hyperparameters = self.request.get("HyperParameters") or {}
        described, resources = script_mode.channel_configuration(channels), self._resources()
        script_mode.write_configuration(
            ml.path(script_mode.INPUT_CONFIG), hyperparameters, described, resources
        )
        variables = {
            **(self.request.get("Environment") or {}),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
        }
        algorithm = self.request["AlgorithmSpecification"]
        if "ContainerEntrypoint" in algorithm:
            words = [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
            return Program(words, variables)
        return self._script(ml, environment, variables, described, resources)

    def _script(
        self,
        ml: OptMl,
        environment: Environment,
        variables: Mapping[str, str],
        channels: Mapping[str, Any],
        resources: Mapping[str, Any],
    ) -> Program:
        given = self.request["HyperParameters"]
        code = ml.path(script_mode.CODE)
        script_mode.fetch_code(ml, _text(given[SUBMITTED]))
        environment.check_requirements(code / "requirements.txt")
        module = script_mode.module_of(_text(given[PROGRAM]), code)
        for_script = script_mode.script_hyperparameters(given)
        return Program(
            argv=["python3", "-m", module, *script_mode.arguments(for_script)],
            variables={**variables, **script_mode.variables(for_script, channels, resources, module)},
            cwd=script_mode.CODE,
        )

    def _resources(self) -> dict[str, Any]:
        cluster = self.request["ResourceConfig"]
        return {
            "current_host": script_mode.HOST,
            "current_instance_type": cluster["InstanceType"],
            "current_group_name": "homogeneousCluster",
            "hosts": [script_mode.HOST],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": cluster["InstanceType"],
                    "hosts": [script_mode.HOST],
                }
            ],
            "network_interface_name": "lo",
        }

    def stage_out(self, ml: OptMl, outcome: Outcome) -> None:
        definitions = self.request["AlgorithmSpecification"].get("MetricDefinitions") or []
        self._metrics = final_metrics(self.log_text(), definitions, datetime.now(UTC))
        output = self._output()
        extra = ml.path(script_mode.OUTPUT_DATA)
        if any(extra.iterdir()):
            transfer.upload_archive(extra, output.below("output.tar.gz"), self._settings.s3)
        if outcome.result is not Result.FAILED:  # the model of a stopped job is kept, as on AWS
            model = ml.path(script_mode.MODEL)
            transfer.upload_archive(model, output.below("model.tar.gz"), self._settings.s3)
            self._model_uploaded = True

    def _output(self) -> Location:
        return Location.of(self.request["OutputDataConfig"]["S3OutputPath"]).below(f"{self.name}/output")

    def reason(self, ml: OptMl, outcome: Outcome) -> str:
        """The failure reason: the text in /opt/ml/output/failure if the program wrote any, else its exception."""
        failure = ml.path(FAILURE)
        said = failure.read_text(errors="replace").strip() if failure.is_file() else ""
        return f"AlgorithmError: {said}" if said else algorithm_error(outcome.message)

    def phase(self, name: str) -> None:
        with self._lock:
            if self.status == "InProgress":
                self._enter(name)

    def stopping(self) -> bool:
        with self._lock:
            was_in_progress = self.status == "InProgress"
            stopping = super().stopping()
            if stopping and was_in_progress:
                self._enter("Stopping")
            return stopping

    def closed(self, name: str) -> None:
        self._enter(name)
        self._transitions[-1]["EndTime"] = self._transitions[-1]["StartTime"]

    def _enter(self, name: str) -> None:
        now = self.changed = datetime.now(UTC)
        if self._transitions:
            self._transitions[-1]["EndTime"] = now
        self._transitions.append({"Status": name, "StartTime": now, "StatusMessage": MESSAGES[name]})

    def described(self) -> dict[str, Any]:
        shown = super().described()
        shown |= {
            "SecondaryStatus": self._transitions[-1]["Status"],
            "SecondaryStatusTransitions": [dict(transition) for transition in self._transitions],
            "EnableManagedSpotTraining": False,
        }
        if self._metrics:
            shown["FinalMetricDataList"] = self._metrics
        if self._model_uploaded:
            shown["ModelArtifacts"] = {"S3ModelArtifacts": str(self._output().below("model.tar.gz"))}
        if not self.under_way:
            shown["TrainingTimeInSeconds"] = shown["BillableTimeInSeconds"] = self.running_seconds()
        return shown


def check(request: Mapping[str, Any]) -> Environment:
    """The environment of the job's image. Refuses unsupported requests before anything runs."""
    algorithm = request["AlgorithmSpecification"]
    if "TrainingImage" not in algorithm:
        refuse("trains in a TrainingImage only, not with an AlgorithmName of the marketplace")
    environment = environment_of(algorithm["TrainingImage"])
    hyperparameters = request.get("HyperParameters") or {}
    if "ContainerEntrypoint" not in algorithm and not {PROGRAM, SUBMITTED} <= hyperparameters.keys():
        refuse(
            f"runs the XGBoost image in script mode only: the hyperparameters {PROGRAM} and {SUBMITTED} say what"
        )
    refuse_many_instances(request["ResourceConfig"])
    check_vpc(request.get("VpcConfig"))
    for definition in algorithm.get("MetricDefinitions") or []:
        check_metric(definition)
    for member in ("CheckpointConfig", "EnableManagedSpotTraining", "WarmPoolStatus", "RetryStrategy"):
        if request.get(member):
            refuse(f"does not honour {member} of a training job")
    for channel in request.get("InputDataConfig") or []:
        refuse_s3_source(f"channel {channel['ChannelName']}", channel)
        mode = channel.get("InputMode") or algorithm.get("TrainingInputMode", "File")
        if mode == "Pipe":
            refuse(f"has no Pipe mode: channel {channel['ChannelName']} must be File or FastFile")
    return environment


def final_metrics(text: str, definitions: Sequence[Mapping[str, str]], now: datetime) -> list[dict[str, Any]]:
    """The last value of each metric in the log."""
    metrics = []
    for definition in definitions:
        values = metric_values(text, definition["Regex"])
        if values:
            metrics.append({"MetricName": definition["Name"], "Value": values[-1], "Timestamp": now})
    return metrics


def metric_values(text: str, regex: str) -> list[float]:
    """All finite values of a metric in the log, in their order."""
    found = [_number(match.group(1)) for match in re.finditer(regex, text, re.MULTILINE)]
    return [value for value in found if value is not None]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _text(value: str) -> str:
    """Decode a hyperparameter that the SDK wrote as a JSON string."""
    return str(script_mode.script_hyperparameters({"value": value})["value"])
