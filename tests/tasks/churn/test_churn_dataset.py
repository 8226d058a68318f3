"""What the churn model's rows are made from, who is told about it, and that the same inputs are worked on once."""

from __future__ import annotations

import io
import itertools
import json
import logging
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.glue.churn import churn_manifest
from tasks.churn import churn_dataset
from tasks.churn.churn_dataset import (
    Dataset,
    Inputs,
    build,
    has_features,
    origins,
    pin,
    pinned,
    require_evaluation,
    require_fresh,
)
from tasks.errors import DataError, TransientError
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws
from tasks.settings import settings

AS_OF = date(2026, 3, 1)
FIGURES: dict[str, Any] = {
    "rows_history": 900,
    "rows_future": 130,
    "rows_refused": 4,
    "churned": 300,
    "origins": [{}, {}],
    "future": {"refused": {"deleted": 4}},
    "last_order": "2026-02-28",
    "outcomes": [{"as_of": "2025-12-01", "horizon_days": 60, "rows": 70, "churned": 20}],
}


def publish(namespace: str, name: str, days: tuple[date, ...] = (AS_OF,), bronze: str = "7") -> str:
    """A file with these days of analysis. Returns its address."""
    table = lake_tables.load(namespace, name)
    number = len(table.history()) if table else 0
    key = f"{namespace}/{name}/data/w{number}/published/a.parquet"
    body = io.BytesIO()
    pq.write_table(pa.table({"analysis_date": pa.array(days, pa.date32())}), body)
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=body.getvalue())
    address = f"s3://highwater-lake/{key}"
    notes = {"source.customers": bronze}
    commit = Commit(f"w{number}", "run", (), "1.0.0", added=(address,), notes=notes)
    base = lake_tables.snapshot_id(table)
    lake_commits.publish(namespace, name, f"s3://highwater-lake/{namespace}/{name}", commit, base)
    return address


@pytest.fixture
def silver(empty_lake: None) -> dict[str, list[str]]:
    for name in ("silver", "gold"):
        aws.glue().create_database(DatabaseInput={"Name": name})
    return {name: [publish("silver", name)] for name in ("fact_orders", "dim_customers")}


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(1, 365))
def test_origins_are_past_days_of_which_the_outcome_is_known(as_of: date, horizon: int) -> None:
    found = origins(as_of, horizon)
    assert len(found) == 8
    assert timedelta(days=horizon) <= as_of - found[0] < timedelta(days=horizon + 7)
    assert {day.weekday() for day in found} == {as_of.weekday()}
    assert {one - other for one, other in itertools.pairwise(found)} == {timedelta(days=28)}


def test_the_origins_of_a_quarter() -> None:
    assert origins(date(2026, 11, 29), 90, 3) == (date(2026, 8, 30), date(2026, 8, 2), date(2026, 7, 5))


def test_the_snapshots_and_the_files_are_pinned(silver: dict[str, list[str]]) -> None:
    old = publish("gold", "ml_features", (AS_OF - timedelta(days=1),))
    new = publish("gold", "ml_features", (AS_OF, AS_OF + timedelta(days=1)))
    inputs = pin(AS_OF, 60, ["s3://lake/b.parquet", "s3://lake/a.parquet", "s3://lake/b.parquet"])
    publish("silver", "fact_orders")
    publish("gold", "ml_features")
    work = churn_manifest.parse(json.dumps(inputs.manifest("run-1", "s3://lake/out/")), "test")
    assert work.sources == {
        "fact_orders": tuple(silver["fact_orders"]),
        "dim_customers": tuple(silver["dim_customers"]),
        "ml_features": (new,),
        "store": ("s3://lake/a.parquet", "s3://lake/b.parquet"),
        "predictions": (),
    }
    assert old not in work.sources["ml_features"]
    assert (work.as_of, work.horizon_days, work.due_days, work.minimum_due) == (AS_OF, 60, 180, 500)
    assert (work.known_within_days, work.max_age_days, work.reconstruct) == (2, 1, True)
    assert work.origins == origins(AS_OF, 60)
    assert work.output == "s3://lake/out"
    given_too = pin(
        AS_OF, 60, origins_max=2, due_days=90, minimum_due=3, reconstruct=False, predictions=("s3://lake/p",)
    )
    assert given_too.manifest("run-1", "s3://lake/out")["sources"]["predictions"] == ["s3://lake/p"]
    assert (len(given_too.origins), given_too.due_days, given_too.minimum_due) == (2, 90, 3)
    assert not given_too.reconstruct


def test_there_is_no_silver(empty_lake: None) -> None:
    with pytest.raises(DataError, match="silver has no orders or no customers"):
        pin(AS_OF, 60)


def test_silver_is_between_two_states(silver: dict[str, list[str]]) -> None:
    publish("silver", "dim_customers", bronze="8")
    with pytest.raises(TransientError, match="two snapshots of bronze"):
        pin(AS_OF, 60)


def test_whether_gold_has_the_day(silver: dict[str, list[str]]) -> None:
    assert not has_features(AS_OF)
    publish("gold", "ml_features", (AS_OF - timedelta(days=1), AS_OF + timedelta(days=1)))
    assert not has_features(AS_OF)
    publish("gold", "ml_features")
    assert has_features(AS_OF)


INPUTS = Inputs(AS_OF, 60, {"fact_orders": 7, "ml_features": None}, ("s3://lake/a",), origins(AS_OF, 60))


def test_the_same_inputs_are_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert INPUTS.key == replace(INPUTS, store_files=("s3://lake/a",)).key
    changes: list[dict[str, Any]] = [
        {"as_of": AS_OF + timedelta(days=1)},
        {"horizon_days": 59},
        {"snapshots": {"fact_orders": 8, "ml_features": None}},
        {"store_files": ()},
        {"origins": origins(AS_OF, 60, 7)},
        {"minimum_due": 3},
        {"reconstruct": False},
        {"known_within_days": 1},
        {"predictions": ("s3://lake/p",)},
    ]
    keys = {INPUTS.key, *(replace(INPUTS, **change).key for change in changes)}
    monkeypatch.setattr(settings(), "code_version", "another")
    keys.add(INPUTS.key)
    monkeypatch.undo()
    monkeypatch.setattr(churn_dataset, "SILVER_CONTRACTS", {})
    keys.add(INPUTS.key)
    assert len(keys) == len(changes) + 3


def test_the_rows_are_where_the_jobs_run_has_written_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: dict[str, Any] = {}

    def run(kind: str, job: str, work: str, request: Any, owner: str) -> Any:
        asked.update(kind=kind, job=job, work=work, owner=owner, **request(3))
        return SimpleNamespace(attempt=3, external_id="jr_9")

    monkeypatch.setattr(churn_dataset.external_jobs, "run", run)
    monkeypatch.setattr(churn_dataset.lake_tables, "files_of", lambda *_: ["s3://lake/s.parquet"])
    manifests: list[dict[str, Any]] = []

    def write(bucket: str, key: str, manifest: dict[str, Any]) -> str:
        manifests.append(manifest)
        return f"s3://{bucket}/{key}"

    monkeypatch.setattr(churn_dataset.landing, "write_manifest", write)
    monkeypatch.setattr(churn_dataset.objects, "read_json", lambda address: {**FIGURES, "read": address})
    caplog.set_level(logging.INFO, "highwater")
    made = build(INPUTS, "run-1", "owner-1")
    lake, key = "s3://highwater-lake", INPUTS.key
    assert asked == {
        "kind": "glue",
        "job": "highwater-churn-dataset",
        "work": f"churn-dataset/{key}",
        "owner": "owner-1",
        "--manifest": f"{lake}/runs/churn-dataset-{key}-3/manifest.json",
        "--figures": f"{lake}/runs/churn-dataset-{key}-3",
    }
    assert made.figures["read"] == f"{lake}/runs/churn-dataset-{key}-3/jr_9/figures.json"
    assert (made.history, made.future, made.refused) == tuple(
        f"{lake}/ml/churn_dataset/rows/{key}-3/jr_9/{folder}/" for folder in ("history", "future", "refused")
    )
    assert (made.key, made.as_of, made.horizon_days, made.job_run_id) == (key, AS_OF, 60, "jr_9")
    assert (made.rows_future, made.rows_refused) == (130, 4)
    scored = date(2025, 12, 1)
    assert made.outcomes == {scored: 70}
    # Those are published where they are, the others are for this run alone.
    assert made.outcomes_of(scored) == f"{lake}/ml/churn_outcomes/data/{key}-3/jr_9/day=2025-12-01/"
    assert manifests == [
        {
            **INPUTS.manifest("run-1", f"{lake}/ml/churn_dataset/rows/{key}-3"),
            "outcomes": f"{lake}/ml/churn_outcomes/data/{key}-3",
        }
    ]
    assert "rows_history=900 churned=300 rows_future=130" in caplog.text


def test_an_evaluation_needs_an_origin_a_horizon_before_the_latest() -> None:
    def made(*days: str) -> Dataset:
        figures = {"origins": [{"as_of": day} for day in days], "first_order": "2025-05-01"}
        return Dataset(Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", figures, None)

    require_evaluation(made("2025-12-28", "2025-11-30", "2025-10-26"))
    with pytest.raises(
        DataError, match=r"evaluation of 2025-12-28 needs an origin 60 days before it.* is 56 days before"
    ):
        require_evaluation(made("2025-12-28", "2025-11-30", "2025-11-02"))


def test_a_run_that_is_taken_up_goes_on_with_the_inputs_it_began_with(silver: dict[str, list[str]]) -> None:
    began = pinned(
        "run-1", lambda: pin(AS_OF, 60, ["s3://b/2.parquet", "s3://b/1.parquet"], predictions=("s3://b/p",))
    )
    publish("gold", "ml_features")
    assert pin(AS_OF, 60).snapshots != began.snapshots
    again = pinned("run-1", lambda: pin(AS_OF, 60))
    assert (again, again.key) == (began, began.key)
    assert pinned("run-2", lambda: pin(AS_OF, 60)).snapshots != began.snapshots


@pytest.mark.parametrize(
    ("last", "allowed", "refused"),
    [("2026-02-26", 3, False), ("2026-02-25", 3, True), ("2026-02-25", 4, False)],
)
def test_where_the_last_order_is_old_nobody_is_called_churned(last: str, allowed: int, refused: bool) -> None:
    made = Dataset(Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", {"last_order": last}, None)
    if refused:
        with pytest.raises(
            DataError, match=r"last order in silver is of 2026-02-25, 4 days before 2026-03-01"
        ):
            require_fresh(made, allowed)
    else:
        require_fresh(made, allowed)


def test_the_share_of_features_that_nobody_noted() -> None:
    origins = [{"by_features": {"store": 60, "reconstructed": 20}}, {"by_features": {"reconstructed": 20}}]
    made = Dataset(
        Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", {"origins": origins, "rows_history": 100}, None
    )
    assert made.reconstructed_share == 0.4
