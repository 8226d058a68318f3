"""What is published depends on the rows alone: not on files, order, or the way that contested keys are found."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.order_lines import delivered
from jobs.glue.curation import curation

pytestmark = pytest.mark.spark

DAYS = [date(2025, 1, day) for day in (5, 6, 7)]

versions = st.lists(
    st.tuples(
        st.sampled_from(["SO-1", "SO-2", "so-1 "]),
        st.sampled_from(["sku-1", "SKU-1 ", "SKU-2"]),
        st.sampled_from([1, 2, 3, -1]),
        st.sampled_from(
            [None, "", "2025-01-05 09:00:00", "2025-01-05T09:00:00Z", "2025-01-05 10:00:00", "soon"]
        ),
        st.sampled_from(DAYS),
        st.integers(min_value=0, max_value=2),
    ),
    min_size=4,
    max_size=24,
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=versions, shuffled=st.randoms(use_true_random=False))
def test_files_and_order_do_not_matter(
    lake: Any, line: Any, lines: list[tuple[Any, ...]], shuffled: Any
) -> None:
    def inputs(rows: list[tuple[Any, ...]]) -> list[Any]:
        files = sorted({(day, part) for *_, day, part in rows})
        return [
            lake.deliver(
                day,
                [
                    line(order, sku, quantity=quantity, changed_at=changed)
                    for order, sku, quantity, changed, *place in rows
                    if tuple(place) == (day, part)
                ],
            )
            for day, part in files
        ]

    elsewhere = [(*row[:5], shuffled.randrange(3)) for row in lines]
    shuffled.shuffle(elsewhere)

    one, other = (lake.curate(lake.work("sales", inputs(rows)))[0] for rows in (lines, elsewhere))

    columns = ("order_id", "sku_code", "quantity", "changed_at", "source_date", "content_hash")
    assert one.published(*columns) == other.published(*columns)
    standing = newest(lines)
    assert one.published("order_id", "sku_code") == standing.keys()
    for row in one.rows("published"):
        version = (row["quantity"], row["changed_at"], row["source_date"])
        assert version in standing[row["order_id"], row["sku_code"]]
    assert len(one.rows("published")) == len(one.published("order_id", "sku_code"))
    counts = [n for n in one.figures if n.startswith("rows_")] + ["repeats", "by_date", "reasons"]
    assert {n: one.figures[n] for n in counts} == {n: other.figures[n] for n in counts}


def test_of_equal_versions_the_greater_digest_stands(lake: Any, line: Any, digest: Any) -> None:
    tied = [
        line(f"SO-{order}", quantity=quantity, changed_at=[None, "2025-01-05 09:00:00"][order % 2])
        for order in range(12)
        for quantity in (1, 2, 3)
    ]

    (sales,) = lake.curate(
        lake.work("sales", [lake.deliver(DAYS[0], tied[::2]), lake.deliver(DAYS[0], tied[1::2])])
    )

    standing = {row["order_id"]: row for row in sorted(tied, key=digest)}
    assert {row["quantity"] for row in standing.values()} == {1, 2, 3}  # no size, no place wins always
    assert sales.published("order_id", "quantity") == {(o, row["quantity"]) for o, row in standing.items()}
    assert (sales.figures["rows_published"], sales.figures["rows_superseded"]) == (12, 24)


INSTANTS = {
    "2025-01-05 09:00:00": datetime(2025, 1, 5, 9, tzinfo=UTC),
    "2025-01-05T09:00:00Z": datetime(2025, 1, 5, 9, tzinfo=UTC),
    "2025-01-05 10:00:00": datetime(2025, 1, 5, 10, tzinfo=UTC),
}


def newest(lines: list[tuple[Any, ...]]) -> dict[tuple[str, str], set[tuple[Any, ...]]]:
    """The valid rows of the newest version per key; equal ones are told apart by content alone."""
    rows: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for order, sku, quantity, changed, day, _ in lines:
        if quantity > 0:
            rows.setdefault((order.strip(), sku.strip().upper()), set()).add(
                (quantity, INSTANTS.get(changed), day)
            )

    def best(versions: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        known = {row for row in versions if row[1] is not None} or versions
        top = max(known, key=lambda row: (row[1] or datetime.min.replace(tzinfo=UTC), row[2]))
        return {row for row in known if row[1:] == top[1:]}

    return {key: best(versions) for key, versions in rows.items()}


def test_an_independent_engine_publishes_the_same(
    lake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation, "FEW_ROWS", 0)
    (path,) = delivered(4_000, tmp_path / "bench")
    monday = pq.read_table(path)
    late = monday.slice(0, 500)
    tuesday = late.set_column(
        late.column_names.index("changed_at"), "changed_at", pa.array([None, "2025-04-01T08:00:00"] * 250)
    )
    inputs = [lake.deliver(date(2025, 3, 31), monday), lake.deliver(date(2025, 4, 1), tuesday)]

    (sales,) = lake.curate(lake.work("sales", inputs))

    paths = [entry["path"].removeprefix("file://") for entry in inputs]
    found = duckdb.sql(ORACLE.format(first=paths[0], second=paths[1])).fetchall()
    published = {row[:4]: row[4:] for row in found}
    rows = sales.rows("published")
    assert len(rows) == len(published) == sales.figures["rows_published"] > 3_500
    for row in rows:
        key = (row["order_id"], row["sku_code"], row["source_date"], row["changed_at"])
        assert published[key] == (row["quantity"], row["net_revenue"], row["channel"], row["order_date"])
    assert sales.figures["rows_quarantined"] == len(sales.rows("quarantined")) > 80


ORACLE = """
    WITH raw AS (
        SELECT *, DATE '2025-03-31' AS source_date FROM '{first}'
        UNION ALL BY NAME SELECT *, DATE '2025-04-01' AS source_date FROM '{second}'
    ), typed AS (
        SELECT trim(order_id) AS order_id, upper(trim(sku_code)) AS sku_code, upper(trim(region_code)) AS region_code,
            trim(customer_id) AS customer_id, replace(replace(lower(trim(channel)), ' ', '_'), '-', '_') AS channel,
            try_cast(quantity AS BIGINT) AS quantity, net_revenue::DECIMAL(18,4) AS net_revenue,
            try_cast(order_date AS DATE) AS order_date, try_cast(changed_at || 'Z' AS TIMESTAMPTZ) AS changed_at,
            source_date
        FROM raw
    )
    SELECT order_id, sku_code, source_date, changed_at, quantity, net_revenue, channel, order_date FROM typed
    WHERE order_id <> '' AND customer_id <> '' AND quantity > 0 AND net_revenue > 0 AND order_date <= source_date
        AND channel IN ('modern_trade', 'general_trade', 'ecommerce')
        AND regexp_full_match(sku_code, '[A-Z0-9][A-Z0-9_-]{{0,49}}')
        AND regexp_full_match(region_code, '[A-Z0-9][A-Z0-9_-]{{0,49}}')
    QUALIFY row_number() OVER (
        PARTITION BY order_id, sku_code ORDER BY changed_at DESC NULLS LAST, source_date DESC
    ) = 1
"""
