"""What the rows of a churn dataset are made from: pinned snapshots, the feature store's files, and days to learn from."""

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
from tasks.churn import churn_folders
from tasks.errors import DataError, aws_failures
from tasks.lake import lake_tables
from tasks.lake.lake_tables import GOLD, SILVER
from tasks.medallion.medallion_steps import require_one_state
from tasks.services import aws, objects
from tasks.settings import settings

if TYPE_CHECKING:
    from pyiceberg.table import Table

DUE_DAYS = 180
MINIMUM_DUE = 500
ORIGINS_MAX = 8
DAYS_BETWEEN_ORIGINS = 28
HISTORY_DAYS = 60
KNOWN_WITHIN_DAYS = 2
MAX_AGE_DAYS = 1
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
            "outcomes": churn_folders.outcomes(output),
            "snapshots": dict(self.snapshots),
            "sources": {
                **files,
                "store": list(self.store_files),
                "predictions": list(self.predictions),
            },
            **{name: getattr(self, name) for name in names},
        }


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


def has_features(as_of: date) -> bool:
    """Whether gold.ml_features has rows of the day."""
    table = lake_tables.load(GOLD, "ml_features")
    return _has_rows(table, f"analysis_date = '{as_of.isoformat()}'")


def _has_rows(table: Table | None, where: str) -> bool:
    if table is None or table.current_snapshot() is None:
        return False
    with lake_tables.lake_failures(f"looking for rows of {'.'.join(table.name())}"):
        return bool(table.scan(where, limit=1, selected_fields=("analysis_date",)).to_arrow().num_rows)
