"""Score the customers of a day: a batch transform of the registered model."""

from __future__ import annotations

from typing import Any

from tasks.churn.churn_dataset import Dataset
from tasks.jobs import external_jobs, sagemaker
from tasks.models import model_jobs
from tasks.models.model_registry import ModelVersion
from tasks.settings import settings

ANSWERS = "ml/churn_predictions/raw"
"""Read once, when they are ranked: the bucket's lifecycle deletes them, later than the ledger forgets the job."""


def score(dataset: Dataset, model: ModelVersion, owner: str) -> str:
    """Run batch transform. Returns the folder with one output file per input file.

    Two models of one day, of the same code but tuned differently, write to different folders.
    """
    work = f"{dataset.key}{model.metadata['code_version'][:8]}{model.name}"

    def folder(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{ANSWERS}/{work}-{attempt}"

    def request(attempt: int) -> dict[str, Any]:
        name = f"churn-{work}"
        model_jobs.create_model(name, model)
        return model_jobs.transform_request(name, dataset.future, folder(attempt))

    entry = external_jobs.run(sagemaker.TRANSFORM, "churn-predict", f"churn-predict/{work}", request, owner)
    return folder(entry.attempt)
