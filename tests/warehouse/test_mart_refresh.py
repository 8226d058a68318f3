"""A refresh of what changed ends in the marts that a rebuild of everything makes, whatever was loaded before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from tasks.warehouse.warehouse_marts import refresh_marts
from tests.warehouse.curated import customer, geography, promotion, sale, sku, stock
from tests.warehouse.interleaved import (
    Held,
    Killed,
    around_statements,
    in_background,
    is_waiting,
    kill_after,
)
from tests.warehouse.standin import Warehouse
from warehouse.marts.cpg import refresh

pytestmark = pytest.mark.e2e  # needs the local Snowflake

TABLES = ("MARTS.SALES_PERFORMANCE_MART", "MARTS.PROMO_EFFECTIVENESS_MART", "CURATED.FIRST_SALES")
START = date(2025, 3, 3)
SKUS, REGIONS, CUSTOMERS, PROMOS = ("S1", "S2", "S3"), ("R1", "R2"), ("C1", "C2"), ("A", "B", "C", "D")


@pytest.fixture(autouse=True)
def only_what_changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However large the part of these small worlds is that changed."""
    with monkeypatch.context() as patch:
        patch.setattr(refresh, "_MOST", math.inf)
        yield


def state(warehouse: Warehouse) -> dict[str, list[str]]:
    def shown(value: Any) -> str:
        return f"{value:.9g}" if isinstance(value, float) else str(value)

    return {
        table: sorted(" | ".join(map(shown, row)) for row in warehouse.rows(f"SELECT * FROM {table}"))
        for table in TABLES
    }


def refresh_what_changed(warehouse: Warehouse) -> None:
    (rules,) = warehouse.rows("SELECT rules FROM CURATED.MART_STATE")[0]
    assert rules == refresh.rules(), "this refresh would rebuild the marts whole"
    refresh_marts(warehouse.connection)
    assert warehouse.one("SELECT COUNT(*) FROM CURATED.MART_CHANGES") == 0


def assert_equal_to_a_rebuild(warehouse: Warehouse, what: object) -> None:
    refresh_what_changed(warehouse)
    found = state(warehouse)
    refresh_marts(warehouse.connection, whole=True)
    wanted = state(warehouse)
    for table in TABLES:
        assert set(found[table]) ^ set(wanted[table]) == set(), f"{table} after {what}"
        assert found[table] == wanted[table], f"{table} after {what}"


class Deliveries:
    """Days of invented deliveries: new lines, late and corrected ones, lines that are taken back, and all the rest."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.today = START
        self.lines = 0

    def advance(self) -> None:
        self.today += timedelta(days=self.random.choice((1, 1, 2, 5)))

    def sales(self, count: int, days: int) -> list[dict[str, Any]]:
        rows = {}
        for _ in range(count):
            is_new = self.random.random() < 0.6
            self.lines += is_new
            number = self.lines if is_new else self.random.randint(1, max(self.lines, 1))
            rows[number] = self.line(number, days)
        return list(rows.values())

    def line(self, number: int, days: int) -> dict[str, Any]:
        pick = self.random
        day = self.today - timedelta(days=int(days * pick.random() ** 3))
        return sale(
            f"O{number}",
            str(day),
            str(self.today),
            sku=SKUS[number % len(SKUS)],
            region=pick.choice(REGIONS),
            customer=pick.choice(CUSTOMERS),
            quantity=pick.randint(1, 20),
            revenue=str(pick.choice((10, 20, 900))),
            cost=pick.choice((None, "7")),
            channel=pick.choice(("ecommerce", "modern_trade")),
            is_promo_sale=pick.choice((None, True, False)),
            promo_id=pick.choice((None, *PROMOS)),
            is_deleted=pick.random() < 0.15,
        )

    def monday(self, weeks: int) -> date:
        return self.today - timedelta(days=self.today.weekday()) + timedelta(weeks=weeks)

    def calendar(self) -> list[dict[str, Any]]:
        pick = self.random
        keys = {
            (pick.choice(PROMOS), self.monday(pick.randint(-6, 3)), pick.choice(SKUS), pick.choice(REGIONS))
            for _ in range(12)
        }
        return [
            promotion(
                promo,
                str(week),
                str(self.today),
                sku=article,
                region=region,
                spend=pick.choice((None, "50", "140")),
                is_promoted=pick.choice((True, True, None, False)),
            )
            for promo, week, article, region in keys
        ]

    def stock(self) -> list[dict[str, Any]]:
        pick = self.random
        days = {self.today - timedelta(days=pick.randint(0, 40)) for _ in range(12)}
        return [
            stock(str(day), str(self.today), pick.choice((0, 0, 9)), sku=SKUS[0], region=REGIONS[0])
            for day in days
        ]

    def masters(self) -> dict[str, list[dict[str, Any]]]:
        pick, today = self.random, str(self.today)
        return {
            "sku": [sku(pick.choice(SKUS), today, brand=pick.choice("XYZ"), category=pick.choice("KL"))],
            "geography": [geography(pick.choice(REGIONS), today, zone=pick.choice("NS"))],
            "customer": [customer(pick.choice(CUSTOMERS), today, customer_type=pick.choice("TU"))],
        }

    def next(self) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One to three deliveries, in the order in which a run loads them."""
        kinds = self.random.sample(("masters", "sales", "inventory", "promotions"), self.random.randint(1, 3))
        if "masters" in kinds:
            yield self.random.choice(sorted(self.masters().items()))
        if "sales" in kinds:
            yield "sales", self.sales(self.random.choice((1, 5, 12)), self.random.choice((3, 20, 100)))
        if "inventory" in kinds:
            yield "inventory", self.stock()
        if "promotions" in kinds:
            yield "promotions", self.calendar()


@pytest.mark.parametrize("seed", [0, 1])
def test_every_refresh_equals_a_rebuild(warehouse: Warehouse, seed: int) -> None:
    deliveries = Deliveries(seed)
    for dataset, rows in [*deliveries.masters().items(), ("sales", deliveries.sales(60, 90))]:
        warehouse.load(dataset, rows)
    warehouse.load("promotions", deliveries.calendar(), raw_dates=(deliveries.today,))
    refresh_marts(warehouse.connection)
    for turn in range(5):
        deliveries.advance()
        loaded = []
        for dataset, rows in deliveries.next():
            warehouse.load(dataset, rows, raw_dates=(deliveries.today,))
            loaded.append((dataset, rows))
        assert_equal_to_a_rebuild(warehouse, (seed, turn, loaded))


def history(warehouse: Warehouse) -> None:
    """Ten units of S1 each Monday of ten weeks, in week 0 under promotion A, in week 1 under A and B."""
    mondays = [START + timedelta(weeks=week) for week in range(-8, 2)]
    rows = [sale(f"O{n}", str(day), str(day), quantity=10, cost="40") for n, day in enumerate(mondays)]
    warehouse.load("sales", rows)
    lines = [("A", 0), ("A", 1), ("B", 1)]
    calendar = [promotion(promo, str(START + timedelta(weeks=week)), str(START)) for promo, week in lines]
    warehouse.load("promotions", calendar, raw_dates=(START,))
    refresh_marts(warehouse.connection)


def units(warehouse: Warehouse) -> dict[int, int]:
    return dict(warehouse.rows("SELECT date_key, SUM(units) FROM MARTS.SALES_PERFORMANCE_MART GROUP BY 1"))


def baselines(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    rows = warehouse.rows(
        "SELECT promo_id, baseline_weeks, baseline_weekly_units, is_complete FROM MARTS.PROMO_EFFECTIVENESS_MART"
    )
    return {promo: tuple(figures) for promo, *figures in rows}


def test_only_what_changed_is_computed(warehouse: Warehouse) -> None:
    """Rows that somebody broke by hand stay broken, except those that the load touches."""
    history(warehouse)
    warehouse.rows("UPDATE MARTS.SALES_PERFORMANCE_MART SET units = -1")
    warehouse.rows("UPDATE MARTS.PROMO_EFFECTIVENESS_MART SET baseline_weeks = -1")
    warehouse.load("sales", [sale("O4", "2025-02-04", "2025-03-11", quantity=7, region="R2")])
    refresh_what_changed(warehouse)

    # Moved from 3 February in R1 to the 4th in R2; anomaly flags reach 27 days further, to 3 March.
    computed = {20250204: 7, 20250210: 10, 20250217: 10, 20250224: 10, 20250303: 10}
    assert {day: sold for day, sold in units(warehouse).items() if sold != -1} == computed
    assert 20250203 not in units(warehouse)
    assert {promo: row[0] for promo, row in baselines(warehouse).items()} == {"A": 8, "B": 8}
    assert_equal_to_a_rebuild_of_days(warehouse, set(computed))

    warehouse.rows("UPDATE MARTS.PROMO_EFFECTIVENESS_MART SET baseline_weeks = -1")
    warehouse.load("sales", [sale("P1", "2025-03-10", "2025-03-11", sku="S2")])  # of another article
    refresh_what_changed(warehouse)
    assert {promo: row[0] for promo, row in baselines(warehouse).items()} == {"A": -1, "B": -1}


def assert_equal_to_a_rebuild_of_days(warehouse: Warehouse, days: set[int]) -> None:
    listed = ", ".join(map(str, sorted(days)))
    rows = f"SELECT * FROM MARTS.SALES_PERFORMANCE_MART WHERE date_key IN ({listed}) ORDER BY date_key"
    found = warehouse.rows(rows)
    refresh_marts(warehouse.connection, whole=True)
    assert found == warehouse.rows(rows)


def test_a_late_line_reaches_the_promotion_that_shares_a_week(warehouse: Warehouse) -> None:
    """B has the baseline of A, which began first: eight weeks, of 80 units and then of 160."""
    history(warehouse)
    assert baselines(warehouse) == {"A": (8, 10.0, False), "B": (8, 10.0, False)}
    warehouse.load("sales", [sale("LATE", "2025-01-08", "2025-03-11", quantity=80)])
    refresh_what_changed(warehouse)
    assert baselines(warehouse) == {"A": (8, 20.0, False), "B": (8, 20.0, False)}


def test_a_series_that_began_earlier_or_later_than_was_known(warehouse: Warehouse) -> None:
    history(warehouse)
    first = [
        sale(f"O{n}", str(START - timedelta(weeks=8 - n)), "2025-03-11", is_deleted=True) for n in (0, 1)
    ]
    warehouse.load("sales", first)
    refresh_what_changed(warehouse)
    assert baselines(warehouse) == {"A": (6, 10.0, False), "B": (6, 10.0, False)}

    warehouse.load("sales", [sale("EARLY", "2024-06-05", "2025-03-12")])
    refresh_what_changed(warehouse)
    assert baselines(warehouse) == {"A": (8, 7.5, False), "B": (8, 7.5, False)}


def test_the_last_sale_of_any_article_ends_a_promotion(warehouse: Warehouse) -> None:
    history(warehouse)
    warehouse.load("sales", [sale("P1", "2025-03-16", "2025-03-16", sku="S2", region="R2")])
    refresh_what_changed(warehouse)
    assert baselines(warehouse) == {"A": (8, 10.0, True), "B": (8, 10.0, True)}


def test_a_last_day_that_is_taken_back_leaves_the_marts(warehouse: Warehouse) -> None:
    history(warehouse)
    warehouse.load("sales", [sale("O9", "2025-03-10", "2025-03-11", is_deleted=True)])
    refresh_what_changed(warehouse)
    assert max(units(warehouse)) == 20250303
    started = "SELECT promo_id, weeks_started FROM MARTS.PROMO_EFFECTIVENESS_MART ORDER BY 1"
    assert warehouse.rows(started) == [("A", 1), ("B", 0)]


def test_a_withdrawn_line_leaves_the_promotion_that_it_was_the_end_of(warehouse: Warehouse) -> None:
    history(warehouse)
    planned = promotion("A", str(START + timedelta(weeks=5)), "2025-03-11")
    warehouse.load("promotions", [planned], raw_dates=(date(2025, 3, 11),))
    refresh_what_changed(warehouse)
    weeks = "SELECT promo_id, weeks FROM MARTS.PROMO_EFFECTIVENESS_MART ORDER BY 1"
    assert warehouse.rows(weeks) == [("A", 3), ("B", 1)]

    warehouse.load("promotions", [], raw_dates=(date(2025, 3, 12),))
    refresh_what_changed(warehouse)
    assert warehouse.rows(weeks) == [("A", 2), ("B", 1)]


def test_a_refresh_killed_after_any_statement_leaves_the_changes_to_the_next(warehouse: Warehouse) -> None:
    history(warehouse)
    before = state(warehouse)
    warehouse.load("sales", [sale("O1", "2025-01-13", "2025-03-11", quantity=3)])
    warehouse.load("sku", [sku("S1", "2025-03-11", brand="New")])
    changes = "SELECT dataset FROM CURATED.MART_CHANGES ORDER BY 1"
    kills = 0
    while warehouse.rows(changes):
        assert warehouse.rows(changes) == [("sales",), ("sku",)]
        assert state(warehouse) == before
        with warehouse.connect() as session, suppress(Killed):
            kill_after(session, 2 * kills)
            refresh_marts(session)
        kills += 1
    assert kills > 8  # the last one after COMMIT, or none at all
    assert units(warehouse)[20250113] == 3
    assert warehouse.rows(changes) == []
    assert warehouse.rows("SELECT DISTINCT brand FROM MARTS.PROMO_EFFECTIVENESS_MART") == [("New",)]


def test_the_second_of_two_refreshes_waits_and_finds_nothing_to_do(warehouse: Warehouse) -> None:
    history(warehouse)
    warehouse.load("sales", [sale("O1", "2025-01-13", "2025-03-11", quantity=3)])
    with warehouse.connect() as first, warehouse.connect() as second:
        held = Held(first, "INSERT INTO MARTS.SALES_PERFORMANCE_MART", lambda: refresh_marts(first))
        sent: list[str] = []

        def note(sql: str, send: Callable[[], Any]) -> Any:
            sent.append(sql)
            return send()

        around_statements(second, note)
        behind = in_background(lambda: refresh_marts(second))
        assert is_waiting(behind)
        held.let_go()
        behind.result(60)
    assert units(warehouse)[20250113] == 3
    assert [sql for sql in sent if "MARTS." in sql or "CURATED." in sql] == [refresh.read().sql]
