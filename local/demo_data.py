"""The data sets of `make demo`, and the runs that make up the demo of each.

`sample` is an imaginary company up to yesterday. `completejourney` is a year of a real grocer, whose last four weeks
are forecast before they are delivered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3

from contracts.catalog import contract
from local import resources
from local.sample.cpg import cached_tree, demo, write
from local.sample.sinks import BucketSink
from local.settings import LocalSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUSINESS_ZONE = ZoneInfo("Asia/Kolkata")
BACKFILL, DAILY, FORECAST = "cpg-backfill", "cpg-daily", "demand-forecast"
# Single weeks of a SKU in a region are too noisy for 15% MAPE by any method; the model must still beat both naive ones.
GATE = {"mape_max": None}
JOURNEY_ARTICLES, JOURNEY_WEEKS_AHEAD = 250, 4
FEWEST_LINES_A_DAY = 300
"""Of the 250 articles: Thanksgiving, the slowest day, has 396."""
_A_WEEK = timedelta(days=7)
_A_DAY = timedelta(days=1)
_MARK = "demo/data-set"


class OtherData(Exception):
    """The lake contains another data set. A mixture would be meaningless."""


@dataclass(frozen=True)
class Step:
    """A run of the deployment with this name. Each flow has one of its own name."""

    flow: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    name: str
    about: str
    steps: tuple[Step, ...]
    deliver: Callable[[LocalSettings], int] = field(compare=False)
    """Puts every raw file where the source systems would, and says how many there are."""
    prepare: Callable[[Path], object] | None = field(default=None, compare=False)
    """What of it can be done before there is a lake, given the cache's folder."""
    has_costs: bool = True
    """Without them no promotion has a return, only an uplift."""
    weeks_close: bool = False
    """The forecast's weeks are delivered too, so that it can be held against them."""


def chosen(name: str) -> DataSet:
    return DATA_SETS[name]()


@contextmanager
def preparing(data: DataSet, cache: Path) -> Iterator[None]:
    """Prepare the data in a separate process, while this one waits for servers to start."""
    if data.prepare is None:
        yield
        return
    preparation = get_context("spawn").Process(target=_prepare, args=(data.prepare, cache), daemon=True)
    preparation.start()
    yield
    preparation.join()


def _prepare(prepare: Callable[[Path], object], cache: Path) -> None:
    os.nice(5)
    prepare(cache)


def put(data: DataSet, settings: LocalSettings) -> int:
    """Upload the data. Raises OtherData if the lake was filled from another data set."""
    s3 = boto3.client("s3")
    found = _mark(s3)
    if found not in (None, data.name):
        raise OtherData(
            f"the local cloud holds the demo's data set {found!r}; mixed with {data.name!r} both would be wrong. "
            "Empty it first: make down"
        )
    s3.put_object(Bucket=resources.LAKE.name, Key=_MARK, Body=data.name.encode())
    return data.deliver(settings)


def _mark(s3: S3Client) -> str | None:
    try:
        return s3.get_object(Bucket=resources.LAKE.name, Key=_MARK)["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return None


def _sink() -> BucketSink:
    return BucketSink(resources.LAKE.name, boto3.client("s3"))


def yesterday() -> date:
    return datetime.now(BUSINESS_ZONE).date() - _A_DAY


def sample(last: date | None = None) -> DataSet:
    last = last or yesterday()
    profile = demo(last)
    steps = (
        Step(
            BACKFILL,
            {
                "start_date": (profile.start + _A_WEEK).isoformat(),  # a day needs the market week before it
                "end_date": (last - _A_DAY).isoformat(),
                "chunk_days": profile.days,  # few enough to take in one go
            },
        ),
        Step(DAILY, {"run_date": last.isoformat(), "forecast": "never"}),  # it follows as a run of its own
        Step(FORECAST, {"as_of": (last + _A_DAY).isoformat(), "gate": GATE}),
    )
    return DataSet(
        "sample",
        f"sample data: {profile.start} to {profile.end} (cached after the first time)",
        steps,
        lambda settings: write(profile, _sink(), settings.cache).files,
        prepare=partial(cached_tree, profile),
    )


def completejourney() -> DataSet:
    """The grocer's data set. Imported here, because the default demo does not need the benchmark's packages."""
    from local.completejourney import FIRST_MONDAY, LAST_SUNDAY, SOURCES, Journey
    from local.completejourney import write as write_journey

    as_of = LAST_SUNDAY + _A_DAY - JOURNEY_WEEKS_AHEAD * _A_WEEK
    last = as_of - _A_DAY
    given = {"sources": list(SOURCES), "quality": {"sales": _limits("sales", FEWEST_LINES_A_DAY)}}
    # The grocer is closed at Christmas: a day without a line is no failed delivery there.
    with_christmas = {**given, "quality": {"sales": _limits("sales", 0)}}
    steps = (
        Step(BACKFILL, {**_days(FIRST_MONDAY, last - _A_DAY), **given}),
        Step(DAILY, {"run_date": last.isoformat(), "forecast": "never", **given}),
        Step(
            FORECAST,
            {
                "as_of": as_of.isoformat(),
                "horizon_days": (JOURNEY_WEEKS_AHEAD * _A_WEEK).days,
                "gate": GATE,
                "minimum_weeks": (as_of - FIRST_MONDAY).days // _A_WEEK.days,
            },
        ),
        Step(BACKFILL, {**_days(as_of, LAST_SUNDAY), **with_christmas}),
    )
    return DataSet(
        "completejourney",
        f"a real grocer's year: {FIRST_MONDAY} to {LAST_SUNDAY}, {JOURNEY_ARTICLES} articles, all stores as one region; "
        "it has no stock, no market share and no costs",
        steps,
        lambda _: write_journey(Journey(JOURNEY_ARTICLES, 1), _sink()),
        has_costs=False,
        weeks_close=True,
    )


def _days(first: date, last: date) -> dict[str, Any]:
    return {
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "chunk_days": (last - first).days + 1,
    }


def _limits(dataset: str, fewest_rows: int) -> dict[str, Any]:
    """The contract's thresholds, except for the number of rows."""
    return {**asdict(contract(dataset).thresholds), "row_count_min": fewest_rows}


DATA_SETS: dict[str, Callable[[], DataSet]] = {"sample": sample, "completejourney": completejourney}
