"""What is delivered and which run is disturbed. A handful of rows of each kind: new, corrected, moved, broken, repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from local.faults.call import Address
from tasks.lake import lake_tables
from tests.e2e import forecasting as company
from tests.e2e.deliveries import BUCKET, deliver, everything_but_sales, put, sale
from tests.e2e.world import OPEN
from tests.faults.matrix import START
from tests.faults.runs import Spec

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


def forecast() -> Spec:
    return Spec(
        "demand_forecast",
        {
            "as_of": f"{company.monday(0)}",
            "horizon_days": company.HORIZON_WEEKS * 7,
            "gate": {"mape_max": None},
            "register": {"auto_approve": True},
        },
    )


def drift() -> Spec:
    horizon = company.HORIZON_WEEKS * 7
    return Spec("model_drift", {"as_of": f"{company.monday(0)}", "horizon_days": horizon})


@dataclass(frozen=True)
class Stop:
    """The last call of a run that has this service and action, and a key that begins so."""

    name: str
    service: str
    action: str
    key: str = ""

    @property
    def label(self) -> str:
        return self.name.replace(" ", "_")

    def among(self, calls: Sequence[Address]) -> Address:
        found = [
            call
            for call in calls
            if (call.service, call.action) == (self.service, self.action) and call.key.startswith(self.key)
        ]
        if not found:
            raise LookupError(f"the run makes no call {self.service} {self.action} {self.key}*")
        return found[-1]


JOB_DONE = "job done"
PUBLISHED = "published"
_CURATED = Stop(JOB_DONE, "dynamodb", "PutItem", "highwater-ledger curate/")
_IN_THE_LAKE = Stop(PUBLISHED, "glue", "UpdateTable", "curated.")
_NEW_IN_THE_LAKE = Stop(PUBLISHED, "glue", "CreateTable", "curated.")


@dataclass(frozen=True)
class Scenario:
    name: str
    before: tuple[Spec, ...]
    """Undisturbed runs, whose end is the start of every trial."""
    run: Spec
    deliver: Callable[[], None]
    stops: tuple[Stop, ...] = ()
    """Where the run is cut into stages."""
    mend: Callable[[], None] | None = None
    """What a person does between those runs and the one that is disturbed."""

    @property
    def label(self) -> str:
        return self.name.replace(" ", "_")


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
    table = lake_tables.load(lake_tables.QUARANTINE, "sales")
    assert table is not None
    (row,) = [row for row in table.scan().to_arrow().to_pylist() if row["order_id"] == "O8"]
    put("mended/sales.csv", f"row_id,net_revenue\n{row['row_id']},80\n".encode())


DAILY = Scenario(
    "cpg_daily", (daily(MONDAY, SALES),), daily(NEXT, SALES), _both_days, (_CURATED, _IN_THE_LAKE)
)
# The first day that a table sees: each is made, and everything is loaded for the first time.
FIRST_DAY = Scenario("first day of every source", (), daily(MONDAY), _both_days, (_CURATED, _NEW_IN_THE_LAKE))
BACKFILL = Scenario("cpg_backfill", (), backfill(MONDAY, NEXT), _both_days, (_CURATED, _NEW_IN_THE_LAKE))
REPLAY = Scenario(
    "cpg_replay",
    (daily(MONDAY, SALES), daily(NEXT, SALES)),
    replay("sales", MONDAY, NEXT),
    _both_days,
    (_CURATED, _IN_THE_LAKE),
    _mended,
)
FORECAST = Scenario(
    "demand_forecast",
    (daily(company.SUNDAY, company.SOURCES),),
    forecast(),
    company.deliver_all,
    (
        Stop("features made", "dynamodb", "PutItem", "highwater-ledger features/"),
        Stop("registered", "sagemaker", "CreateModelPackage"),
        Stop("predicted", "dynamodb", "PutItem", "highwater-ledger predict/"),
    ),
)
DRIFT = Scenario(
    "model_drift", (daily(company.SUNDAY, company.SOURCES), forecast()), drift(), company.deliver_all
)
SCENARIOS = {scenario.name: scenario for scenario in (DAILY, BACKFILL, REPLAY, FIRST_DAY, FORECAST, DRIFT)}


@dataclass(frozen=True)
class Pair:
    """A is held at a call of it, B goes to its end, A goes on; then a last run."""

    name: str
    scenario: str
    start: str
    """From which stage on A is held."""
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


def _closing_week() -> None:
    """The first week that was forecast closes, with a correction of the history in it."""
    closing = company.SUNDAY + timedelta(weeks=1)
    lines = company.history(0, 0)
    corrected = {**company.history(-1, -1)[0], "quantity": 7, "changed_at": f"{closing} 09:00:00"}
    deliver("sales", closing, [*lines, corrected, sale("O-last", closing, 10, sku_code="SKU-1")])


_SAME = daily(NEXT, SALES)
_WEEK_AFTER = daily(company.SUNDAY + timedelta(weeks=1), SALES)
PAIRS = {
    pair.name: pair
    for pair in (
        Pair("load+load", DAILY.name, PUBLISHED, _SAME, _SAME, _SAME, crossing=True),
        Pair("daily+daily", DAILY.name, JOB_DONE, _SAME, _SAME, _SAME),
        Pair("daily+redelivery", DAILY.name, JOB_DONE, _SAME, _SAME, _SAME, _redelivered),
        Pair("daily+backfill", DAILY.name, JOB_DONE, _SAME, backfill(MONDAY, NEXT), _SAME),
        Pair("daily+replay", DAILY.name, JOB_DONE, _SAME, replay("sales", MONDAY, NEXT), _SAME, _mended),
        Pair("forecast+daily", FORECAST.name, START, forecast(), _WEEK_AFTER, _WEEK_AFTER, _closing_week),
    )
}
