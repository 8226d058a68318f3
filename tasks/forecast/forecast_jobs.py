"""The forecast's three SageMaker jobs (train, evaluate, predict): what they are given, and where their output goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasks.forecast.forecast_features import Features
from tasks.jobs import external_jobs, sagemaker
from tasks.models import model_code, model_jobs
from tasks.models.model_code import Package
from tasks.models.model_registry import ModelVersion
from tasks.settings import settings

PACKAGE = Package(
    folder="jobs/sagemaker",
    programs=("train.py", "evaluate.py", "inference.py"),
    shared=("jobs/__init__.py", "jobs/demand_columns.py"),
)
SEED = 7
ORIGINS = 3
METRICS = ("bias_correction", "noise", "calibration_rows", "series", "history_weeks", "seconds")


@dataclass(frozen=True)
class Trained:
    job: str
    model_data: str
    code_version: str


@dataclass(frozen=True)
class Evaluated:
    job: str
    folder: str

    @property
    def report(self) -> str:
        return f"{self.folder}/evaluation.json"

    @property
    def plot(self) -> str:
        return f"{self.folder}/forecast.png"


def train(features: Features, owner: str) -> Trained:
    code = model_code.ship(PACKAGE)
    work = f"{features.inputs.key}{code.version[:8]}"
    models = f"s3://{settings().artifacts_bucket}/demand_forecast/models"
    entry = external_jobs.run(
        sagemaker.TRAINING,
        "demand-forecast-train",
        f"train/{work}",
        lambda _attempt: training_request(features, code.archive, models),
        owner,
    )
    job = entry.external_id or ""
    return Trained(job, f"{models}/{job}/output/model.tar.gz", code.version)


def evaluate(features: Features, owner: str) -> Evaluated:
    code = model_code.ship(PACKAGE)
    work = f"{features.inputs.key}{code.version[:8]}"

    def folder(attempt: int) -> str:
        return f"s3://{settings().artifacts_bucket}/demand_forecast/evaluations/{work}-{attempt}"

    entry = external_jobs.run(
        sagemaker.PROCESSING,
        "demand-forecast-evaluate",
        f"evaluate/{work}",
        lambda attempt: processing_request(features, code.folder, folder(attempt)),
        owner,
    )
    return Evaluated(entry.external_id or "", folder(entry.attempt))


def predict(features: Features, model: ModelVersion, owner: str) -> str:
    """Run batch transform. Returns the folder with one output file per input file."""
    work = f"{features.inputs.key}{model.metadata['code_version'][:8]}"

    def request(attempt: int) -> dict[str, Any]:
        name = f"demand-forecast-{work}-{model.name}"
        model_jobs.create_model(name, model)
        return model_jobs.transform_request(name, features.future, answered(work, attempt))

    entry = external_jobs.run(
        sagemaker.TRANSFORM, "demand-forecast-predict", f"predict/{work}", request, owner
    )
    return answered(work, entry.attempt)


def answered(work: str, attempt: int) -> str:
    """The folder of a model's answers, before they are accepted."""
    return f"s3://{settings().lake_bucket}/ml/predictions/raw/{work}-{attempt}"


def training_request(features: Features, archive: str, models: str) -> dict[str, Any]:
    hyperparameters = {
        "as-of": features.inputs.as_of.isoformat(),
        "horizon-weeks": str(features.inputs.horizon_weeks),
        "seed": str(SEED),
    }
    return model_jobs.training_request(
        model_jobs.Training(archive, hyperparameters, METRICS, features.history, models)
    )


def processing_request(features: Features, code: str, folder: str) -> dict[str, Any]:
    arguments = [
        *("--as-of", features.inputs.as_of.isoformat()),
        *("--horizon-weeks", str(features.inputs.horizon_weeks)),
        *("--origins", str(ORIGINS)),
        *("--seed", str(SEED)),
    ]
    return model_jobs.evaluation_request(code, arguments, features.history, folder)
