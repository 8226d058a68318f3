"""What a run of a layer is to compute, from what its tables and the layer below have published."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.language.columns import required
from contracts.language.dataset import Dataset
from tasks.errors import StaleResult
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.medallion.layers import GOLD_LAYER, Layer, Made
from tasks.medallion.planning import Plan
from tasks.services import aws

GOODS = Dataset(
    domain="shop",
    name="goods",
    description="Goods.",
    key=("number",),
    columns=(required("number", "integer", "Its number."),),
)
LAYER = Layer("silver", "bronze", {"goods": Made(("deliveries",), ("day",))}, {"goods": GOODS})
TODAY = {"day": "2026-11-29"}


def deliver(work: str, *numbers: int) -> str:
    """A commit to bronze.deliveries. Returns its file."""
    return publish(
        "bronze", "deliveries", work, put(f"bronze/deliveries/data/{work}/published/a.parquet", numbers)
    )


def put(key: str, numbers: tuple[int, ...]) -> str:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"number": pa.array(numbers, pa.int64())}), buffer)
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=buffer.getvalue())
    return f"s3://highwater-lake/{key}"


def publish(namespace: str, name: str, work: str, file: str, **more: Any) -> str:
    base = lake_tables.snapshot_id(lake_tables.load(namespace, name))
    commit = Commit(work, "run", (), "1.0.0", added=(file,), **more)
    lake_commits.publish(namespace, name, f"s3://highwater-lake/{namespace}/{name}", commit, base)
    return file


def computed(plan: Plan, *numbers: int, removed: tuple[str, ...] = ()) -> str:
    """Publish what a job would have made of the plan."""
    file = put(f"silver/goods/data/{plan.work('goods')}/published/a.parquet", numbers)
    return publish("silver", "goods", plan.work("goods"), file, notes=plan.notes("goods"), removed=removed)


def asked(plan: Plan) -> dict[str, Any]:
    request = plan.request(0, "run-1")
    bucket, _, key = request["--manifest"].removeprefix("s3://").partition("/")
    manifest = json.loads(aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
    return {"sources": manifest["sources"], **manifest["tables"]["goods"]}


def test_nothing_was_ever_extracted(empty_layers: None) -> None:
    assert Plan.of(LAYER, TODAY).is_empty


def test_the_first_run_computes_everything(empty_layers: None) -> None:
    file = deliver("w1", 1)
    plan = Plan.of(LAYER, TODAY)
    assert (plan.is_empty, plan.behind) == (False, ("goods",))
    found = asked(plan)
    assert (found["sources"], found["is_whole"], found["files"]) == ({"deliveries": [file]}, True, [])


def test_a_table_that_is_up_to_date_is_left_alone(empty_layers: None) -> None:
    deliver("w1", 1)
    computed(Plan.of(LAYER, TODAY), 1)
    assert Plan.of(LAYER, TODAY).behind == ()
    assert Plan.of(LAYER, TODAY, is_rebuild=True).behind == ("goods",)


def test_the_next_run_is_told_what_is_new(empty_layers: None) -> None:
    deliver("w1", 1)
    first = computed(Plan.of(LAYER, TODAY), 1)
    new = deliver("w2", 2)
    plan = Plan.of(LAYER, TODAY)
    assert plan.behind == ("goods",)
    found = asked(plan)
    assert found["deltas"] == {"deliveries": {"added": [new], "removed": []}}
    assert (found["is_whole"], found["files"], len(found["sources"]["deliveries"])) == (False, [first], 2)


@pytest.mark.parametrize(
    "how", ["another day", "another contract", "rebuild", "snapshot gone", "rolled back"]
)
def test_all_is_computed_anew(empty_layers: None, how: str) -> None:
    deliver("w1", 1)
    computed(Plan.of(LAYER, TODAY), 1)
    layer, parameters = LAYER, dict(TODAY)
    if how == "another day":
        parameters["day"] = "2026-11-30"
    if how == "another contract":
        layer = Layer("silver", "bronze", LAYER.tables, {"goods": replace(GOODS, version="1.1.0")})
    if how == "snapshot gone":
        deliver("w2", 2)
        table = lake_tables.load("bronze", "deliveries")
        assert table
        oldest = table.history()[0].snapshot_id
        lake_commits.expire(table, [oldest], None)
    if how == "rolled back":
        deliver("w2", 2)
        computed(Plan.of(LAYER, TODAY), 2)
        table = lake_tables.load("bronze", "deliveries")
        assert table
        table.manage_snapshots().rollback_to_snapshot(table.history()[0].snapshot_id).commit()
    plan = Plan.of(layer, parameters, is_rebuild=how == "rebuild")
    assert plan.behind == ("goods",)
    assert asked(plan)["is_whole"]


def test_what_was_computed_on_an_older_table_is_refused(empty_layers: None) -> None:
    deliver("w1", 1)
    ours, theirs = Plan.of(LAYER, TODAY), Plan.of(LAYER, {"day": "2026-11-30"})
    computed(theirs, 1)
    file = put("silver/goods/data/late/published/a.parquet", (1,))
    with pytest.raises(StaleResult):
        lake_commits.publish(
            "silver",
            "goods",
            "s3://highwater-lake/silver/goods",
            Commit(ours.work("goods"), "run", (), "1.0.0", added=(file,)),
            ours.base("goods"),
        )


def test_a_commit_without_a_difference_says_how_far_the_table_is(empty_layers: None) -> None:
    deliver("w1", 1)
    computed(Plan.of(LAYER, TODAY), 1)
    deliver("w2", 1)
    plan = Plan.of(LAYER, TODAY)
    lake_commits.publish(
        "silver",
        "goods",
        "s3://highwater-lake/silver/goods",
        Commit(plan.work("goods"), "run", (), "1.0.0", notes=plan.notes("goods")),
        plan.base("goods"),
    )
    assert Plan.of(LAYER, TODAY).behind == ()


BESIDE = replace(LAYER, tables={"goods": Made(("deliveries", "notices"), ("day",))}, beside={"notices": "ml"})


def test_a_source_of_another_database_may_be_absent(empty_layers: None) -> None:
    aws.glue().create_database(DatabaseInput={"Name": "ml"})
    file = deliver("w1", 1)
    plan = Plan.of(BESIDE, TODAY)
    assert plan.notes("goods")["source.notices"] == "None"
    assert asked(plan)["sources"] == {"deliveries": [file], "notices": []}
    computed(plan, 1)
    assert Plan.of(BESIDE, TODAY).behind == ()


def test_a_source_of_another_database_comes_and_changes(empty_layers: None) -> None:
    aws.glue().create_database(DatabaseInput={"Name": "ml"})
    first = publish("ml", "notices", "n1", put("ml/notices/data/n1/published/a.parquet", (1,)))
    assert Plan.of(BESIDE, TODAY).is_empty
    lake_tables.catalog().drop_table(("ml", "notices"))
    deliver("w1", 1)
    computed(Plan.of(BESIDE, TODAY), 1)

    publish("ml", "notices", "n1", first)
    plan = Plan.of(BESIDE, TODAY)
    assert plan.behind == ("goods",)
    found = asked(plan)
    nothing: dict[str, list[str]] = {"added": [], "removed": []}
    assert (found["is_whole"], found["deltas"]) == (
        False,
        {"deliveries": nothing, "notices": {"added": [first], "removed": []}},
    )
    computed(plan, 1)
    second = put("ml/notices/data/n2/published/a.parquet", (2,))
    publish("ml", "notices", "n2", second, removed=(first,))
    found = asked(Plan.of(BESIDE, TODAY))
    assert not found["is_whole"]
    assert found["deltas"]["notices"] == {"added": [second], "removed": [first]}


def test_gold_knows_where_the_scores_are() -> None:
    assert GOLD_LAYER.database("churn_predictions") == "ml"
    assert GOLD_LAYER.database("fact_orders") == "silver"
    assert [name for name, made in GOLD_LAYER.tables.items() if "churn_predictions" in made.sources] == [
        "customer_analytics"
    ]
