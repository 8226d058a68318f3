"""What the benchmark of histories judges and reports, and the bronze that it is run on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bench import history, history_cases
from bench.history_bronze import write_version
from bench.history_cases import CASES, START, Case, Seen
from tests.jobs.shop import customer_world


def replayed(case: Case) -> list[history_cases.Period]:
    """The case's history by the replay in Python that silver's tests have."""
    rows = []
    for hour, delivery in zip(history_cases.DELIVERED, case.deliveries, strict=False):
        for seen in delivery:
            made = (
                customer_world.tombstone(case.name, seen.at, hour)
                if seen.city is None
                else customer_world.version(
                    case.name, seen.at, hour, city=seen.city, is_deleted=seen.is_deleted
                )
            )
            rows.append(made)
    city = customer_world.TRACKED.index("city")
    found = [
        (p.content[city], history_cases.hour(p.effective_at), history_cases.hour(p.expired_at))
        for p in customer_world.periods(rows)
    ]
    return sorted(found, key=lambda period: period[1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_called_right_is_what_a_replay_gives(case: Case) -> None:
    assert replayed(case) == list(case.right)


def test_there_are_twelve_cases_and_three_deliveries() -> None:
    assert len({case.name for case in CASES}) == 12
    assert max(len(case.deliveries) for case in CASES) == len(history_cases.DELIVERED)


def test_a_case_is_judged_by_all_its_periods() -> None:
    case = CASES[0]
    right = [(case.name, *period) for period in case.right]
    nothing_long = (case.name, "Pune", 3, 3)
    assert history_cases.judged([*right, nothing_long])[case.name] == (True, list(case.right))
    assert history_cases.judged(right[:1])[case.name][0] is False
    later = [
        (case.name, city, since, until if until is None else until + 1) for city, since, until in case.right
    ]
    assert history_cases.judged(later)[case.name][0] is False


def test_the_deliveries_have_the_rows_of_the_cases(tmp_path: Path) -> None:
    files = history_cases.write(tmp_path)
    rows = duckdb.sql(f"""
        SELECT customer_id, city, is_tombstone, date_diff('hour', TIMESTAMPTZ '{START}', updated_at)
        FROM read_parquet({[str(file) for file in files]})
    """).fetchall()
    wanted = [
        (case.name, seen.city, seen.city is None, seen.at)
        for case in CASES
        for delivery in case.deliveries
        for seen in delivery
    ]
    assert sorted(rows, key=str) == sorted(wanted, key=str)


def test_a_time_of_the_clock_counts_as_the_hour_of_its_delivery() -> None:
    clocks = [datetime(2026, 11, 29, 12, minute, tzinfo=UTC) for minute in (0, 1, 2)]
    told = history.delivered(datetime(2026, 11, 29, 12, 1, 30), clocks)
    assert told == START + timedelta(hours=history_cases.DELIVERED[1])
    of_data = datetime(2026, 1, 1, 15)
    assert history.delivered(of_data, clocks) == of_data
    assert history.delivered(None, clocks) is None


def test_a_change_is_of_that_share_and_of_other_content(tmp_path: Path) -> None:
    first = write_version(tmp_path, 20_000, 1)
    change = write_version(tmp_path, 20_000, 2, per_mille=10)
    found = duckdb.sql(f"""
        SELECT count(*), count(DISTINCT n.customer_id), count(*) FILTER (n.address <> o.address),
            min(n.updated_at - o.updated_at)
        FROM '{change}' n JOIN '{first}' o USING (customer_id)
    """).fetchall()
    rows, customers, differing, later = found[0]
    assert rows == customers
    assert 150 <= rows <= 250
    assert differing >= 0.99 * rows
    assert later == timedelta(days=30)


def way(cpu: float) -> dict[str, Any]:
    return {"cpu_seconds": cpu, "wall_seconds": 1.0, "peak_memory_mb": 10.0, "load": 2.0}


@pytest.mark.parametrize(("long", "verdict"), [(13.0, "met"), (13.2, "**missed**")])
def test_the_goal_is_held_against_silver_alone(long: float, verdict: str) -> None:
    found = {
        "silver, 1 x history": way(10.0),
        "silver, 10 x history": way(long),
        "MERGE, 1 x history": way(20.0),
        "MERGE, 10 x history": way(200.0),
        "dbt snapshot, 1 x history": way(5.0),
    }
    told = history.report(found, 10)
    assert "| MERGE, 10 x history | 200 | 1 | 10 | 2 |" in told
    assert "- silver / MERGE, 1 x: 0.5" in told
    assert "- silver / dbt snapshot, 1 x: 2" in told
    assert told.endswith(f"- goal, at most 1.3: {verdict}")


def test_the_table_says_what_a_wrong_history_is() -> None:
    right = {case.name: (True, list(case.right)) for case in CASES}
    wrong = {**right, "found gone": (False, [("Agra", 1, None)]), "in order": (False, [])}
    told = history.table_of_cases({"ours": right, "dbt timestamp": wrong})
    assert "| found gone | Agra 1-20 | right | **wrong**: Agra 1- |" in told
    assert "| in order | Agra 1-15, Goa 15- | right | **wrong**: nothing |" in told
    assert told.endswith("| right, of 12 | | 12 | 10 |")


def test_a_seen_row_without_a_city_is_a_tombstone() -> None:
    assert history_cases._row("C", Seen(20, None), 20)["is_tombstone"]
    assert history_cases._row("C", Seen(20, None), 20).get("city") is None
