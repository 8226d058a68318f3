"""What is delivered and which run is disturbed. A handful of rows of each kind: new, corrected, moved, broken, repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from tasks import lake
from tests.e2e.deliveries import BUCKET, deliver, everything_but_sales, put, sale
from tests.e2e.world import OPEN
from tests.faults.runs import Spec

Start = Literal["job_done", "published"]
MONDAY = date(2025, 1, 6)
NEXT = MONDAY + timedelta(days=1)
SOURCES = ("sales", "inventory", "market", "promotions", "masters")
SALES = ("sales",)
_QUALITY = OPEN.model_dump()


def daily(day: date, sources: tuple[str, ...] = SOURCES) -> Spec:
    return Spec(
        "cpg_daily",
        {"run_date": f"{day}", "sources": list(sources), "quality": _QUALITY, "forecast": "never"},
    )


def backfill(first: date, last: date, sources: tuple[str, ...] = SALES) -> Spec:
    return Spec(
        "cpg_backfill",
        {
            "start_date": f"{first}",
            "end_date": f"{last}",
            "sources": list(sources),
            "quality": _QUALITY,
            "chunk_days": 31,
        },
    )


def replay(dataset: str, first: date, last: date) -> Spec:
    mended = f"s3://{BUCKET}/mended/{dataset}.csv"
    return Spec(
        "cpg_replay",
        {"dataset": dataset, "start_date": f"{first}", "end_date": f"{last}", "mended": mended},
    )


@dataclass(frozen=True)
class Scenario:
    name: str
    before: tuple[Spec, ...]
    """Undisturbed runs, whose end is the start of every trial."""
    run: Spec
    deliver: Callable[[], None]
    mend: Callable[[], None] | None = None
    """What a person does between those runs and the one that is disturbed."""


def _both_days() -> None:
    first: list[dict[str, Any]] = [sale(f"O{n}", MONDAY, 100 + n) for n in range(5)]
    deliver("sales", MONDAY, [*first, sale("O9", MONDAY, 10, region_code="SOUTH"), sale("O8", MONDAY, "y")])
    corrected = sale("O1", MONDAY, 900, changed_at=f"{NEXT} 09:00:00", region_code="SOUTH")
    deliver("sales", NEXT, [corrected, sale("O6", NEXT, 60), sale("O6", NEXT, 60), sale("O7", NEXT, "x")])
    everything_but_sales(MONDAY)


def _redelivered() -> None:
    """The day's file again, with another figure in a line of the same version: a redelivery wins."""
    corrected = sale("O1", MONDAY, 900, changed_at=f"{NEXT} 09:00:00", region_code="SOUTH")
    deliver("sales", NEXT, [corrected, sale("O6", NEXT, 66), sale("O5", NEXT, 50), sale("O7", NEXT, "x")])


def _mended() -> None:
    """One of the two broken rows is corrected, the other one is replayed as it is."""
    table = lake.load(lake.QUARANTINE, "sales")
    assert table is not None
    (row,) = [row for row in table.scan().to_arrow().to_pylist() if row["order_id"] == "O8"]
    put("mended/sales.csv", f"row_id,net_revenue\n{row['row_id']},80\n".encode())


DAILY = Scenario("cpg_daily", (daily(MONDAY, SALES),), daily(NEXT, SALES), _both_days)
# The first day that a table sees: each is made, and everything is loaded for the first time.
FIRST_DAY = Scenario("first day of every source", (), daily(MONDAY), _both_days)
BACKFILL = Scenario("cpg_backfill", (), backfill(MONDAY, NEXT), _both_days)
REPLAY = Scenario(
    "cpg_replay",
    (daily(MONDAY, SALES), daily(NEXT, SALES)),
    replay("sales", MONDAY, NEXT),
    _both_days,
    _mended,
)
SCENARIOS = {scenario.name: scenario for scenario in (DAILY, BACKFILL, REPLAY, FIRST_DAY)}


@dataclass(frozen=True)
class Pair:
    """A is held at a call of it, B goes to its end, A goes on; then a last run."""

    name: str
    scenario: str
    start: Start
    held: Spec
    other: Spec
    last: Spec
    meanwhile: Callable[[], None] | None = None
    """What is delivered when A is held, before B begins."""
    crossing: bool = False
    """Whether B is stopped on its way as well, at every call of its own."""

    @property
    def repeats_itself(self) -> bool:
        """All three runs are the scenario's: in whatever order, they end as it does."""
        return self.meanwhile is None and self.held == self.other == self.last


_SAME = daily(NEXT, SALES)
PAIRS = {
    pair.name: pair
    for pair in (
        Pair("load+load", DAILY.name, "published", _SAME, _SAME, _SAME, crossing=True),
        Pair("daily+daily", DAILY.name, "job_done", _SAME, _SAME, _SAME),
        Pair("daily+redelivery", DAILY.name, "job_done", _SAME, _SAME, _SAME, _redelivered),
        Pair("daily+backfill", DAILY.name, "job_done", _SAME, backfill(MONDAY, NEXT), _SAME),
        Pair("daily+replay", DAILY.name, "job_done", _SAME, replay("sales", MONDAY, NEXT), _SAME, _mended),
    )
}
