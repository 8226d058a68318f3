"""What lake-monitor sees of a table: columns, nulls, ranges, age, and keys that refer to nothing."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.language.columns import at_least, optional, required
from contracts.language.dataset import Dataset
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.medallion.published_checks import Published
from tasks.medallion.references import Reference, unknown
from tasks.services import aws

DAY = date(2026, 11, 29)
GOODS = Dataset(
    domain="shop",
    name="goods",
    description="Goods.",
    key=("number",),
    columns=(
        required("number", "integer", "Its number."),
        required("name", "text", "Its name."),
        optional("price", "decimal(14,2)", "Its price.", at_least(0)),
    ),
)


def publish(
    name: str, rows: dict[str, Any], types: dict[str, pa.DataType], namespace: str = "silver"
) -> None:
    table = pa.table({column: pa.array(values, types[column]) for column, values in rows.items()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    key = f"{namespace}/{name}/data/{abs(hash(str(rows)))}/published/a.parquet"
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=buffer.getvalue())
    base = lake_tables.snapshot_id(lake_tables.load(namespace, name))
    commit = Commit(f"work of {key}", "run", (), "1.0.0", added=(f"s3://highwater-lake/{key}",))
    lake_commits.publish(namespace, name, f"s3://highwater-lake/{namespace}/{name}", commit, base)


TYPES = {"number": pa.int64(), "name": pa.string(), "price": pa.decimal128(14, 2)}
GOOD = {"number": [1, 2], "name": ["a", "b"], "price": [None, 3]}


def failed(stale_hours: float = 1.0) -> dict[str, tuple[float, str]]:
    checks = Published("silver", "goods", GOODS, DAY).checks(stale_hours)
    return {c.finding.metric: (c.finding.value, c.level) for c in checks if not c.finding.passed}


def test_a_good_table_passes(empty_layers: None) -> None:
    publish("goods", GOOD, TYPES)
    publish("goods", {"number": [3], "name": ["c"]}, TYPES)
    assert failed() == {}
    counts = Published("silver", "goods", GOODS, DAY).checks(1.0)
    assert [c.finding.value for c in counts if c.finding.metric == "row_count"] == [3]


def test_what_is_amiss_is_told(empty_layers: None) -> None:
    publish("goods", {"number": [1, 2], "name": ["a", None], "price": [-1, 5]}, TYPES)
    publish("goods", {"number": [3]}, TYPES)
    assert failed() == {"nulls.name": (2, "CRITICAL"), "range.price": (1, "CRITICAL")}


def test_columns_are_those_of_the_contract(empty_layers: None) -> None:
    publish("goods", {"number": ["1"], "price": [1]}, {"number": pa.string(), "price": TYPES["price"]})
    assert failed() == {
        "columns_missing": (1, "CRITICAL"),
        "columns_of_other_type": (1, "CRITICAL"),
        "nulls.name": (1, "CRITICAL"),
    }


def test_a_table_that_is_old_or_not_there_is_a_warning(empty_layers: None) -> None:
    assert failed() == {"is_there": (0, "WARNING")}
    publish("goods", GOOD, TYPES)
    ((metric, (hours, level)),) = failed(stale_hours=1e-9).items()
    assert (metric, level) == ("hours_since_publication", "WARNING")
    assert 0 < hours < 0.1


def test_keys_that_refer_to_nothing_are_counted(empty_layers: None) -> None:
    reference = Reference("silver", "facts", "number", "goods")
    assert unknown(reference) is None
    publish("goods", GOOD, TYPES)
    publish("facts", {"number": [1, 1, 2]}, TYPES)
    assert unknown(reference) == 0
    publish("facts", {"number": [2, 3, 4]}, TYPES)
    assert unknown(reference) == 2
