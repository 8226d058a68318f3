"""A scoring is published whole or not at all, replaces an earlier one of its day, and reaches gold's plan."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.churn import churn_publishing
from tasks.errors import DataError
from tasks.lake import lake_tables
from tasks.medallion.layers import GOLD_LAYER
from tasks.medallion.planning import Plan
from tasks.services import aws

AS_OF = date(2026, 3, 1)
PARAMETERS = {"analysis_date": "2026-03-01", "segments": []}
_TYPES = {column.name: arrow_type(column.kind) for column in CHURN_PREDICTIONS.columns}


@pytest.fixture(autouse=True)
def databases(empty_lake: None) -> None:
    for name in ("silver", "gold", "ml"):
        aws.glue().create_database(DatabaseInput={"Name": name})


def row(key: int, probability: Any = 0.25, **values: Any) -> dict[str, Any]:
    told = {
        "customer_key": key,
        "customer_id": f"C{key}",
        "as_of": AS_OF,
        "probability": probability,
        "decile": 3,
    }
    return told | {"reasons": '["recency_days"]', "model_version": "churn-7", "run_id": "run-1"} | values


def put(name: str, *rows: dict[str, Any], leave_out: str = "") -> str:
    schema = pa.schema([(name, kind) for name, kind in _TYPES.items() if name != leave_out])
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), body)
    return _put(name, body.getvalue())


def _put(name: str, body: bytes) -> str:
    address = f"{churn_publishing.folder(name, 0)}/part-0.parquet"
    bucket, key = aws.split(address)
    aws.s3().put_object(Bucket=bucket, Key=key, Body=body)
    return address


def publish(*files: str, as_of: date = AS_OF, rows: int = 1, work: str = "w") -> int:
    return churn_publishing.publish(files, as_of, work=work, run_id="run-1", rows=rows)


def published() -> set[tuple[date, int, float]]:
    table = lake_tables.load("ml", "churn_predictions")
    assert table
    rows = table.scan().to_arrow().to_pylist()
    found = {(row["as_of"], row["customer_key"], row["probability"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_scoring_replaces_that_of_its_day_alone() -> None:
    earlier = AS_OF - timedelta(days=7)
    publish(put("a", row(1, as_of=earlier), row(2, as_of=earlier)), as_of=earlier, rows=2)
    first = [put("b", row(1, 0.5)), put("c", row(2, 1.0), row(3, 0.0))]
    snapshot = publish(*first, rows=3)
    of_earlier = {(earlier, 1, 0.25), (earlier, 2, 0.25)}
    assert published() == of_earlier | {(AS_OF, 1, 0.5), (AS_OF, 2, 1.0), (AS_OF, 3, 0.0)}
    assert publish(*first[::-1], rows=3) == snapshot
    publish(put("d", row(3, 0.75)), work="w2")
    assert published() == of_earlier | {(AS_OF, 3, 0.75)}
    # An earlier work that is done once more is what counts again: its model may have been put back.
    publish(*first, rows=3)
    assert published() == of_earlier | {(AS_OF, 1, 0.5), (AS_OF, 2, 1.0), (AS_OF, 3, 0.0)}
    table = lake_tables.load("ml", "churn_predictions")
    assert table
    assert [field.name for field in table.spec().fields] == ["as_of"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(1, 1.01)], "probability:range: 1"),
        ([row(1, float("nan"))], "probability"),
        ([row(1, None)], "probability:missing: 1"),
        ([row(1, decile=11), row(2, decile=0)], "decile:range: 2"),
        ([row(1), row(1)], "duplicates"),
        ([row(1, as_of=AS_OF + timedelta(days=1))], "as_of:another_day: 1"),
        ([row(1, customer_id=None)], "customer_id:missing: 1"),
    ],
)
def test_a_row_that_breaks_the_contract_keeps_all_back(rows: list[dict[str, Any]], told: str) -> None:
    file = put("a", *rows)
    with pytest.raises(
        DataError, match=f"predictions of 2026-03-01 break their contract .*{told}.*none was published"
    ):
        publish(file, rows=len(rows))
    assert lake_tables.load("ml", "churn_predictions") is None


def test_what_is_no_scoring() -> None:
    with pytest.raises(DataError, match="1 customers were scored as of 2026-03-01 and the files have 2"):
        publish(put("a", row(1), row(2)))
    with pytest.raises(DataError, match=r"break their contract .*duplicate"):
        publish(put("b", row(1)), put("c", row(1)), rows=2)
    with pytest.raises(DataError, match="break their contract"):
        publish(put("d", row(1), leave_out="reasons"))
    with pytest.raises(DataError, match=r"part-0\.parquet is not the Parquet file"):
        publish(_put("e", b"nothing"))
    with pytest.raises(DataError, match="no file of churn predictions"):
        publish(rows=0)


def test_gold_is_behind_once_a_scoring_is_published() -> None:
    before = Plan.of(GOLD_LAYER, PARAMETERS)
    assert before.is_empty
    file = put("a", row(1))
    snapshot = publish(file)
    after = Plan.of(GOLD_LAYER, PARAMETERS)
    assert after.is_empty  # scores alone are nothing to compute gold from
    notes = {name: (before.notes(name), after.notes(name)) for name in GOLD_LAYER.tables}
    assert {name for name, (then, now) in notes.items() if then != now} == {"customer_analytics"}
    assert notes["customer_analytics"][0]["source.churn_predictions"] == "None"
    assert notes["customer_analytics"][1]["source.churn_predictions"] == str(snapshot)
    manifest = after.request(0, "run-2")["--manifest"]
    bucket, key = aws.split(manifest)
    assert file in aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read().decode()
