"""Which scorings' outcomes are asked for, and that each day's are published once and replaced alone."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Dataset as Contract
from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.churn import churn_outcomes, churn_publishing
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_inputs import Inputs, origins
from tasks.churn.churn_outcomes import closed_scorings
from tasks.errors import SystemFault
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws

AS_OF = date(2026, 3, 1)
DAY = timedelta(days=1)
ONE, OTHER = AS_OF - 70 * DAY, AS_OF - 63 * DAY
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def databases(empty_lake: None) -> None:
    for name in ("silver", "gold", "ml"):
        aws.glue().create_database(DatabaseInput={"Name": name})


def put(address: str, contract: Contract, rows: list[Row]) -> str:
    schema = pa.schema([(column.name, arrow_type(column.kind)) for column in contract.columns])
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), body)
    bucket, key = aws.split(address)
    aws.s3().put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return address


def prediction(key: int, day: date, horizon: int) -> Row:
    told = {"customer_key": key, "customer_id": f"C{key}", "as_of": day, "horizon_days": horizon}
    return {**told, "probability": 0.5, "decile": 1, "reasons": "[]", "model_version": "v1", "run_id": "r"}


def scored(day: date, horizon: int, files: int = 1, work: str = "w") -> tuple[str, ...]:
    addresses = tuple(
        put(
            f"{churn_publishing.folder(f'{work}-{day}', 0)}/part-{n}.parquet",
            CHURN_PREDICTIONS,
            [prediction(n, day, horizon)],
        )
        for n in range(files)
    )
    churn_publishing.publish(addresses, day, work=f"{work}-{day}", run_id="r", rows=files)
    return addresses


def made(key: str, **days: list[Row]) -> Dataset:
    """A dataset whose job told these outcomes: `d2025_12_21` of a day."""
    told = {date.fromisoformat(name[1:].replace("_", "-")): rows for name, rows in days.items()}
    figures = {
        "outcomes": [
            {"as_of": str(day), "horizon_days": 60, "rows": len(rows), "churned": 0}
            for day, rows in told.items()
        ]
    }
    inputs = Inputs(AS_OF, 60, {"fact_orders": 7}, (key,), origins(AS_OF, 60))
    dataset = Dataset(inputs, f"s3://highwater-lake/ml/churn_dataset/rows/{key}", figures, None)
    for day, rows in told.items():
        put(f"{dataset.outcomes_of(day)}part-0.parquet", CHURN_OUTCOMES, rows)
    return dataset


def outcome(key: int, day: date, churned: bool = True) -> Row:
    return {"customer_key": key, "as_of": day, "horizon_days": 60, "churned": churned}


def published() -> set[tuple[date, int, bool]]:
    table = lake_tables.load("ml", "churn_outcomes")
    assert table
    rows = table.scan().to_arrow().to_pylist()
    found = {(row["as_of"], row["customer_key"], row["churned"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_scorings_whose_horizon_is_over_since_five_weeks_at_most() -> None:
    assert closed_scorings(AS_OF) == ()
    scored(AS_OF - 95 * DAY, 60)  # over for 35 days
    wanted = [
        *scored(AS_OF - 94 * DAY, 60),
        *scored(AS_OF - 80 * DAY, 80, files=2),
        *scored(AS_OF - 60 * DAY, 60),
        *scored(AS_OF - 7 * DAY, 7),
    ]
    scored(AS_OF - 59 * DAY, 60)  # over tomorrow
    assert closed_scorings(AS_OF) == tuple(sorted(wanted))
    scored(AS_OF, 60)
    scored(AS_OF + 7 * DAY, 7)
    assert closed_scorings(AS_OF) == tuple(sorted(wanted))
    anew = scored(AS_OF - 60 * DAY, 60, work="again")
    assert closed_scorings(AS_OF) == tuple(sorted({*wanted[:3], wanted[4], *anew}))


def test_weekly_scorings_are_looked_at_five_times() -> None:
    for weeks in range(11, 22):
        scored(AS_OF - 7 * weeks * DAY, 90)
    assert len(closed_scorings(AS_OF)) == 5


def test_a_file_of_several_scorings_is_told() -> None:
    rows = [prediction(1, ONE, 60), prediction(2, ONE, 30)]
    file = put("s3://highwater-lake/ml/churn_predictions/data/x/a.parquet", CHURN_PREDICTIONS, rows)
    commit = Commit("w", "r", (), "1.0.0", added=(file,))
    lake_commits.replace_as_of(
        "ml", "churn_predictions", "s3://highwater-lake/ml/churn_predictions", commit, ONE
    )
    with pytest.raises(SystemFault, match=r"a\.parquet.*is not of one scoring"):
        closed_scorings(AS_OF)


def test_a_days_outcomes_are_published_once_and_replaced_alone() -> None:
    first = made(
        "a",
        d2025_12_21=[outcome(1, ONE), outcome(2, ONE)],
        d2025_12_28=[outcome(1, OTHER), outcome(2, OTHER, churned=False)],
    )
    assert churn_outcomes.publish(first, "run-1") == {ONE: 2, OTHER: 2}
    of_one = {(ONE, 1, True), (ONE, 2, True)}
    assert published() == of_one | {(OTHER, 1, True), (OTHER, 2, False)}
    table = lake_tables.load("ml", "churn_outcomes")
    snapshot = lake_tables.snapshot_id(table)
    assert table
    assert [field.name for field in table.spec().fields] == ["as_of"]

    churn_outcomes.publish(first, "run-2")
    assert lake_tables.snapshot_id(lake_tables.load("ml", "churn_outcomes")) == snapshot

    late = made("b", d2025_12_28=[outcome(1, OTHER, churned=False), outcome(2, OTHER, churned=False)])
    assert churn_outcomes.publish(late, "run-3") == {OTHER: 2}
    assert published() == of_one | {(OTHER, 1, False), (OTHER, 2, False)}


def test_there_is_nothing_to_publish() -> None:
    assert churn_outcomes.publish(made("a"), "run-1") == {}
    assert lake_tables.load("ml", "churn_outcomes") is None
