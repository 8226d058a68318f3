"""FACT_SALES and the anomaly flag, against figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.catalog import contract
from tasks.services.snowflake import execute
from tests.warehouse.curated import hashed, sale
from tests.warehouse.standin import Warehouse
from warehouse.load import change_statements, stage_statements
from warehouse.load.snapshot import Snapshot

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in

STATE = (
    "SELECT order_id, sku_key, geo_key, customer_key, date_key, order_date, quantity, net_revenue, gross_margin,"
    " is_revenue_anomaly, changed_at::VARCHAR, source_date, content_hash FROM DW.FACT_SALES ORDER BY order_id, sku_key"
)


def flags(warehouse: Warehouse) -> dict[str, bool]:
    return dict(warehouse.rows("SELECT order_id, is_revenue_anomaly FROM DW.FACT_SALES"))


def revenues(warehouse: Warehouse) -> dict[str, Decimal]:
    return dict(warehouse.rows("SELECT order_id, net_revenue FROM DW.FACT_SALES"))


def test_lines_arrive_with_their_keys_and_exact_money(warehouse: Warehouse) -> None:
    result = warehouse.load(
        "sales",
        [sale("O1", "2025-01-05", "2025-01-06", quantity=3, revenue="123456789.0123", cost="0.0001")],
        [sale("O1", "2025-01-05", "2025-01-06", sku="S2")],
    )

    assert (result.rows_staged, result.rows_inserted, result.rows_updated) == (2, 2, 0)
    assert warehouse.rows(
        "SELECT order_id, sku_key, geo_key, customer_key, date_key, quantity, net_revenue, gross_margin,"
        f" changed_at IS NULL, source_date::VARCHAR, run_id FROM DW.FACT_SALES WHERE sku_key = {hashed('S1')}"
    ) == [
        (
            "O1",
            hashed("S1"),
            hashed("R1"),
            hashed("C1"),
            20250105,
            3,
            Decimal("123456789.0123"),
            Decimal("123456789.0122"),
            True,
            "2025-01-06",
            "curation",
        )
    ]
    assert warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 2


def test_a_correction_replaces_the_line_and_a_stale_version_does_not(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", changed_at="2025-01-05T10:00:00")])
    corrected = sale(
        "O1", "2025-01-05", "2025-01-08", revenue="80", quantity=2, changed_at="2025-01-07T09:00:00"
    )
    stale = sale("O1", "2025-01-05", "2025-01-09", revenue="70", changed_at="2025-01-06T09:00:00")
    unversioned = sale("O1", "2025-01-05", "2025-01-10", revenue="60")

    assert warehouse.load("sales", [corrected]).rows_updated == 1
    assert warehouse.load("sales", [stale]).rows_updated == 0
    assert warehouse.load("sales", [unversioned]).rows_updated == 0
    assert warehouse.one("SELECT net_revenue, quantity FROM DW.FACT_SALES") == (Decimal(80), 2)


def test_without_changed_at_the_raw_date_decides(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-07", revenue="70")])
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-06", revenue="60")])
    assert revenues(warehouse) == {"O1": Decimal(70)}

    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-08", revenue="80")])
    assert revenues(warehouse) == {"O1": Decimal(80)}


def test_a_redelivery_of_the_same_prefix_wins(warehouse: Warehouse) -> None:
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", revenue="70")])
    warehouse.load("sales", [sale("O1", "2025-01-05", "2025-01-05", revenue="60")])
    assert revenues(warehouse) == {"O1": Decimal(60)}


def test_an_equal_line_in_a_newer_file_moves_its_date(warehouse: Warehouse) -> None:
    """Else a version that lies between the two would win or lose depending on when it is loaded."""
    first, between, last = (
        [sale("O1", "2025-01-01", "2025-01-01", revenue="10")],
        [sale("O1", "2025-01-01", "2025-01-02", revenue="20")],
        [sale("O1", "2025-01-01", "2025-01-03", revenue="10")],
    )
    for rows in (first, last, between):
        warehouse.load("sales", rows)
    assert warehouse.one("SELECT net_revenue, source_date::VARCHAR FROM DW.FACT_SALES") == (
        Decimal(10),
        "2025-01-03",
    )


def test_a_key_twice_in_the_stage_gives_its_newest_version(warehouse: Warehouse) -> None:
    warehouse.load(
        "sales",
        [
            sale("O1", "2025-01-05", "2025-01-05", revenue="70"),
            sale("O1", "2025-01-05", "2025-01-05", revenue="90", changed_at="2025-01-05T01:00:00"),
            sale("O1", "2025-01-05", "2025-01-06", revenue="80"),
        ],
    )
    assert revenues(warehouse) == {"O1": Decimal(90)}


def test_a_repeated_load_changes_nothing(warehouse: Warehouse) -> None:
    snapshot = warehouse.snapshot(
        "sales",
        [sale("O1", "2025-01-05", "2025-01-05"), sale("O2", "2025-01-05", "2025-01-05", revenue="9000")],
    )
    warehouse.replay(snapshot)
    before = warehouse.rows(STATE)

    again = warehouse.replay(snapshot)

    assert (again.rows_staged, again.rows_inserted, again.rows_updated) == (2, 0, 0)
    assert warehouse.rows(STATE) == before
    assert warehouse.one("SELECT COUNT(*) FROM MONITORING.LOADS") == 1


class TestAnomaly:
    """net_revenue > 3 x mean over order_date - 27 .. order_date."""

    @pytest.mark.parametrize(("revenue", "expected"), [("7.2", False), ("7.2001", True)])
    def test_exactly_three_times_the_mean_is_not_one(
        self, warehouse: Warehouse, revenue: str, expected: bool
    ) -> None:
        """0.1 + 0.4 + 1.9 + 7.2 is 9.6 in decimals and less in floats, in any order of adding."""
        usual = [
            sale(f"U{amount}", "2025-01-10", "2025-01-10", revenue=amount) for amount in ("0.1", "0.4", "1.9")
        ]
        warehouse.load("sales", [*usual, sale("X", "2025-01-10", "2025-01-10", revenue=revenue)])
        assert flags(warehouse)["X"] is expected

    def test_the_window_is_28_calendar_days_with_the_whole_of_its_last_day(
        self, warehouse: Warehouse
    ) -> None:
        warehouse.load(
            "sales",
            [
                sale("TOO_OLD", "2025-01-01", "2025-02-01", revenue="100000"),  # 28 days before
                sale("OLDEST", "2025-01-02", "2025-02-01", revenue="10"),  # 27 days before
                sale("SAME_DAY", "2025-01-29", "2025-02-01", revenue="10"),
                sale("SAME_DAY_2", "2025-01-29", "2025-02-01", revenue="10"),
                sale("NEXT_DAY", "2025-01-30", "2025-02-01", revenue="100000"),
                sale("X", "2025-01-29", "2025-02-01", revenue="91"),  # mean (10+10+10+91)/4 = 30.25
            ],
        )
        assert flags(warehouse)["X"] is True
        assert flags(warehouse)["TOO_OLD"] is False

        warehouse.load("sales", [sale("MORE", "2025-01-02", "2025-02-02", revenue="40")])  # mean 32.2
        assert flags(warehouse)["X"] is False

    def test_other_skus_and_regions_do_not_count(self, warehouse: Warehouse) -> None:
        warehouse.load(
            "sales",
            [
                *[sale(f"A{n}", "2025-01-05", "2025-01-05", revenue="10") for n in range(4)],
                sale("X", "2025-01-05", "2025-01-05", revenue="90"),
                sale("B", "2025-01-05", "2025-01-05", revenue="9000", region="R2"),
                sale("C", "2025-01-05", "2025-01-05", revenue="9000", sku="S2"),
            ],
        )
        assert {order for order, flag in flags(warehouse).items() if flag} == {"X"}

    def test_a_line_corrected_into_another_region_puts_both_right(self, warehouse: Warehouse) -> None:
        small = [sale(f"A{n}", "2025-01-05", "2025-01-05", revenue="10") for n in range(4)]
        small += [sale(f"B{n}", "2025-01-06", "2025-01-05", revenue="10", region="R2") for n in range(4)]
        peak = [
            sale("X1", "2025-01-05", "2025-01-05", revenue="90"),
            sale("X2", "2025-01-06", "2025-01-05", revenue="90", region="R2"),
            sale("MOVES", "2025-01-05", "2025-01-05", revenue="900"),
        ]
        warehouse.load("sales", [*small, *peak])
        assert {o for o, flag in flags(warehouse).items() if flag} == {"X2", "MOVES"}

        moved = sale(
            "MOVES",
            "2025-01-06",
            "2025-01-07",
            revenue="900",
            region="R2",
            changed_at="2025-01-07T00:00:00",
        )
        warehouse.load("sales", [moved])
        assert {o for o, flag in flags(warehouse).items() if flag} == {"X1", "MOVES"}

    def test_only_changed_flags_are_written(self, warehouse: Warehouse) -> None:
        warehouse.load("sales", [sale(f"A{n}", "2025-01-05", "2025-01-05", revenue="10") for n in range(9)])
        snapshot = warehouse.snapshot("sales", [sale("X", "2025-01-05", "2025-01-06", revenue="9000")])
        loaded = Snapshot(contract("sales"), snapshot.files, 1, 1, "r")
        counts = {
            statement.step: execute(warehouse.connection, statement)
            for statement in [*stage_statements(loaded), *change_statements(loaded)]
        }
        assert counts["recompute anomalies"][0] == 1


@pytest.mark.parametrize("killed_after", [2, 6, 11, 15, 17])
def test_a_load_killed_anywhere_ends_like_an_undisturbed_one(warehouse: Warehouse, killed_after: int) -> None:
    """The correction moves a line: after the MERGE only SALES_TOUCHED knows where it was."""
    history = [sale(f"A{n}", "2025-01-05", "2025-01-05", revenue="10") for n in range(4)]
    history += [
        sale("X", "2025-01-10", "2025-01-10", revenue="90"),
        sale("MOVES", "2025-01-06", "2025-01-06", revenue="900"),
    ]
    warehouse.load("sales", history)
    correction = warehouse.snapshot(
        "sales",
        [
            sale(
                "MOVES",
                "2025-01-06",
                "2025-01-11",
                region="R2",
                revenue="900",
                changed_at="2025-01-11T00:00:00",
            )
        ],
    )
    assert {o for o, flag in flags(warehouse).items() if flag} == {"MOVES"}

    warehouse.replay_until(correction, killed_after)
    warehouse.replay(correction)

    assert {o for o, flag in flags(warehouse).items() if flag} == {"X"}
    assert warehouse.one("SELECT COUNT(*) FROM CURATED.SALES_TOUCHED") == 0
    assert warehouse.one("SELECT COUNT(*) FROM DW.FACT_SALES") == 6
    assert warehouse.one("SELECT COUNT(*) FROM DW.DIM_GEOGRAPHY") == 2
    assert warehouse.one("SELECT COUNT(*), MAX(rows_staged) FROM MONITORING.LOADS") == (2, 6)
