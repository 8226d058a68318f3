"""The churn model's SageMaker jobs (tune or train, evaluate): what they are given, and where their output goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import BaseModel, Field

from tasks.jobs import external_jobs, sagemaker, sagemaker_tuning
from tasks.models import model_archive, model_code, model_jobs
from tasks.models.model_code import Package
from tasks.models.model_jobs import Search, Training, search_range
from tasks.settings import settings

PACKAGE = Package(
    folder="jobs/sagemaker/churn",
    programs=("train.py", "evaluate.py", "inference.py"),
    shared=(
        "jobs/__init__.py",
        "jobs/demand_columns.py",
        "jobs/sagemaker/__init__.py",
        "jobs/sagemaker/drift.py",
        "jobs/sagemaker/last_words.py",
    ),
)
SEED = 7
OBJECTIVE = "validation_logloss"
METRICS = (OBJECTIVE, "validation_average_precision", "rows", "origins", "churn_rate", "seconds")
DEFAULTS: Mapping[str, str] = {
    "max-depth": "3",
    "learning-rate": "0.06",
    "min-child-weight": "20",
    "rounds": "150",
}
"""The hyperparameters of a training that is not tuned: train.py's own."""


class Tuning(BaseModel):
    """How many settings of the model are tried."""

    trials: int = Field(
        default=4,
        ge=1,
        le=50,
        description="number of settings to train with; the best one's model is taken. One: the default settings alone",
    )
    parallel: int = Field(default=2, ge=1, le=10, description="how many trials run at once")


class Dataset(Protocol):
    """The rows that a model learns from."""

    @property
    def key(self) -> str:
        """Equal for equal rows."""
        ...

    @property
    def history(self) -> str:
        """The folder of the rows whose label is known."""
        ...

    @property
    def as_of(self) -> date: ...

    @property
    def horizon_days(self) -> int: ...


@dataclass(frozen=True)
class Trained:
    job: str
    model_data: str
    code_version: str
    hyperparameters: Mapping[str, str]
    """Those that differ between trainings, for the evaluation to train with the same ones."""
    method: str
    """What the training chose, the blend or logistic regression, by the model's own metadata."""
    objective: float | None = None
    """The best trial's loss on the validation customers; None if there was no tuning."""


@dataclass(frozen=True)
class Evaluated:
    job: str
    folder: str

    @property
    def report(self) -> str:
        return f"{self.folder}/evaluation.json"

    @property
    def scores(self) -> str:
        return f"{self.folder}/scores.parquet"

    @property
    def plot(self) -> str:
        return f"{self.folder}/reliability.png"


def tune(dataset: Dataset, owner: str, tuning: Tuning) -> Trained:
    """Train with several values of the hyperparameters. The result is the model with the lowest loss."""
    code = model_code.ship(PACKAGE)
    training = _training(dataset, code.archive, {})
    entry = external_jobs.run(
        sagemaker.TUNING,
        "churn-tune",
        f"churn-tune/{dataset.key}{code.version[:8]}{tuning.trials}",
        lambda _attempt: model_jobs.tuning_request(training, search(tuning)),
        owner,
    )
    best = sagemaker_tuning.best_trial(entry.external_id or "")
    return Trained(
        best.job, best.model_data, code.version, best.tuned, _method(best.model_data), best.objective
    )


def train(dataset: Dataset, owner: str) -> Trained:
    """Train once, with the default hyperparameters."""
    code = model_code.ship(PACKAGE)
    training = _training(dataset, code.archive, DEFAULTS)
    entry = external_jobs.run(
        sagemaker.TRAINING,
        "churn-train",
        f"churn-train/{dataset.key}{code.version[:8]}",
        lambda _attempt: model_jobs.training_request(training),
        owner,
    )
    job = entry.external_id or ""
    model_data = f"{training.models}/{job}/output/model.tar.gz"
    return Trained(job, model_data, code.version, DEFAULTS, _method(model_data))


def evaluate(dataset: Dataset, trained: Trained, owner: str) -> Evaluated:
    """Score the latest origin with a model of the same method and hyperparameters that knows only what was known then."""
    code = model_code.ship(PACKAGE)
    learned = {**trained.hyperparameters, "method": trained.method}
    work = f"{dataset.key}{code.version[:8]}{_digest(learned)}"

    def folder(attempt: int) -> str:
        return f"s3://{settings().artifacts_bucket}/churn/evaluations/{work}-{attempt}"

    given = {**_facts(dataset), **learned}
    arguments = [word for name, value in given.items() for word in (f"--{name}", value)]
    entry = external_jobs.run(
        sagemaker.PROCESSING,
        "churn-evaluate",
        f"churn-evaluate/{work}",
        lambda attempt: model_jobs.evaluation_request(
            code.folder, arguments, _rows(dataset), folder(attempt)
        ),
        owner,
    )
    return Evaluated(entry.external_id or "", folder(entry.attempt))


def search(tuning: Tuning) -> Search:
    return Search(
        minimise=OBJECTIVE,
        trials=tuning.trials,
        parallel=min(tuning.parallel, tuning.trials),
        seed=SEED,
        integers=[
            search_range("max-depth", 2, 5),
            search_range("rounds", 50, 300),
        ],
        numbers=[
            search_range("learning-rate", 0.03, 0.3, logarithmic=True),
            search_range("min-child-weight", 1, 50, logarithmic=True),
        ],
    )


def _training(dataset: Dataset, archive: str, hyperparameters: Mapping[str, str]) -> Training:
    models = f"s3://{settings().artifacts_bucket}/churn/models"
    return Training(archive, {**_facts(dataset), **hyperparameters}, METRICS, _rows(dataset), models)


def _facts(dataset: Dataset) -> dict[str, str]:
    return {
        "as-of": dataset.as_of.isoformat(),
        "horizon-days": str(dataset.horizon_days),
        "seed": str(SEED),
    }


def _rows(dataset: Dataset) -> str:
    """Ends with a slash: without it, SageMaker takes folders in whose names begin alike."""
    return f"{dataset.history.rstrip('/')}/"


def _method(model_data: str) -> str:
    return str(model_archive.metadata_entry(model_data, "method"))


def _digest(learned: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(learned), sort_keys=True).encode()).hexdigest()[:8]
