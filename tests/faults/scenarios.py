"""What is delivered and which run is disturbed. A handful of rows of each kind: new, corrected, moved, broken, repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.e2e.deliveries import deliver, everything_but_sales, sale
from tests.e2e.world import OPEN
from tests.faults.runs import Spec

MONDAY = date(2025, 1, 6)
NEXT = MONDAY + timedelta(days=7)  # new masters, calendar and market week as well
SOURCES = ("sales", "inventory", "market", "promotions", "masters")
SALES = ("sales",)
_QUALITY = OPEN.model_dump()


def daily(day: date, sources: tuple[str, ...] = SOURCES) -> Spec:
    return Spec(
        "cpg_daily",
        {"run_date": f"{day}", "sources": list(sources), "quality": _QUALITY, "forecast": "never"},
    )


@dataclass(frozen=True)
class Scenario:
    name: str
    before: tuple[Spec, ...]
    """Undisturbed runs, whose end is the start of every trial."""
    run: Spec
    deliver: Callable[[], None]


def _both_days() -> None:
    first: list[dict[str, Any]] = [sale(f"O{n}", MONDAY, 100 + n) for n in range(5)]
    deliver("sales", MONDAY, [*first, sale("O9", MONDAY, 10, region_code="SOUTH"), sale("O8", MONDAY, "y")])
    corrected = sale("O1", MONDAY, 900, changed_at=f"{NEXT} 09:00:00", region_code="SOUTH")
    deliver("sales", NEXT, [corrected, sale("O6", NEXT, 60), sale("O6", NEXT, 60), sale("O7", NEXT, "x")])
    for day in (MONDAY, NEXT):
        everything_but_sales(day)


DAILY = Scenario("cpg_daily", (daily(MONDAY, SALES),), daily(NEXT, SALES), _both_days)
SCENARIOS = {scenario.name: scenario for scenario in (DAILY,)}
