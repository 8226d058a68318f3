"""The worker foretells by which id the job will know a corrected row, should the job refuse it again."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.drift import delivered_columns
from tasks.publishing.replay import row_id

pytestmark = pytest.mark.spark

DAY = date(2025, 1, 5)
BROKEN: dict[str, list[dict[str, Any]]] = {
    "sales": [
        {"order_id": "SO-1", "sku_code": "s|1:é", "quantity": "5 pcs", "channel": "", "loyalty": "gold|1:x"},
        {"order_id": None, "sku_code": "S2", "quantity": "1", "channel": "मॉडर्न ट्रेड", "loyalty": None},
    ],
    "market": [{"region_code": "in-mh", "category": "Tea", "brand": "अमृत", "units": "x", "value": "9"}],
}
REQUIRED = {
    "sales": ("customer_id", "region_code", "net_revenue", "order_date"),
    "market": (),
}


@pytest.mark.parametrize("dataset", list(BROKEN))
def test_ids_before_and_after_a_correction(lake: Any, dataset: str) -> None:
    rows = [{**dict.fromkeys(REQUIRED[dataset], "1"), **row} for row in BROKEN[dataset]]
    (first,) = lake.curate(lake.work(dataset, [lake.deliver(DAY, pa.Table.from_pylist(rows))]))
    refused = first.rows("quarantined")
    assert len(refused) == len(rows)
    assert [row_id(dataset, row) for row in refused] == [row["row_id"] for row in refused]

    (path,) = (Path(p.removeprefix("file://")) for p in first.files("quarantined"))
    file = pq.ParquetFile(path)
    column = {"sales": "quantity", "market": "units"}[dataset]
    corrected = [{**row, column: "still, “not” a number"} for row in refused]
    copy = path.parent.parent / "copy.parquet"
    pq.write_table(pa.Table.from_pylist(corrected, schema=file.schema_arrow), copy)
    replayed = {
        "path": f"file://{copy}",
        "raw_date": str(DAY),
        "rows": len(rows),
        "columns": delivered_columns(file.schema_arrow, str(copy)),
        "replay": True,
    }
    (second,) = lake.curate(lake.work(dataset, [replayed]))
    again = {row["row_id"] for row in second.rows("quarantined")}
    assert again == {row_id(dataset, row) for row in corrected}
    assert not again & {row["row_id"] for row in refused}


def test_a_column_that_came_later_changes_no_id_where_it_is_null(lake: Any) -> None:
    """Ids of contract 1.0: people have them in their files of corrections."""
    line = {**dict.fromkeys(REQUIRED["sales"], "1"), **BROKEN["sales"][0]}
    (outcome,) = lake.curate(
        lake.work(
            "sales", [lake.deliver(DAY, [{**line, "is_deleted": None}, {**line, "is_deleted": "true"}])]
        )
    )
    refused = {row["is_deleted"]: row for row in outcome.rows("quarantined")}
    fields = [refused[None][c] for c in ("source_file", *OF_1_0, "extra_values")]
    known = "|".join("" if f is None else f"{len(f)}:{f}" for f in fields)
    assert refused[None]["row_id"] == hashlib.sha256(known.encode()).hexdigest()
    assert refused["true"]["row_id"] == row_id("sales", refused["true"]) != refused[None]["row_id"]


OF_1_0 = (
    "order_id",
    "sku_code",
    "customer_id",
    "region_code",
    "quantity",
    "net_revenue",
    "order_date",
    "channel",
    "gross_revenue",
    "trade_discount",
    "cost_of_goods",
    "is_promo_sale",
    "promo_id",
    "changed_at",
)
