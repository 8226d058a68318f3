"""The figures of the retail marts, and what a refresh computes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tasks.warehouse.warehouse_marts import refresh_retail_marts
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.retail.oracle import Arrival, Content, Sale, Store
from warehouse.marts import Mart, rules_of
from warehouse.marts.cpg import refresh as cpg
from warehouse.marts.retail import DAILY_SALES, TOP_STORES
from warehouse.marts.retail.refresh import rules

pytestmark = pytest.mark.e2e  # needs the local Snowflake

NOON = datetime(2025, 1, 11, 12, tzinfo=UTC)
DAY = NOON.date()


def sale(token: str, transaction: str, amount: str, **given: Any) -> Sale:
    usual = {"receipt_token": "R1", "transaction_time": NOON, "user_role": None}
    return Sale(store_token=token, transaction_id=transaction, amount=Decimal(amount), **{**usual, **given})


def load(inbox: Inbox, number: int, *rows: Any) -> None:
    """The file that arrives as this one, later than those of lower numbers."""
    kind = "sales" if isinstance(rows[0], Sale) else "stores"
    arrival = Arrival(NOON + timedelta(minutes=number), f"inbox/{kind}_{number}.csv", "v1", DAY)
    inbox.load([(Content(number, kind, rows, [arrival]), arrival)])


def test_returns_receipts_and_averages(inbox: Inbox) -> None:
    load(
        inbox,
        0,
        sale("A", "1", "10.00"),
        sale("A", "2", "-4.00"),
        sale("A", "3", "1.00", receipt_token="R2"),
        sale("A", "4", "0.50", transaction_time=NOON + timedelta(days=1)),
    )
    load(inbox, 1, Store("north", "A", "Corner"))
    inbox.refresh()
    assert inbox.marts() == {
        "daily_sales": {
            (DAY, "A"): ("Corner", "north", 3, 2, Decimal("7.00"), Decimal("-4.00")),
            (DAY + timedelta(days=1), "A"): ("Corner", "north", 1, 1, Decimal("0.50"), Decimal("0.00")),
        },
        "store_performance": {
            "A": ("Corner", "north", DAY, DAY + timedelta(days=1), 4, Decimal("7.50"), 3.75, 1)
        },
        "top_stores": {(date(2025, 1, 1), 1): ("A", Decimal("7.50"))},
    }


def test_ten_stores_of_a_month_and_ties_by_token(inbox: Inbox) -> None:
    amounts = {f"S{number:02}": "5.00" for number in range(12)} | {"S07": "9.00", "S01": "-1.00"}
    load(inbox, 0, *(sale(token, "1", amount) for token, amount in amounts.items()))
    inbox.refresh()
    ranked = ["S07", "S00", "S02", "S03", "S04", "S05", "S06", "S08", "S09", "S10", "S11", "S01"]
    performance = inbox.mart("RETAIL_STORE_PERFORMANCE", 1)
    assert sorted(performance, key=lambda token: performance[token][-1]) == ranked
    top = inbox.mart("RETAIL_TOP_STORES", 2)
    assert [top[date(2025, 1, 1), place][0] for place in range(1, 11)] == ranked[:10]
    assert len(top) == 10


def test_a_store_that_comes_late_or_changes_names_all_its_days(inbox: Inbox) -> None:
    days = [NOON - timedelta(days=400), NOON]
    load(inbox, 0, *(sale("A", str(day), "1.00", transaction_time=day) for day in days), sale("B", "1", "2"))
    inbox.refresh()
    named = "SELECT store_token, store_name, store_group FROM MARTS.RETAIL_DAILY_SALES ORDER BY 1"
    assert inbox.warehouse.rows(named) == [("A", None, None), ("A", None, None), ("B", None, None)]
    load(inbox, 1, Store("north", "A", "Corner"))
    inbox.refresh()
    assert inbox.warehouse.rows(named) == [
        ("A", "Corner", "north"),
        ("A", "Corner", "north"),
        ("B", None, None),
    ]
    load(inbox, 2, Store(None, "A", "Corner II"), Store("north", "B", "Bakery"))
    inbox.refresh()
    assert inbox.warehouse.rows(named) == [
        ("A", "Corner II", None),
        ("A", "Corner II", None),
        ("B", "Bakery", "north"),
    ]


def test_only_what_changed_is_computed(inbox: Inbox) -> None:
    """Rows that somebody broke by hand stay broken, except those that the load touches."""
    tomorrow = NOON + timedelta(days=1)
    first = sale("A", "1", "1.00")
    load(inbox, 0, first, sale("A", "2", "1.00", transaction_time=tomorrow), sale("B", "1", "1.00"))
    load(inbox, 1, Store(None, "A", "Corner"), Store(None, "B", "Bakery"))
    inbox.refresh()
    inbox.warehouse.rows("UPDATE MARTS.RETAIL_DAILY_SALES SET transactions = -1")

    load(inbox, 2, replace(first, transaction_time=NOON + timedelta(days=2)))
    inbox.refresh()
    days = "SELECT store_token, sale_date, transactions FROM MARTS.RETAIL_DAILY_SALES ORDER BY 1, 2"
    assert inbox.warehouse.rows(days) == [
        ("A", DAY + timedelta(days=1), -1),
        ("A", DAY + timedelta(days=2), 1),
        ("B", DAY, -1),
    ]

    load(inbox, 3, Store(None, "B", "Bakery II"))
    inbox.refresh()
    assert [row[2] for row in inbox.warehouse.rows(days)] == [-1, 1, 1]


def test_what_no_mart_shows_is_not_recorded(inbox: Inbox) -> None:
    changes = "SELECT store_token, day FROM STAGE.RETAIL_CHANGES ORDER BY 1, 2"
    load(inbox, 0, sale("A", "1", "1.00"), sale("B", "1", "1.00"))
    load(inbox, 1, Store(None, "A", "Corner"))
    assert inbox.warehouse.rows(changes) == [("A", DAY), ("A", None), ("B", DAY)]
    inbox.refresh()
    load(inbox, 2, sale("A", "1", "1.00", user_role="clerk"), sale("B", "1", "1.00"))
    load(inbox, 3, Store(None, "A", "Corner"))
    assert inbox.warehouse.rows(changes) == []
    assert inbox.staged("sales")["A", "1"][1].user_role == "clerk"
    load(inbox, 4, sale("A", "1", "1.00", transaction_time=NOON - timedelta(days=9)))
    assert inbox.warehouse.rows(changes) == [("A", DAY - timedelta(days=9)), ("A", DAY)]


def test_marts_of_other_rules_are_rebuilt_without_a_change(inbox: Inbox) -> None:
    connection = inbox.warehouse.connection
    inbox.warehouse.rows("DELETE FROM STAGE.RETAIL_MART_STATE")
    load(inbox, 0, sale("A", "1", "10.00"))
    assert refresh_retail_marts(connection, "a test") == 1
    assert inbox.warehouse.rows("SELECT rules FROM STAGE.RETAIL_MART_STATE") == [(rules(),)]

    inbox.warehouse.rows("UPDATE STAGE.SALES SET amount = 3")  # which no load has recorded
    assert refresh_retail_marts(connection, "a test") == 0
    assert inbox.mart("RETAIL_TOP_STORES", 2) == {(date(2025, 1, 1), 1): ("A", Decimal("10.00"))}

    inbox.warehouse.rows("UPDATE STAGE.RETAIL_MART_STATE SET rules = 'of an older release'")
    assert refresh_retail_marts(connection, "a test") == 0
    assert inbox.mart("RETAIL_TOP_STORES", 2) == {(date(2025, 1, 1), 1): ("A", Decimal("3.00"))}
    assert inbox.mart("RETAIL_DAILY_SALES", 2)[DAY, "A"][4] == Decimal("3.00")
    assert inbox.warehouse.rows("SELECT rules FROM STAGE.RETAIL_MART_STATE") == [(rules(),)]


def test_the_rules_of_each_domain_are_those_of_its_own_marts() -> None:
    assert len({rules(), cpg.rules(), rules_of((DAILY_SALES,))}) == 3
    assert rules_of((DAILY_SALES,)) != rules_of((DAILY_SALES,), "more") != rules_of((TOP_STORES,), "more")
    assert rules_of((Mart("retail_daily_sales", "retail", (3,)),)) != rules_of((DAILY_SALES,))
