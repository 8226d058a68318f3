"""What the churn model learns from and scores: built by the Glue job from pinned snapshots and the feature store's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tasks.churn import churn_folders
from tasks.churn.churn_inputs import Inputs
from tasks.errors import DataError
from tasks.events import log
from tasks.intake import landing
from tasks.jobs import external_jobs, glue
from tasks.services import objects
from tasks.settings import settings

STALE_DAYS = 3
"""If the last order is older than so many days, perhaps orders are missing, and customers only seem to stay away."""


@dataclass(frozen=True)
class Dataset:
    """Rows as Parquet files: those to learn from, those to score, and the due customers that are not to be scored.

    Beside them, what became of the customers of earlier scorings.
    """

    inputs: Inputs
    output: str
    figures: Mapping[str, Any]
    job_run_id: str | None

    @property
    def key(self) -> str:
        return self.inputs.key

    @property
    def as_of(self) -> date:
        return self.inputs.as_of

    @property
    def horizon_days(self) -> int:
        return self.inputs.horizon_days

    @property
    def history(self) -> str:
        return f"{self.output}/history/"

    @property
    def future(self) -> str:
        return f"{self.output}/future/"

    @property
    def refused(self) -> str:
        return f"{self.output}/refused/"

    @property
    def outcomes(self) -> Mapping[date, int]:
        """The number of customers whose outcome is known, by the day of their scoring."""
        return {date.fromisoformat(day["as_of"]): int(day["rows"]) for day in self.figures["outcomes"]}

    def outcomes_of(self, day: date) -> str:
        return f"{churn_folders.outcomes(self.output)}/day={day.isoformat()}/"

    @property
    def reconstructed_share(self) -> float:
        """Of the rows to learn from, those whose features nobody noted at the time."""
        made = sum(day["by_features"].get("reconstructed", 0) for day in self.figures["origins"])
        return float(made / max(int(self.figures["rows_history"]), 1))

    @property
    def rows_future(self) -> int:
        return int(self.figures["rows_future"])

    @property
    def rows_refused(self) -> int:
        return int(self.figures["rows_refused"])


def build(inputs: Inputs, run_id: str, owner: str) -> Dataset:
    """The rows of these inputs, by the Glue job; or by a job that has made them already."""
    bucket = settings().lake_bucket

    def folder(attempt: int) -> str:
        return f"runs/churn-dataset-{inputs.key}-{attempt}"

    def figures_folder(attempt: int) -> str:
        return f"s3://{bucket}/{folder(attempt)}"

    def output(attempt: int) -> str:
        return churn_folders.rows(f"{inputs.key}-{attempt}")

    def request(attempt: int) -> dict[str, str]:
        manifest = inputs.manifest(run_id, output(attempt))
        return {
            "--manifest": landing.write_manifest(bucket, f"{folder(attempt)}/manifest.json", manifest),
            "--figures": figures_folder(attempt),
        }

    entry = external_jobs.run(
        glue.KIND, settings().churn_dataset_job, f"churn-dataset/{inputs.key}", request, owner
    )
    figures = objects.read_json(f"{glue.written_by(entry, figures_folder(entry.attempt))}/figures.json")
    made = Dataset(inputs, glue.written_by(entry, output(entry.attempt)), figures, entry.external_id)
    _log_figures(made)
    return made


def require_fresh(dataset: Dataset, stale_days: int) -> None:
    """Raise DataError if the last order is old: where orders are missing, customers only seem to stay away."""
    last = date.fromisoformat(dataset.figures["last_order"])
    if (days := (dataset.as_of - last).days) > stale_days:
        raise DataError(
            f"the last order in silver is of {last}, {days} days before {dataset.as_of}, and may be {stale_days} days old "
            "(stale_days): customers whose orders are missing would count as churned. Run snowflake-medallion, or choose an "
            "earlier day; raise stale_days if nobody ordered. Nothing was trained."
        )


def require_evaluation(dataset: Dataset) -> None:
    """Raise DataError unless the latest origin can be evaluated by a model that learned from earlier ones."""
    days = sorted(date.fromisoformat(origin["as_of"]) for origin in dataset.figures["origins"])
    if (span := (days[-1] - days[0]).days) < dataset.horizon_days:
        raise DataError(
            f"the evaluation of {days[-1]} needs an origin {dataset.horizon_days} days before it, and the earliest with "
            f"{dataset.inputs.history_days} days of history is {span} days before it: the first order is of "
            f"{dataset.figures['first_order']}. Choose a later day or a shorter horizon. Nothing was trained."
        )


def _log_figures(made: Dataset) -> None:
    figures = made.figures
    log(
        "churn dataset built",
        as_of=made.as_of,
        rows_history=figures["rows_history"],
        churned=figures["churned"],
        rows_future=made.rows_future,
        refused=figures["future"]["refused"],
        origins=len(figures["origins"]),
    )
