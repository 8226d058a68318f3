"""From outcomes that the dataset's job wrote to MARTS.CHURN_ACCURACY, by the flow's step."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from tasks.churn import churn_outcomes, churn_publishing, churn_steps
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_inputs import Inputs, origins
from tasks.runs.run import Run
from tasks.services import aws
from tasks.warehouse import copy_load
from tests.warehouse.shop.copied_lake import CopiedLake, score
from tests.warehouse.standin import BUCKET, Warehouse

pytestmark = pytest.mark.e2e  # half a second a load on the stand-in

AS_OF = date(2026, 6, 7)
DAY = AS_OF - timedelta(days=91)
RUN = Run("customer-churn", AS_OF, AS_OF, run_id="run-1")
FIGURES = "as_of, model_version, decile, customers, churners, expected_churners"
ACCURACY = f"SELECT {FIGURES} FROM MARTS.CHURN_ACCURACY ORDER BY as_of, decile"


@pytest.fixture(autouse=True)
def session(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def lent(_run: Run, _step: str) -> Iterator[Any]:
        yield warehouse.connection

    monkeypatch.setattr(Run, "session", lent)


def made(name: str, churned: dict[int, bool]) -> Dataset:
    """A dataset of which the job told that these customers of DAY churned or not."""
    told = [{"as_of": str(DAY), "horizon_days": 90, "rows": len(churned), "churned": sum(churned.values())}]
    inputs = Inputs(AS_OF, 90, {"fact_orders": 7}, (name,), origins(AS_OF, 90))
    dataset = Dataset(
        inputs,
        f"s3://{BUCKET}/ml/churn_dataset/rows/{name}",
        {"outcomes": told if churned else []},
        None,
    )
    rows = [
        {"customer_key": key, "as_of": DAY, "horizon_days": 90, "churned": is_so}
        for key, is_so in churned.items()
    ]
    schema = pa.schema([(column.name, arrow_type(column.kind)) for column in CHURN_OUTCOMES.columns])
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), body)
    if churned:
        bucket, key = aws.split(f"{dataset.outcomes_of(DAY)}part-0.parquet")
        aws.s3().put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return dataset


def scored(warehouse: Warehouse, lake: CopiedLake, work: str, rows: list[dict[str, Any]]) -> None:
    file = lake.file("churn_predictions", rows)
    churn_publishing.publish([file], DAY, work=work, run_id="r", rows=len(rows))
    copy_load.load(warehouse.connection, "churn_predictions", "r")


def check(dataset: Dataset) -> dict[str, int]:
    return churn_steps.check_outcomes.fn(RUN, dataset)


def test_outcomes_reach_the_mart(
    warehouse: Warehouse, lake: CopiedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(made("none", {})) == {}
    assert warehouse.rows(ACCURACY) == []

    scored(warehouse, lake, "w1", [score(key, DAY, 0.25, 1 + key % 2) for key in range(4)])
    first = made("a", {0: True, 1: False, 2: True, 3: True})
    with monkeypatch.context() as patch:  # killed between the copy and the mart
        patch.setattr(churn_outcomes, "rebuild_accuracy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            check(first)
    assert warehouse.rows(ACCURACY) == []
    for _ in range(2):
        assert check(first) == {str(DAY): 4}
        assert lake.mart("churn_outcomes") == lake.rows("churn_outcomes")
        assert warehouse.rows(ACCURACY) == [(DAY, "v1", 1, 2, 2, 0.5), (DAY, "v1", 2, 2, 1, 0.5)]

    # A late order is found, and then an old day is scored anew, by a run that has no outcomes to tell.
    assert check(made("b", {0: False, 1: False, 2: True, 3: True})) == {str(DAY): 4}
    assert warehouse.rows(ACCURACY) == [(DAY, "v1", 1, 2, 1, 0.5), (DAY, "v1", 2, 2, 1, 0.5)]
    scored(
        warehouse,
        lake,
        "w2",
        [{**score(key, DAY, 0.75, 1), "model_version": "v2"} for key in range(4)],
    )
    assert check(made("c", {})) == {}
    assert warehouse.rows(ACCURACY) == [(DAY, "v2", 1, 4, 2, 3.0)]
