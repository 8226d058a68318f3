"""What the churn model learns from and scores: built by the Glue job from pinned snapshots and the feature store's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from contracts.language.document import rules_document
from contracts.shop import GOLD as GOLD_CONTRACTS
from contracts.shop import SILVER as SILVER_CONTRACTS
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.errors import DataError, aws_failures
from tasks.events import log
from tasks.intake import landing
from tasks.jobs import external_jobs, glue
from tasks.lake import lake_tables
from tasks.lake.lake_tables import GOLD, SILVER
from tasks.medallion.medallion_steps import require_one_state
from tasks.services import aws, objects
from tasks.settings import settings

if TYPE_CHECKING:
    from pyiceberg.table import Table

ROWS = "ml/churn_dataset/rows"
"""For one run: the bucket's lifecycle deletes them, later than the ledger forgets the job that wrote them."""
_OUTCOMES = "ml/churn_outcomes/data"
"""Published where they are written, so that they stay."""
DUE_DAYS = 180
MINIMUM_DUE = 500
ORIGINS_MAX = 8
DAYS_BETWEEN_ORIGINS = 28
HISTORY_DAYS = 60
KNOWN_WITHIN_DAYS = 2
MAX_AGE_DAYS = 1
STALE_DAYS = 3
"""If the last order is older than so many days, perhaps orders are missing, and customers only seem to stay away."""
_DAYS_A_WEEK = 7
_NAMESPACES = {"fact_orders": SILVER, "dim_customers": SILVER, "ml_features": GOLD}


def origins(as_of: date, horizon_days: int, most: int = ORIGINS_MAX) -> tuple[date, ...]:
    """Days before `as_of`, latest first, of which it is known on `as_of` who came back within the horizon.

    They are of the same weekday as `as_of`, four weeks apart.
    """
    latest = as_of - timedelta(days=_DAYS_A_WEEK * -(-horizon_days // _DAYS_A_WEEK))
    return tuple(latest - timedelta(days=DAYS_BETWEEN_ORIGINS * number) for number in range(most))


@dataclass(frozen=True)
class Inputs:
    """What the rows are made from. Equal inputs have the same key, so the work is done once."""

    as_of: date
    horizon_days: int
    snapshots: Mapping[str, int | None]
    store_files: tuple[str, ...]
    """The offline files of the feature store."""
    origins: tuple[date, ...]
    due_days: int = DUE_DAYS
    minimum_due: int = MINIMUM_DUE
    history_days: int = HISTORY_DAYS
    known_within_days: int = KNOWN_WITHIN_DAYS
    max_age_days: int = MAX_AGE_DAYS
    reconstruct: bool = True
    predictions: tuple[str, ...] = ()
    """Files of earlier scorings whose outcome is known. Not a snapshot: that of the day itself changes nothing."""

    @property
    def key(self) -> str:
        rules = [
            rules_document(contract)
            for contract in (
                *SILVER_CONTRACTS.values(),
                GOLD_CONTRACTS["ml_features"],
                CHURN_PREDICTIONS,
            )
        ]
        facts = {**asdict(self), "code": settings().code_version, "rules": rules}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]

    @classmethod
    def parsed(cls, document: Mapping[str, Any]) -> Inputs:
        """From asdict, written as JSON."""
        return cls(
            **{
                **document,
                "as_of": date.fromisoformat(document["as_of"]),
                "origins": tuple(map(date.fromisoformat, document["origins"])),
                "store_files": tuple(document["store_files"]),
                "predictions": tuple(document["predictions"]),
            }
        )

    def manifest(self, run_id: str, output: str) -> dict[str, Any]:
        names = (
            *("horizon_days", "due_days", "minimum_due", "history_days", "known_within_days"),
            *("max_age_days", "reconstruct"),
        )
        of_day = {"ml_features": f"analysis_date = '{self.as_of.isoformat()}'"}
        files = {
            name: lake_tables.files_of(_NAMESPACES[name], name, snapshot, of_day.get(name))
            for name, snapshot in self.snapshots.items()
        }
        return {
            "run_id": run_id,
            "as_of": self.as_of.isoformat(),
            "origins": [day.isoformat() for day in self.origins],
            "output": output,
            "outcomes": _outcomes_folder(output),
            "snapshots": dict(self.snapshots),
            "sources": {
                **files,
                "store": list(self.store_files),
                "predictions": list(self.predictions),
            },
            **{name: getattr(self, name) for name in names},
        }


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
        return f"{_outcomes_folder(self.output)}/day={day.isoformat()}/"

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


def _outcomes_folder(rows: str) -> str:
    """Where the job that writes these rows writes the outcomes of earlier scorings."""
    return rows.replace(f"/{ROWS}/", f"/{_OUTCOMES}/", 1)


def pin(
    as_of: date,
    horizon_days: int,
    store_files: Iterable[str] = (),
    *,
    origins_max: int = ORIGINS_MAX,
    **parameters: Any,
) -> Inputs:
    """Pin the snapshots of silver and gold. `parameters` are those of Inputs that have a default.

    Raises TransientError while silver is being published, DataError if there is no silver.
    """
    tables = {name: lake_tables.load(namespace, name) for name, namespace in _NAMESPACES.items()}
    require_one_state(tables["fact_orders"], tables["dim_customers"])
    snapshots = {name: lake_tables.snapshot_id(table) for name, table in tables.items()}
    if snapshots["fact_orders"] is None or snapshots["dim_customers"] is None:
        raise DataError(
            f"silver has no orders or no customers, so nobody's churn can be learned as of {as_of}: run snowflake-medallion."
        )
    return Inputs(
        as_of,
        horizon_days,
        snapshots,
        tuple(sorted(set(store_files))),
        origins(as_of, horizon_days, origins_max),
        **parameters,
    )


def has_features(as_of: date) -> bool:
    """Whether gold.ml_features has rows of the day."""
    table = lake_tables.load(GOLD, "ml_features")
    return _has_rows(table, f"analysis_date = '{as_of.isoformat()}'")


def build(inputs: Inputs, run_id: str, owner: str) -> Dataset:
    """The rows of these inputs, by the Glue job; or by a job that has made them already."""
    bucket = settings().lake_bucket

    def folder(attempt: int) -> str:
        return f"runs/churn-dataset-{inputs.key}-{attempt}"

    def figures_folder(attempt: int) -> str:
        return f"s3://{bucket}/{folder(attempt)}"

    def output(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{ROWS}/{inputs.key}-{attempt}"

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


def pinned(run_id: str, make: Callable[[], Inputs]) -> Inputs:
    """The inputs that this run began with. A run that is taken up goes on with them, and so with the jobs it had started."""
    bucket, key = settings().lake_bucket, f"runs/churn-inputs-{run_id}.json"
    address = f"s3://{bucket}/{key}"
    with aws_failures(f"looking for {address}"):
        is_there = aws.s3().list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount", 0)
    if is_there:
        return Inputs.parsed(objects.read_json(address))
    inputs = make()
    objects.write(address, json.dumps(asdict(inputs), default=str).encode())
    return inputs


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


def _has_rows(table: Table | None, where: str) -> bool:
    if table is None or table.current_snapshot() is None:
        return False
    with lake_tables.told(f"looking for rows of {'.'.join(table.name())}"):
        return bool(table.scan(where, limit=1, selected_fields=("analysis_date",)).to_arrow().num_rows)


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
