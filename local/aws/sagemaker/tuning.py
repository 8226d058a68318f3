"""Tuning jobs: trials that are training jobs, so many at a time, until the best one is known."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from local.aws.sagemaker.job import UNDER_WAY, SageMakerSettings
from local.aws.sagemaker.tuning_early_stop import is_hopeless
from local.aws.sagemaker.tuning_request import Plan, plan_of
from local.aws.sagemaker.tuning_search import Seen
from local.aws.sagemaker.tuning_trial import Trial

log = structlog.get_logger()

POLL_SECONDS = 0.1
# As on AWS: so many trials without one that has an objective, and no more are started.
ATTEMPTS = 5
NONE_SUCCEEDED = (
    "No training job succeeded after {} attempts. For additional details, please take a look at the training job "
    "failures by listing training jobs for the hyperparameter tuning job."
)
NO_OBJECTIVE = (
    "No objective metrics found after running {} training jobs. Please ensure that the custom algorithm is emitting "
    "the objective metric as defined by the regular expression provided."
)


class TrainingJobs(Protocol):
    """The server's training jobs, among which the trials are."""

    @property
    def closing(self) -> bool: ...

    def start(self, job: Trial) -> None: ...

    def stop(self, job: Trial) -> bool: ...


class TuningJob:
    """One tuning job. `run` takes a thread until the last trial has ended; all else may be called from any thread."""

    def __init__(
        self, request: Mapping[str, Any], arn: str, training_jobs: TrainingJobs, settings: SageMakerSettings
    ) -> None:
        self._plan: Plan = plan_of(request)
        self.request = request
        self.name: str = request["HyperParameterTuningJobName"]
        self.arn = arn
        self._training_jobs = training_jobs
        self._settings = settings
        self._lock = threading.RLock()
        self._status = "InProgress"
        self._reason = ""
        self._created = self._changed = datetime.now(UTC)
        self._ended: datetime | None = None
        self._trials: list[Trial] = []

    @property
    def status(self) -> str:
        return self._status

    def run(self) -> None:
        try:
            while not self._is_over():
                self._start_trials()
                if self._plan.stops_early:
                    self._stop_early()
                time.sleep(POLL_SECONDS)
            self._end(*self._outcome())
        except Exception as error:
            log.exception("tuning_job_failed_in_local_cloud", job=self.name)
            self.stop()
            self._end("Failed", f"the local cloud could not run it: {type(error).__name__}: {error}")

    def stop(self) -> bool:
        """Stop all trials, and start no more. Returns False if the job has already ended."""
        with self._lock:
            if self._status not in UNDER_WAY:
                return False
            self._status, self._changed = "Stopping", datetime.now(UTC)
            running = self._running()
        for trial in running:
            self._training_jobs.stop(trial)
        return True

    def _is_over(self) -> bool:
        if self._training_jobs.closing:
            self.stop()
        with self._lock:
            return not self._running() and not self._may_start()

    def _may_start(self) -> bool:
        ended = [trial for trial in self._trials if not trial.under_way]
        in_vain = len(ended) >= ATTEMPTS and all(trial.value is None for trial in ended)
        return self._status == "InProgress" and len(self._trials) < self._plan.trials and not in_vain

    def _running(self) -> list[Trial]:
        return [trial for trial in self._trials if trial.under_way]

    def _start_trials(self) -> None:
        with self._lock:
            while self._may_start() and len(self._running()) < self._plan.parallel:
                trial = self._next_trial()
                self._trials.append(trial)
                self._training_jobs.start(trial)

    def _next_trial(self) -> Trial:
        tuned = self._plan.search.next_values([Seen(trial.tuned, trial.loss) for trial in self._trials])
        number = f"{self.name}-{len(self._trials) + 1:03}"
        name = f"{number}-{hashlib.sha256(number.encode()).hexdigest()[:8]}"
        arn = f"{self.arn.rpartition(':')[0]}:training-job/{name}"
        return Trial(
            self._plan.request(name, tuned), arn, self._settings, self.arn, tuned, self._plan.objective
        )

    def _stop_early(self) -> None:
        completed = [trial.losses() for trial in self._trials if trial.status == "Completed"]
        for trial in self._running():
            losses = trial.losses()
            if trial.status == "InProgress" and is_hopeless(losses, trial.judged, completed):
                log.info("tuning_trial_stopped_early", trial=trial.name, epochs=len(losses))
                self._training_jobs.stop(trial)
            trial.judged = len(losses)

    def _outcome(self) -> tuple[str, str]:
        if self._status == "Stopping":
            return "Stopped", ""
        if self._best() is not None:
            return "Completed", ""
        without = any(trial.status == "Completed" for trial in self._trials)
        return "Failed", (NO_OBJECTIVE if without else NONE_SUCCEEDED).format(len(self._trials))

    def _end(self, status: str, reason: str) -> None:
        with self._lock:
            self._status, self._reason = status, reason
            self._ended = self._changed = datetime.now(UTC)
        log.info("tuning_job_ended", job=self.name, state=status, error=reason or None)

    def _best(self) -> Trial | None:
        """The completed trial with the best objective; of equal ones the first."""
        judged = [(trial.loss, trial) for trial in self._trials if trial.status == "Completed"]
        found = [(loss, trial) for loss, trial in judged if loss is not None]
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def description(self) -> dict[str, Any]:
        with self._lock:
            shown = {name: value for name, value in self.request.items() if name != "Tags"}
            shown["TrainingJobDefinition"] = {
                **self.request["TrainingJobDefinition"],
                "StaticHyperParameters": dict(self._plan.hyperparameters),
            }
            shown |= self._state() | {"ConsumedResources": {"RuntimeInSeconds": self._seconds()}}
            if (best := self._best()) is not None:
                shown["BestTrainingJob"] = best.tuning_summary()
            if self._reason:
                shown["FailureReason"] = self._reason
            return shown

    def summary(self) -> dict[str, Any]:
        config = self.request["HyperParameterTuningJobConfig"]
        with self._lock:
            return {
                "HyperParameterTuningJobName": self.name,
                "Strategy": config["Strategy"],
                "ResourceLimits": config["ResourceLimits"],
                **self._state(),
            }

    def trials(self) -> list[dict[str, Any]]:
        with self._lock:
            return [trial.tuning_summary() for trial in self._trials]

    def _state(self) -> dict[str, Any]:
        states = [trial.status for trial in self._trials]
        objectives = [trial.objective_status for trial in self._trials]
        shown: dict[str, Any] = {
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self._status,
            "CreationTime": self._created,
            "LastModifiedTime": self._changed,
            "TrainingJobStatusCounters": {
                "Completed": states.count("Completed"),
                "InProgress": sum(state in UNDER_WAY for state in states),
                "RetryableError": 0,
                "NonRetryableError": states.count("Failed"),
                "Stopped": states.count("Stopped"),
            },
            "ObjectiveStatusCounters": {
                status: objectives.count(status) for status in ("Succeeded", "Pending", "Failed")
            },
        }
        if self._ended is not None:
            shown["HyperParameterTuningEndTime"] = self._ended
        return shown

    def _seconds(self) -> int:
        return round(((self._ended or datetime.now(UTC)) - self._created).total_seconds())
