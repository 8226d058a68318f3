"""The dbt models on the local Snowflake, against plain Python over the same events and customers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.hashes import surrogate_key
from tasks.runs.run import Run
from tasks.warehouse.dbt_build import LAYERS, Node, build, checks, require_passed
from tests.e2e.world import World

DAY = date(2025, 1, 10)
STEPS = ("page_view", "add_to_cart", "purchase")
REGIONS = {"u1": "North", "u2": "South", "u3": None}
STAGE, MARTS = LAYERS


@dataclass(frozen=True)
class Event:
    number: int
    user: str | None
    kind: str
    at: datetime
    milliseconds: int | None

    @property
    def region(self) -> str | None:
        return REGIONS.get(self.user or "")

    @property
    def session(self) -> str | None:
        return self.user and f"{self.user} {self.at.date()} {self.at.hour // 6}"


def some_events() -> list[Event]:
    chance = random.Random(14)
    return [
        Event(
            number,
            chance.choice(["u1", "u2", "u3", "nobody's", None]),
            chance.choice([*STEPS, "scroll"]),
            datetime(2025, 1, 10) + timedelta(minutes=chance.randrange(3 * 1440)),
            chance.choice([None, chance.randrange(1000)]),
        )
        for number in range(200)
    ]


@pytest.fixture
def clicks(world: World) -> Iterator[World]:
    _clear(world)
    yield world
    _clear(world)


def _clear(world: World) -> None:
    for table in ("DW.FACT_CLICK_EVENTS", "DW.DIM_CUSTOMER_PROFILE"):
        world.sql(f"DELETE FROM {table}")


NOW = "'2025-01-13'::TIMESTAMP_NTZ"


def put_customers(world: World) -> None:
    customers = [
        f"({_key(user)}, '{user}', {_text(region)}, TRUE, '{DAY}', 'c.csv', 'r', {NOW}, {NOW})"
        for user, region in REGIONS.items()
    ]
    world.sql(
        "INSERT INTO DW.DIM_CUSTOMER_PROFILE (customer_key, customer_id, region, is_active, snapshot_date, source_file,"
        f" run_id, created_at, updated_at) VALUES {', '.join(customers)}"
    )


def put_events(world: World, events: Sequence[Event]) -> None:
    rows = [
        f"('e{event.number}', {_text(event.user)}, {_key(event.user)}, {_text(event.session)}, '{event.kind}',"
        f" '{event.at}', {'NULL' if event.milliseconds is None else event.milliseconds}, FALSE, 'h', '{DAY}', 'e.json',"
        f" 'r', {NOW}, {NOW})"
        for event in events
    ]
    world.sql(
        "INSERT INTO DW.FACT_CLICK_EVENTS (event_id, user_id, customer_key, session_id, event_type, event_timestamp,"
        " duration_ms, is_late, content_hash, source_date, source_file, run_id, created_at, updated_at)"
        f" VALUES {', '.join(rows)}"
    )


def _key(user: str | None) -> str:
    return "NULL" if user is None else str(surrogate_key(user))


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def daily(events: Sequence[Event]) -> set[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in events:
        groups[event.at.date(), event.region, event.kind].append(event)
    return {
        (
            *group,
            len(found),
            len({event.user for event in found} - {None}),
            len({event.session for event in found} - {None}),
            median(known)
            if (known := [e.milliseconds for e in found if e.milliseconds is not None])
            else None,
        )
        for group, found in groups.items()
    }


def funnel(events: Sequence[Event]) -> set[tuple[Any, ...]]:
    found = set()
    for day in {event.at.date() for event in events}:
        since = {event.user: datetime.min for event in events if event.user}
        counts = []
        for step in STEPS:
            reached: dict[str | None, datetime] = {}
            for event in sorted(events, key=lambda event: event.at):
                if (
                    event.at.date() == day
                    and event.kind == step
                    and event.at >= since.get(event.user, datetime.max)
                ):
                    reached.setdefault(event.user, event.at)
            since = reached  # type: ignore[assignment]
            counts.append(len(reached))
        found |= {
            (day, number, step, users, users / counts[0] if counts[0] else None)
            for number, (step, users) in enumerate(zip(STEPS, counts, strict=True), start=1)
        }
    return found


def built() -> list[Node]:
    run = Run("marketing-engagement", DAY, DAY)
    nodes = build(run, STAGE) + build(run, MARTS)
    require_passed(MARTS, nodes)
    return nodes


def rows(world: World, statement: str) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in world.sql(statement)}


def test_marts_are_those_of_plain_python_however_often_they_are_built(clicks: World) -> None:
    events = some_events()
    put_customers(clicks)
    put_events(clicks, events[:120])
    built()
    _clear(clicks)
    put_customers(clicks)
    put_events(clicks, events)

    nodes = built()

    assert rows(clicks, "SELECT * FROM MARTS.ENGAGEMENT_DAILY") == daily(events)
    assert rows(clicks, "SELECT * FROM MARTS.ENGAGEMENT_FUNNEL") == funnel(events)
    assert {node.name for node in nodes if node.kind == "model"} == {
        *("click_events", "customers", "engagement_daily", "engagement_funnel")
    }
    (unknown,) = [node for node in nodes if node.status == "warn"]
    assert unknown.rows == sum(event.user == "nobody's" for event in events)
    assert all(node.passed for node in nodes if node != unknown)
    assert all(node.seconds > 0 for node in nodes)


def test_a_failed_test_is_an_error_that_names_it(clicks: World) -> None:
    for _ in range(2):  # every customer twice
        put_customers(clicks)
    run = Run("marketing-engagement", DAY, DAY)

    nodes = build(run, STAGE)

    (failed,) = [check for check in checks(run, nodes) if not check.passed]
    assert (failed.metric, failed.value) == ("source_unique_dw_DIM_CUSTOMER_PROFILE_customer_key", 3)
    with pytest.raises(DataError, match="unique_dw_DIM_CUSTOMER_PROFILE_customer_key found 3 rows"):
        require_passed(STAGE, nodes)
