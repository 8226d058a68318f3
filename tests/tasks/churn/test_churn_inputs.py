"""What the rows are made from is pinned once, and the same inputs are the same work."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.glue.churn import churn_manifest
from tasks.churn import churn_inputs
from tasks.churn.churn_inputs import Inputs, has_features, origins, pin, pinned
from tasks.errors import DataError, TransientError
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws
from tasks.settings import settings

AS_OF = date(2026, 3, 1)


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
    monkeypatch.setattr(churn_inputs, "SILVER_CONTRACTS", {})
    keys.add(INPUTS.key)
    assert len(keys) == len(changes) + 3


def test_a_run_that_is_taken_up_goes_on_with_the_inputs_it_began_with(silver: dict[str, list[str]]) -> None:
    began = pinned(
        "run-1", lambda: pin(AS_OF, 60, ["s3://b/2.parquet", "s3://b/1.parquet"], predictions=("s3://b/p",))
    )
    publish("gold", "ml_features")
    assert pin(AS_OF, 60).snapshots != began.snapshots
    again = pinned("run-1", lambda: pin(AS_OF, 60))
    assert (again, again.key) == (began, began.key)
    assert pinned("run-2", lambda: pin(AS_OF, 60)).snapshots != began.snapshots
