"""SageMaker's tuning jobs: a job as the others, whose result is the best of its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import SystemFault, aws_failures
from tasks.jobs.sagemaker import Api, SageMakerJobs
from tasks.services import aws

_API = Api(
    "hyper_parameter_tuning", "HyperParameterTuningJob", ("CreationTime", "HyperParameterTuningEndTime")
)
_REASONS = 3


@dataclass(frozen=True)
class Trial:
    """A training job that a tuning job ran."""

    job: str
    model_data: str
    tuned: Mapping[str, str]
    """The hyperparameters that were searched for, as they were passed."""
    objective: float


class TuningJobs(SageMakerJobs):
    def __init__(self) -> None:
        super().__init__(_API)

    def reason(self, name: str, job: dict[str, Any]) -> str:
        """The tuning job's own reason only says that trials failed: theirs say why."""
        why = super().reason(name, job)
        return "; ".join([why, *_reasons_of_trials(name)]) if job.get("FailureReason") else why


def best_trial(tuning_job: str) -> Trial:
    """The trial that completed with the best objective."""
    with aws_failures(f"reading the best trial of SageMaker tuning job {tuning_job}"):
        tuned = aws.sagemaker().describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
        best = tuned.get("BestTrainingJob")
        if best is None:
            raise SystemFault(
                f"SageMaker tuning job {tuning_job} ended {tuned['HyperParameterTuningJobStatus']} without a best trial: "
                "look at its training jobs, then run it again."
            )
        job = aws.sagemaker().describe_training_job(TrainingJobName=best["TrainingJobName"])
    return Trial(
        best["TrainingJobName"],
        job["ModelArtifacts"]["S3ModelArtifacts"],
        dict(best["TunedHyperParameters"]),
        best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
    )


def _reasons_of_trials(tuning_job: str) -> list[str]:
    with aws_failures(f"listing the failed trials of SageMaker tuning job {tuning_job}"):
        failed = aws.sagemaker().list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=tuning_job, StatusEquals="Failed", MaxResults=100
        )["TrainingJobSummaries"]
    reasons: dict[str, str] = {}
    for trial in failed:
        reasons.setdefault(trial.get("FailureReason", "no reason given"), trial["TrainingJobName"])
    return [f"{job}: {reason}" for reason, job in list(reasons.items())[:_REASONS]]
