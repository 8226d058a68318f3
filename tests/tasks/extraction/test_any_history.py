"""Whatever happens, in whatever order: once the watermark stands at high, no row that had to be found is missing.

A row had to be found if it was committed before a scan's high was fixed, and is dated after the watermark of that time
less the overlap. Rows are committed late, readers come in between and die at any commit or write of the watermark, two
runs take turns at the lease, and scans are cut off after a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import time
from typing import Any
from urllib.request import Request, urlopen

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from local import resources
from local.aws_resources import create_table
from tasks.extraction import bronze as bronze_module
from tasks.extraction import lease_keeper, watermark
from tasks.extraction.moments import text_of
from tasks.lake import lake_tables
from tasks.leases.lease import LeaseLost
from tasks.services import aws
from tests.tasks.extraction.shop import LAG, OVERLAP, Shop, opened

IDS = st.sampled_from("abcde")
SECONDS = st.integers(0, 900)
Row = tuple[str, str, datetime]


class Died(BaseException):
    """What a process that is killed raises: nobody catches it."""


STEPS = st.one_of(
    st.tuples(st.just("write"), IDS, SECONDS),
    st.tuples(st.just("wait"), st.integers(1, 1200)),
    st.tuples(st.just("extract"), st.sampled_from([None, 1])),
    st.tuples(st.just("die"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("outrun"), st.integers(1, 4), st.sampled_from(["advance", "append"])),
)


@contextmanager
def dying(call: int, executed: bool) -> Iterator[None]:
    """The n-th commit or write of the watermark is executed, or not, and the process dies there."""
    calls = 0

    def wrapped(real: Any) -> Any:
        def run(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call and not executed:
                raise Died
            done = real(*arguments, **more)
            if calls == call:
                raise Died
            return done

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bronze_module, "append", wrapped(bronze_module.append))
        patch.setattr(watermark, "advance", wrapped(watermark.advance))
        yield


class Model:
    """The source's commits, and which of them had to be found by each scan."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.written = shop, 0
        self.rows: dict[str, Row] = {}
        self.due: dict[str, set[Row]] = {}
        """By the end of a window: what was committed when it was fixed."""
        self.owed: set[Row] = set()

    def write(self, product: str, seconds_ago: int) -> None:
        """Commit a row that is dated in the past: its transaction was open for so long."""
        self.written += 1
        row = (product, f"version {self.written}", self.shop.now - timedelta(seconds=seconds_ago))
        self.shop.write(*row)
        self.rows[product] = row

    def wait(self, seconds: int) -> None:
        self.shop.pass_time(timedelta(seconds=seconds))

    def extract(self, batches: int | None) -> None:
        self._look()
        self.shop.extract(batch_rows=2, batches_max=batches)
        self._settle()

    def die(self, call: int, executed: bool) -> None:
        self._look()
        with suppress(Died), dying(call, executed):
            self.shop.extract(batch_rows=2)
        self._settle()

    def outrun(self, call: int, where: str) -> None:
        """A run that pauses before a write until its lease is over, and another run comes in between."""
        module: Any = watermark if where == "advance" else bronze_module
        real, calls = getattr(module, where), 0

        def paused(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                with pytest.MonkeyPatch.context() as later:
                    later.setattr(watermark, "now", lambda: time() + 1000)
                    later.setattr(module, where, real)
                    self.write("a", 100)  # so that the other run's parts are other rows
                    self.extract(None)
            return real(*arguments, **more)

        self._look()
        with pytest.MonkeyPatch.context() as patch, suppress(LeaseLost):
            patch.setattr(module, where, paused)
            self.shop.extract(batch_rows=2)
        self._settle()

    def _look(self) -> None:
        """A scan is about to fix its window, unless it goes on with one."""
        before, high = watermark.read("shop", "products"), text_of(self.shop.now - LAG)
        if before.position is None and (before.value is None or high > before.value):
            low = datetime.fromisoformat(before.value) - OVERLAP if before.value else datetime.min
            self.due[high] = {row for row in self.rows.values() if low < row[2] <= self.shop.now - LAG}

    def _settle(self) -> None:
        """What a window owed must be in the lake once the watermark stands at its end. An overwritten row is unknown."""
        value = watermark.read("shop", "products").value
        for high in [high for high in self.due if value is not None and high <= value]:
            self.owed |= self.due.pop(high) & set(self.rows.values())
        assert set(self.shop.versions()) >= self.owed


@pytest.fixture(scope="module")
def source(port: int) -> Iterator[Any]:
    with closing(opened(port)) as connection:
        yield connection


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeats: time is the model's."""
    monkeypatch.setattr(lease_keeper.Keeper, "_renew", lambda self: None)


@pytest.mark.parametrize("mode", ["watermark", "unload"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
def test_no_row_is_missing(
    source: Any, empty_lake: None, server: str, quiet: None, tmp_path: Path, mode: str, steps: list[Any]
) -> None:
    urlopen(Request(f"{server}/moto-api/reset", method="POST")).close()
    lake_tables.catalog.cache_clear()
    aws.s3().create_bucket(
        Bucket="highwater-lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )
    for database in ("bronze", "quarantine"):
        aws.glue().create_database(DatabaseInput={"Name": database})
    create_table(aws.dynamodb(), resources.WATERMARKS)
    model = Model(Shop(source, tmp_path, settings={"mode": mode}))
    for name, *arguments in steps:
        getattr(model, name)(*arguments)
    model.wait(3600)
    model.extract(None)  # what was cut off
    model.wait(60)
    model.extract(None)
    assert watermark.read("shop", "products").value == text_of(model.shop.now - LAG)
