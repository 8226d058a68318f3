"""One trial of a tuning job: a training job with values of its own, which knows its objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.training import TrainingJob, metric_values

OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"
# Members of HyperParameterTrainingJobDefinition that are the training job's own.
_PASSED_ON = (
    *(
        "AlgorithmSpecification",
        "RoleArn",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "VpcConfig",
    ),
    *("StoppingCondition", "Environment", "CheckpointConfig", "RetryStrategy", "EnableNetworkIsolation"),
    *("EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"),
)


@dataclass(frozen=True)
class Objective:
    metric: str
    regex: str
    sign: int
    """1 to minimise the metric, -1 to maximise it: the sign of the loss."""

    def losses(self, log: str) -> list[float]:
        return [self.sign * value for value in metric_values(log, self.regex)]


class Trial(TrainingJob):
    def __init__(
        self,
        request: Mapping[str, Any],
        arn: str,
        settings: SageMakerSettings,
        tuning_job_arn: str,
        tuned: Mapping[str, str],
        objective: Objective,
    ) -> None:
        super().__init__(request, arn, settings)
        self.tuned = dict(tuned)
        self.judged = 0
        """The number of epochs that early stopping has looked at."""
        self._tuning_job_arn = tuning_job_arn
        self._objective = objective

    def losses(self) -> list[float]:
        """The objective after each epoch so far. A line that is still being written does not count."""
        text = self.log_text()
        return self._objective.losses(text[: text.rfind("\n") + 1] if self.under_way else text)

    @property
    def value(self) -> float | None:
        """The final objective metric, once the trial has ended."""
        if self.under_way:
            return None
        final = {metric["MetricName"]: float(metric["Value"]) for metric in self._metrics}
        return final.get(self._objective.metric)

    @property
    def loss(self) -> float | None:
        return None if self.value is None else self._objective.sign * self.value

    @property
    def objective_status(self) -> str:
        if self.under_way:
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"

    def described(self) -> dict[str, Any]:
        return super().described() | {"TuningJobArn": self._tuning_job_arn}

    def tuning_summary(self) -> dict[str, Any]:
        """As the tuning job shows its trials."""
        shown = self.description()
        members = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "CreationTime", "FailureReason")
        times = ("TrainingStartTime", "TrainingEndTime")
        summary = {name: shown[name] for name in (*members, *times) if name in shown}
        summary |= {"TunedHyperParameters": self.tuned, "ObjectiveStatus": self.objective_status}
        if self.value is not None:
            metric = {"MetricName": self._objective.metric, "Value": self.value}
            summary["FinalHyperParameterTuningJobObjectiveMetric"] = metric
        return summary


def training_request(
    definition: Mapping[str, Any], name: str, hyperparameters: Mapping[str, str]
) -> dict[str, Any]:
    given = {member: definition[member] for member in _PASSED_ON if member in definition}
    return {**given, "TrainingJobName": name, "HyperParameters": dict(hyperparameters)}
