"""What happens before a warehouse is lost: a lake and an inbox, and the warehouse that is loaded from them step by step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from local.sample.marketing import uploads
from local.sample.marketing.uploads import FIRST_DAY
from tasks.churn import churn_outcomes, churn_publishing
from tasks.forecast import forecast_accuracy, predictions
from tasks.forecast.forecast_features import Features, Inputs
from tasks.inbox import inbox_steps, loading, reading
from tasks.inbox.waiting import waiting
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.marketing import deliveries
from tasks.marketing import loading as marketing_loading
from tasks.marketing.forms import CUSTOMERS, EVENTS
from tasks.marketing.loading import Day, Loaded
from tasks.marketing.reading import read
from tasks.runs.business_day import business_today
from tasks.runs.run import Run
from tasks.services import aws
from tasks.warehouse import copy_load, warehouse_load
from tasks.warehouse.warehouse_marts import refresh_marts, refresh_retail_marts
from tests.tasks.forecast.test_predictions import MODEL, answer
from tests.warehouse import curated
from tests.warehouse.marketing import TABLES as OF_MARKETING
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.shop.copied_lake import CopiedLake, customer, sales
from tests.warehouse.shop.copied_lake import score as churn_score
from tests.warehouse.standin import BUCKET, Warehouse

DAY, NEXT = "2025-01-06", "2025-01-07"  # a Monday
WEEK = "2024-12-30"
MONDAY, INBOX = date(2025, 1, 6), "highwater-inbox"
SALES = "store_token,transaction_id,receipt_token,transaction_time,amount,user_role"
NAMESPACES = ("curated", "gold", "ml")
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def lake(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    for name, value in {
        "AWS_ENDPOINT_URL": warehouse.s3.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    cached = (aws.s3, aws.glue, aws.glue_once, aws.secrets, lake_tables.catalog)
    for made in cached:
        made.cache_clear()
    Inbox(warehouse).clear()
    for table in OF_MARKETING:
        warehouse.rows(f"DELETE FROM {table}")
    for key in (file["Key"] for file in aws.s3().list_objects_v2(Bucket=BUCKET).get("Contents", [])):
        aws.s3().delete_object(Bucket=BUCKET, Key=key)
    where: Any = {"LocationConstraint": "ap-south-1"}
    with suppress(aws.s3().exceptions.BucketAlreadyOwnedByYou):  # of other tests in this process
        aws.s3().create_bucket(Bucket=INBOX, CreateBucketConfiguration=where)
    _empty_bucket(INBOX)
    aws.s3().put_bucket_versioning(Bucket=INBOX, VersioningConfiguration={"Status": "Enabled"})
    aws.secrets().create_secret(Name="highwater/hash-key", SecretString=KEY.decode())
    for namespace in NAMESPACES:
        aws.glue().create_database(DatabaseInput={"Name": namespace})
    yield warehouse
    for namespace in NAMESPACES:
        for table in lake_tables.tables_of(namespace):
            lake_tables.catalog().drop_table((namespace, table))
        aws.glue().delete_database(Name=namespace)
    aws.secrets().delete_secret(SecretId="highwater/hash-key", ForceDeleteWithoutRecovery=True)
    _empty_bucket(INBOX)
    aws.s3().delete_bucket(Bucket=INBOX)
    for made in cached:
        made.cache_clear()


def _empty_bucket(bucket: str) -> None:
    listed = aws.s3().list_object_versions(Bucket=bucket)
    for each in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        aws.s3().delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


class Cpg:
    """Publications as the daily run makes them, each loaded before the next."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.works = warehouse, 0

    def file(self, dataset: str, rows: Sequence[dict[str, Any]], kind: str = "published") -> str:
        key = f"curated/{dataset}/data/w{self.works}/{kind}/part-0.parquet"
        self.warehouse.s3.put_object(Bucket=BUCKET, Key=key, Body=curated.parquet(dataset, rows))
        return f"s3://{BUCKET}/{key}"

    def publish(
        self,
        dataset: str,
        rows: Sequence[dict[str, Any]],
        raw_date: str,
        *,
        survivors: Sequence[dict[str, Any]] = (),
        removed: Sequence[str] = (),
        sighted: Sequence[dict[str, Any]] = (),
    ) -> str:
        """Publish new rows, with those of the removed files that stay, and load them. Returns the file of the new rows."""
        self.works += 1
        added = [self.file(dataset, rows)] if rows else []
        added += [self.file(dataset, survivors, "survivors")] if survivors else []
        notes = {"sightings": ""}
        if sighted:
            key = f"curated/{dataset}/data/w{self.works}/quarantined/part-0.parquet"
            self.warehouse.s3.put_object(Bucket=BUCKET, Key=key, Body=curated.parquet("sightings", sighted))
            notes["sightings"] = f"s3://{BUCKET}/{key}"
        commit = Commit(
            f"w{self.works}", f"run-{self.works}", (date.fromisoformat(raw_date),), "1.0.0",
            tuple(added), tuple(removed), notes,
        )  # fmt: skip
        base = lake_tables.snapshot_id(lake_tables.load("curated", dataset))
        lake_commits.publish("curated", dataset, f"s3://{BUCKET}/curated/{dataset}", commit, base)
        warehouse_load.catch_up(self.warehouse.connection, dataset, f"run-{self.works}")
        return added[0] if added else ""


def sell(warehouse: Warehouse) -> None:
    cpg = Cpg(warehouse)
    cpg.publish("sku", [curated.sku("S1", DAY, category="Snacks")], DAY)
    cpg.publish("geography", [curated.geography("R1", DAY)], DAY)
    cpg.publish("customer", [curated.customer("C1", DAY)], DAY)
    stays, later = curated.sale("O2", DAY, DAY, quantity=3), curated.sale("O3", DAY, DAY, sku="S9")
    first = cpg.publish(
        "sales", [curated.sale("O1", DAY, DAY, changed_at=f"{DAY} 08:00:00"), stays, later], DAY
    )
    cpg.publish("inventory", [curated.stock(DAY, DAY, 70)], DAY)
    asha, bela = curated.market(WEEK, "Asha", 30, "300"), curated.market(WEEK, "Bela", 10, "90")
    measured = cpg.publish("market", [asha, bela], "2025-01-05")
    lines = [curated.promotion("P1", week, DAY) for week in (DAY, "2025-01-13", "2025-01-20")]
    cpg.publish("promotions", lines, DAY)
    refresh_marts(warehouse.connection)
    # The next day corrects a line, takes back another and a measurement, and its calendar lacks two lines, of which one is
    # only quarantined.
    corrected = curated.sale("O1", DAY, NEXT, revenue="120", changed_at=f"{NEXT} 09:00:00")
    gone = curated.sale("O2", DAY, NEXT, quantity=3, is_deleted=True, changed_at=f"{NEXT} 09:00:00")
    cpg.publish("sales", [corrected, gone], NEXT, survivors=[later], removed=[first])
    cpg.publish("inventory", [curated.stock(NEXT, NEXT, 0)], NEXT)
    gone = curated.market(WEEK, "Bela", 10, "90", source_date=NEXT, is_deleted=True)
    cpg.publish("market", [gone], NEXT, survivors=[asha], removed=[measured])
    seen = {"promo_id": "P1", "sku_code": "S1", "region_code": "R1", "week": "2025-01-20", "raw_date": NEXT}
    cpg.publish("promotions", [curated.promotion("P2", DAY, NEXT)], NEXT, sighted=[seen])
    cpg.publish("sku", [curated.sku("S9", NEXT)], NEXT)
    refresh_marts(warehouse.connection)


def take_in(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """One name whose first content comes back, a copy under another name, broken rows, a file that is refused."""
    one, other = (f"S1,T1,R1,2025-01-11T10:00:00,{amount},cashier" for amount in ("10.00", "11.00"))
    broken = [f"S2,T{n},R{n},2025-01-13T10:00:00,2.50," for n in range(30)] + [
        "S2,T99,R9,2025-01-13T10:00:00,ten,"
    ]
    for name, rows in (
        ("sales_20250111.csv", [one]),
        ("sales_20250111.csv", [other]),
        ("sales_20250111.csv", [one]),
        ("sales_20250112_copy.csv", [other]),
        ("b/sales_20250113.csv", broken),
        ("sales_20250114.csv", ["S3,T1,R1,2025-01-14T10:00:00,ten,"]),
    ):
        aws.s3().put_object(Bucket=INBOX, Key=f"inbox/{name}", Body="\n".join([SALES, *rows, ""]).encode())
    aws.s3().put_object(
        Bucket=INBOX,
        Key="inbox/stores_20250110.csv",
        Body=b"store_group,store_token,store_name\nnorth,S1,Harbour\n",
    )
    run = Run("retail-inbox", MONDAY, MONDAY)
    monkeypatch.setattr(run, "session", lambda _: nullcontext(warehouse.connection))
    with tempfile.TemporaryDirectory() as scratch:
        judged, faults = reading.read(waiting(), Path(scratch), 0.05)
        assert faults == []
        ends = loading.load(warehouse.connection, judged, run.run_id, Path(scratch))
        assert inbox_steps.move.fn(run, ends, []) == []
    refresh_retail_marts(warehouse.connection, "run")
    assert [version.key for version in waiting()] == ["inbox/sales_20250114.csv"]


def visit(warehouse: Warehouse) -> None:
    delivered = uploads(seed=1, days=2)
    for upload in delivered:
        aws.s3().put_object(Bucket=BUCKET, Key=upload.key, Body=upload.body)
    for day in (FIRST_DAY, FIRST_DAY + timedelta(days=1)):
        run, found = Run("marketing-engagement", day, day), deliveries.deliveries(day)
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            customers = read(CUSTOMERS, found.customers, day, run.run_id, KEY, place)
            events = read(EVENTS, found.events, day, run.run_id, b"", place)
            marketing_loading.load(warehouse.connection, run, Day(customers, events), Loaded())


def forecast(warehouse: Warehouse) -> None:
    """Its first week is over, its second is not."""
    first = date(2024, 12, 30)
    features = Features(Inputs(first - timedelta(days=2), 2, {}, 0), "s3://f", {"rows_future": 2}, None)
    answer("S1", region_code=["R1", "R1"], forecast_week=[first, first + timedelta(weeks=1)])
    accepted = predictions.accept(features, MODEL, f"s3://{BUCKET}/ml/predictions/raw/abc-1", "run-1")
    predictions.load(warehouse.connection, accepted, business_today())
    forecast_accuracy.refresh(warehouse.connection)


def score(warehouse: Warehouse) -> None:
    shop = CopiedLake(warehouse)
    scores = [churn_score(key, MONDAY, key / 10, 11 - key) for key in range(1, 9)]
    predicted = shop.file("churn_predictions", scores)
    churn_publishing.publish([predicted], MONDAY, work="w1", run_id="r1", rows=len(scores))
    ends = [
        {"customer_key": key, "as_of": MONDAY, "horizon_days": 90, "churned": key > 4} for key in range(1, 9)
    ]
    outcomes = shop.file("churn_outcomes", ends)
    commit = Commit("w2", "r1", (), CHURN_OUTCOMES.version, (outcomes,))
    lake_commits.replace_as_of("ml", "churn_outcomes", f"s3://{BUCKET}/ml/churn_outcomes", commit, MONDAY)
    copy_load.load(warehouse.connection, "churn_predictions", "r1")
    copy_load.load(warehouse.connection, "churn_outcomes", "r1")
    churn_outcomes.rebuild_accuracy(warehouse.connection, "r1")


def analyse(warehouse: Warehouse) -> None:
    """The second run finds that one of three customers and the sales of one day are others."""
    shop = CopiedLake(warehouse)
    _, changed = shop.commit("customer_analytics", [[customer(1), customer(2)], [customer(3)]])
    _, late = shop.commit(
        "sales_summary", [[sales(1, "Toys", "ENG", "GBP", "10.10")], [sales(2, None, None, None, "5.00")]]
    )
    _copy_shop(warehouse, "r1")
    shop.commit("customer_analytics", [[customer(3, "99.99")]], [changed])
    shop.commit("sales_summary", [[sales(2, None, None, None, "7.00", units=2)]], [late])
    _copy_shop(warehouse, "r2")


def _copy_shop(warehouse: Warehouse, run_id: str) -> None:
    copy_load.load(warehouse.connection, "customer_analytics", run_id)
    copy_load.load(warehouse.connection, "sales_summary", run_id)
