"""RAW, STAGE and the marts equal what plain Python makes of the delivered files, whichever run came first.

The reading of the definitions that this test holds: what STAGE has is what it would have if each file were processed when
it arrived. "The newest loaded version of its own name" and "loaded under another name" are therefore about files that
arrived before. So of A, B, A under one name the second A is a correction taken back, and wins; of an A that was loaded
under another name before, it is unchanged, and B stays. A run that takes a later file first may put a content into RAW
once more or once less than that, and may call another of its files `unchanged`: STAGE and the marts must be the same.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tasks.inbox.file_name import recognised
from tasks.inbox.judging import Judged, judge
from tasks.inbox.loading import load
from tasks.services import aws
from tasks.warehouse.warehouse_marts import refresh_retail_marts
from tests.warehouse.retail.deliveries import (
    BROKEN_RATE_MAX,
    Delivery,
    deliveries,
    expected,
    loads_in_order_of_arrival,
)
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e  # needs the local Snowflake


@pytest.fixture
def lake(migrated: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """The warehouse, and our own client of the lake that it reads."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", migrated.s3.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    aws.s3.cache_clear()
    yield migrated
    aws.s3.cache_clear()


def run(warehouse: Warehouse, files: Sequence[Delivery]) -> None:
    """What a run of the flow does with these files, below Prefect."""
    with tempfile.TemporaryDirectory() as scratch:
        judged = [_judged(each, Path(scratch)) for each in files]
        load(warehouse.connection, judged, "run", Path(scratch))


def _judged(delivery: Delivery, scratch: Path) -> Judged:
    version = delivery.version
    file = scratch / f"{version.load_id}.download"
    file.write_bytes(delivery.body)
    return judge(version, recognised(version.key), file, scratch, BROKEN_RATE_MAX)


def assert_in_raw(inbox: Inbox, world: Sequence[Delivery]) -> None:
    """Each version has its end, each content is there, and RAW has of each loaded file each row and each broken row once."""
    ends = dict(inbox.warehouse.rows("SELECT load_id, status FROM MONITORING.INBOX_FILES"))
    refused = {load_id for load_id, status in ends.items() if status == "refused"}
    assert ends.keys() == {each.version.load_id for each in world}
    assert refused == {each.version.load_id for each in world if each.is_refused}
    loaded = [each for each in world if ends[each.version.load_id] == "loaded"]
    assert {each.content for each in loaded} == {each.content for each in world if not each.is_refused}
    for kind in ("sales", "stores"):
        of_kind = [each for each in loaded if each.sheet.kind == kind]
        found = inbox.warehouse.rows(f"SELECT load_id, line_number, store_token FROM RAW.{kind.upper()}")
        assert Counter(found) == Counter(
            (each.version.load_id, line, row.store_token) for each in of_kind for line, row in each.rows
        )
    broken = inbox.warehouse.rows("SELECT load_id, line_number FROM RAW.QUARANTINED_ROWS")
    assert Counter(broken) == Counter(
        (each.version.load_id, line) for each in loaded for line in each.broken_lines
    )


def runs(world: Sequence[Delivery], pick: Random) -> Iterator[list[Delivery]]:
    """The files in runs of any size, and some runs once more."""
    left = list(world)
    while left:
        size = pick.randint(1, len(left))
        part, left = left[:size], left[size:]
        yield part
        if pick.random() < 0.2:
            yield part


@settings(
    max_examples=7,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(world=deliveries(), pick=st.randoms(use_true_random=False), in_order=st.booleans())
def test_the_tables_equal_plain_python_whichever_run_came_first(
    lake: Warehouse, world: list[Delivery], pick: Random, in_order: bool
) -> None:
    inbox, wanted = Inbox(lake), expected(world)
    inbox.clear()
    if in_order:
        world.sort(key=lambda each: each.version.arrival)
    else:
        pick.shuffle(world)
    for files in runs(world, pick):
        run(lake, files)
        if pick.random() < 0.3:
            refresh_retail_marts(lake.connection, "a test")
    refresh_retail_marts(lake.connection, "a test")

    assert_in_raw(inbox, world)
    assert inbox.staged("stores") == wanted.stores
    assert inbox.staged("sales") == wanted.sales
    assert inbox.marts() == {
        "daily_sales": wanted.daily_sales,
        "store_performance": wanted.store_performance,
        "top_stores": wanted.top_stores,
    }
    if in_order:
        loaded = lake.rows("SELECT load_id FROM MONITORING.INBOX_FILES WHERE status = 'loaded'")
        assert sorted(loaded) == sorted((each.version.load_id,) for each in loads_in_order_of_arrival(world))
