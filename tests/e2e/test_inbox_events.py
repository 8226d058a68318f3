"""An upload starts its run by itself: bucket, queue, listener, worker, warehouse. The files are the demo's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest
from prefect.client.orchestration import get_client

from local.cloud import listener_of
from local.demo_inbox import deliver, ended, inbox_summary
from local.sample.retail import totals, uploads
from local.supervisor import Supervisor
from tests.e2e import inbox
from tests.e2e.world import World


@pytest.fixture
def listening(world: World) -> Iterator[World]:
    inbox.empty(world)
    supervisor, listener = Supervisor(world.cloud.settings), listener_of(world.cloud.settings)
    supervisor.start(listener, Event())
    yield world
    supervisor.stop(listener)
    inbox.empty(world)


def test_what_partners_upload_is_in_the_marts_without_anybody_s_doing(listening: World) -> None:
    world = listening
    files = uploads(days=3)
    since = datetime.now(UTC)

    put = deliver(files)
    with get_client(sync_client=True) as client:
        ends = ended(client, world.cloud.settings, put, since)

    assert [ends[version] for version in put] == [upload.expected.status for upload in files]
    truth = totals(files)
    sums = (
        "SUM(transactions), SUM(amount), SUM(returns_amount), SUM(IFF(store_name IS NULL, transactions, 0))"
    )
    (daily,) = world.sql(f"SELECT {sums} FROM MARTS.RETAIL_DAILY_SALES")
    assert tuple(daily.values()) == (truth.transactions, truth.amount, truth.returns_amount, truth.nameless)
    assert world.one("SELECT COUNT(*) FROM STAGE.STORES") == truth.stores
    assert "refused" in inbox_summary(world.cloud.settings)
