"""Quarantined rows once more: mended ones leave, broken ones stay, newer ones are not overruled."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from flows.cpg_replay import cpg_replay
from tests.e2e.deliveries import deliver, put, sale
from tests.e2e.world import World

DAY = date(2025, 1, 6)


def replay(mended: str | None = None) -> object:
    return cpg_replay(dataset="sales", start_date=DAY, end_date=DAY, mended=mended, return_state=True)


def test_a_mended_row_is_published_with_its_own_raw_date(world: World) -> None:
    later = DAY + timedelta(days=1)
    deliver(
        "sales",
        DAY,
        [
            sale("O1", DAY, 10),
            sale("O2", DAY, "12,50"),
            sale("O3", DAY, 30, quantity="5 pcs"),
            sale("O4", DAY, "x", changed_at=None),
        ],
    )
    deliver("sales", later, [sale("O4", DAY, 44, changed_at=f"{later} 01:00:00")])
    for day in (DAY, later):
        assert world.daily(day).is_completed()
    broken = {row["order_id"]: row["row_id"] for row in world.quarantine()}
    assert set(broken) == {"O2", "O3", "O4"}

    put(
        "mended/sales.csv",
        f"row_id,net_revenue\n{broken['O2']},12.50\n{broken['O4']},40\n".encode(),
    )
    state = replay("s3://highwater-lake/mended/sales.csv")
    assert state.is_completed()  # type: ignore[attr-defined]

    facts = world.sql("SELECT order_id, net_revenue, source_date FROM DW.FACT_SALES ORDER BY 1")
    assert [(r["ORDER_ID"], float(r["NET_REVENUE"]), r["SOURCE_DATE"]) for r in facts] == [
        ("O1", 10.0, DAY),
        ("O2", 12.5, DAY),
        ("O4", 44.0, later),
    ]
    assert [(row["order_id"], row["reasons"]) for row in world.quarantine()] == [("O3", ["quantity:type"])]
    assert world.last_run() == (3, 1, 1, 1, "published")

    before = world.state()
    again = "s3://highwater-lake/mended/sales.csv"
    # The raw file is as broken as before: run again, by the day or by a replay, it changes nothing, in any order.
    for repeat in (lambda: world.daily(DAY), lambda: replay(again), lambda: world.daily(DAY), replay):
        assert repeat().is_completed()  # type: ignore[attr-defined]
        assert world.state() == before
        assert [row["order_id"] for row in world.quarantine()] == ["O3"]


def test_a_mended_row_that_ties_stands_or_falls_once_and_for_all(world: World) -> None:
    """A line and its broken double of the same version: which content stands is settled by its digest, either way."""
    orders = [f"TIE-{n}" for n in range(6)]
    delivered = [sale(order, DAY, 10, quantity=1) for order in orders]
    deliver("sales", DAY, [*delivered, *({**row, "quantity": "2 pcs"} for row in delivered)])
    assert world.daily(DAY).is_completed()
    assert world.last_run() == (12, 6, 0, 6, "published")
    corrections = "".join(f"{row['row_id']},2\n" for row in world.quarantine())
    put("mended/ties.csv", f"row_id,quantity\n{corrections}".encode())
    mended = "s3://highwater-lake/mended/ties.csv"
    stands = {order: max((1, 2), key=lambda quantity: digest(order, quantity)) for order in orders}
    of_mended = sum(quantity == 2 for quantity in stands.values())
    assert 0 < of_mended < len(orders)

    assert replay(mended).is_completed()  # type: ignore[attr-defined]

    def facts() -> dict[str, int]:
        rows = world.sql("SELECT order_id, quantity FROM DW.FACT_SALES")
        return {row["ORDER_ID"]: int(row["QUANTITY"]) for row in rows}

    assert facts() == stands
    assert world.quarantine() == []
    assert world.last_run() == (6, of_mended, 6 - of_mended, 0, "published")
    before = world.state()
    # A file more, so that the date is really computed again and not recognised.
    deliver("sales", DAY, [delivered[0]], name="part-1.parquet")
    for repeat in (lambda: world.daily(DAY), lambda: replay(mended), lambda: world.daily(DAY)):
        assert repeat().is_completed()  # type: ignore[attr-defined]
        assert facts() == stands
        assert world.state() == before
        assert world.quarantine() == []


def digest(order: str, quantity: int) -> str:
    """Of the normalised line as `sale` makes it: texts with their length, the date in days, changed_at in microseconds."""
    day = (DAY - date(1970, 1, 1)).days
    changed_at = (day * 24 + 8) * 3_600_000_000
    line = f"{len(order)}:{order}|SKU-1|2:C1|NORTH|{quantity}|10.0000|{day}|12:modern_trade||||||{changed_at}"
    return hashlib.sha256(line.encode()).hexdigest()


def test_replay_of_nothing_and_of_unknown_rows_is_refused(world: World) -> None:
    assert "has no rows with raw dates" in str(replay().message)  # type: ignore[attr-defined]
    deliver("sales", DAY, [sale("O1", DAY, "x"), sale("O2", DAY, 5)])
    assert world.daily(DAY).is_completed()
    put("mended/strange.csv", b"row_id,net_revenue\nnobody,5\n")
    assert "1 row_id(s) are not in quarantine.sales" in str(
        replay("s3://highwater-lake/mended/strange.csv").message  # type: ignore[attr-defined]
    )
    put("mended/columns.csv", b"row_id,price\nx,5\n")
    assert "unknown columns: 'price'" in str(
        replay("s3://highwater-lake/mended/columns.csv").message  # type: ignore[attr-defined]
    )
