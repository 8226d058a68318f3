"""Which of two lines stands: a version that cannot be true is none, and of equal versions the one that says more stands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.spark

JAN_5, JAN_6, JAN_7 = (date(2025, 1, day) for day in (5, 6, 7))
NEVER = "9999-12-31 00:00:00"
OPTIONAL = {"gross_revenue": 120.0, "cost_of_goods": 60.0, "is_promo_sale": False}


def orders(outcome: Any) -> set[tuple[Any, ...]]:
    return outcome.published("order_id", "quantity", "changed_at")


def test_a_version_of_the_far_future_is_none_and_is_counted(lake: Any, line: Any) -> None:
    noon = datetime(2025, 1, 5, 12, tzinfo=UTC)
    last, first_too_late = "2025-01-06 23:59:59.999999", "2025-01-07 00:00:00"
    delivered = [
        line("never", quantity=9, changed_at=NEVER),
        line("never", quantity=1, changed_at="2025-01-05 12:00:00"),
        line("alone", quantity=9, changed_at=NEVER),
        line("edge", quantity=1, changed_at=last),
        line("edge", quantity=9, changed_at=first_too_late),
    ]

    (sales,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, delivered)]))

    assert orders(sales) == {
        ("never", 1, noon),
        ("alone", 9, None),
        ("edge", 1, datetime(2025, 1, 6, 23, 59, 59, 999999, tzinfo=UTC)),
    }
    assert sales.figures["uncast"]["changed_at"] == 3
    assert (sales.figures["rows_superseded"], sales.figures["rows_quarantined"]) == (2, 0)
    (alone,) = [row for row in sales.rows("published") if row["order_id"] == "alone"]
    assert alone["kept_aside"] == f'{{"uncast":{{"changed_at":"{NEVER}"}}}}'


@pytest.mark.parametrize("replayed", [False, True], ids=["run", "replay"])
def test_one_that_was_published_before_the_rule_does_not_win_for_ever(
    lake: Any, line: Any, replayed: bool
) -> None:
    (day,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line("SO-1", quantity=1)])]))
    (path,) = (file.removeprefix("file://") for file in day.files("published"))
    rows = pq.read_table(path)
    at = rows.column_names.index("changed_at")
    never = pa.array([datetime(9999, 12, 31)], pa.timestamp("us", "UTC"))
    before = f"{path.rpartition('/')[0]}/before.parquet"
    pq.write_table(rows.set_column(at, "changed_at", never), before)
    published = [f"file://{before}"]
    newer = lake.deliver(JAN_6, [line("SO-1", quantity=2, changed_at="2025-01-05 09:00:00")])
    if replayed:
        (refused,) = lake.curate(
            lake.work(
                "sales",
                [lake.deliver(JAN_6, [line("SO-1", quantity="2 pcs", changed_at="2025-01-05 09:00:00")])],
            )
        )
        (broken,) = refused.rows("quarantined")
        schema = pq.read_schema(refused.files("quarantined")[0].removeprefix("file://"))
        mended = pa.Table.from_pylist([{**broken, "quantity": "2"}], schema=schema)
        newer = {**lake.deliver(JAN_7, mended), "replay": True}

    (corrected,) = lake.curate(lake.work("sales", [newer], published))

    assert corrected.published("order_id", "quantity", "source_date") == {("SO-1", 2, JAN_6)}
    assert corrected.figures["touched_files"] == published


def test_of_equal_versions_the_one_that_says_more_stands(lake: Any, line: Any) -> None:
    """An order in two files of a day, of which one lacks the optional columns: whichever has the greater digest."""
    names = [f"SO-{n}" for n in range(8)]
    bare = lake.deliver(JAN_5, [line(name) for name in names])
    full = lake.deliver(JAN_5, [line(name, **OPTIONAL) for name in names])
    half = lake.deliver(JAN_5, [line(name, gross_revenue=130.0) for name in names[:4]])

    (one,), (other,) = (
        lake.curate(lake.work("sales", files)) for files in ([bare, full, half], [half, full, bare])
    )

    assert {(r["order_id"], float(r["cost_of_goods"] or 0)) for r in one.rows("published")} == {
        (name, 60.0) for name in names
    }
    assert sorted(r["content_hash"] for r in one.rows("published")) == sorted(
        r["content_hash"] for r in other.rows("published")
    )
    assert (one.figures["rows_superseded"], one.figures["outdone"], one.figures["repeats"]) == (12, 12, 0)


def test_a_mended_row_and_its_twin_are_ranked_alike_in_the_replay_and_in_a_run(lake: Any, line: Any) -> None:
    names = [f"SO-{n}" for n in range(8)]
    sound = [line(name, quantity="1", **OPTIONAL) for name in names]
    poor = [line(name, quantity="2 pcs") for name in names]
    raw = lake.deliver(JAN_5, [*sound, *poor])
    (day,) = lake.curate(lake.work("sales", [raw]))
    (path,) = day.files("quarantined")
    rows = pq.ParquetFile(path.removeprefix("file://")).read()
    mended = rows.set_column(rows.column_names.index("quantity"), "quantity", pa.array(["2"] * 8))
    entry = {**lake.deliver(JAN_5, mended), "replay": True}

    (replayed,) = lake.curate(lake.work("sales", [entry], day.files("published")), run_id="run-2")
    assert (replayed.figures["rows_written"], replayed.figures["rows_superseded"]) == (0, 8)

    # The other way round: the poorer line is published, and the mended one says more.
    (poorer,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, [line(name) for name in names])]))
    fuller = [{**row, "quantity": "2", "cost_of_goods": "60"} for row in rows.to_pylist()]
    entry = {**lake.deliver(JAN_5, pa.Table.from_pylist(fuller, schema=rows.schema)), "replay": True}
    (replayed,) = lake.curate(lake.work("sales", [entry], poorer.files("published")), run_id="run-3")
    assert replayed.published("order_id", "quantity") == {(name, 2) for name in names}
    live = replayed.files("published") + replayed.files("survivors")
    again = lake.deliver(JAN_5, [line(name) for name in names])
    (repeated,) = lake.curate(lake.work("sales", [again], live), run_id="run-4")
    assert (repeated.figures["rows_written"], repeated.figures["rows_superseded"]) == (0, 8)


def test_what_another_row_of_its_own_raw_date_supersedes_is_counted_whatever_is_published(
    lake: Any, line: Any
) -> None:
    twins = [
        line("SO-1", quantity=1, changed_at="2025-01-05 09:00:00"),
        line("SO-1", quantity=2, changed_at="2025-01-05 10:00:00"),
        line("SO-1", quantity=2, changed_at="2025-01-05 10:00:00"),
        line("SO-2", quantity=1),
        line("SO-2", quantity=2),
    ]
    (first,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, twins)]))
    newer = [line("SO-1", quantity=3, changed_at="2025-01-06 09:00:00"), line("SO-2", quantity=3)]
    both = [lake.deliver(JAN_5, twins), lake.deliver(JAN_6, newer)]
    (together,) = lake.curate(lake.work("sales", both))
    (later,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, twins)], together.files("published")))

    def told(outcome: Any, day: str = "2025-01-05") -> list[int]:
        return [outcome.figures["by_date"][day][name] for name in ("outdone", "repeats", "rows_superseded")]

    assert told(first) == [2, 1, 3]
    assert told(together) == told(later) == [2, 1, 5]
    assert told(together, "2025-01-06") == [0, 0, 0]


def test_an_order_of_another_decade_and_an_instant_that_is_of_two_days_go_to_quarantine(
    lake: Any, line: Any
) -> None:
    days = {"1925-01-05": "too_old", "2015-01-04": "too_old", "2015-01-05": None, "2025-01-05": None}
    written = [line(f"{day}", order_date=day) for day in days]
    in_india = datetime(2025, 1, 4, 18, 30, tzinfo=UTC)  # midnight of January 5 in India
    moments = {"india": in_india, "utc": datetime(2025, 1, 5, tzinfo=UTC)}
    typed = pa.Table.from_pylist([line(name, order_date=moment) for name, moment in moments.items()])
    nanos = typed.set_column(
        typed.column_names.index("order_date"),
        "order_date",
        typed["order_date"].cast(pa.timestamp("ns", "Asia/Kolkata")),
    ).set_column(0, "order_id", pa.array(["india ns", "utc ns"]))

    (sales,) = lake.curate(
        lake.work("sales", [lake.deliver(JAN_5, rows) for rows in (written, typed, nanos)])
    )

    assert {(r["order_id"], *r["reasons"]) for r in sales.rows("quarantined")} == {
        ("1925-01-05", "order_date:too_old"),
        ("2015-01-04", "order_date:too_old"),
        ("india", "order_date:type"),
        ("india ns", "order_date:type"),
    }
    assert sales.published("order_id", "order_date") == {
        ("2015-01-05", date(2015, 1, 5)),
        ("2025-01-05", JAN_5),
        ("utc", JAN_5),
        ("utc ns", JAN_5),
    }
